"""Restoring a backup into an empty installation; everything in it that works only once is ended.

What happened after the backup was taken is not known: a PIN may have been used since, a challenge answered. So PINs,
challenges, sessions, links and unfinished work all end with the restore, used or not.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, TypeVar

from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.models import Model
from tortoise.queryset import QuerySet

from otae import __version__
from otae.errors import OtaeError
from otae.store import audit, database, keyring
from otae.store.backup_file import BackupReader, BackupUnreadable, Header
from otae.store.models import (
    AuditEntry,
    AuditHead,
    BrowserSession,
    Campaign,
    Certificate,
    Challenge,
    Delivery,
    EnrollmentSession,
    GroupInvitation,
    Heartbeat,
    InstallationSecret,
    Invitation,
    Job,
    PasswordLink,
    PeopleImport,
    PeopleImportLine,
    Pin,
    RecoveryCode,
    SetupLink,
)
from otae.store.records import about, advance
from otae.store.states import DeliveryStatus, SessionStatus
from otae.store.tables import Table, tables
from otae.store.vault import Vault, key_id_of

#: Tables that a new installation fills by itself; their rows are replaced by those of the backup.
CREATED_AT_SETUP: Final = frozenset({
    "AuditEntry",
    "AuditHead",
    "CarrierGateway",
    "Certificate",
    "Counter",
    "InstallationSecret",
    "NotificationTemplate",
    "SetupLink",
})  # fmt: skip
#: A worker or clock with a heartbeat within this time is still running.
ALIVE_WITHIN: Final = timedelta(seconds=30)
REASON: Final = "restored from a backup"
_BATCH: Final = 200
_UNSENT: Final = (DeliveryStatus.QUEUED, DeliveryStatus.SENDING)
_CANCELLED: Final = DeliveryStatus.CANCELLED
_LIVE: Final = (SessionStatus.OPENED, SessionStatus.IDENTIFIED, SessionStatus.CERTIFIED, SessionStatus.CONFIGURED)

AnyRow = TypeVar("AnyRow", bound=Model)


class RestoreRefused(OtaeError):
    """The backup cannot be restored here; nothing was changed."""


@dataclass(frozen=True)
class RestoreResult:
    """What was restored: the header, the number of rows, and how many rows of each one-time kind were ended."""

    header: Header
    rows: int
    pins: int
    deliveries: int
    challenges: int
    sessions: int
    setup_links: int
    jobs: int
    group_invitations: int


async def restore(vault: Vault, source: BackupReader, *, now: datetime) -> RestoreResult:
    """Load a backup into the connected, migrated database and end its one-time rows, in one transaction; audited.

    The caller holds `database.exclusive`.

    Raises:
        RestoreRefused: the installation is not empty, still runs, or is of another release.
        BackupUnreadable: the file is damaged.
    """
    if source.header.schema != database.schema():
        raise RestoreRefused(
            f"this backup was taken with otae {source.header.product} (schema {source.header.schema}), and this is "
            f"otae {__version__} (schema {database.schema()}): restore it with that release, then update"
        )
    try:
        async with database.transaction():
            await _check_empty(now)
            await _clear()
            rows = await _load(vault, source)
            audit.set_key(await keyring.installation_secret(vault, "audit"))
            ended = await _end_one_time_rows(now)
            words = f"taken {source.header.taken_at.isoformat()}, {rows} rows"
            await audit.record("command line", "backup.restored", now=now, subject=str(source.header.id), detail=words)
    except IntegrityError as error:
        raise BackupUnreadable("the rows of this backup contradict one another") from error
    return RestoreResult(source.header, rows, **ended)


async def _check_empty(now: datetime) -> None:
    if await Heartbeat.filter(at__gt=now - ALIVE_WITHIN).exists():
        raise RestoreRefused("a worker or clock is running on this installation: stop every process, then restore")
    for table in tables():
        if table.name not in CREATED_AT_SETUP and await table.model.exists():
            raise RestoreRefused(f"this installation is not empty ({table.name}): restore into a new one")
    if await AuditEntry.exclude(action__in=["ca.created", "ca.service-ca-replaced"]).exists():
        raise RestoreRefused("somebody has already worked on this installation: restore into a new one")


async def _clear() -> None:
    for table in (Heartbeat, BrowserSession):
        await table.all().delete()
    await Certificate.all().update(issuer_id=None)  # an issuer cannot be deleted before what it issued
    for each in reversed(tables()):
        await each.model.all().delete()


async def _load(vault: Vault, source: BackupReader) -> int:
    known, rows = {table.name: table for table in tables()}, 0
    for table, batch in _batches(source, known):
        made = [_row(table, values, vault) for values in batch]
        await table.model.bulk_create(made)
        rows += len(made)
    for table in tables():
        if table.numbered:
            await database.resync_sequence(table.model.describe()["table"], table.key)
    if not await InstallationSecret.exists(name="key-check") or not await AuditHead.exists():
        raise BackupUnreadable("this backup lacks the keys of its installation")
    return rows


def _batches(source: BackupReader, known: dict[str, Table]) -> Iterator[tuple[Table, list[dict[str, object]]]]:
    for name, group in groupby((json.loads(line) for line in source.lines()), key=lambda row: str(row[0])):
        if name not in known:
            raise BackupUnreadable(f"this backup holds a table that is not known here: {name}")
        batch: list[dict[str, object]] = []
        for _name, values in group:
            batch.append(values)
            if len(batch) == _BATCH:
                yield known[name], batch
                batch = []
        yield known[name], batch


def _row(table: Table, values: dict[str, object], vault: Vault) -> Model:
    try:
        row = table.read(values)
    except (ValueError, TypeError) as error:
        raise BackupUnreadable(f"a row of {table.name} cannot be read: {error}") from error
    for name in table.columns:
        sealed = getattr(row, name) if name.endswith("_sealed") else None
        if sealed is not None and key_id_of(sealed) not in vault.key_ids:
            raise RestoreRefused(
                f"the backup holds values ({table.name}) sealed with an older master key than those given here: add "
                "that key to OTAE_MASTER_KEYS, behind the others"
            )
    return row


async def _end_one_time_rows(now: datetime) -> dict[str, int]:
    """End every row that may have been used, cancelled or finished since the backup; return the number of each kind."""
    with_pin = await Invitation.filter(pins__active=True).distinct().values_list("id", flat=True)
    deliveries = 0
    for start in range(0, len(with_pin), _BATCH):
        some = with_pin[start : start + _BATCH]
        # A new generation: neither the PIN that was mailed nor a message that still waits belongs to it.
        await Invitation.filter(id__in=some).update(generation=F("generation") + 1)
        unsent = Delivery.filter(invitation_id__in=some, kind__in=["url", "pin"], status__in=_UNSENT)
        for row in await unsent.select_related("invitation"):
            subject, words = about(row.invitation), f"{row.kind}: {REASON}"
            await advance(
                row, _CANCELLED, event="delivery.cancelled", now=now, detail=words, event_about=subject, answer=REASON
            )  # fmt: skip
            deliveries += 1
    sessions = 0
    async for session in _paged(EnrollmentSession.filter(status__in=_LIVE)):
        await advance(session, SessionStatus.EXPIRED, event="session.expired", now=now, detail=REASON, closed_at=now)
        sessions += 1
    await _end_passwords(now)
    await Campaign.filter(status__in=["running", "asking"]).update(status="paused", lease_until=None)
    failure: dict[str, object] = {"ok": False, "words": REASON}
    expanding = GroupInvitation.filter(status="expanding")  # the people it still names may have been invited since
    await GroupInvitation.filter(start_at__not_isnull=True).update(start_at=None)
    unfinished = Job.filter(status__in=["queued", "running"])
    return {
        "pins": await Pin.filter(active=True).update(active=False, pin_sealed=None),
        "deliveries": deliveries,
        "challenges": await Challenge.filter(used_at=None, closed_at=None).update(closed_at=now),
        "sessions": sessions,
        "setup_links": await SetupLink.filter(used_at=None).update(used_at=now),
        "jobs": await unfinished.update(status="failed", output=failure, finished_at=now, lease_until=None),
        "group_invitations": await expanding.update(status="paused", lease_until=None),
    }


async def _end_passwords(now: datetime) -> None:
    """End password links, recovery codes and imports: these would overwrite passwords that changed since the backup."""
    await PasswordLink.filter(used_at=None).update(used_at=now)
    await RecoveryCode.filter(used_at=None).update(used_at=now)
    unfinished = PeopleImport.exclude(status__in=["done", "cancelled"])
    await unfinished.update(status="cancelled", file_sealed=None, lease_until=None, finished_at=now)
    await PeopleImportLine.filter(password_sealed__not_isnull=True).update(password_sealed=None)


async def _paged(rows: QuerySet[AnyRow]) -> AsyncIterator[AnyRow]:
    """Yield ``rows`` a page at a time; the caller changes each so that it no longer matches the query."""
    while page := await rows.limit(_BATCH):
        for row in page:
            yield row
