"""Hashing waits its turn, and a flood is turned away before anything is counted."""

import asyncio

import pytest

from otae.errors import SlowDown
from otae.store import passwords

pytestmark = pytest.mark.anyio


async def test_a_hash_fits_its_secret_alone() -> None:
    hashed = await passwords.hash_secret(b"correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify_secret(b"correct horse battery", hashed)
    assert not await passwords.verify_secret(b"another", hashed)


async def test_nothing_is_nobodys_secret() -> None:
    assert not await passwords.verify_secret(b"", None)


async def test_a_flood_is_turned_away_and_room_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING", 8)
    hashed = await passwords.hash_secret(b"x")
    passwords.check_not_crowded()
    flood = [asyncio.create_task(passwords.verify_secret(b"x", hashed)) for _ in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(SlowDown):
        passwords.check_not_crowded()
    assert all(await asyncio.gather(*flood))
    passwords.check_not_crowded()


async def test_somebody_who_leaves_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING", 8)
    hashed = await passwords.hash_secret(b"x")
    flood = [asyncio.create_task(passwords.verify_secret(b"x", hashed)) for _ in range(8)]
    await asyncio.sleep(0)
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    passwords.check_not_crowded()
