"""A worker's steps of an import: read the file's lines, compare them with the people there are, write the differences.

Each step handles a page and may be interrupted anywhere: its result is committed together with the state of its lines,
and the other lines are found again. Passwords are verified before they are hashed, CONCURRENT_HASHES at a time, so that
sign-ins always get a turn.
"""

import asyncio
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.expressions import F

from otae.directory import lookup
from otae.directory.files import formats, provisioning
from otae.directory.files.provisioning import SEALED_FILE, SEALED_PASSWORD, LineState, Status
from otae.directory.local import person_fields
from otae.directory.local.passwords import password_bytes, refuse_password
from otae.directory.local.people import DISABLED, end_access, group_ids, sign_out
from otae.directory.local.person_fields import DOMAIN, FieldContext
from otae.errors import InputRefused, StaleState
from otae.store import audit, leases, passwords
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Membership, PeopleImport, PeopleImportLine, Person
from otae.translatable import N_

#: Lines stored in one statement; lines compared, or people written, in one step.
BATCH: Final = 500
PAGE: Final = 200
#: Lines stored in one step: far fewer than fit into the time of a lease.
LINES_PER_STEP: Final = 10_000
#: Passwords hashed at a time, so that the limit shared with sign-ins is never used up.
CONCURRENT_HASHES: Final = 2


@dataclass
class CheckedLine:
    """A line of the file, the person it is about (None: a new one), and the changes that it would make."""

    line: PeopleImportLine
    person: Person | None
    columns: dict[str, object]
    groups: list[str]
    password: str | None
    reason: str = ""
    hashed: str | None = None

    @property
    def changes(self) -> list[str]:
        """The names of what differs: columns, "groups", "password"."""
        return [*sorted(self.columns), *(["groups"] if self.groups else []), *(["password"] if self.password else [])]

    @property
    def finding(self) -> LineState:
        """The result of the comparison."""
        if self.reason:
            return LineState.REFUSED
        if self.person is None:
            return LineState.NEW
        return LineState.CHANGED if self.changes else LineState.UNCHANGED


async def step(desk: Desk, import_id: UUID, *, now: datetime) -> bool:
    """Claim a file and do its next page of work; return whether more can be done at once, False if it is held."""
    row = await provisioning.claim(import_id, now)
    if row is None:
        return False
    try:
        await advance(desk, row, now=now)
    except StaleState:
        return False  # cancelled meanwhile, or done by a worker whose lease had run out
    finally:
        await leases.give_back(row)
    return row.status in provisioning.WORKING


async def advance(desk: Desk, row: PeopleImport, *, now: datetime) -> None:
    """Do the next page of work on a claimed file. Raises StaleState when it was cancelled meanwhile."""
    if row.status == Status.READING:
        await _read(desk, row, now)
    elif row.status == Status.CHECKING:
        await _check(desk, row, now)
    elif row.status == Status.IMPORTING:
        await _import(desk, row, now)


async def _read(desk: Desk, row: PeopleImport, now: datetime) -> None:
    """Store the file's lines that are not stored yet; after the last one, delete the file's bytes."""
    if row.file_sealed is None:
        raise StaleState(f"import {row.id} has been read")
    file = io.BytesIO(desk.vault.open(bytes(row.file_sealed), row.id, SEALED_FILE))
    stored_lines = PeopleImportLine.filter(people_import_id=row.id)
    newest = await stored_lines.order_by("-number").only("number").first()
    last = newest.number if newest else 0
    parsed_lines = (line for line in formats.parse(file, row.encoding, row.kind) if line.number > last)
    some = islice(parsed_lines, LINES_PER_STEP)
    while batch := list(islice(some, BATCH)):
        if not await leases.held(row).filter(status=Status.READING).exists():
            raise StaleState(f"import {row.id} was cancelled, or another worker took over")
        await PeopleImportLine.bulk_create([_stored(desk, row, line) for line in batch])
    if next(parsed_lines, None) is not None:
        return
    total = await stored_lines.count()
    await provisioning.move(row, Status.CHECKING, now=now, actor="", what="", file_sealed=None, rows=total)


def _stored(desk: Desk, row: PeopleImport, line: formats.ParsedLine) -> PeopleImportLine:
    status = LineState.REFUSED if line.reason else LineState.LISTED
    made = PeopleImportLine(people_import_id=row.id, number=line.number, name=line.name, given=line.given)
    made.status, made.reason = status, line.reason
    if line.password and not line.reason:
        made.password_sealed = desk.vault.seal(line.password.encode(), made.id, SEALED_PASSWORD)
    return made


async def _check(desk: Desk, row: PeopleImport, now: datetime) -> None:
    mine = PeopleImportLine.filter(people_import_id=row.id)
    page = await mine.filter(status=LineState.LISTED).order_by("number").limit(PAGE)
    if not page:
        await provisioning.move(row, Status.READY, now=now, actor="", what="")
        return
    checked = await _compare_lines(desk, row.kind, page)
    for name, number in await _earlier(row, page):
        for each in checked:
            if each.line.name == name and each.line.number > number:
                each.reason = f"line {number} is about this user already"
    outcomes: dict[tuple[LineState, str, tuple[str, ...], bool], list[UUID]] = {}
    for each in checked:
        keeps = bool(each.password) and each.finding in {LineState.NEW, LineState.CHANGED}
        changes = tuple(each.changes) if each.finding == LineState.CHANGED else ("password",) if keeps else ()
        outcomes.setdefault((each.finding, each.reason[:200], changes, keeps), []).append(each.line.id)
    async with transaction():
        for (finding, reason, changes, keeps), ids in outcomes.items():
            values: dict[str, object] = {"status": finding, "reason": reason, "changes": list(changes)}
            if not keeps:
                values["password_sealed"] = None
            await PeopleImportLine.filter(id__in=ids, status=LineState.LISTED).update(**values)


async def _earlier(row: PeopleImport, page: Sequence[PeopleImportLine]) -> Iterable[tuple[str, int]]:
    """Return for each user name of ``page`` the number of the first line about it that was not refused."""
    names = {line.name for line in page}
    same = PeopleImportLine.filter(people_import_id=row.id, name__in=list(names)).exclude(status=LineState.REFUSED)
    rows = await same.order_by("-number").values_list("name", "number")
    return {str(name): int(number) for name, number in rows}.items()


async def _compare_lines(desk: Desk, kind: str, lines: Sequence[PeopleImportLine]) -> list[CheckedLine]:
    context, names = await person_fields.field_context(), [line.name for line in lines]
    people = {person.name: person for person in await Person.filter(domain=DOMAIN, name__in=names)}
    groups = await lookup.groups_of_people(people.values())
    checked = [_compare(desk, kind, line, people.get(line.name), groups, context) for line in lines]
    for at in range(0, len(checked), CONCURRENT_HASHES):
        await asyncio.gather(*(_check_password(desk, each) for each in checked[at : at + CONCURRENT_HASHES]))
    return checked


def _compare(
    desk: Desk,
    kind: str,
    line: PeopleImportLine,
    person: Person | None,
    groups: Mapping[UUID, list[str]],
    context: FieldContext,
) -> CheckedLine:
    given = formats.fields_of(line.given)
    columns, wrong = person_fields.columns(given, context, line.name, person.properties if person else None)
    groups_to_join: list[str] = []
    try:
        named = line.given.get("groups")
        groups_to_join = person_fields.group_names(str(name) for name in (named if isinstance(named, list) else []))
    except InputRefused as refusal:
        wrong |= refusal.fields
    if "disabled" in line.given:
        columns["disabled"] = bool(line.given["disabled"])
    if person is not None:
        columns = {name: value for name, value in columns.items() if value != getattr(person, name)}
        groups_to_join = [name for name in groups_to_join if name not in groups.get(person.id, [])]
    elif kind == formats.PROPERTIES:
        wrong["name"] = N_("there is nobody with this user name: import the file of users first")
    if person is not None and person.rehearsal:
        wrong["name"] = N_("a rehearsal has this user name at the moment")
    sealed = line.password_sealed
    password = desk.vault.open(bytes(sealed), line.id, SEALED_PASSWORD).decode() if sealed else None
    return CheckedLine(line, person, columns, groups_to_join, password, "; ".join(wrong.values()))


async def _check_password(desk: Desk, each: CheckedLine) -> None:
    """Drop a password that the person has already, and refuse one that is too weak."""
    if not each.password or each.reason:
        return
    stored = each.person.password_hash if each.person else None
    if stored and await passwords.verify_secret(desk.resources, password_bytes(each.password), stored):
        each.password = None
        return
    own = [each.line.name, *(str(each.columns.get(name) or "") for name in ("display_name", "email"))]
    each.reason = "; ".join((await asyncio.to_thread(refuse_password, each.password, *own)).values())


async def _import(desk: Desk, row: PeopleImport, now: datetime) -> None:
    waits = PeopleImportLine.filter(people_import_id=row.id, status__in=[LineState.NEW, LineState.CHANGED])
    page = await waits.order_by("number").limit(PAGE)
    if not page:
        await provisioning.move(row, Status.DONE, now=now, actor=row.created_by, what="done", finished_at=now)
        return
    try:
        await _write(desk, row, page, now)
    except IntegrityError:
        for line in page:
            await _write_single(desk, row, line, now)


async def _write_single(desk: Desk, row: PeopleImport, line: PeopleImportLine, now: datetime) -> None:
    """Write one line; when its person was added at the same moment, write it again as a change."""
    try:
        await _write(desk, row, [line], now)
    except IntegrityError:
        await _write(desk, row, [line], now)


async def _write(desk: Desk, row: PeopleImport, lines: Sequence[PeopleImportLine], now: datetime) -> None:
    """Write lines to the people, compared again: people may have changed since the check."""
    checked = await _compare_lines(desk, row.kind, lines)
    with_password = [each for each in checked if each.password and not each.reason]
    for at in range(0, len(with_password), CONCURRENT_HASHES):
        await asyncio.gather(*(_hash(desk, each) for each in with_password[at : at + CONCURRENT_HASHES]))
    async with transaction():
        if await PeopleImport.filter(id=row.id, status=Status.IMPORTING).select_for_update().first() is None:
            raise StaleState(f"import {row.id} was cancelled")
        await _write_people(checked, now)
        written = [each for each in checked if each.finding in {LineState.NEW, LineState.CHANGED}]
        if written:
            first, last = written[0].line.number, written[-1].line.number
            detail = f"{len(written)} users, lines {first} to {last}"
            await audit.record(row.created_by, "people-import.written", now=now, subject=str(row.id), detail=detail)


async def _hash(desk: Desk, each: CheckedLine) -> None:
    each.hashed = await passwords.hash_secret(desk.resources, password_bytes(each.password or ""))


async def _write_people(checked: Sequence[CheckedLine], now: datetime) -> None:
    """Write people, their groups and the state of their lines; a new person gets the id of their line."""
    taken = [each for each in checked if not each.reason]
    groups = await group_ids(name for each in taken for name in each.groups)
    new = [each for each in checked if each.finding == LineState.NEW]
    await Person.bulk_create([_person(each, now) for each in new])
    joined = [(each.person.id if each.person else each.line.id, name) for each in taken for name in each.groups]
    members = [Membership(group_id=groups[name], person_id=person_id) for person_id, name in joined]
    await Membership.bulk_create(members, ignore_conflicts=True)
    # A person who was there when the file was checked may have been deleted since, and is new again.
    waits = [LineState.NEW, LineState.CHANGED]
    lines = PeopleImportLine.filter(id__in=[each.line.id for each in new], status__in=waits)
    if await lines.update(status=LineState.ADDED, person_id=F("id"), password_sealed=None) != len(new):
        raise StaleState("lines were written by somebody else")
    for each in checked:
        if each.finding != LineState.NEW:
            await _change(each, now)


def _person(each: CheckedLine, now: datetime) -> Person:
    made = {"display_name": each.line.name, "password_hash": each.hashed} | each.columns
    return Person(id=each.line.id, domain=DOMAIN, name=each.line.name, created_at=now, **made)


async def _change(each: CheckedLine, now: datetime) -> None:
    """Change an existing person if anything differs, and store the result in the line."""
    person, changes = each.person, each.columns | ({"password_hash": each.hashed} if each.hashed else {})
    if person is not None and changes and each.finding == LineState.CHANGED:
        await Person.filter(id=person.id).update(**person.with_search_text(changes))
        if changes.get("disabled"):
            await end_access([person.id], now=now, why=DISABLED)
        elif each.hashed:
            await sign_out(person.id)
    became = LineState.SAVED if each.finding == LineState.CHANGED else each.finding
    seen = PeopleImportLine.filter(id=each.line.id, status=each.line.status)
    done = {"status": became, "reason": each.reason[:200], "password_sealed": None}
    if await seen.update(**done, person_id=person.id if person else None) != 1:
        raise StaleState(f"line {each.line.number} was written by somebody else")
