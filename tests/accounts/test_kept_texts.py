"""Texts kept for a browser of the console: its own alone, sealed, for a while, gone when it is signed out."""

import asyncio
from datetime import datetime, timedelta

import pytest

from otae.accounts import administrators, browsers, kept_texts
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Administrator, KeptText

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
PURPOSE = "otae test"


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


async def signed_in(desk: Desk, now: datetime) -> str:
    ada = await Administrator.get_or_none(name="ada") or await administrators.create_administrator(
        desk, name="ada", password="correct horse battery", now=now, actor="command line"
    )
    return await browsers.open_browser(browsers.CONSOLE, ada, now=now)


async def test_a_text_is_for_its_browser_and_purpose_and_for_a_while(desk: Desk, now: datetime) -> None:
    secret, other = await signed_in(desk, now), await signed_in(desk, now)
    kept = await kept_texts.keep(desk, secret, PURPOSE, "Größe " * 20_000, until=now + MINUTE)
    assert await kept_texts.find(desk, secret, PURPOSE, kept, now=now) == "Größe " * 20_000
    assert await kept_texts.find(desk, other, PURPOSE, kept, now=now) is None
    assert await kept_texts.find(desk, secret, "otae other", kept, now=now) is None
    assert await kept_texts.find(desk, secret, PURPOSE, "no id", now=now) is None
    assert await kept_texts.find(desk, secret, PURPOSE, kept, now=now + 2 * MINUTE) is None
    await kept_texts.forget_old(now)
    assert await KeptText.exists()
    await kept_texts.forget_old(now + MINUTE)
    assert not await KeptText.exists()


async def test_a_text_is_forgotten_once(desk: Desk, now: datetime) -> None:
    kept = await kept_texts.keep(desk, await signed_in(desk, now), PURPOSE, "text", until=now + MINUTE)
    assert sorted(await asyncio.gather(*(kept_texts.forget(kept) for _ in range(5)))) == [False] * 4 + [True]


async def test_nothing_is_kept_for_a_browser_that_is_signed_out(desk: Desk, now: datetime) -> None:
    secret = await signed_in(desk, now)
    await kept_texts.keep(desk, secret, PURPOSE, "text", until=now + MINUTE)
    await browsers.close_browser(secret)
    assert not await KeptText.exists()
    assert await kept_texts.keep(desk, secret, PURPOSE, "text", until=now + MINUTE) == ""
