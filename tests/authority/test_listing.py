"""The certificates of Macs, as an administrator finds them."""

from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority import issuers, listing
from otae.authority.revocation import revoke
from otae.errors import CertificateUnknown
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, Device, Enrollment, EnrollmentSession
from tests.authority.identities import issue_identity

pytestmark = pytest.mark.anyio


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


async def issue(desk: Desk, session: EnrollmentSession, key: rsa.RSAPrivateKey, now: datetime) -> Certificate:
    return await issue_identity(
        desk,
        public_key=key.public_key(),
        purpose="mdm-identity",
        common_name="Ben's Mac",
        session=session,
        now=now,
    )


async def test_a_certificate_is_shown_with_its_mac_session_and_state(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, now: datetime
) -> None:
    await EnrollmentSession.filter(id=session.id).update(udid="UDID-OF-SESSION", serial="C02LAB00BEN")
    row = await issue(desk, session, mac_key, now)
    (shown,) = await listing.list_issued(now=now)
    assert (shown.id, shown.session, shown.user, shown.sha256) == (row.id, session.id, "ben", row.sha256)
    assert (shown.udid, shown.serial, shown.state, shown.pinned) == ("UDID-OF-SESSION", "C02LAB00BEN", "issued", False)
    device = Device(udid="564D", serial="C02LAB00BEN", name="Ben's Mac", created_at=now, seen_at=now)
    await device.save()
    enrollment = Enrollment(
        device_id=device.id,
        session_id=session.id,
        person_id=session.person_id,
        certificate_id=row.id,
        ownership="corporate",
        topic="com.apple.mgmt.x",
        authenticated_at=now,
    )
    await enrollment.save()
    (shown,) = await listing.list_issued(now=now)
    assert (shown.udid, shown.device, shown.pinned) == ("564D", "Ben's Mac", True)


async def test_it_is_found_by_mac_person_and_number_and_by_state(
    desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey, now: datetime
) -> None:
    await EnrollmentSession.filter(id=session.id).update(udid="564D4B6E", serial="C02LAB00BEN")
    alive, gone = [await issue(desk, session, mac_key, now) for _ in range(2)]
    reserved = await issuers.reserve("ota-identity", common_name="x", session=session, now=now)
    await revoke(gone, "superseded", now=now, actor="ada")

    async def found(search: str = "", state: str = "", at: datetime = now) -> set[object]:
        return {row.id for row in await listing.list_issued(search=search, state=state, now=at)}

    everything = {alive.id, gone.id, reserved.id}
    for search in ("BEN", "c02lab", "4d4b", ""):
        assert await found(search) == everything
    grouped = ":".join((alive.sha256 or "").upper()[at : at + 2] for at in range(0, 64, 2))
    assert await found(grouped) == await found(alive.serial_number.upper()) == {alive.id}
    assert await found("cleo") == set()
    assert await found(state="issued") == {alive.id}
    assert await found(state="revoked") == {gone.id}
    assert await found(state="reserved") == {reserved.id}
    assert await found(state="ended") == set()
    assert await found(state="ended", at=now + timedelta(days=400)) == {alive.id}
    (shown,) = await listing.list_issued(state="revoked", now=now)
    assert (shown.reason, shown.revoked_at) == ("superseded", now)


async def test_pages_follow_one_another_without_gap_or_repetition(
    desk: Desk, session: EnrollmentSession, now: datetime
) -> None:
    made = [await issuers.reserve("mdm-identity", common_name="x", session=session, now=now) for _ in range(7)]

    async def paged(state: str, at: datetime) -> list[str]:
        seen: list[str] = []
        while page := await listing.list_issued(state=state, after=seen[-1] if seen else "", limit=3, now=at):
            seen += [str(row.id) for row in page]
        return seen

    assert sorted(await paged("", now)) == sorted(str(row.id) for row in made)
    for number, row in enumerate(made):
        # Two at a time end at the same moment.
        await Certificate.filter(id=row.id).update(state="issued", not_after=now + timedelta(days=number // 2))
    ended = await paged("ended", now + timedelta(days=2, hours=1))
    assert sorted(ended) == sorted(str(row.id) for row in made[:6])
    assert ended[0] in {str(row.id) for row in made[4:6]}
    assert await paged("issued", now + timedelta(days=2, hours=1)) == [str(made[6].id)]


async def test_rehearsals_and_our_own_are_left_out(desk: Desk, session: EnrollmentSession, now: datetime) -> None:
    await issuers.reserve("mdm-identity", common_name="x", session=session, now=now)
    await EnrollmentSession.filter(id=session.id).update(rehearsal=True)
    assert await listing.list_issued(now=now) == []
    with pytest.raises(CertificateUnknown):
        await listing.find_issued((await issuers.active_row("ra")).id)
