"""Reach: whether an administrator sees everybody's rows, or only those of the people in certain groups."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q, RawSQL, Subquery
from tortoise.models import Model

from otae.directory.local.person_fields import DOMAIN
from otae.store.database import dialect
from otae.store.models import Group, Membership

#: While a directory does not answer, its groups' members and its administrators stay valid for this long.
STALE_AFTER: Final = timedelta(hours=1)
_NO_GROUP = UUID(int=0)
#: With more members than this, a list is scanned in its own order, and the membership of each row looked up.
MANY_MEMBERS: Final = 1000


@dataclass(frozen=True)
class Reach:
    """The people that an administrator may see and act on.

    ``group_ids``: the members of these groups; None: everybody. ``names``: domain and name of each of these groups.
    ``wide``: they have more than MANY_MEMBERS members together.
    """

    group_ids: frozenset[UUID] | None = None
    names: frozenset[tuple[str, str]] = frozenset()
    wide: bool = False

    @property
    def limited(self) -> bool:
        """Whether the reach is limited to groups."""
        return self.group_ids is not None

    def people(self, field: str = "id", *, listed: type[Model] | None = None) -> Q:
        """Return the condition for rows of people within reach; ``field`` is the column with the person's id.

        ``listed``: the table that is listed, given where the list may be long.
        """
        if self.group_ids is None:
            return Q()
        return _member_condition(self._ids(), field, listed=listed if self.wide else None)

    def groups(self, field: str = "id") -> Q:
        """Return the condition for rows of groups within reach; ``field`` is the column with the group's id."""
        condition: dict[str, Any] = {} if self.group_ids is None else {f"{field}__in": self._ids()}
        return Q(**condition)

    async def includes(self, person_id: UUID) -> bool:
        """Return whether the person with this id is within reach."""
        if self.group_ids is None:
            return True
        return await Membership.exists(person_id=person_id, group_id__in=self._ids())

    def includes_group(self, domain: str, name: str) -> bool:
        """Return whether all present and future members of this group are within reach."""
        return self.group_ids is None or (domain, name) in self.names

    def _ids(self) -> list[UUID]:
        """Return the groups' ids; without a group one id that no group has, so that nothing matches."""
        return list(self.group_ids or ()) or [_NO_GROUP]


EVERYBODY = Reach()


async def members_of(group_ids: Collection[UUID], field: str = "id", *, listed: type[Model]) -> Q:
    """Return the condition for rows whose person is a member of one of these groups.

    Few members are selected by their ids; with more than MANY_MEMBERS the list is scanned in its own order.

    ``group_ids``: without sub-groups. ``field``: the column with the person's id. ``listed``: the table that is listed.
    """
    inside = Membership.filter(group_id__in=list(group_ids) or [_NO_GROUP])
    rows = await inside.limit(MANY_MEMBERS + 1).values_list("person_id")
    if len(rows) > MANY_MEMBERS:
        return _member_condition(group_ids, field, listed=listed)
    condition: dict[str, Any] = {f"{field}__in": [row[0] for row in rows] or [_NO_GROUP]}
    return Q(**condition)


async def _is_wide(group_ids: Collection[UUID]) -> bool:
    further = Membership.filter(group_id__in=list(group_ids)).offset(MANY_MEMBERS)
    return bool(group_ids) and await further.first().only("id") is not None


def _member_condition(group_ids: Collection[UUID], field: str, *, listed: type[Model] | None) -> Q:
    """Return the condition for rows whose person, in column ``field``, is a member of one of these groups.

    ``listed``: the listed table where there are many members. SQLite would read and sort all members for one page; a
    correlated subquery makes it look up each row that it meets. PostgreSQL chooses the better plan by itself.
    """
    ids = list(group_ids) or [_NO_GROUP]
    among: Any = Subquery(Membership.filter(group_id__in=ids).values("person_id"))
    if listed is not None and dialect() == "sqlite":
        table, texts = listed._meta.db_table, ", ".join(f"'{each}'" for each in ids)  # noqa: SLF001 - the ORM's own name for it
        row = f'm.person_id = "{table}"."{field}" AND m.group_id IN ({texts})'
        among = RawSQL(f"(SELECT m.person_id FROM membership m WHERE {row})")  # noqa: S608 - names of ours, and ids
    return Q(**{f"{field}__in": among})


async def reach_of(names: Iterable[str], *, now: datetime) -> Reach:
    """Return the reach of an administrator limited to the groups "DOMAIN/NAME", local ones with their sub-groups.

    Without names it is EVERYBODY. A group that no longer exists has no members, nor does a directory's group whose
    members could not be read for STALE_AFTER.
    """
    limits = [each.partition("/") for each in names]
    if not limits:
        return EVERYBODY
    within: dict[UUID, tuple[str, str]] = {}
    for domain, _, name in limits:
        below = f"{name}." if domain == DOMAIN else name
        rows = Group.filter(Q(name=name) | Q(name__startswith=below), domain=domain)
        if domain != DOMAIN:
            rows = rows.filter(checked_at__gt=now - STALE_AFTER)
        # Some databases ignore case when they compare a prefix.
        found = [row for row in await rows if row.name == name or (below != name and row.name.startswith(below))]
        within |= {row.id: (row.domain, row.name) for row in found}
    return Reach(frozenset(within), frozenset(within.values()), await _is_wide(within))
