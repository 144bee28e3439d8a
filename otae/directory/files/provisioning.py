"""Imports of provisioning files: uploaded, checked, previewed line by line, written when an administrator says so.

The states are reading → checking → ready → importing → done, and cancelled from any state before done. A worker holds a
file by a lease. A line changes its state in the transaction that writes its person, so that neither a worker's crash
nor importing the same file again changes anything twice. The worker's steps are in `otae.directory.files.import_steps`.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import BinaryIO, Final, TypeAlias
from uuid import UUID

from tortoise.functions import Count

from otae.directory.files import formats, spreadsheets
from otae.directory.local.person_fields import printable
from otae.errors import InputRefused
from otae.store import audit, leases
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import PeopleImport, PeopleImportLine
from otae.store.paging import older_than
from otae.store.records import advance_audited
from otae.store.states import ImportStatus
from otae.translatable import N_

#: Names of the tables' rows for rooms that may not import models.
ImportRow: TypeAlias = PeopleImport
LineRow: TypeAlias = PeopleImportLine
Status: TypeAlias = ImportStatus

#: The bell's name for this work.
BELL: Final = "import"
SEALED_FILE, SEALED_PASSWORD = "people-import.file", "people-import.password"
#: Most bytes of a file.
MOST_BYTES: Final = 10 * 1024 * 1024
#: A file that nobody imports within this time is cancelled, and its passwords are deleted.
EXPIRES_AFTER: Final = timedelta(hours=24)
NO_HEADINGS: Final = N_("no heading says which column holds the user names: call one user, or choose the format")
_PAGE: Final = 500
#: The columns that pages show of a file, without its bytes.
_SHOWN: Final = (
    "id", "kind", "file_name", "encoding", "status", "rows", "created_by", "created_at", "started_at", "finished_at",
)  # fmt: skip

#: The states in which a worker has work to do.
WORKING: Final = (Status.READING, Status.CHECKING, Status.IMPORTING)
ENDED: Final = (Status.DONE, Status.CANCELLED)


class LineState(StrEnum):
    """The state of a line.

    ``listed``: not compared yet. ``new``, ``changed``, ``unchanged``, ``refused``: the result of the comparison.
    ``added``, ``saved``: a new person was added, or a changed one saved.
    """

    LISTED = "listed"
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    ADDED = "added"
    SAVED = "saved"


@dataclass(frozen=True)
class ImportProgress:
    """The progress of an import: lines read, lines by finding, and the number of passwords that it would set."""

    rows: int
    findings: Mapping[str, int]
    passwords: int

    @property
    def checked(self) -> int:
        """How many lines were compared with the people there are."""
        return sum(self.findings.values()) - self.findings[LineState.LISTED]

    @property
    def wanted(self) -> int:
        """How many lines change something, whether imported or not yet."""
        return self.waiting + self.done

    @property
    def waiting(self) -> int:
        """How many lines are still to be imported."""
        return self.findings[LineState.NEW] + self.findings[LineState.CHANGED]

    @property
    def done(self) -> int:
        """How many people were added or changed."""
        return self.findings[LineState.ADDED] + self.findings[LineState.SAVED]


async def upload(
    desk: Desk, file: BinaryIO, name: str, *, kind: str = "", now: datetime, actor: str, hold: bool = False
) -> PeopleImport:
    """Store a file, sealed, for workers to check; people are written only after `start`.

    Args:
        file: seekable.
        kind: one of `formats.IMPORT_KINDS`, "" to detect it.
        hold: take the lease, so that this process does the work and no worker.

    Raises:
        InputRefused: ("file", "kind") for a file that cannot be imported.
    """
    file.seek(0)
    if len(data := file.read(MOST_BYTES + 1)) > MOST_BYTES:
        raise InputRefused({"file": N_("a file may have 10 MiB: split it")})
    if not spreadsheets.is_text(file):
        raise InputRefused({"file": N_("this is no text file: save the table as CSV (UTF-8)")})
    encoding, lines = spreadsheets.detect_encoding(file)
    if lines > formats.MOST_LINES + 1:
        raise InputRefused(
            {"file": N_("a file may have %(most_lines)s lines: split it", most_lines=formats.MOST_LINES)}
        )
    if not data.strip() or not lines:
        raise InputRefused({"file": N_("this file has no line that names a user")})
    if (kind or formats.USERS) not in formats.IMPORT_KINDS:
        raise InputRefused({"kind": N_("choose one of %(import_kinds)s", import_kinds=", ".join(formats.IMPORT_KINDS))})
    chosen = kind or formats.detect(file, encoding)
    if chosen is None or (chosen == formats.CSV and not formats.has_headings(file, encoding)):
        raise InputRefused({"file": NO_HEADINGS})
    if chosen == formats.CSV and (secret := formats.password_columns(file, encoding)):
        raise InputRefused(
            {"file": N_("call the column %(secret)s password, or take it out of the file", secret=secret[0][:40])}
        )
    row = PeopleImport(kind=chosen, file_name=printable(name) or "file", encoding=encoding)
    row.file_sealed = desk.vault.seal(data, row.id, SEALED_FILE)
    row.created_by, row.created_at, row.lease_until = actor[:100], now, now + leases.LEASE if hold else None
    async with transaction():
        await row.save(force_create=True)
        await audit.record(actor, "people-import.taken", now=now, subject=str(row.id), detail=row.file_name)
    if not hold:
        desk.bell.ring(BELL, row.id)
    return row


async def find(import_id: UUID) -> PeopleImport | None:
    """Return the file with this id, without its bytes; None when there is none."""
    return await PeopleImport.filter(id=import_id).only(*_SHOWN).first()


async def list_imports(before: UUID | None = None, limit: int = 50) -> list[PeopleImport]:
    """Return files, newest first, those older than the one with the id ``before``."""
    rows = PeopleImport.all()
    if before and (last := await find(before)):
        rows = rows.filter(older_than(last))
    return await rows.order_by("-created_at", "-id").limit(limit).only(*_SHOWN)


async def start(desk: Desk, row: PeopleImport, *, now: datetime, actor: str) -> None:
    """Begin to write the checked lines. Raises StaleState when the import was started or cancelled meanwhile."""
    await move(row, Status.IMPORTING, now=now, actor=actor, what="started", started_at=now)
    desk.bell.ring(BELL, row.id)


async def cancel(row: PeopleImport, *, now: datetime, actor: str) -> None:
    """Cancel an import for good and delete its passwords; people already written stay. Raises as `start`."""
    await move(row, Status.CANCELLED, now=now, actor=actor, what="cancelled", finished_at=now, file_sealed=None)
    await PeopleImportLine.filter(people_import_id=row.id).update(password_sealed=None)


async def cancel_expired(*, now: datetime) -> int:
    """Cancel files that nobody imported within EXPIRES_AFTER, and return how many."""
    rows = await PeopleImport.filter(status=Status.READY, created_at__lte=now - EXPIRES_AFTER).limit(_PAGE)
    for row in rows:
        await cancel(row, now=now, actor="clock")
    return len(rows)


async def move(row: PeopleImport, to: Status, *, now: datetime, actor: str, what: str, **changes: object) -> None:
    """Move ``row`` to another state by compare-and-set, and record it in the audit log.

    ``what``: the audit action without its prefix, "" for none. ``changes``: further columns to write. Raises StaleState
    when the import has left the state that was read.
    """
    action = what and f"people-import.{what}"
    await advance_audited(row, to, action=action, detail=row.file_name, now=now, actor=actor, **changes)


async def claim(import_id: UUID, now: datetime) -> PeopleImport | None:
    """Take the lease of a file for one step; None when somebody else holds it or there is nothing to do."""
    return await leases.claim(PeopleImport, import_id, WORKING, now)


async def waiting(now: datetime) -> list[UUID]:
    """Return the ids of the files that have work to do and that nobody holds."""
    return await leases.waiting(PeopleImport, WORKING, now)


async def progress(row: PeopleImport) -> ImportProgress:
    """Count the lines of a file by finding."""
    lines = PeopleImportLine.filter(people_import_id=row.id).annotate(total=Count("id"))
    counted = {each["status"]: each["total"] for each in await lines.group_by("status").values("status", "total")}
    sets = PeopleImportLine.filter(people_import_id=row.id, status__in=[LineState.NEW, LineState.CHANGED])
    passwords = await sets.filter(password_sealed__not_isnull=True).count()
    return ImportProgress(row.rows, {finding: counted.get(finding, 0) for finding in LineState}, passwords)


async def lines(row: PeopleImport, *, show: str = "", after: int = 0, limit: int = 50) -> list[PeopleImportLine]:
    """Return lines with a number greater than ``after``, without passwords; ``show``: a finding, "" for all."""
    found = PeopleImportLine.filter(people_import_id=row.id, number__gt=after)
    if show:
        done = {LineState.NEW: LineState.ADDED, LineState.CHANGED: LineState.SAVED}
        found = found.filter(status__in=[each for each in (show, done.get(LineState(show))) if each])
    names = ("id", "number", "name", "given", "status", "changes", "reason", "person_id")
    return await found.order_by("number").limit(limit).only(*names)


async def every_line(row: PeopleImport, show: str = "") -> AsyncIterator[list[PeopleImportLine]]:
    """Yield all lines of a file, page by page."""
    after = 0
    while page := await lines(row, show=show, after=after, limit=_PAGE):
        yield page
        after = page[-1].number
