"""Taking identities back: seen at once, by everybody, and written down."""

import os
import subprocess
import sys
from datetime import timedelta
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority.revocation import Reason, check_valid, revoke
from otae.errors import CertificateRevoked, InputRefused, SignerUntrusted
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Certificate, EnrollmentSession
from tests.authority.identities import issue_identity

pytestmark = pytest.mark.anyio

ANOTHER_PROCESS = """
import asyncio, os, sys
from otae.authority.revocation import check_valid
from otae.errors import CertificateRevoked
from otae.settings import Settings
from otae.store import database

async def main():
    async with database.connected(Settings.load(os.environ)):
        for line in sys.stdin:
            try:
                await check_valid(line.strip(), now=await database.now())
                print("alive", flush=True)
            except CertificateRevoked as refusal:
                print(refusal.code, flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def identity(desk: Desk, session: EnrollmentSession, mac_key: rsa.RSAPrivateKey) -> Certificate:
    """Give the MDM identity of Ben's Mac."""
    return await issue_identity(
        desk,
        public_key=mac_key.public_key(),
        purpose="mdm-identity",
        common_name="Ben's Mac",
        session=session,
        now=await database.now(),
    )


async def test_a_live_identity_is_found_by_its_fingerprint(identity: Certificate) -> None:
    assert (await check_valid(identity.sha256 or "", now=await database.now())).id == identity.id


async def test_an_unknown_fingerprint_is_untrusted(desk: Desk) -> None:
    with pytest.raises(SignerUntrusted):
        await check_valid("0" * 64, now=await database.now())


async def test_our_own_certificates_are_no_identities(desk: Desk) -> None:
    for row in await Certificate.all():
        with pytest.raises(SignerUntrusted):
            await check_valid(row.sha256 or "", now=await database.now())


async def test_a_revoked_identity_is_refused_at_once(identity: Certificate) -> None:
    now = await database.now()
    await revoke(identity, "keyCompromise", now=now, actor="ada")
    assert (identity.state, identity.revocation_reason) == ("revoked", "keyCompromise")
    with pytest.raises(CertificateRevoked, match="keyCompromise"):
        await check_valid(identity.sha256 or "", now=now)


async def test_another_process_sees_a_revocation_at_its_next_question(desk: Desk, identity: Certificate) -> None:
    settings = desk.settings
    environment = {"PATH": os.environ["PATH"], "OTAE_HOME": str(settings.home), "PUBLIC_URL": settings.public_url}
    if settings.database_url:
        environment["DATABASE_URL"] = settings.database_url.get_secret_value()
    with subprocess.Popen(
        [sys.executable, "-c", ANOTHER_PROCESS],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None

        def ask() -> str:
            print(identity.sha256, file=other.stdin, flush=True)
            return str(other.stdout.readline() if other.stdout else "").strip()

        assert ask() == "alive"
        await revoke(identity, "superseded", now=await database.now(), actor="ada")
        assert ask() == "certificate-revoked"
        other.stdin.close()
        assert other.wait() == 0


async def test_the_first_revocation_stands_and_is_audited_once(identity: Certificate) -> None:
    now = await database.now()
    await revoke(identity, "superseded", now=now, actor="ada")
    await revoke(identity, "keyCompromise", now=now + timedelta(hours=1), actor="ada")
    assert (identity.revoked_at, identity.revocation_reason) == (now, "superseded")
    (entry,) = await AuditEntry.filter(action="certificate.revoked")
    whose = (await EnrollmentSession.get(id=identity.session_id)).person_id
    assert (entry.actor, entry.subject, entry.detail) == ("ada", identity.sha256, f"superseded, {whose}")


async def test_a_reason_outside_the_standard_is_refused(identity: Certificate) -> None:
    with pytest.raises(InputRefused, match="superseded"):
        await revoke(identity, cast("Reason", "because"), now=await database.now(), actor="ada")
    assert (await Certificate.get(id=identity.id)).state == "issued"


async def test_our_own_certificates_are_not_revoked(desk: Desk) -> None:
    for row in await Certificate.all():
        with pytest.raises(InputRefused, match="replaced"):
            await revoke(row, "superseded", now=await database.now(), actor="ada")
    assert not await Certificate.exists(state="revoked")


async def test_past_its_end_an_identity_speaks_only_within_the_grace(identity: Certificate) -> None:
    sha256, end = identity.sha256 or "", identity.not_after
    assert (await check_valid(sha256, now=end)).id == identity.id
    with pytest.raises(CertificateRevoked, match="valid until"):
        await check_valid(sha256, now=end + timedelta(seconds=1))
    assert (await check_valid(sha256, now=end + timedelta(days=7), grace_days=7)).id == identity.id
    with pytest.raises(CertificateRevoked):
        await check_valid(sha256, now=end + timedelta(days=7, seconds=1), grace_days=7)


async def test_an_identity_that_has_not_begun_is_refused(identity: Certificate) -> None:
    with pytest.raises(CertificateRevoked):
        await check_valid(identity.sha256 or "", now=identity.not_before - timedelta(seconds=1))
