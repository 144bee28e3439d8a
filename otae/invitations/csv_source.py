"""Group invitations for the people in a CSV file.

The file is read line by line, in the encodings and separators that spreadsheets write; a bad line is reported by its
number.
"""

from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Final

from otae.contacts import LONGEST_ADDRESS, MailAddressRefused, mail_address
from otae.directory import registry
from otae.directory.files import spreadsheets
from otae.directory.local.person_fields import DOMAIN, is_user_name, printable, user_name
from otae.errors import InputRefused
from otae.invitations import groups
from otae.invitations.groups import LISTED, GroupOrder, Status
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, GroupInvitee
from otae.text import TextRefused, visible_line
from otae.translatable import N_

SOURCE: Final = "csv"
DOMAIN_COLUMNS: Final = ("domain", "domainname", "directory")
#: Lines stored in one statement, and the largest number of lines in a file.
BATCH: Final = 500
MAX_LINES: Final = 50_000


@dataclass(frozen=True)
class CsvHeadings:
    """The headings of the columns to read; "" for the usual ones (see `spreadsheets` and `DOMAIN_COLUMNS`)."""

    user: str = ""
    email: str = ""
    domain: str = ""

    def are_named_by(self, cells: list[str], first: bool) -> bool:  # noqa: FBT001 - as `spreadsheets.find_headings` asks
        """Return whether ``cells`` is the heading line: it names a user name or address column.

        A single filled cell is a heading only in the first line of a table with one column; elsewhere it is a title.
        """
        known = {spreadsheets.normalized_heading(cell) for cell in cells}
        usual = known & {*spreadsheets.USER_COLUMNS, *spreadsheets.EMAIL_COLUMNS}
        given = known & {spreadsheets.normalized_heading(name) for name in (self.user, self.email) if name.strip()}
        filled = [cell for cell in cells if cell.strip()]
        return bool(given or usual) and (first or len(filled) > 1) and (len(cells) == 1 or len(filled) > 1)


async def order_from_file(
    desk: Desk, group_order: GroupOrder, file: BinaryIO, columns: CsvHeadings, *, now: datetime, actor: str
) -> GroupInvitation:
    """Store an order for the people of a file, to be looked up by a worker.

    Args:
        group_order: Its ``group`` is the name of the file.
        file: Read as `otae.directory.files.spreadsheets` reads it.

    Raises:
        InputRefused: "file", "user_column", "email_column", "domain_column", or as `groups.order`.
    """
    encoding, lines = spreadsheets.detect_encoding(file)
    row, wrong = await groups.draft_order(group_order, now=now, actor=actor)
    if lines > MAX_LINES:
        wrong["file"] = N_("a file may have %(max_lines)s lines: split it", max_lines=MAX_LINES)
    if not spreadsheets.is_text(file):
        wrong["file"] = N_("this is no text file: save the table as CSV (UTF-8)")
    start = spreadsheets.find_headings(file, encoding, columns.are_named_by)
    with closing(spreadsheets.rows_below(file, encoding, start)) as rows:
        if not start.headings:
            wrong["file"] = N_("this file has no line that can be read")
        at = _column_indexes(start.headings, columns, wrong)
        if wrong or row is None:
            raise InputRefused(wrong)
        row.source, row.domain, row.status = SOURCE, DOMAIN, Status.READING
        row.name = printable(group_order.group) or "CSV"
        if known := await groups.store_or_reuse(row, now=now, actor=actor):
            return known
        while batch := list(islice(rows, BATCH)):
            await GroupInvitee.bulk_create([_invitee(row, number, cells, at) for number, cells in batch])
    await groups.move(row, Status.DRY_RUN, now=now, actor=actor, what="read")
    desk.bell.ring("group", row.id)
    return row


def _column_indexes(headings: list[str], columns: CsvHeadings, wrong: dict[str, str]) -> list[int | None]:
    """Return the indexes of user name, e-mail address and domain, None for a column that the file does not have.

    Adds what is missing to ``wrong``, by field.
    """
    known = [spreadsheets.normalized_heading(heading) for heading in headings]
    places: list[int | None] = []
    for field, given, usual in (
        ("user", columns.user, spreadsheets.USER_COLUMNS),
        ("email", columns.email, spreadsheets.EMAIL_COLUMNS),
        ("domain", columns.domain, DOMAIN_COLUMNS),
    ):
        names = [spreadsheets.normalized_heading(given)] if given.strip() else list(usual)
        at = next((known.index(name) for name in names if name in known), None)
        if at is None and given.strip():
            wrong[f"{field}_column"] = N_(
                "the file has only these columns: %(headings)s", headings=", ".join(headings)[:300]
            )
        places.append(at)
    if headings and places[:2] == [None, None] and not wrong:
        wrong["user_column"] = N_(
            "say which of these columns holds the user name: %(headings)s", headings=", ".join(headings)[:300]
        )
    return places


def _invitee(row: GroupInvitation, number: int, cells: list[str] | None, at: list[int | None]) -> GroupInvitee:
    """Return the row for one line; a domain from its own column is put before the user name, as in "corp/ben"."""
    listed = GroupInvitee(group_invitation_id=row.id, number=number, status=LISTED)
    given = [
        spreadsheets.unescape(cells[place].strip()) if cells and place is not None and place < len(cells) else ""
        for place in at
    ]
    try:
        name, mail, domain = map(visible_line, given)
    except TextRefused:
        listed.name, listed.reason = printable(given[0]), "hidden"
        return listed
    with suppress(MailAddressRefused):
        mail = mail_address(mail)
    mail = mail if len(mail) <= LONGEST_ADDRESS else ""
    if domain and name and not registry.split_domain(name)[0]:
        name = f"{domain.lower()}/{name}"
    if cells is None:
        listed.reason = "unreadable"
    elif (
        len(name) > 100 or (name and not is_user_name(user_name(registry.split_domain(name)[1]))) or not (name or mail)
    ):
        listed.reason = "unknown"
    listed.name, listed.email = printable(name), mail or None
    return listed
