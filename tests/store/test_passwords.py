"""Hashing waits its turn, and a flood is turned away before anything is counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from otae.errors import Busy
from otae.store import passwords
from otae.store.resources import Resources
from tests.desks import HASH_COST

pytestmark = pytest.mark.anyio


@pytest.fixture
async def resources(anyio_backend: str) -> AsyncIterator[Resources]:
    """Give the resources of a process."""
    resources = Resources()
    yield resources
    await resources.close()


async def test_a_hash_fits_its_secret_alone(resources: Resources) -> None:
    hashed = await passwords.hash_secret(resources, b"correct horse battery")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify_secret(resources, b"correct horse battery", hashed)
    assert not await passwords.verify_secret(resources, b"another", hashed)


async def test_nothing_is_nobodys_secret(resources: Resources) -> None:
    assert not await passwords.verify_secret(resources, b"", None)


async def test_a_flood_is_turned_away_at_its_own_network_and_room_is_made_again(resources: Resources) -> None:
    with ExitStack() as held:
        for _ in range(passwords.SLOTS_PER_NETWORK):
            held.enter_context(passwords.sign_in_slot(resources, "203.0.113.0/24"))
        with pytest.raises(Busy) as caught, passwords.sign_in_slot(resources, "203.0.113.0/24"):
            pass
        assert caught.value.seconds == passwords.RETRY_AFTER
        with passwords.sign_in_slot(resources, "198.51.100.0/24"):
            pass
    with passwords.sign_in_slot(resources, "203.0.113.0/24"):
        pass


async def test_however_many_networks_are_full_another_one_gets_a_place(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "SLOTS_IN_TOTAL", 8)
    with ExitStack() as held:
        for number in range(8):
            held.enter_context(passwords.sign_in_slot(resources, f"198.51.{number}.0/24"))
        with (
            passwords.sign_in_slot(resources, "203.0.113.0/24"),
            pytest.raises(Busy),
            passwords.sign_in_slot(resources, "203.0.113.0/24"),
        ):
            pass


async def test_networks_hash_in_turn(resources: Resources) -> None:
    hashed, done = await passwords.hash_secret(resources, b"x"), list[str]()

    async def sign_in(network: str) -> None:
        with passwords.sign_in_slot(resources, network):
            await passwords.verify_secret(resources, b"x", hashed)
            done.append(network)

    flood = [asyncio.create_task(sign_in("flood")) for _ in range(passwords.SLOTS_PER_NETWORK)]
    await asyncio.sleep(0)
    await asyncio.gather(*(sign_in(network) for network in ("one", "other")))
    assert len(done) < passwords.SLOTS_PER_NETWORK, "the flood was not waited for"
    await asyncio.gather(*flood)


async def test_somebody_who_leaves_makes_room(resources: Resources) -> None:
    hashed = await passwords.hash_secret(resources, b"x")
    flood = [asyncio.create_task(passwords.verify_secret(resources, b"x", hashed)) for _ in range(12)]
    await asyncio.sleep(0)
    for task in flood[::2]:
        task.cancel()
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert results.count(True) == 6
    assert await passwords.verify_secret(resources, b"x", hashed)
    assert resources.get(passwords.HashQueue).hashing == 0, "no place is lost"


async def test_a_hash_costs_what_is_recommended_for_somebody_and_for_nobody(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(("MEMORY_KIB", "PASSES", "DECOY"), HASH_COST, strict=True):
        monkeypatch.setattr(passwords, name, value)
    hashed = await passwords.hash_secret(resources, b"correct horse battery")
    for each in (hashed, passwords.DECOY):
        assert each.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify_secret(resources, b"correct horse battery", hashed)
    assert not await passwords.verify_secret(resources, b"correct horse battery", None)
