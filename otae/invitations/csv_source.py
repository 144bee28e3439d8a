"""People to invite from a CSV file: read a line at a time, in whatever spreadsheets write, bad lines told by number."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Final
from uuid import UUID

from tortoise.functions import Lower

from otae.directory import sheets
from otae.directory.local import DOMAIN, has_shape, printable, user_name
from otae.errors import InputRefused
from otae.invitations import groups
from otae.invitations.groups import GroupOrder, Status
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, GroupInvitee, Person

SOURCE: Final = "csv"
LISTED: Final = "listed"
#: Lines stored in one statement, and the most that a file may have.
BATCH: Final = 500
MOST_LINES: Final = 50_000


@dataclass(frozen=True)
class Columns:
    """Which columns hold what, by their headings; "" for whichever is called as usual."""

    user: str = ""
    email: str = ""


async def take(
    desk: Desk, wanted: GroupOrder, file: BinaryIO, columns: Columns, *, now: datetime, actor: str
) -> GroupInvitation:
    """Store an order for the people of a file, to be looked up by a worker; ``wanted.group`` is the file's name.

    The file is UTF-8 (with a mark or without) or Windows-1252, with commas, semicolons or tabs, and begins with
    headings. Raises InputRefused with "file", "user_column", "email_column", or as `groups.order`.
    """
    encoding, lines = sheets.measure(file)
    row, wrong = await groups.drafted(wanted, now=now, actor=actor)
    if lines > MOST_LINES:
        wrong["file"] = f"a file may have {MOST_LINES} lines: split it"
    with closing(sheets.table(file, encoding)) as rows:
        headings = next((cells for _, cells in rows if cells), [])
        if not headings:
            wrong["file"] = "this file has no line that can be read"
        at = _places(headings, columns, wrong)
        if wrong or row is None:
            raise InputRefused(wrong)
        row.source, row.domain, row.status = SOURCE, DOMAIN, Status.READING
        row.name = printable(wanted.group) or "CSV"
        if known := await groups.stored(row, now=now, actor=actor):
            return known
        while batch := list(islice(rows, BATCH)):
            await GroupInvitee.bulk_create([_invitee(row, number, cells, at) for number, cells in batch])
    await groups.move(row, Status.DRY_RUN, now=now, actor=actor, what="read")
    desk.bell.ring("group", row.id)
    return row


async def people_of(row: GroupInvitation, lines: Sequence[GroupInvitee]) -> dict[UUID, Person]:
    """Find whom lines mean: by user name, else by e-mail address; return them by the line's id.

    A line that means nobody, several people, or somebody an earlier line means already, gets its ``reason``.
    """
    names = {line.id: user_name(line.name) for line in lines if line.name and not line.reason}
    mails = {line.id: (line.email or "").lower() for line in lines if not line.name and not line.reason}
    local = Person.filter(domain=DOMAIN, rehearsal=False)
    by_name = {person.name: person for person in await local.filter(name__in=list(names.values()))}
    mailed = await local.annotate(lowered=Lower("email")).filter(lowered__in=list(mails.values()))
    by_mail = {(person.email or "").lower(): person for person in mailed}
    several = Counter((person.email or "").lower() for person in mailed)
    before = GroupInvitee.filter(group_invitation_id=row.id, person_id__not_isnull=True).exclude(status=LISTED)
    candidates = [person.id for person in (*by_name.values(), *by_mail.values())]
    seen = {line.person_id for line in await before.filter(person_id__in=candidates).only("id", "person_id")}
    found: dict[UUID, Person] = {}
    for line in lines:
        person = by_name.get(names[line.id]) if line.id in names else by_mail.get(mails.get(line.id, ""))
        if line.reason:
            continue
        if person is None:
            line.reason = "unknown"
        elif line.id in mails and several[mails[line.id]] > 1:
            line.reason = "ambiguous"
        elif person.id in seen:
            line.reason = "duplicate"
        else:
            seen.add(person.id)
            found[line.id] = person
    return found


def _places(headings: list[str], columns: Columns, wrong: dict[str, str]) -> tuple[int | None, int | None]:
    """Return where user name and e-mail address stand; what is not found goes into ``wrong``."""
    known = [sheets.plain(heading) for heading in headings]
    places: list[int | None] = []
    for field, told, usual in (
        ("user", columns.user, sheets.USER_COLUMNS),
        ("email", columns.email, sheets.EMAIL_COLUMNS),
    ):
        names = [sheets.plain(told)] if told.strip() else list(usual)
        at = next((known.index(name) for name in names if name in known), None)
        if at is None and told.strip():
            wrong[f"{field}_column"] = f"the file has only these columns: {', '.join(headings)[:300]}"
        places.append(at)
    if headings and places == [None, None] and not wrong:
        wrong["user_column"] = f"say which of these columns holds the user name: {', '.join(headings)[:300]}"
    return places[0], places[1]


def _invitee(
    row: GroupInvitation, number: int, cells: list[str] | None, at: tuple[int | None, int | None]
) -> GroupInvitee:
    name, mail = (cells[place].strip() if cells and place is not None and place < len(cells) else "" for place in at)
    mail = mail if len(mail) <= 254 and mail.isprintable() else ""
    reason = "" if cells else "unreadable"
    if cells and name and not has_shape(user_name(name)):
        reason = "unknown"
    if cells and not name and not mail:
        reason = "unknown"
    return GroupInvitee(
        group_invitation_id=row.id,
        number=number,
        name=printable(name),
        email=mail or None,
        status=LISTED,
        reason=reason,
    )
