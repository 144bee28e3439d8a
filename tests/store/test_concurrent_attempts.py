"""Waiting for sign-ins that are being checked: bounded in time for each, and nothing is left when one is cancelled."""

import asyncio

import pytest

from otae.store import concurrent_attempts
from otae.store.resources import Resources

pytestmark = pytest.mark.anyio


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrent_attempts, "MAX_WAIT", 0.2)


async def attempt(process: Resources, key: str, seconds: float) -> None:
    with concurrent_attempts.sign_in_scope(process):
        concurrent_attempts.begin(key)
        await asyncio.sleep(seconds)


async def wait_while_any(process: Resources, key: str) -> float:
    """Wait as a sign-in that finds no try left does; return the seconds that it took."""
    began = asyncio.get_running_loop().time()
    with concurrent_attempts.sign_in_scope(process):
        while await concurrent_attempts.wait_for_another(key):
            pass
    return asyncio.get_running_loop().time() - began


@pytest.mark.slow
async def test_attempts_that_follow_one_another_hold_nobody_up_for_longer_than_one(short_wait: None) -> None:
    process = Resources()
    busy = [asyncio.create_task(attempt(process, "ada", 0.05 * number)) for number in range(1, 21)]
    await asyncio.sleep(0)
    taken = await wait_while_any(process, "ada")
    assert 0.1 < taken < 0.6
    await asyncio.gather(*busy)


async def test_who_is_cancelled_holds_up_nobody() -> None:
    process = Resources()
    checking = asyncio.create_task(attempt(process, "ada", 5))
    waiters = [asyncio.create_task(wait_while_any(process, "ada")) for _ in range(3)]
    await asyncio.sleep(0.01)
    waiters[0].cancel()
    checking.cancel()
    await asyncio.gather(checking, waiters[0], return_exceptions=True)
    assert max(await asyncio.gather(*waiters[1:])) < 1
    with concurrent_attempts.sign_in_scope(process):
        assert not await concurrent_attempts.wait_for_another("ada")
