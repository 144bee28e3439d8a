"""Whose rows somebody gets to see: everybody's, or those of the people who are in some groups."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q, RawSQL, Subquery
from tortoise.models import Model

from otae.directory.person_fields import DOMAIN
from otae.store.database import dialect
from otae.store.models import Group, Membership

#: How long what a directory said is believed while it does not answer: who is in a group, who is an administrator.
BELIEVED: Final = timedelta(hours=1)
_NO_GROUP = UUID(int=0)
#: With more people than this in some groups a list is walked in its own order, and each row looked up among them.
WIDE: Final = 1000


@dataclass(frozen=True)
class Reach:
    """The people somebody may see and act on.

    ``group_ids``: those of these groups; None: everybody. ``names``: domain and name of each of them. ``wide``: they
    are very many.
    """

    group_ids: frozenset[UUID] | None = None
    names: frozenset[tuple[str, str]] = frozenset()
    wide: bool = False

    @property
    def limited(self) -> bool:
        """Tell whether there is anybody out of reach."""
        return self.group_ids is not None

    def people(self, field: str = "id", *, listed: type[Model] | None = None) -> Q:
        """Return the condition under which a row is within reach; ``field`` holds the id of its person.

        ``listed``: the row's own table, given for lists that may be long.
        """
        if self.group_ids is None:
            return Q()
        return _inside(self._ids(), field, listed=listed if self.wide else None)

    def groups(self, field: str = "id") -> Q:
        """Return the condition under which a row is about a group within reach; ``field`` holds the group's id."""
        wanted: dict[str, Any] = {} if self.group_ids is None else {f"{field}__in": self._ids()}
        return Q(**wanted)

    async def holds(self, person_id: UUID) -> bool:
        """Tell whether the person with this id is within reach."""
        if self.group_ids is None:
            return True
        return await Membership.exists(person_id=person_id, group_id__in=self._ids())

    def has_group(self, domain: str, name: str) -> bool:
        """Tell whether all people of this group are within reach, whoever joins it."""
        return self.group_ids is None or (domain, name) in self.names

    def _ids(self) -> list[UUID]:
        """Return the groups' ids; one that no group has, where there is none."""
        return list(self.group_ids or ()) or [_NO_GROUP]


EVERYBODY = Reach()


async def members_of(group_ids: Collection[UUID], field: str = "id", *, listed: type[Model]) -> Q:
    """Return the condition under which the person whose id is in ``field`` of a row is in one of these groups.

    ``listed``: the row's own table. Few people are looked up by their ids; with many a list is walked in its own order.
    """
    inside = Membership.filter(group_id__in=list(group_ids) or [_NO_GROUP])
    rows = await inside.limit(WIDE + 1).values_list("person_id")
    if len(rows) > WIDE:
        return _inside(group_ids, field, listed=listed)
    wanted: dict[str, Any] = {f"{field}__in": [row[0] for row in rows] or [_NO_GROUP]}
    return Q(**wanted)


async def _is_wide(group_ids: Collection[UUID]) -> bool:
    further = Membership.filter(group_id__in=list(group_ids)).offset(WIDE)
    return bool(group_ids) and await further.first().only("id") is not None


def _inside(group_ids: Collection[UUID], field: str, *, listed: type[Model] | None) -> Q:
    """Return the condition under which the person whose id is in ``field`` is in one of these groups.

    ``listed``: the row's own table where there are very many of them. SQLite would read all of them first, and sort
    them for one page; this way it looks each row up that it meets. PostgreSQL finds the better way by itself.
    """
    ids = list(group_ids) or [_NO_GROUP]
    among: Any = Subquery(Membership.filter(group_id__in=ids).values("person_id"))
    if listed is not None and dialect() == "sqlite":
        table, texts = listed._meta.db_table, ", ".join(f"'{each}'" for each in ids)  # noqa: SLF001 - the ORM's own name for it
        row = f'm.person_id = "{table}"."{field}" AND m.group_id IN ({texts})'
        among = RawSQL(f"(SELECT m.person_id FROM membership m WHERE {row})")  # noqa: S608 - names of ours, and ids
    wanted: dict[str, Any] = {f"{field}__in": among}
    return Q(**wanted)


async def reach_of(names: Iterable[str], *, now: datetime) -> Reach:
    """Return the reach of somebody limited to the groups "DOMAIN/NAME", local ones with their sub-groups.

    Without any name it is everybody's; a group that no longer exists holds nobody. Nor does a directory's group whose
    members could not be read for as long as they are believed.
    """
    wanted = [each.partition("/") for each in names]
    if not wanted:
        return EVERYBODY
    within: dict[UUID, tuple[str, str]] = {}
    for domain, _, name in wanted:
        below = f"{name}." if domain == DOMAIN else name
        rows = Group.filter(Q(name=name) | Q(name__startswith=below), domain=domain)
        if domain != DOMAIN:
            rows = rows.filter(checked_at__gt=now - BELIEVED)
        # Not every database compares the letters' case here.
        found = [row for row in await rows if row.name == name or (below != name and row.name.startswith(below))]
        within |= {row.id: (row.domain, row.name) for row in found}
    return Reach(frozenset(within), frozenset(within.values()), await _is_wide(within))
