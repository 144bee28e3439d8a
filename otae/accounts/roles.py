"""Roles, built-in and made by administrators, and the powers that a role gives at the moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.accounts.permissions import ENTER, PERMISSIONS
from otae.directory.reach import EVERYBODY, Reach, reach_of
from otae.errors import BeyondRole, InputRefused
from otae.store.models import Role
from otae.text import cleaned_line
from otae.translatable import N_

ADMIN: Final = "ADMIN"
SUPPORT: Final = "SUPPORT"
DEVICE_PROVISIONING: Final = "DEVICE_PROVISIONING"
USER: Final = "USER"


@dataclass(frozen=True)
class RoleDefinition:
    """A role. ``words``: its description; ``groups``: "DOMAIN/NAME" it is limited to; ``id``: None if built in.

    ``second_factor``: whether its administrators need one.
    """

    name: str
    words: str
    permissions: frozenset[str]
    groups: tuple[str, ...] = ()
    id: UUID | None = None
    second_factor: bool = False

    @property
    def built_in(self) -> bool:
        """Whether the role always exists and cannot be changed."""
        return self.id is None


_SEES = frozenset({"invitation.see", "group-invitation.see", "device.see", "person.see", "group.see"})
_PROVISIONS = frozenset({"invitation.create", "invitation.notify", "invitation.revoke"})

#: The built-in roles by name, the one with most permissions first.
BUILT_IN: Final = {
    role.name: role
    for role in (
        RoleDefinition(ADMIN, N_("May do everything."), frozenset(PERMISSIONS)),
        RoleDefinition(
            SUPPORT, N_("Helps people enroll: sees where each stands, sends again."), _SEES | {"invitation.notify"}
        ),
        RoleDefinition(
            DEVICE_PROVISIONING,
            N_("Hands out Macs: invites people, sends again, revokes."),
            _PROVISIONS | {"invitation.see", "device.see", "person.see"},
        ),
        RoleDefinition(USER, N_("Enrolls Macs, and has no console."), frozenset()),
    )
}


@dataclass(frozen=True)
class Powers:
    """What an administrator with a role may do, and with which people.

    ``second_factor``: whether the role says that a second factor is needed for it.
    """

    role: str
    permissions: frozenset[str]
    reach: Reach = EVERYBODY
    second_factor: bool = False

    def may(self, permission: str) -> bool:
        """Return whether this permission is given; ENTER is given with any other."""
        return bool(self.permissions) if permission == ENTER else permission in self.permissions


#: The powers of whoever runs commands on this machine.
ALL_POWERS: Final = Powers(ADMIN, frozenset(PERMISSIONS))


@dataclass(frozen=True)
class Grantor:
    """Who changes administrators or roles. ``id``: the administrator's, None for a command."""

    name: str
    powers: Powers = ALL_POWERS
    id: UUID | None = None

    def check_may_give(self, permissions: Iterable[str]) -> None:
        """Check that they may give or take ``permissions``. Raises BeyondRole if they go beyond their own."""
        if self.powers.reach.limited or not frozenset(permissions) <= self.powers.permissions:
            raise BeyondRole


async def powers_of(role: str, *, now: datetime) -> Powers:
    """Return the powers that ``role`` gives now; none when there is no such role any more."""
    row = await find_role(role)
    if row is None:
        return Powers(role, frozenset())
    return Powers(role, row.permissions, await reach_of(row.groups, now=now), row.second_factor)


async def permissions_of(role: str) -> frozenset[str]:
    """Return the permissions of ``role``, none when there is no such role."""
    found = await find_role(role)
    return found.permissions if found else frozenset()


async def find_console_role(name: str) -> RoleDefinition:
    """Return the role called ``name``. Raises InputRefused ("role") unless it exists and has permissions."""
    role = await find_role(name)
    if role is None or not role.permissions:
        raise InputRefused({"role": N_("choose a role that has a console")})
    return role


async def find_role(name: str) -> RoleDefinition | None:
    """Return the role called ``name``, None when there is none."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    row = await Role.get_or_none(name=cleaned_line(name))
    return None if row is None else definition_of(row)


async def list_roles() -> list[RoleDefinition]:
    """Return all roles: the built-in ones, then those that administrators made, by name."""
    return [*BUILT_IN.values(), *(definition_of(row) for row in await Role.all().order_by("name"))]


def definition_of(row: Role) -> RoleDefinition:
    """Return the role that an administrator made; permissions that no longer exist are left out."""
    permissions = frozenset(row.permissions) & frozenset(PERMISSIONS)
    return RoleDefinition(row.name, row.description, permissions, tuple(row.groups), row.id, row.second_factor)
