"""Every sealed column there is, and how their values move to another master key while traffic runs.

A column named ``…_sealed`` has its line in COLUMNS; a test walks the tables and fails for one that is missing, for its
values would stay behind under a key that somebody drops.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.store import audit
from otae.store.models import (
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
#: What a process sealed under an older key while we went through is found by going through again.
_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values, and the purpose they are bound to."""

    table: type[Row]
    column: str
    purpose: str


COLUMNS: Final = (
    SealedColumn(InstallationSecret, "value_sealed", "secret"),
    SealedColumn(Certificate, "key_sealed", "key"),
    SealedColumn(NotificationServer, "password_sealed", "notification-server.password"),
    SealedColumn(NotificationServer, "secrets_sealed", "notification-server.secrets"),
    SealedColumn(DirectoryServer, "bind_password_sealed", "directory.password"),
    SealedColumn(CaughtMail, "message_sealed", "caught-mail.message"),
    SealedColumn(Invitation, "token_sealed", "invitation.token"),
    SealedColumn(Pin, "pin_sealed", "pin"),
    SealedColumn(Enrollment, "push_token_sealed", "push_token"),
    SealedColumn(Enrollment, "push_magic_sealed", "push_magic"),
    SealedColumn(Enrollment, "bootstrap_token_sealed", "bootstrap_token"),
    SealedColumn(PeopleImport, "file_sealed", "people-import.file"),
    SealedColumn(PeopleImportLine, "password_sealed", "people-import.password"),
    SealedColumn(UserChannel, "push_token_sealed", "push_token"),
    SealedColumn(UserChannel, "push_magic_sealed", "push_magic"),
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a rotation did: how many it sealed again, how many were current before, and how many it left.

    ``moved``: sealed anew or taken away by others while we looked. ``unopened``: no key that is given opens them.
    """

    resealed: int
    current: int
    moved: int
    unopened: int


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One master key: its name (never the key), whether it seals, and how many values it opens."""

    key: str
    seals: bool
    opens: int


@dataclass(frozen=True, slots=True)
class Census:
    """What opens what. ``keys``: in the order given.

    ``foreign``: values sealed with a key that is not given; ``broken``: damaged ones, or moved from another row.
    """

    keys: tuple[KeyUse, ...]
    foreign: int
    broken: int


async def reseal(vault: Vault, *, now: datetime, actor: str) -> Resealed:
    """Seal every value again that another than the first master key sealed; audited.

    Safe beside traffic and beside itself: a value is replaced only if it is still the one that was read, so that
    nothing newer is lost and nothing that was wiped comes back.
    """
    total: Counter[str] = Counter()
    for again in range(_ROUNDS):
        seen: Counter[str] = Counter()
        async for column, row, sealed in _values():
            seen[await _renewed(vault, column, row, sealed)] += 1
        total.update(resealed=seen["resealed"], moved=seen["moved"])
        total["unopened"] = seen["unopened"]
        if not again:
            total["current"] = seen["current"]
        if not seen["resealed"] and not seen["moved"]:
            break
    done = Resealed(total["resealed"], total["current"], total["moved"], total["unopened"])
    words = f"{done.resealed} sealed again, {done.current} were current, {done.unopened} do not open"
    await audit.record(actor, "keys.rotated", now=now, subject=vault.key_ids[0], detail=words)
    return done


async def census(vault: Vault) -> Census:
    """Open every sealed value and tell which key did it; changes nothing. A key that opens none may be dropped."""
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
    uses = tuple(KeyUse(key, at == 0, opened[key]) for at, key in enumerate(vault.key_ids))
    return Census(uses, foreign, broken)


async def _values() -> AsyncIterator[tuple[SealedColumn, UUID, bytes]]:
    for column in COLUMNS:
        rows = column.table.filter(**{f"{column.column}__not_isnull": True}).order_by("id").limit(_PAGE)
        page = await rows.values_list("id", column.column)
        while page:
            for row, sealed in page:
                yield column, row, bytes(sealed)
            page = await rows.filter(id__gt=page[-1][0]).values_list("id", column.column)


async def _renewed(vault: Vault, column: SealedColumn, row: UUID, sealed: bytes) -> str:
    if key_id_of(sealed) == vault.key_ids[0]:
        return "current"
    try:
        fresh = vault.seal(vault.open(sealed, row, column.purpose), row, column.purpose)
    except SealBroken:
        return "unopened"
    still = column.table.filter(id=row, **{column.column: sealed})
    return "resealed" if await still.update(**{column.column: fresh}) == 1 else "moved"
