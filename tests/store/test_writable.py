"""Ready is who can write: a row is written now and then, and a disk without room is named before it is full."""

import pytest

from otae.errors import DatabaseAway
from otae.store import database, writable
from otae.store.desk import Desk
from otae.store.models import Heartbeat

pytestmark = pytest.mark.anyio


async def test_the_row_is_made_once_and_written_again(desk: Desk) -> None:
    await writable.try_to_write()
    first = await Heartbeat.get(name=writable.ROW)
    await writable.try_to_write()
    assert (await Heartbeat.get(name=writable.ROW)).at >= first.at
    assert await Heartbeat.filter(role="check").count() == 1


async def test_what_was_written_a_moment_ago_is_not_written_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = writable.Readiness()
    assert await ready.failing_part(desk.settings) == ""
    await Heartbeat.filter(name=writable.ROW).delete()
    assert await ready.failing_part(desk.settings) == ""
    assert not await Heartbeat.exists(name=writable.ROW)
    monkeypatch.setattr(writable, "CACHE_SECONDS", 0)
    assert await ready.failing_part(desk.settings) == ""
    assert await Heartbeat.exists(name=writable.ROW)


async def test_a_database_that_is_away_is_noticed_between_two_writes_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = writable.Readiness()
    assert await ready.failing_part(desk.settings) == ""

    async def away() -> None:
        raise DatabaseAway("the database does not answer")

    monkeypatch.setattr(writable, "now", away)
    with pytest.raises(DatabaseAway):
        await ready.failing_part(desk.settings)


async def test_the_disk_is_looked_at_where_the_database_is_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    free = writable.free_space(desk.settings)
    assert (free is None) == (database.dialect() == "postgres")
    monkeypatch.setattr(writable, "MIN_FREE", 1 << 60)
    expected = "" if free is None else "disk"
    assert await writable.Readiness().failing_part(desk.settings) == expected
    assert await Heartbeat.exists(name=writable.ROW) == (free is None), "a full disk is not written to"
