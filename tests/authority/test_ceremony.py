"""The first keys: made once, whole, sealed, and right in the eyes of OpenSSL."""

import asyncio
import dataclasses
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from otae.authority import issuers, serving
from otae.authority.ceremony import ensure_service_ca, hold_ceremony
from otae.errors import CannotStart, NotReady
from otae.settings import Settings
from otae.signing.certificates import Keyed, dump_key, load_certificate, new_key
from otae.signing.issuing import build_tls_leaf
from otae.store import database, keyring, properties
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Certificate
from otae.store.vault import SealBroken
from tests.authority.openssl import verify
from tests.desks import MASTER_KEY

pytestmark = pytest.mark.anyio

ABOVE = {
    "root": None,
    "device-ca": "root",
    "service-ca": "root",
    "ra": "device-ca",
    "profile-signer": "device-ca",
    "tls": "service-ca",
}
YEAR = 365
DAYS = {
    "root": 10 * YEAR,
    "device-ca": 5 * YEAR,
    "service-ca": 5 * YEAR,
    "ra": 2 * YEAR,
    "profile-signer": 5 * YEAR,
    "tls": 397,
}
OURS: tuple[issuers.Purpose, ...] = ("root", "device-ca", "service-ca", "ra", "profile-signer", "tls")

ANOTHER_PROCESS = """
import asyncio, os
from otae.authority.ceremony import hold_ceremony
from otae.settings import Settings
from otae.store import database, keyring, properties

async def main():
    settings = Settings.load(os.environ)
    async with database.exclusive(settings), database.connected(settings):
        vault = await keyring.open_vault(settings, first=True)
        await hold_ceremony(settings, vault, now=await database.now())

asyncio.run(main())
"""


async def forget_everything() -> None:
    for purpose in reversed(OURS):
        await Certificate.filter(purpose=purpose).delete()


async def rows() -> list[dict[str, object]]:
    found: list[dict[str, object]] = await Certificate.all().order_by("id").values()
    return found


def with_public_url(desk: Desk, url: str, **more: object) -> Desk:
    return dataclasses.replace(desk, settings=desk.settings.model_copy(update={"public_url": url, **more}))


def environment(settings: Settings) -> dict[str, str]:
    made = {"PATH": os.environ["PATH"], "OTAE_HOME": str(settings.home), "OTAE_MASTER_KEYS": MASTER_KEY}
    if settings.database_url:
        made |= {"DATABASE_URL": settings.database_url.get_secret_value(), "PUBLIC_URL": settings.public_url}
    return made


async def test_the_tree_is_complete_and_each_certificate_hangs_below_its_issuer(desk: Desk) -> None:
    made = {row.purpose: row for row in await Certificate.all()}
    assert set(made) == set(ABOVE)
    for purpose, above in ABOVE.items():
        assert made[purpose].issuer_id == (made[above].id if above else None)
        assert made[purpose].active
        assert made[purpose].state == "issued"
        assert (made[purpose].not_after - made[purpose].not_before).days == DAYS[purpose]
    assert await AuditEntry.filter(action="ca.created", subject=made["root"].sha256).count() == 1


async def test_certificates_begin_ten_minutes_back_for_macs_with_wrong_clocks(desk: Desk) -> None:
    for row in await Certificate.all():
        assert row.created_at - row.not_before >= timedelta(minutes=10)
        assert row.created_at - row.not_before < timedelta(minutes=10, seconds=1)


async def test_the_root_carries_the_organization(desk: Desk) -> None:
    assert (await issuers.root()).subject.rfc4514_string() == "CN=otae Root CA,O=otae"


async def test_openssl_verifies_every_chain(desk: Desk, tmp_path: Path) -> None:
    root = await issuers.root()
    for purpose in OURS:
        certificate = await issuers.certificate_of(purpose)
        assert verify(tmp_path, certificate, await issuers.chain(purpose), root) == "", purpose


async def test_a_second_ceremony_changes_nothing(desk: Desk) -> None:
    before = await rows()
    await hold_ceremony(desk.settings, desk.vault, now=await database.now())
    assert await rows() == before


@pytest.mark.slow
async def test_two_processes_at_once_make_one_tree(desk: Desk) -> None:
    await forget_everything()
    command = [sys.executable, "-c", ANOTHER_PROCESS]
    both = [subprocess.Popen(command, env=environment(desk.settings)) for _ in range(2)]
    assert [await asyncio.to_thread(process.wait) for process in both] == [0, 0]
    assert sorted(row.purpose for row in await Certificate.all()) == sorted(OURS)


async def test_two_without_the_lock_still_make_one_tree_under_the_longest_name(desk: Desk, tmp_path: Path) -> None:
    await forget_everything()
    await properties.write("organization.name", "Ä" * 100)
    now = await database.now()
    await asyncio.gather(*(hold_ceremony(desk.settings, desk.vault, now=now) for _ in range(2)))
    assert sorted(row.purpose for row in await Certificate.all()) == sorted(OURS)
    root = await issuers.root()
    assert root.subject.rfc4514_string() == f"CN={'Ä' * 28} Root CA,O={'Ä' * 32}"
    assert verify(tmp_path, await issuers.certificate_of("tls"), await issuers.chain("tls"), root) == ""


async def test_no_private_key_lies_in_the_database_in_clear(sqlite_settings: Settings) -> None:
    async with database.connected(sqlite_settings):
        vault = await keyring.open_vault(sqlite_settings)
        keys = [
            Keyed.load(row.der or b"", vault.open(row.key_sealed or b"", row.id, "key")).key
            for row in await Certificate.all()
        ]
    stored = b"".join(file.read_bytes() for file in sqlite_settings.home.iterdir())
    assert len(keys) == len(OURS)
    assert b"PRIVATE KEY" not in stored
    for key in keys:
        pkcs8 = dump_key(key)
        secret = key.private_numbers()
        assert pkcs8[:24] not in stored, "the algorithm header of PKCS#8"
        assert all(number.to_bytes(128) not in stored for number in (secret.p, secret.q, secret.dmp1, secret.dmq1))
        # what must be there: the public half, so that this test is known to look in the right place
        assert secret.public_numbers.n.to_bytes(256) in stored


async def test_sealed_keys_swapped_between_rows_do_not_open(desk: Desk) -> None:
    ra, signer = await issuers.active_row("ra"), await issuers.active_row("profile-signer")
    await Certificate.filter(id=ra.id).update(key_sealed=signer.key_sealed)
    await Certificate.filter(id=signer.id).update(key_sealed=ra.key_sealed)
    for purpose in ("ra", "profile-signer"):
        with pytest.raises(SealBroken):
            await issuers.keyed(desk, purpose)


async def test_the_service_ca_is_held_to_our_names(desk: Desk, tmp_path: Path) -> None:
    service_ca = await issuers.keyed(desk, "service-ca")
    constraints = service_ca.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    leaf = await issuers.certificate_of("tls")
    strange = build_tls_leaf(
        new_key(),
        service_ca,
        dns_names=["bank.example.test"],
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )
    root = await issuers.root()
    for option in (["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"]):
        assert verify(tmp_path, leaf, [service_ca.certificate], root, "-purpose", "sslserver", *option) == ""
    refused = verify(tmp_path, strange.certificate, [service_ca.certificate], root, "-purpose", "sslserver")
    assert "permitted subtree violation" in refused


async def test_our_public_url_needs_no_new_certificates(desk: Desk) -> None:
    before = await rows()
    await ensure_service_ca(desk, now=await database.now())
    assert await rows() == before


async def test_a_new_public_url_gets_a_new_service_ca_and_leaf(desk: Desk, tmp_path: Path) -> None:
    moved, now = with_public_url(desk, "https://mdm.example.test"), await database.now()
    before = {row.purpose: row.id for row in await Certificate.all()}
    await ensure_service_ca(moved, now=now)
    await ensure_service_ca(moved, now=now)
    after = {row.purpose: row.id for row in await Certificate.filter(active=True)}
    assert {purpose for purpose in OURS if after[purpose] != before[purpose]} == {"service-ca", "tls"}
    assert await Certificate.all().count() == len(OURS) + 2
    leaf, chain, root = await issuers.certificate_of("tls"), await issuers.chain("tls"), await issuers.root()
    assert verify(tmp_path, leaf, chain, root, "-verify_hostname", "mdm.example.test") == ""


async def test_two_that_see_a_new_public_url_at_once_agree_on_one(desk: Desk, tmp_path: Path) -> None:
    moved, now = with_public_url(desk, "https://mdm.example.test"), await database.now()
    await asyncio.gather(ensure_service_ca(moved, now=now), ensure_service_ca(moved, now=now))
    assert await Certificate.filter(active=True).count() == len(OURS)
    assert verify(tmp_path, await issuers.certificate_of("tls"), await issuers.chain("tls"), await issuers.root()) == ""


async def test_an_address_as_public_url_is_served_too(desk: Desk, tmp_path: Path) -> None:
    await ensure_service_ca(with_public_url(desk, "https://192.0.2.7"), now=await database.now())
    leaf, chain, root = await issuers.certificate_of("tls"), await issuers.chain("tls"), await issuers.root()
    assert verify(tmp_path, leaf, chain, root, "-verify_ip", "192.0.2.7") == ""


async def test_a_new_public_url_without_the_root_key_refuses_to_start_and_changes_nothing(desk: Desk) -> None:
    await Certificate.filter(purpose="root").update(key_sealed=None)
    before, now = await rows(), await database.now()
    with pytest.raises(CannotStart, match=r"mdm\.example\.test.*root's key"):
        await ensure_service_ca(with_public_url(desk, "https://mdm.example.test"), now=now)
    await ensure_service_ca(with_public_url(desk, "https://mdm.example.test", port=8000), now=now)
    assert await rows() == before
    with pytest.raises(NotReady):
        await issuers.keyed(desk, "root")


async def test_a_service_ca_near_its_end_is_followed_by_another(desk: Desk) -> None:
    before = await issuers.active_row("service-ca")
    await ensure_service_ca(desk, now=before.not_after - serving.RENEW_WITHIN - timedelta(days=1))
    assert (await issuers.active_row("service-ca")).id == before.id
    await ensure_service_ca(desk, now=before.not_after - serving.RENEW_WITHIN)
    assert (await issuers.active_row("service-ca")).id != before.id


async def test_without_the_root_key_the_old_service_ca_serves_to_its_end(desk: Desk) -> None:
    await Certificate.filter(purpose="root").update(key_sealed=None)
    end = (await issuers.active_row("service-ca")).not_after
    await ensure_service_ca(desk, now=end - timedelta(days=1))
    with pytest.raises(CannotStart):
        await ensure_service_ca(desk, now=end)


async def test_nothing_outlives_its_issuer(desk: Desk) -> None:
    end = (await issuers.active_row("root")).not_after
    await ensure_service_ca(with_public_url(desk, "https://mdm.example.test"), now=end - timedelta(days=100))
    for purpose in ("service-ca", "tls"):
        row = await issuers.active_row(purpose)
        assert load_certificate(row.der or b"").not_valid_after_utc == row.not_after == end
