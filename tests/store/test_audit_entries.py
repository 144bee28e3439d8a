"""Reading the audit log: filters, pages, parts of bulk actions, and the single changes of a text."""

from datetime import UTC, datetime, timedelta

import pytest

from otae.store import audit
from otae.store.audit_entries import AuditFilter, changes_in, counts_of_parts, every_entry, last_entry, list_entries
from otae.store.desk import Desk
from otae.store.models import AuditEntry

pytestmark = pytest.mark.anyio

#: Later than what the desk itself has recorded: the log is in order.
NOW = datetime(2126, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
async def before(desk: Desk) -> int:
    """Record nine entries, a minute apart, and return the number of the last one before them."""
    before = await last_entry()
    for number in range(1, 10):
        actor, action = ("ada", "thing.done") if number % 2 else ("cleo", "thing.seen")
        at = NOW + timedelta(minutes=number)
        await audit.record(actor, action, now=at, subject=f"thing {number}", detail="100 % größer")
    return before


async def numbers(before: int, wanted: AuditFilter) -> list[int]:
    return [entry.id - before for entry in await list_entries(wanted)]


async def test_the_list_is_filtered_and_paged_from_the_newest(before: int) -> None:
    first = await list_entries(limit=3)
    assert [entry.id - before for entry in first] == [9, 8, 7]
    assert [entry.id - before for entry in await list_entries(before=first[-1].id, limit=3)] == [6, 5, 4]
    assert await numbers(before, AuditFilter(actor="cleo")) == [8, 6, 4, 2]
    assert await numbers(before, AuditFilter(action="thing.seen")) == [8, 6, 4, 2]
    assert await numbers(before, AuditFilter(objects=("thing 3", "thing 7"))) == [7, 3]
    assert await numbers(before, AuditFilter(search="THING 3")) == [3]
    assert await numbers(before, AuditFilter(search="100%")) == []
    assert await numbers(before, AuditFilter(actor="ADA' OR 1=1--")) == []
    begin, end = NOW + timedelta(minutes=3), NOW + timedelta(minutes=6)
    assert await numbers(before, AuditFilter(begin=begin, end=end)) == [5, 4, 3]
    assert await numbers(before, AuditFilter(actor="ada", begin=begin, end=end)) == [5, 3]
    assert await numbers(before, AuditFilter(begin=NOW + timedelta(days=1))) == []
    assert [entry.id - before async for entry in every_entry(AuditFilter(actor="cleo"))] == [2, 4, 6, 8]


async def test_a_bulk_action_is_one_row_that_opens_its_parts(before: int) -> None:
    whole = await audit.record("ada", "thing.many", now=NOW)
    with audit.parts_of(whole):
        parts = [await audit.record("ada", "thing.done", now=NOW, subject=f"part {number}") for number in range(3)]
    assert parts[-1] not in [entry.id for entry in await list_entries(AuditFilter(actor="ada"))]
    assert [entry.id for entry in await list_entries(limit=1)] == [whole]
    assert [entry.id for entry in await list_entries(AuditFilter(part_of=whole))] == parts[::-1]
    assert [entry.id for entry in await list_entries(AuditFilter(objects=("part 1",)))] == [parts[1]]
    assert parts[0] in [entry.id for entry in await list_entries(AuditFilter(parts=True))]
    assert await counts_of_parts(await AuditEntry.all()) == {whole: 3}


def test_a_text_of_changes_is_taken_apart() -> None:
    detail = audit.describe_changes(
        {"port": 25, "from_name": "A", "password_sealed": b"1", "security": "none"},
        {"port": 587, "from_name": "B, C", "password_sealed": b"2", "security": "tls"},
    )
    assert changes_in(detail) == ["port 25 → 587", "from name A → B, C", "password", "security none → tls"]
    assert changes_in("150 users, lines 1 to 150") == []
    assert changes_in("") == []
