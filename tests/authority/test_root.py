"""The root's key: exported under a passphrase, taken off, brought back; never lost, never in clear."""

import asyncio
import hashlib
import subprocess
from pathlib import Path

import pytest

from otae.authority import issuers
from otae.authority.crl import crl
from otae.authority.root import check_export, export_root_key, remove_root_key, restore_root_key
from otae.authority.rotation import rotate_device_ca
from otae.errors import InputRefused, NotReady
from otae.signing.bundles import read_bundle
from otae.signing.certificates import new_key
from otae.signing.encrypted_key import encrypted_pem
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Certificate

pytestmark = pytest.mark.anyio

PASSPHRASE = "correct horse battery"


def openssl(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["openssl", *arguments], cwd=folder, check=False, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


async def exported(desk: Desk) -> bytes:
    return (await export_root_key(desk, PASSPHRASE, now=await database.now(), actor="ada")).data


async def removed(desk: Desk) -> bytes:
    data = await exported(desk)
    await remove_root_key(confirm=hashlib.sha256(data).hexdigest(), now=await database.now(), actor="ada")
    return data


async def test_openssl_opens_the_export_with_the_passphrase_and_with_no_other(desk: Desk, tmp_path: Path) -> None:
    data = await exported(desk)
    (tmp_path / "root.pem").write_bytes(data)
    opened = openssl("pkey", "-in", "root.pem", "-passin", f"pass:{PASSPHRASE}", "-pubout", folder=tmp_path)
    assert opened.startswith("-----BEGIN PUBLIC KEY-----")
    assert opened == openssl("x509", "-in", "root.pem", "-noout", "-pubkey", folder=tmp_path)
    assert not openssl("pkey", "-in", "root.pem", "-passin", "pass:correct horse batterz", folder=tmp_path)
    assert "PBKDF2" in openssl("asn1parse", "-in", "root.pem", folder=tmp_path)
    assert read_bundle(data).certificates == (await issuers.root(),)
    assert await AuditEntry.filter(action="root-key.exported", actor="ada").count() == 1


@pytest.mark.parametrize("passphrase", ["", "eleven char", "x" * 1025])
async def test_a_passphrase_has_twelve_characters_or_more(desk: Desk, passphrase: str) -> None:
    with pytest.raises(InputRefused) as raised:
        await export_root_key(desk, passphrase, now=await database.now(), actor="ada")
    assert "passphrase" in raised.value.fields
    assert await AuditEntry.filter(action="root-key.exported").count() == 0


async def test_the_key_leaves_only_with_the_hash_of_a_file_that_was_exported(desk: Desk) -> None:
    now, data = await database.now(), await exported(desk)
    for confirm in ("", "0" * 64, hashlib.sha256(data + b"\n").hexdigest()):
        with pytest.raises(InputRefused) as raised:
            await remove_root_key(confirm=confirm, now=now, actor="ada")
        assert "confirm" in raised.value.fields
    await issuers.keyed(desk, "root")
    await remove_root_key(confirm=f" {hashlib.sha256(data).hexdigest().upper()}\n", now=now, actor="ada")
    with pytest.raises(NotReady):
        await issuers.keyed(desk, "root")
    assert (await issuers.active_row("root")).key_sealed is None
    assert await AuditEntry.filter(action="root-key.removed", actor="ada").count() == 1
    with pytest.raises(NotReady):
        await remove_root_key(confirm=hashlib.sha256(data).hexdigest(), now=now, actor="ada")


async def test_without_it_the_root_is_served_and_lists_are_signed_by_those_below(desk: Desk) -> None:
    await removed(desk)
    now = await database.now()
    assert await issuers.root_pem()
    assert await crl(desk, str((await issuers.active_row("device-ca")).id), now=now)
    shown = next(row for row in await issuers.tree(now) if row["purpose"] == "root")
    assert not shown["key_held"]
    with pytest.raises(NotReady):
        await exported(desk)


async def test_brought_back_it_works_as_before_and_may_leave_again(desk: Desk) -> None:
    data, now = await removed(desk), await database.now()
    await restore_root_key(desk, data, PASSPHRASE, now=now, actor="ada")
    await rotate_device_ca(desk, now=now, actor="ada")
    assert await AuditEntry.filter(action="root-key.returned", actor="ada").count() == 1
    with pytest.raises(InputRefused):
        await restore_root_key(desk, data, PASSPHRASE, now=now, actor="ada")
    await remove_root_key(confirm=hashlib.sha256(data).hexdigest(), now=now, actor="ada")


async def test_what_is_no_export_of_this_root_is_refused_by_field(desk: Desk) -> None:
    data, now = await removed(desk), await database.now()
    stranger = encrypted_pem(new_key(), PASSPHRASE)
    for handed, passphrase, field in (
        (data, "wrong passphrase", "passphrase"),
        (data, "", "passphrase"),
        (b"nonsense", PASSPHRASE, "file"),
        (stranger, PASSPHRASE, "file"),
    ):
        with pytest.raises(InputRefused) as raised:
            await restore_root_key(desk, handed, passphrase, now=now, actor="ada")
        assert list(raised.value.fields) == [field]
        with pytest.raises(InputRefused) as raised:
            await check_export(handed, passphrase)
        assert list(raised.value.fields) == [field]
    assert await check_export(data, PASSPHRASE) == hashlib.sha256(data).hexdigest()


async def test_two_that_remove_it_at_once_remove_it_once(desk: Desk) -> None:
    now, data = await database.now(), await exported(desk)
    confirm = hashlib.sha256(data).hexdigest()
    both = (remove_root_key(confirm=confirm, now=now, actor="ada") for _ in range(2))
    done = await asyncio.gather(*both, return_exceptions=True)
    assert [type(one) for one in done].count(NotReady) == 1
    assert await AuditEntry.filter(action="root-key.removed").count() == 1


async def test_the_root_s_key_is_not_kept_in_memory(desk: Desk) -> None:
    first = await issuers.keyed(desk, "root")
    assert await issuers.keyed(desk, "root") is not first
    assert await issuers.keyed(desk, "device-ca") is await issuers.keyed(desk, "device-ca")
    assert await Certificate.filter(purpose="root").count() == 1
