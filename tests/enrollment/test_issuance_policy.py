"""A certificate that left the signer is stored, whatever happens to its session meanwhile."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority import issuers, revocation
from otae.enrollment import issuance, profiles
from otae.signing import scep_client
from otae.signing.certificates import fingerprint
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, EnrollmentSession
from otae.store.states import SessionStatus
from tests.enrollment import lab

pytestmark = pytest.mark.anyio


async def waiting(desk: Desk) -> tuple[EnrollmentSession, scep_client.ScepReply]:
    """Ask for a certificate on the profile way; return the session as it is then, and the reply."""
    now, mac = await database.now(), lab.LabMac()
    session = await lab.signed_in(desk, now, way="profile")
    profile = await profiles.single_profile(desk, session, now=now)
    request, temporary, bag = await mac.request(desk, lab.challenge_of(profile))
    reply = scep_client.read_reply(await issuance.answer(desk, request.data, now=now), request, temporary, bag)
    return await EnrollmentSession.get(id=session.id), reply


async def test_a_session_that_ended_while_its_certificate_was_signed_keeps_it_known(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = issuers.build_reserved

    async def meanwhile(desk: Desk, row: Certificate, key: rsa.RSAPublicKey) -> x509.Certificate:
        await EnrollmentSession.filter(id=row.session_id).update(status=SessionStatus.EXPIRED)
        return await make(desk, row, key)

    monkeypatch.setattr(issuers, "build_reserved", meanwhile)
    session, reply = await waiting(desk)
    assert reply.certificate is not None
    row = await Certificate.get(sha256=fingerprint(reply.certificate))
    assert (row.state, row.session_id) == ("issued", session.id)
    assert session.status == SessionStatus.EXPIRED
    assert "session.certified" not in await lab.events(session)


async def test_a_reservation_revoked_while_it_was_signed_is_given_to_nobody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = issuers.build_reserved

    async def meanwhile(desk: Desk, row: Certificate, key: rsa.RSAPublicKey) -> x509.Certificate:
        again = await Certificate.get(id=row.id)
        await revocation.revoke(again, "cessationOfOperation", now=await database.now(), actor="ada")
        return await make(desk, row, key)

    monkeypatch.setattr(issuers, "build_reserved", meanwhile)
    session, reply = await waiting(desk)
    assert reply.certificate is None
    assert (await Certificate.get(session_id=session.id)).der is None
    assert session.status == SessionStatus.CONFIGURED
    assert (await lab.events(session))[-1] == "refused"


async def test_a_crash_after_signing_and_before_storing_leaves_a_reservation_and_no_event(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(issuers, "store_signed", crash)
    with pytest.raises(ZeroDivisionError):
        await waiting(desk)
    row = await Certificate.get(purpose="mdm-identity")
    session = await EnrollmentSession.get(id=row.session_id)
    assert (row.state, row.der, session.status) == ("reserved", None, SessionStatus.CONFIGURED)
    assert "certificate.issued" not in await lab.events(session)
