"""The list of sealed columns, and re-sealing their values under another master key while traffic runs.

Every column named ``…_sealed`` must be in COLUMNS, or its values would be lost with the old key; a test checks this.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.store import audit
from otae.store.models import (
    Administrator,
    Approval,
    CaughtMail,
    Certificate,
    DirectoryServer,
    Enrollment,
    InstallationSecret,
    Invitation,
    NotificationServer,
    PeopleImport,
    PeopleImportLine,
    Pin,
    UserChannel,
)
from otae.store.models.base import Row
from otae.store.vault import SealBroken, Vault, key_id_of

_PAGE: Final = 200
#: Passes over all values: another process may seal one under an older key meanwhile.
_MAX_PASSES: Final = 3


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values, and the purpose that they are sealed for."""

    table: type[Row]
    column: str
    purpose: str


COLUMNS: Final = (
    SealedColumn(InstallationSecret, "value_sealed", "secret"),
    SealedColumn(Certificate, "key_sealed", "key"),
    SealedColumn(NotificationServer, "password_sealed", "notification-server.password"),
    SealedColumn(NotificationServer, "secrets_sealed", "notification-server.secrets"),
    SealedColumn(DirectoryServer, "bind_password_sealed", "directory.password"),
    SealedColumn(Administrator, "totp_sealed", "administrator.totp"),
    SealedColumn(CaughtMail, "message_sealed", "caught-mail.message"),
    SealedColumn(Invitation, "token_sealed", "invitation.token"),
    SealedColumn(Invitation, "objection_sealed", "objection token"),
    SealedColumn(Pin, "pin_sealed", "pin"),
    SealedColumn(Approval, "token_sealed", "approval.token"),
    SealedColumn(Enrollment, "push_token_sealed", "push_token"),
    SealedColumn(Enrollment, "push_magic_sealed", "push_magic"),
    SealedColumn(Enrollment, "bootstrap_token_sealed", "bootstrap_token"),
    SealedColumn(PeopleImport, "file_sealed", "people-import.file"),
    SealedColumn(PeopleImportLine, "password_sealed", "people-import.password"),
    SealedColumn(UserChannel, "push_token_sealed", "push_token"),
    SealedColumn(UserChannel, "push_magic_sealed", "push_magic"),
)


@dataclass(frozen=True, slots=True)
class ResealResult:
    """Result of a rotation, in numbers of values.

    Attributes:
        resealed: sealed again under the first master key.
        current: already sealed under it before.
        moved: changed or removed by another process meanwhile.
        unopened: not opened by any configured key.
    """

    resealed: int
    current: int
    moved: int
    unopened: int


@dataclass(frozen=True, slots=True)
class KeyCount:
    """One master key by its id (never the key): whether new values are sealed under it, how many values it opens."""

    key: str
    seals: bool
    opens: int


@dataclass(frozen=True, slots=True)
class SealedCounts:
    """How many values each master key opens.

    Attributes:
        keys: in the order of OTAE_MASTER_KEYS.
        foreign: values sealed under a key that is not configured.
        broken: values that are damaged or were copied from another row.
    """

    keys: tuple[KeyCount, ...]
    foreign: int
    broken: int


async def reseal(vault: Vault, *, now: datetime, actor: str) -> ResealResult:
    """Seal every value again that is not sealed under the first master key; audited.

    Safe during traffic and concurrently with itself: a value is replaced only while it is still the one that was read,
    so no newer value is lost and no wiped one comes back.
    """
    total: Counter[str] = Counter()
    for number in range(_MAX_PASSES):
        seen: Counter[str] = Counter()
        async for column, row, sealed in _values():
            seen[await _reseal_value(vault, column, row, sealed)] += 1
        total.update(resealed=seen["resealed"], moved=seen["moved"])
        total["unopened"] = seen["unopened"]
        if number == 0:
            total["current"] = seen["current"]
        if not seen["resealed"] and not seen["moved"]:
            break
    done = ResealResult(total["resealed"], total["current"], total["moved"], total["unopened"])
    words = f"{done.resealed} sealed again, {done.current} were current, {done.unopened} do not open"
    await audit.record(actor, "keys.rotated", now=now, subject=vault.key_ids[0], detail=words)
    return done


async def count_by_key(vault: Vault) -> SealedCounts:
    """Open every sealed value and count by key; changes nothing. A key that opens none may be removed."""
    opened: Counter[str] = Counter()
    foreign = broken = 0
    async for column, row, sealed in _values():
        key = key_id_of(sealed)
        try:
            vault.open(sealed, row, column.purpose)
        except SealBroken:
            known = key in vault.key_ids
            foreign, broken = foreign + (not known), broken + known
        else:
            opened[key] += 1
    uses = tuple(KeyCount(key, at == 0, opened[key]) for at, key in enumerate(vault.key_ids))
    return SealedCounts(uses, foreign, broken)


async def _values() -> AsyncIterator[tuple[SealedColumn, UUID, bytes]]:
    for column in COLUMNS:
        rows = column.table.filter(**{f"{column.column}__not_isnull": True}).order_by("id").limit(_PAGE)
        page = await rows.values_list("id", column.column)
        while page:
            for row, sealed in page:
                yield column, row, bytes(sealed)
            page = await rows.filter(id__gt=page[-1][0]).values_list("id", column.column)


async def _reseal_value(vault: Vault, column: SealedColumn, row: UUID, sealed: bytes) -> str:
    if key_id_of(sealed) == vault.key_ids[0]:
        return "current"
    try:
        fresh = vault.seal(vault.open(sealed, row, column.purpose), row, column.purpose)
    except SealBroken:
        return "unopened"
    still = column.table.filter(id=row, **{column.column: sealed})
    return "resealed" if await still.update(**{column.column: fresh}) == 1 else "moved"
