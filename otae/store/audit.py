"""The audit log: who did what to keys, people, invitations and settings. Append-only and tamper-evident.

Each entry carries an HMAC over itself and over the entry before. The head, one more row, holds where the log ends and
has an HMAC of its own. The keys come from an installation secret that only the master key opens: somebody who can write
into the database alone can break the chain, but not repair it. The database cannot show that the whole log was reset to
an earlier state; to find that out, compare with a head noted elsewhere (`verify`).
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

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
#: Entries that one page of a search reads: no index covers their texts.
SEARCH_SPAN: Final = 10_000
_HEAD: Final = 1
_PAGE: Final = 500
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


async def record(actor: str, action: str, *, now: datetime, subject: str = "", detail: str = "") -> None:
    """Add an entry to the log; none of its texts may be a secret.

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
        await _append(head, actor=actor, action=action, now=now, subject=subject, detail=detail)


async def _append(head: AuditHead, *, actor: str, action: str, now: datetime, subject: str, detail: str) -> None:
    entry = AuditEntry(
        id=head.count + 1,
        at=now,
        actor=actor[:100],
        action=action,
        subject=subject[:200],
        detail=detail[:500],
        previous=head.mac,
    )
    entry.mac = _mac(entry)
    await entry.save(force_create=True)
    head.count, head.mac, head.seal = entry.id, entry.mac, _seal(entry.id, entry.mac)
    await AuditHead.filter(id=_HEAD).update(count=head.count, mac=head.mac, seal=head.seal)


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
    if not hmac.compare_digest(entry.mac, _mac(entry)):
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
            changes.append(f"{called} {values[0]} → {values[1]}" if shown else called)
    return ", ".join(changes)


def _display_value(value: object) -> str | None:
    """Return a value as an entry shows it; None for one whose field is only named."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value == "":
        return "none"
    text = str(value) if isinstance(value, int | str) else "\n"
    return text if len(text) <= 60 and "\n" not in text else None


async def last_entry() -> int:
    """Return the number of the newest entry, 0 in an empty log."""
    newest = await AuditEntry.all().order_by("-id").first().only("id")
    return newest.id if newest else 0


async def list_entries(
    *, search: str = "", about: str = "", before: int | None = None, since: int = 0, limit: int = 100
) -> list[AuditEntry]:
    """Return entries, newest first.

    Args:
        search: only entries with this in any of their texts, whatever its case.
        about: id of the person that ``search`` names; entries with this id are found as well.
        before: only entries with a smaller number.
        since: only entries with this number or a greater one.
    """
    entries = AuditEntry.all()
    if search:
        names = ("actor", "action", "subject", "detail")
        in_texts = [Q(**{f"{name}__icontains": search}) for name in names]
        about_person = [Q(actor=about), Q(subject=about), Q(detail__contains=about)] if about else []
        entries = entries.filter(Q(*in_texts, *about_person, join_type="OR"))
    if before is not None:
        entries = entries.filter(id__lt=before)
    if since:
        entries = entries.filter(id__gte=since)
    return await entries.order_by("-id").limit(limit)


def _key(name: str) -> bytes:
    if name not in _keys:
        raise RuntimeError("open the vault before the audit log: its key is not there")
    return _keys[name]


def _mac(entry: AuditEntry) -> str:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    return _hmac("entry", str(entry.id), at, entry.actor, entry.action, entry.subject, entry.detail, entry.previous)


def _seal(count: int, mac: str) -> str:
    return _hmac("head", str(count), mac)


def _hmac(key: str, *fields: str) -> str:
    """HMAC-SHA-256 (hex) over the fields, each as its length in four bytes and UTF-8: an unambiguous encoding."""
    encoded = [field.encode() for field in fields]
    whole = b"".join(len(one).to_bytes(4, "big") + one for one in encoded)
    return hmac.new(_key(key), whole, hashlib.sha256).hexdigest()
