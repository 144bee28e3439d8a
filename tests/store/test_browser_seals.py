"""What a browser keeps for us opens for its purpose, until its end, and in nobody's changed form."""

from datetime import timedelta

import pytest

from otae.store import browser_seals, database
from otae.store.desk import Desk

pytestmark = pytest.mark.anyio


async def test_it_opens_for_its_purpose_until_its_end(sqlite_desk: Desk) -> None:
    now = (await database.now()).replace(microsecond=250_000)
    value = await browser_seals.seal(sqlite_desk, "link", b"a token", until=now)
    assert b"a token" not in value.encode()
    assert "=" not in value
    for moment in (now, now + timedelta(milliseconds=750)):
        assert await browser_seals.open_sealed(sqlite_desk, "link", value, now=moment) == b"a token"
    for moment in (now + timedelta(milliseconds=751), now + timedelta(days=1)):
        assert await browser_seals.open_sealed(sqlite_desk, "link", value, now=moment) is None
    assert await browser_seals.open_sealed(sqlite_desk, "form", value, now=now) is None


async def test_two_seals_of_one_value_differ_and_an_empty_value_is_one(sqlite_desk: Desk) -> None:
    now = await database.now()
    first, second = [await browser_seals.seal(sqlite_desk, "link", b"", until=now) for _ in range(2)]
    assert first != second
    assert await browser_seals.open_sealed(sqlite_desk, "link", first, now=now) == b""


async def test_what_was_changed_cut_or_never_sealed_here_is_not_opened(sqlite_desk: Desk) -> None:
    now = await database.now()
    value = await browser_seals.seal(sqlite_desk, "link", b"a token", until=now + timedelta(hours=1))
    changed = [
        value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :] for place in range(len(value))
    ]
    # The last letter's lowest bits are padding, which means nothing.
    for wrong in (*changed[:-1], value[:-2], value[1:], value + value, "", "a", "no seal!", "Größe", "A" * 40):
        assert await browser_seals.open_sealed(sqlite_desk, "link", wrong, now=now) is None
