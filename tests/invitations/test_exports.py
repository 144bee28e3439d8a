"""Exports as CSV: everybody, newest first, and no cell that a spreadsheet would calculate."""

import csv
import io
from collections.abc import AsyncIterator

import pytest

from otae.directory.files import spreadsheets
from otae.invitations import exports, results
from otae.store.desk import Desk
from otae.store.models import Invitation, Person
from tests.invitations.crowds import crowd, invited

pytestmark = pytest.mark.anyio


async def table(lines: AsyncIterator[str]) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join([line async for line in lines]))))


async def test_the_export_holds_everybody_and_no_formula(desk: Desk) -> None:
    people = await crowd(3)
    await Person.filter(id=people[0].id).update(display_name='=HYPERLINK("https://example.test")', email=None)
    await Person.filter(id=people[1].id).update(display_name='-2+3, "quoted"\nÅsa')
    row = await invited(desk)
    head, *rows = await table(exports.group_results(row))
    assert head == list(results.HEADINGS)
    assert [each[0] for each in rows] == ["p0001", "p0002", "p0003"]
    assert rows[0][1] == '\'=HYPERLINK("https://example.test")'
    assert rows[0][3:5] == ["skipped", "no-email"]
    assert rows[1][1] == '\'-2+3, "quoted"\nÅsa'
    assert rows[2][3] == "invited"
    assert rows[2][7:9] == ["pending", "queued"]
    assert not [cell for each in rows for cell in each if cell.startswith(spreadsheets.FORMULA)]


async def test_all_invitations_are_exported_newest_first(desk: Desk) -> None:
    await crowd(3)
    await invited(desk)
    head, *rows = await table(exports.invitations())
    assert head == list(exports.INVITATION)
    assert {each[0] for each in rows} == {str(each.id) for each in await Invitation.all()}
    assert {each[head.index("created_by")] for each in rows} == {"ada"}
    assert await table(exports.invitations("revoked")) == [head]
