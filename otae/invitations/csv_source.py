"""Group invitations for the people in a CSV file.

The file is read line by line, in the encodings and separators that spreadsheets write, and its cells are kept. Once an
administrator has agreed to what each column is read as, a worker looks the lines up; a bad line is reported by its
number.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Final
from uuid import UUID

from otae import time_zones
from otae.directory.files import spreadsheets
from otae.directory.local.person_fields import DOMAIN, printable
from otae.errors import InputRefused
from otae.invitations import csv_columns, groups
from otae.invitations.groups import LISTED, GroupOrder, Status
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, GroupInvitee, PeopleImportLine
from otae.translatable import N_

SOURCE: Final = "csv"
#: Lines stored in one statement, and the largest number of lines in a file.
BATCH: Final = 500
MAX_LINES: Final = 50_000
#: Most columns that are kept, and lines that are shown before the columns are agreed to.
MOST_COLUMNS: Final = 60
PREVIEW_LINES: Final = 5


async def store_file(
    desk: Desk, group_order: GroupOrder, file: BinaryIO, *, now: datetime, actor: str
) -> GroupInvitation:
    """Store an order with the lines of a file; what its columns are read as is guessed, to be agreed to (`match`).

    Args:
        group_order: Its ``group`` is the name of the file.
        file: Read as `otae.directory.files.spreadsheets` reads it.

    Raises:
        InputRefused: "file", or as `groups.order`.
    """
    encoding, lines = spreadsheets.detect_encoding(file)
    row, wrong = await groups.draft_order(group_order, now=now, actor=actor)
    if lines > MAX_LINES:
        wrong["file"] = N_("a file may have %(max_lines)s lines: split it", max_lines=MAX_LINES)
    if not spreadsheets.is_text(file):
        wrong["file"] = N_("this is no text file: save the table as CSV (UTF-8)")
    start = spreadsheets.find_headings(file, encoding, csv_columns.are_headings)
    headings = [printable(heading) for heading in start.headings[:MOST_COLUMNS]]
    if not start.headings:
        wrong["file"] = N_("this file has no line that can be read")
    if wrong or row is None:
        raise InputRefused(wrong)
    row.file = {"headings": headings, "columns": csv_columns.guess(headings), "zone": time_zones.zone().key}
    with closing(spreadsheets.rows_below(file, encoding, start)) as rows:
        return await _store(desk, row, group_order.group, rows, Status.MATCHING, now=now, actor=actor)


async def store_imported(
    desk: Desk, group_order: GroupOrder, import_id: UUID, *, now: datetime, actor: str
) -> GroupInvitation:
    """Store an order for the people whom an import of users named, to be looked up by a worker. Raises as `store_file`.

    Args:
        group_order: Its ``group`` is the name of the imported file.
    """
    row, wrong = await groups.draft_order(group_order, now=now, actor=actor)
    lines = PeopleImportLine.filter(people_import_id=import_id, person_id__not_isnull=True).order_by("number")
    found = await lines.limit(MAX_LINES).values_list("number", "name")
    if not found:
        wrong["file"] = N_("this import names nobody")
    if wrong or row is None:
        raise InputRefused(wrong)
    row.file = {"headings": [], "columns": {"user": 0}, "zone": ""}
    rows = ((number, [f"{DOMAIN}/{name}"]) for number, name in found)
    return await _store(desk, row, group_order.group, rows, Status.DRY_RUN, now=now, actor=actor)


async def _store(
    desk: Desk,
    row: GroupInvitation,
    name: str,
    lines: Iterable[spreadsheets.Row],
    then: Status,
    *,
    now: datetime,
    actor: str,
) -> GroupInvitation:
    row.source, row.domain, row.status, row.name = SOURCE, DOMAIN, Status.READING, printable(name) or "CSV"
    if known := await groups.store_or_reuse(row, now=now, actor=actor):
        return known
    rest = iter(lines)
    while batch := list(islice(rest, BATCH)):
        await GroupInvitee.bulk_create([_listed(row, number, cells) for number, cells in batch])
    await groups.move(row, then, now=now, actor=actor, what="read")
    desk.bell.ring("group", row.id)
    return row


def _listed(row: GroupInvitation, number: int, cells: list[str] | None) -> GroupInvitee:
    line = GroupInvitee(group_invitation_id=row.id, number=number, name="", status=LISTED)
    if cells is None:
        line.reason = "unreadable"
    else:
        line.given = {"cells": cells[:MOST_COLUMNS]}
    return line


async def match(
    desk: Desk,
    row: GroupInvitation,
    columns: Mapping[str, int | None],
    *,
    add_people: bool = False,
    now: datetime,
    actor: str,
) -> None:
    """Agree to what each column is read as; a worker then looks the lines up.

    Args:
        columns: Index of a column by field (`csv_columns.FIELDS`), None for a field that the file does not have.
        add_people: Add the people whom the file names and nobody knows.

    Raises:
        InputRefused: Names the field.
        StaleState: It was agreed to already, or the order was cancelled.
    """
    file = {**(row.file or {}), "columns": check_columns(row, columns)}
    await groups.move(row, Status.DRY_RUN, now=now, actor=actor, what="matched", file=file, add_people=add_people)
    desk.bell.ring("group", row.id)


def check_columns(row: GroupInvitation, columns: Mapping[str, int | None]) -> dict[str, int]:
    """Return the columns that were chosen, by field. Raises as `match`."""
    headings: Sequence[str] = (row.file or {}).get("headings", [])
    chosen = {field: at for field, at in columns.items() if field in csv_columns.FIELDS and at is not None}
    wrong: dict[str, str] = {}
    for field, at in chosen.items():
        if not 0 <= at < len(headings):
            wrong[field] = N_("choose one of the columns")
        elif list(chosen.values()).count(at) > 1:
            wrong[field] = N_("this column is chosen twice")
    if not {"user", "email"} & chosen.keys():
        wrong["user"] = N_("choose the column with the user name, or the one with the e-mail address")
    if wrong:
        raise InputRefused(wrong)
    return chosen


async def preview(row: GroupInvitation, columns: Mapping[str, int], *, now: datetime) -> list[GroupInvitee]:
    """Return the first lines of a file as they would be read; nobody is looked up."""
    lines = await GroupInvitee.filter(group_invitation_id=row.id, status=LISTED).order_by("number").limit(PREVIEW_LINES)
    context = await csv_columns.line_context(row, now=now, columns=columns)
    for line in lines:
        csv_columns.read(line, context)
    return lines
