"""Roles: the built-in ones, those that administrators make, and what somebody of a role may do right now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.accounts.permissions import ENTER, LEAVES
from otae.directory.reach import EVERYBODY, Reach, reach_of
from otae.errors import BeyondRole
from otae.store.models import Role
from otae.text import cleaned_line
from otae.words import gettext as _

ADMIN: Final = "ADMIN"
SUPPORT: Final = "SUPPORT"
DEVICE_PROVISIONING: Final = "DEVICE_PROVISIONING"
USER: Final = "USER"


@dataclass(frozen=True)
class RoleRow:
    """A role. ``words``: whom it is for; ``groups``: "DOMAIN/NAME" of those it is limited to; ``id``: an own role's."""

    name: str
    words: str
    leaves: frozenset[str]
    groups: tuple[str, ...] = ()
    id: UUID | None = None

    @property
    def built_in(self) -> bool:
        """Tell whether it is always there and never changes."""
        return self.id is None


_SEES = frozenset({"invitation.see", "group-invitation.see", "device.see", "person.see", "group.see"})
_PROVISIONS = frozenset({"invitation.create", "invitation.notify", "invitation.revoke"})

#: By name, the strongest first.
BUILT_IN: Final = {
    role.name: role
    for role in (
        RoleRow(ADMIN, _("May do everything."), frozenset(LEAVES)),
        RoleRow(SUPPORT, _("Helps people enroll: sees where each stands, sends again."), _SEES | {"invitation.notify"}),
        RoleRow(
            DEVICE_PROVISIONING,
            _("Hands out Macs: invites people, sends again, revokes."),
            _PROVISIONS | {"invitation.see", "device.see", "person.see"},
        ),
        RoleRow(USER, _("Enrolls Macs, and has no console."), frozenset()),
    )
}


@dataclass(frozen=True)
class Powers:
    """What somebody of a role may do, and with whom."""

    role: str
    leaves: frozenset[str]
    reach: Reach = EVERYBODY

    def may(self, leaf: str) -> bool:
        """Tell whether this is allowed."""
        return bool(self.leaves) if leaf == ENTER else leaf in self.leaves


#: What whoever runs commands on this machine may do.
ALL: Final = Powers(ADMIN, frozenset(LEAVES))


@dataclass(frozen=True)
class By:
    """Who changes administrators or roles. ``id``: of that administrator, None for a command."""

    name: str
    powers: Powers = ALL
    id: UUID | None = None

    def check_may_give(self, leaves: Iterable[str]) -> None:
        """Refuse to give or take what oneself may not do; BeyondRole."""
        if self.powers.reach.limited or not frozenset(leaves) <= self.powers.leaves:
            raise BeyondRole


async def powers_of(role: str, *, now: datetime) -> Powers:
    """Return what somebody of ``role`` may do now; nothing, when there is no such role any more."""
    row = await find_role(role)
    if row is None:
        return Powers(role, frozenset())
    return Powers(role, row.leaves, await reach_of(row.groups, now=now))


async def find_role(name: str) -> RoleRow | None:
    """Return the role called ``name``, None when there is none."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    row = await Role.get_or_none(name=cleaned_line(name))
    return None if row is None else as_row(row)


async def list_roles() -> list[RoleRow]:
    """Return every role: the built-in ones, then those that administrators made, by name."""
    return [*BUILT_IN.values(), *(as_row(row) for row in await Role.all().order_by("name"))]


def as_row(row: Role) -> RoleRow:
    """Return an own role; a leaf that no longer exists allows nothing."""
    return RoleRow(row.name, row.description, frozenset(row.permissions) & frozenset(LEAVES), tuple(row.groups), row.id)
