"""Master keys: made once, never again over data that others sealed, and refused with words that help."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import database, keyring
from otae.store.models import InstallationSecret
from otae.store.vault import SealBroken
from tests.desks import MASTER_KEY, make_settings, on_sqlite

pytestmark = pytest.mark.anyio


@pytest.fixture
async def new_home(migrated_sqlite: Path, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Settings]:
    """Give a new embedded installation without master keys in its environment: migrated, connected, and no more."""
    settings = Settings.load({"OTAE_HOME": str(on_sqlite(tmp_path / "home", migrated_sqlite).home)})
    async with database.connected(settings):
        yield settings


async def secrets_stored() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = await InstallationSecret.all().order_by("name").values()
    return rows


def key_file(settings: Settings) -> Path:
    return settings.home / keyring.KEY_FILE


def with_keys(settings: Settings, *keys: str) -> Settings:
    environ = {"OTAE_HOME": str(settings.home), "OTAE_MASTER_KEYS": ",".join(keys), "PUBLIC_URL": settings.public_url}
    if settings.database_url:
        environ["DATABASE_URL"] = settings.database_url.get_secret_value()
    return Settings.load(environ)


def test_a_master_key_is_32_random_bytes_that_settings_take() -> None:
    key = keyring.new_master_key()
    assert len(base64.urlsafe_b64decode(key + "=")) == 32
    assert key != keyring.new_master_key()
    assert Settings.load({"OTAE_MASTER_KEYS": key}).sealing_keys() == [base64.urlsafe_b64decode(key + "=")]


async def test_the_first_embedded_start_makes_a_key_file_that_only_its_owner_reads(new_home: Settings) -> None:
    before = os.umask(0)
    try:
        await keyring.open_vault(new_home, first=True)
    finally:
        os.umask(before)
    assert key_file(new_home).stat().st_mode & 0o777 == 0o600
    assert {row["name"] for row in await secrets_stored()} == {"key-check", "pepper", "cookie", "audit"}


async def test_every_later_start_opens_the_same_secrets(new_home: Settings) -> None:
    first = await keyring.open_vault(new_home, first=True)
    pepper = await keyring.installation_secret(first, "pepper")
    key, stored = key_file(new_home).read_bytes(), await secrets_stored()
    for first_again in (False, True):
        again = await keyring.open_vault(new_home, first=first_again)
        assert await keyring.installation_secret(again, "pepper") == pepper
    assert (key_file(new_home).read_bytes(), await secrets_stored()) == (key, stored)
    assert len(pepper) == 32


async def test_the_master_key_and_the_secrets_are_not_in_the_database(new_home: Settings) -> None:
    vault = await keyring.open_vault(new_home, first=True)
    hidden = [await keyring.installation_secret(vault, name) for name in keyring.SECRETS]
    hidden += [
        key_file(new_home).read_bytes().strip(),
        base64.urlsafe_b64decode(key_file(new_home).read_bytes() + b"="),
    ]
    await database.disconnect()
    stored = b"".join(file.read_bytes() for file in new_home.home.glob("otae.sqlite3*"))
    assert all(secret not in stored for secret in hidden)


async def test_a_process_that_may_not_make_keys_says_what_to_run(new_home: Settings) -> None:
    for settings in (new_home, make_settings(new_home.home)):
        with pytest.raises(CannotStart, match=r"otae migrate|is missing"):
            await keyring.open_vault(settings)
    assert not key_file(new_home).exists()
    assert await secrets_stored() == []


async def test_a_lost_key_file_is_not_made_again(new_home: Settings) -> None:
    await keyring.open_vault(new_home, first=True)
    stored = await secrets_stored()
    key_file(new_home).unlink()
    with pytest.raises(CannotStart, match=r"master\.key is missing.*put it back"):
        await keyring.open_vault(new_home, first=True)
    assert not key_file(new_home).exists()
    assert await secrets_stored() == stored


async def test_another_key_file_is_refused_and_left_alone(new_home: Settings) -> None:
    await keyring.open_vault(new_home, first=True)
    stored, other = await secrets_stored(), keyring.new_master_key()
    key_file(new_home).write_text(other)
    with pytest.raises(CannotStart, match="does not open this installation's data"):
        await keyring.open_vault(new_home, first=True)
    assert key_file(new_home).read_text() == other
    assert await secrets_stored() == stored


async def test_a_damaged_key_file_is_refused(new_home: Settings) -> None:
    await keyring.open_vault(new_home, first=True)
    for damaged in ("", "not a key", "A" * 42):
        key_file(new_home).write_text(damaged)
        with pytest.raises(CannotStart):
            await keyring.open_vault(new_home, first=True)


async def test_a_wrong_master_key_refuses_to_start_and_changes_nothing(settings: Settings) -> None:
    async with database.connected(settings):
        stored = await secrets_stored()
        wrong = with_keys(settings, keyring.new_master_key())
        for first in (False, True):
            with pytest.raises(CannotStart, match="nothing was changed") as caught:
                await keyring.open_vault(wrong, first=first)
            assert str(wrong.sealing_keys()[0]) not in str(caught.value)
        assert await secrets_stored() == stored
        assert not key_file(settings).exists()


async def test_a_new_first_key_needs_the_old_one_beside_it(settings: Settings) -> None:
    async with database.connected(settings):
        vault = await keyring.open_vault(with_keys(settings, keyring.new_master_key(), MASTER_KEY))
        assert len(await keyring.installation_secret(vault, "cookie")) == 32


async def test_with_a_database_url_a_master_key_is_required(postgres_settings: Settings) -> None:
    keyless = postgres_settings.model_copy(update={"master_keys": None})
    async with database.connected(keyless):
        with pytest.raises(CannotStart, match="OTAE_MASTER_KEYS is required"):
            await keyring.open_vault(keyless, first=True)
    assert not key_file(keyless).exists()


async def test_a_sealed_secret_put_in_anothers_place_does_not_open(settings: Settings) -> None:
    async with database.connected(settings):
        vault = await keyring.open_vault(settings)
        pepper = await InstallationSecret.get(name="pepper")
        await InstallationSecret.filter(name="cookie").update(value_sealed=pepper.value_sealed)
        with pytest.raises(SealBroken):
            await keyring.installation_secret(vault, "cookie")


async def test_two_first_starts_under_the_lock_make_one_key(new_home: Settings) -> None:
    async def start() -> bytes:
        async with database.exclusive(new_home):
            vault = await keyring.open_vault(new_home, first=True)
        return await keyring.installation_secret(vault, "pepper")

    one, two = await asyncio.gather(start(), start())
    assert one == two
