"""The audit log: who did what to keys, people, invitations and settings. Append-only and tamper-evident.

Each entry carries an HMAC over itself and over the entry before. The head, one more row, holds where the log ends and
has an HMAC of its own. The keys come from an installation secret that only the master key opens: somebody who can write
into the database alone can break the chain, but not repair it. The database cannot show that the whole log was reset to
an earlier state; to find that out, compare with a head noted elsewhere (`verify`).

When a person's data is erased, the texts of entries that hold it are replaced, and each such entry gets a further HMAC
over its new texts and its old HMAC: the chain of HMACs stays as it was.
"""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tortoise.expressions import Q

from otae.errors import OtaeError
from otae.store.database import transaction
from otae.store.models import AuditEntry, AuditHead

#: `previous` of the first entry.
ORIGIN: Final = "0" * 64
#: Action of the entry written when the head was found missing or changed; `verify` fails at it from then on.
HEAD_BROKEN: Final = "audit.head-broken"
#: Action of the entry written when the log's key was missing: nothing before this entry can be verified any more.
KEY_LOST: Final = "audit.key-lost"
#: Entries that one step of `erase` looks through.
_SPAN: Final = 10_000
_HEAD: Final = 1
_PAGE: Final = 500
#: The texts of an entry that may hold what somebody entered.
TEXTS: Final = ("actor", "subject", "detail")
#: Between a value and the one that it became.
ARROW: Final = " → "
#: The entry of the bulk action under way.
_bulk: Final[ContextVar[int | None]] = ContextVar("bulk", default=None)
#: "entry" and "head" → their keys, in this process.
_keys: Final[dict[str, bytes]] = {}


class AuditBroken(OtaeError):
    """The audit log was changed by something other than this product. ``entry``: number of the first wrong entry."""

    def __init__(self, entry: int, what: str) -> None:
        super().__init__(f"audit log, entry {entry}: {what}")
        self.entry = entry


@dataclass(frozen=True)
class Head:
    """Where the log ends: the number of entries and the last one's HMAC.

    Noted outside the database, it proves later that no entry was cut off.
    """

    count: int
    mac: str

    def __str__(self) -> str:
        return f"{self.count}:{self.mac}"


def set_key(secret: bytes) -> None:
    """Set the key with which this process writes and verifies the log. ``secret``: 32 bytes."""
    for name in ("entry", "head"):
        _keys[name] = HKDF(SHA256(), 32, None, f"otae audit {name}".encode()).derive(secret)


async def create_head() -> None:
    """Create the head of a new installation's log, in the transaction that creates the installation's keys.

    Never called later: a missing head then means tampering, and `record` writes an entry that says so.
    """
    await AuditHead(id=_HEAD, count=0, mac=ORIGIN, seal=_seal(0, ORIGIN)).save(force_create=True)


async def restart_without_key(now: datetime) -> None:
    """Continue the log under a new key, with an entry that says so, in the transaction that creates the key."""
    await AuditHead.all().delete()
    last = await AuditEntry.all().order_by("-id").first()
    head = AuditHead(id=_HEAD, count=last.id if last else 0, mac=last.mac if last else ORIGIN, seal="")
    await head.save(force_create=True)
    words = "the key of the log was missing: nothing before this entry can be verified"
    await _append(head, actor="otae", action=KEY_LOST, now=now, subject="", detail=words)


async def record(actor: str, action: str, *, now: datetime, subject: str = "", detail: str = "") -> int:
    """Add an entry to the log and return its number; none of its texts may be a secret.

    Takes part in the caller's transaction. Other entries wait until that transaction ends, so record last.

    Args:
        actor: an administrator's name, or "command line".

    Raises:
        RuntimeError: this process never opened the vault. What cannot be recorded is not done.
    """
    async with transaction():
        head = await AuditHead.filter(id=_HEAD).select_for_update().first()
        if head is None or not hmac.compare_digest(head.seal, _seal(head.count, head.mac)):
            head = await _replace_head(head, now)
        return await _append(head, actor=actor, action=action, now=now, subject=subject, detail=detail)


@contextmanager
def parts_of(entry: int | None) -> Iterator[None]:
    """Let what is recorded in the block be part of ``entry``, the entry of a bulk action; None for a single action."""
    before = _bulk.set(entry)
    try:
        yield
    finally:
        _bulk.reset(before)


async def _append(head: AuditHead, *, actor: str, action: str, now: datetime, subject: str, detail: str) -> int:
    entry = AuditEntry(
        id=head.count + 1,
        at=now,
        actor=actor[:100],
        action=action,
        subject=subject[:200],
        detail=detail[:500],
        previous=head.mac,
        part_of=_bulk.get(),
    )
    entry.mac = _mac(entry)
    await entry.save(force_create=True)
    head.count, head.mac, head.seal = entry.id, entry.mac, _seal(entry.id, entry.mac)
    await AuditHead.filter(id=_HEAD).update(count=head.count, mac=head.mac, seal=head.seal)
    return int(entry.id)


async def _replace_head(head: AuditHead | None, now: datetime) -> AuditHead:
    """Add an entry that says that the old head was wrong, and return a new head, of the log with that entry."""
    last = await AuditEntry.all().order_by("-id").first()
    new_head = AuditHead(id=_HEAD, count=last.id if last else 0, mac=last.mac if last else ORIGIN, seal="")
    if head is None:
        await new_head.save(force_create=True)
    said = f"it said {head.count} entries" if head else "it was missing"
    words = f"the head of the log was not as written: {said}"
    await _append(new_head, actor="otae", action=HEAD_BROKEN, now=now, subject="", detail=words)
    return new_head


async def verify(noted: Head | None = None) -> Head:
    """Verify the whole log and return its head; other processes may write meanwhile.

    Args:
        noted: a head noted earlier, which this log must still contain.

    Raises:
        AuditBroken: an entry was edited, deleted, moved or cut off; names the first one.
    """
    before, previous = 0, ORIGIN
    while True:
        head = await AuditHead.get_or_none(id=_HEAD)
        async for entry in _entries(before):
            _check(entry, before, previous)
            before, previous = entry.id, entry.mac
            if noted and entry.id == noted.count and entry.mac != noted.mac:
                raise AuditBroken(entry.id, "it is not the one that was noted")
        if head is not None and before > head.count and await AuditHead.filter(id=_HEAD, count__gte=before).exists():
            continue  # entries were added meanwhile
        _check_end(head, before, previous)
        if noted and noted.count > before:
            raise AuditBroken(before + 1, f"it is missing, and all up to the noted entry {noted.count}")
        return Head(before, previous)


def _check(entry: AuditEntry, before: int, previous: str) -> None:
    if entry.id != before + 1:
        raise AuditBroken(before + 1, "it is missing")
    if not is_intact(entry):
        raise AuditBroken(entry.id, "it was changed")
    if entry.previous != previous:
        raise AuditBroken(entry.id, "it does not follow the entry before")
    if entry.action in {HEAD_BROKEN, KEY_LOST}:
        raise AuditBroken(entry.id, f"before it, {entry.detail}")


def _check_end(head: AuditHead | None, count: int, mac: str) -> None:
    if head is None:
        raise AuditBroken(count + 1, "where the log ends is not known: its head is missing")
    if not hmac.compare_digest(head.seal, _seal(head.count, head.mac)):
        raise AuditBroken(count + 1, "where the log ends is not known: its head was changed")
    if head.count > count:
        raise AuditBroken(count + 1, f"it is missing, and all up to the last, {head.count}")
    if (head.count, head.mac) != (count, mac):
        raise AuditBroken(head.count + 1, "the head of the log does not know it")


async def _entries(after: int) -> AsyncIterator[AuditEntry]:
    while page := await AuditEntry.filter(id__gt=after).order_by("id").limit(_PAGE):
        for entry in page:
            yield entry
        after = page[-1].id


def describe_changes(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """Return the difference between two sets of fields as text, such as "port 25 → 587, password"; "" without any.

    Sealed secrets, texts of several lines and structures appear by name only, without their values.
    """
    changes = []
    for name, value in after.items():
        if before.get(name) != value:
            values = [_display_value(each) for each in (before.get(name), value)]
            called = name.removesuffix("_sealed").replace("_", " ")
            shown = None not in values and not name.endswith("_sealed")
            changes.append(f"{called} {values[0]}{ARROW}{values[1]}" if shown else called)
    return ", ".join(changes)


def _display_value(value: object) -> str | None:
    """Return a value as an entry shows it; None for one whose field is only named."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value == "":
        return "none"
    text = str(value) if isinstance(value, int | str) else "\n"
    return text if len(text) <= 60 and "\n" not in text else None


def exported(entry: AuditEntry) -> dict[str, object]:
    """Return an entry for a JSON export: with what `verify_exported` checks."""
    names = ("id", "actor", "action", "subject", "detail", "part_of", "previous", "mac", "erased")
    return {"at": _time(entry.at), **{name: getattr(entry, name) for name in names}}


def verify_exported(rows: Iterable[Mapping[str, Any]]) -> int:
    """Check that exported entries are as this installation wrote them; return their number.

    Entries that follow one another are checked to do so; a filtered export leaves others out.

    Raises:
        AuditBroken: an entry was changed, or does not follow the one before it.
        ValueError, KeyError, TypeError: these are no exported entries.
    """
    number, last = 0, AuditEntry(id=0, mac=ORIGIN)
    for row in rows:
        entry = AuditEntry(**{**row, "at": datetime.fromisoformat(row["at"])})
        if not is_intact(entry):
            raise AuditBroken(entry.id, "it was changed")
        if entry.id <= last.id or (entry.id == last.id + 1 and entry.previous != last.mac):
            raise AuditBroken(entry.id, "it does not follow the entry before")
        number, last = number + 1, entry
    return number


async def erase(words: Collection[str], pseudonym: str, *, about: Collection[str], about_words: Collection[str]) -> int:
    """Replace texts in entries by ``pseudonym`` and return how many entries were changed; the log still verifies.

    Call it outside of transactions: it goes through the whole log, _SPAN entries at a time. Safe to repeat.

    Args:
        words: mail addresses and the like, replaced wherever they stand.
        about: ids; in entries that hold one of them ``about_words`` are replaced as well.
        about_words: words that may mean others elsewhere, such as names.
    """
    newest = await AuditEntry.all().order_by("-id").first().only("id")
    changed, last = 0, newest.id if newest else 0
    anywhere, there = _pattern(words), _pattern([*words, *about_words])
    for start in range(1, last + 1, _SPAN):
        span = AuditEntry.filter(id__gte=start, id__lt=start + _SPAN)
        texts = Q(*(Q(**{f"{name}__icontains": text}) for name in TEXTS for text in {*words, *about}), join_type="OR")
        for entry in await span.filter(texts).order_by("id"):
            concerned = any(each in getattr(entry, name) for each in about for name in TEXTS)
            changed += await _erase(entry, there if concerned else anywhere, pseudonym)
    return changed


async def _erase(entry: AuditEntry, pattern: re.Pattern[str], pseudonym: str) -> bool:
    before = [getattr(entry, name) for name in TEXTS]
    after = [
        pattern.sub(lambda _found: pseudonym, text)[: _longest(name)] for name, text in zip(TEXTS, before, strict=True)
    ]
    if after == before:
        return False
    entry.update_from_dict(dict(zip(TEXTS, after, strict=True)))
    entry.erased = _erasure(entry)
    await entry.save(update_fields=[*TEXTS, "erased"])
    return True


def _longest(name: str) -> int:
    field: Any = AuditEntry._meta.fields_map[name]  # noqa: SLF001 - the ORM knows how long a column is
    return int(field.max_length)


def _pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of these words as whole words, whatever their case."""
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})(?!\w)", re.IGNORECASE)


def is_intact(entry: AuditEntry) -> bool:
    """Return whether an entry is as it was written, or as it was left when a person's data was erased."""
    if entry.erased:
        return hmac.compare_digest(entry.erased, _erasure(entry))
    return hmac.compare_digest(entry.mac, _mac(entry))


def _key(name: str) -> bytes:
    if name not in _keys:
        raise RuntimeError("open the vault before the audit log: its key is not there")
    return _keys[name]


def _mac(entry: AuditEntry) -> str:
    return _hmac("entry", *_fields(entry))


def _erasure(entry: AuditEntry) -> str:
    return _hmac("entry", "erased", *_fields(entry), entry.mac)


def _fields(entry: AuditEntry) -> list[str]:
    part = [] if entry.part_of is None else [f"part of {entry.part_of}"]  # as before there were parts, where it is none
    return [
        str(entry.id), _time(entry.at), entry.actor, entry.action, entry.subject, entry.detail, entry.previous, *part,
    ]  # fmt: skip


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _seal(count: int, mac: str) -> str:
    return _hmac("head", str(count), mac)


def _hmac(key: str, *fields: str) -> str:
    """HMAC-SHA-256 (hex) over the fields, each as its length in four bytes and UTF-8: an unambiguous encoding."""
    encoded = [field.encode() for field in fields]
    whole = b"".join(len(one).to_bytes(4, "big") + one for one in encoded)
    return hmac.new(_key(key), whole, hashlib.sha256).hexdigest()
