"""Reading the audit log: what is wanted of it, page by page or whole."""

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tortoise.expressions import Q
from tortoise.functions import Count

from otae.store.audit import ARROW, TEXTS
from otae.store.models import AuditEntry

#: Entries that one page of a search reads: no index covers their texts.
SEARCH_SPAN: Final = 10_000
#: How far the times of entries may be out of order: each is the time at which what it records began.
_DISORDER: Final = timedelta(hours=1)
_PAGE: Final = 500


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are wanted.

    Attributes:
        actor, action: of exactly this actor, with exactly this action; "" for all.
        objects: about one of these: names or ids as entries hold them.
        begin, end: recorded from ``begin`` on and before ``end``.
        part_of: the parts of this entry of a bulk action.
        parts: with the parts of bulk actions. They are left out by default where only actor and time are asked for.
        search: with this in any of their texts, whatever its case.
        about: id of the person that ``search`` names; entries with this id are found as well.
    """

    actor: str = ""
    action: str = ""
    objects: tuple[str, ...] = ()
    begin: datetime | None = None
    end: datetime | None = None
    part_of: int = 0
    parts: bool = False
    search: str = ""
    about: str = ""

    @property
    def scans(self) -> bool:
        """Whether no index leads to the entries alone: such a list reads SEARCH_SPAN entries at a time."""
        return bool(self.search) or sum(map(bool, (self.actor, self.action, self.objects))) > 1

    async def conditions(self) -> Q:
        """Return the condition for the wanted entries."""
        exact: dict[str, Any] = {"actor": self.actor, "action": self.action, "part_of": self.part_of}
        wanted = Q(**{name: value for name, value in exact.items() if value})
        if self.objects:
            wanted &= Q(subject__in=list(self.objects))
        if self.search:
            in_texts = [Q(**{f"{name}__icontains": self.search}) for name in (*TEXTS, "action")]
            about_person = [Q(actor=self.about), Q(subject=self.about), Q(detail__contains=self.about)]
            wanted &= Q(*in_texts, *(about_person if self.about else []), join_type="OR")
        if self.begin:
            wanted &= Q(at__gte=self.begin, id__gte=await _first_at(self.begin - _DISORDER))
        if self.end:
            wanted &= Q(at__lt=self.end, id__lt=await _first_at(self.end + _DISORDER))
        with_parts = self.parts or self.part_of or self.action or self.objects or self.search
        return wanted if with_parts else wanted & Q(part_of=None)


async def _first_at(at: datetime) -> int:
    """Return the number of the first entry from this time on, by its time; one more than the last without any."""
    found = await AuditEntry.filter(at__gte=at).order_by("at", "id").first().only("id")
    return found.id if found else await last_entry() + 1


async def list_entries(
    wanted: AuditFilter = AuditFilter(),
    *,
    before: int | None = None,
    since: int = 0,
    limit: int = 100,
) -> list[AuditEntry]:
    """Return entries, newest first.

    Args:
        before: only entries with a smaller number.
        since: only entries with this number or a greater one.
    """
    entries = AuditEntry.filter(await wanted.conditions())
    if before is not None:
        entries = entries.filter(id__lt=before)
    if since:
        entries = entries.filter(id__gte=since)
    return await entries.order_by("-id").limit(limit)


async def every_entry(wanted: AuditFilter) -> AsyncIterator[AuditEntry]:
    """Yield the wanted entries, oldest first; the log may grow meanwhile."""
    condition, after = await wanted.conditions(), 0
    while page := await AuditEntry.filter(condition, id__gt=after).order_by("id").limit(_PAGE):
        for entry in page:
            yield entry
        after = page[-1].id


async def counts_of_parts(entries: Iterable[AuditEntry]) -> dict[int, int]:
    """Return how many parts each of these entries has, without those that have none."""
    rows = AuditEntry.filter(part_of__in=[entry.id for entry in entries]).annotate(parts=Count("id"))
    return {int(row["part_of"]): int(row["parts"]) for row in await rows.group_by("part_of").values("part_of", "parts")}


async def last_entry() -> int:
    """Return the number of the newest entry, 0 in an empty log."""
    newest = await AuditEntry.all().order_by("-id").first().only("id")
    return newest.id if newest else 0


def changes_in(detail: str) -> list[str]:
    """Return the single changes of a text of `describe_changes`; [] for a text that tells of none."""
    return re.split(r", (?=[^,]*→|[a-z][a-z ]*(?:,|$))", detail) if ARROW in detail else []
