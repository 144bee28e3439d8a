"""Whose rows somebody gets to see: everybody's, or those of the people who are in some groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q, Subquery

from otae.directory.facts import DOMAIN
from otae.store.models import Group, Membership

#: How long what a directory said is believed while it does not answer: who is in a group, who is an administrator.
BELIEVED: Final = timedelta(hours=1)
_NO_GROUP = UUID(int=0)


@dataclass(frozen=True)
class Reach:
    """The people somebody may see and act on.

    ``group_ids``: those of these groups; None: everybody. ``names``: domain and name of each of them.
    """

    group_ids: frozenset[UUID] | None = None
    names: frozenset[tuple[str, str]] = frozenset()

    @property
    def limited(self) -> bool:
        """Tell whether there is anybody out of reach."""
        return self.group_ids is not None

    def people(self, field: str = "id") -> Q:
        """Return the condition under which a row is within reach; ``field`` holds the id of its person."""
        if self.group_ids is None:
            return Q()
        members = Membership.filter(group_id__in=self._ids())
        wanted: dict[str, Any] = {f"{field}__in": Subquery(members.values("person_id"))}
        return Q(**wanted)

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
    return Reach(frozenset(within), frozenset(within.values()))
