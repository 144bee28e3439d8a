"""The two lists of serial numbers: the organization's Macs, and those that may not enroll. A Mac is on one at most."""

from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from tortoise.queryset import QuerySet

from otae.apple.fields import SERIAL
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import ListedSerial
from otae.store.paging import count_capped
from otae.text import cleaned_line, identifier, why_refused
from otae.translatable import N_

COMPANY, REFUSED = "company", "refused"
#: The lists, and what pages call them.
KINDS: Final = {COMPANY: N_("The organization's Macs"), REFUSED: N_("Refused Macs")}
#: Most serial numbers that one text or file may hold.
MOST: Final = 100_000
#: Most lines of a text or file that a refusal names.
MOST_NAMED: Final = 5
#: Apple's oldest serial numbers have eight characters; fewer are a typing error.
SHORTEST: Final = 8
LONGEST_NOTE: Final = 200
_BATCH: Final = 500

#: The type of a row, for rooms that may not import the tables.
ListedRow: TypeAlias = ListedSerial


@dataclass(frozen=True)
class Added:
    """What became of serial numbers: put on the list anew, moved there from the other one, or there already."""

    new: int = 0
    moved: int = 0
    known: int = 0


def key_of(serial: str) -> str:
    """Return a serial number as it is compared: without hidden characters, whatever its case."""
    return identifier(serial).casefold()[:64]


async def kinds_of(serials: Collection[str]) -> dict[str, str]:
    """Return the list that each of ``serials`` is on, by `key_of`; those on none are left out."""
    keys = list({key_of(each) for each in serials if each})
    rows = ListedSerial.filter(key__in=keys) if keys else None
    return {str(key): str(kind) for key, kind in await rows.values_list("key", "kind")} if rows else {}


async def read_page(kind: str, search: str, after: str, limit: int) -> list[ListedSerial]:
    """Return serial numbers of a list in their order, those that begin with ``search``, after the key ``after``."""
    return await _found(kind, search).filter(key__gt=after).order_by("key").limit(limit)


async def count(kind: str, search: str = "") -> int:
    """Return how many serial numbers of a list begin with ``search``, at most `paging.COUNT_LIMIT` + 1."""
    return await count_capped(_found(kind, search))


async def every_row(kind: str) -> AsyncIterator[list[ListedSerial]]:
    """Yield the serial numbers of a list, a page at a time."""
    after = ""
    while page := await read_page(kind, "", after, _BATCH):
        yield page
        after = page[-1].key


async def add(
    kind: str, serials: Iterable[tuple[int, str]], *, note: str, now: datetime, actor: str, field: str = "serials"
) -> Added:
    """Put serial numbers on a list, all or none; those on the other list are moved.

    Args:
        serials: With the numbers of their lines.
        field: The field that is wrong when one of them is none.

    Raises:
        InputRefused: "kind", "note", or ``field``.
    """
    wrong = {} if kind in KINDS else {"kind": N_("choose one of the lists")}
    if len(note) > LONGEST_NOTE or why_refused(note):
        wrong["note"] = N_("use at most %(longest_note)s characters, none that hides or turns text", longest_note=200)
    rows: dict[str, ListedSerial] = {}
    bad: list[str] = []
    for number, text in serials:
        serial = identifier(text)
        if len(serial) < SHORTEST or not SERIAL.fullmatch(serial):
            bad.append(f"{number} ({serial[:20]})")
            continue
        serial = serial.upper() if serial.islower() else serial
        rows[key_of(serial)] = ListedSerial(
            key=key_of(serial),
            serial=serial,
            kind=kind,
            note=cleaned_line(note),
            created_by=actor[:100],
            created_at=now,
        )
    if bad:
        shown = ", ".join(bad[:MOST_NAMED]) + (" …" if len(bad) > MOST_NAMED else "")
        wrong[field] = N_("no serial number of 8 to 64 letters and digits in line %(lines)s", lines=shown)
    elif not rows or len(rows) > MOST:
        wrong[field] = N_("enter 1 to %(most)s serial numbers", most=MOST)
    if wrong:
        raise InputRefused(wrong)
    return await _store(kind, list(rows.values()), now=now, actor=actor)


async def _store(kind: str, rows: list[ListedSerial], *, now: datetime, actor: str) -> Added:
    moved = known = 0
    async with transaction():
        for begin in range(0, len(rows), _BATCH):
            batch = rows[begin : begin + _BATCH]
            there = await kinds_of([row.serial for row in batch])
            known += sum(there_kind == kind for there_kind in there.values())
            moved += sum(there_kind != kind for there_kind in there.values())
            changed = [row for row in batch if there.get(row.key) != kind]
            if changed:
                names = ["serial", "kind", "note", "created_by", "created_at"]
                await ListedSerial.bulk_create(changed, on_conflict=["key"], update_fields=names)
        added = Added(len(rows) - moved - known, moved, known)
        if added.new or added.moved:
            first = ", ".join(row.serial for row in rows[:MOST_NAMED]) + (" …" if len(rows) > MOST_NAMED else "")
            numbers = f"{added.new} new, {added.moved} moved: {first}"
            await audit.record(actor, "serial.add", now=now, subject=kind, detail=numbers)
    return added


async def remove(serials: Collection[str], *, now: datetime, actor: str) -> int:
    """Take serial numbers off the list they are on; return how many were."""
    keys = list({key_of(each) for each in serials})
    async with transaction():
        rows = await ListedSerial.filter(key__in=keys)
        for row in rows:
            await audit.record(actor, "serial.remove", now=now, subject=row.kind, detail=row.serial)
        await ListedSerial.filter(key__in=[row.key for row in rows]).delete()
    return len(rows)


def _found(kind: str, search: str) -> QuerySet[ListedSerial]:
    rows = ListedSerial.filter(kind=kind)
    return rows.filter(key__startswith=key_of(search)) if key_of(search) else rows
