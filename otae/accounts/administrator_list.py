"""The list of administrators: inviting, disabling, removing them, and giving them another role.

Nobody gives or takes permissions beyond their own role, and nobody changes themselves. One enabled administrator with a
local password and the role ADMIN always remains: all of these rows are locked in one order, so that two who remove each
other cannot both succeed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from otae.accounts import administrators, browsers, made_links
from otae.accounts.roles import ADMIN, Grantor, find_console_role, permissions_of
from otae.errors import InputRefused, LastAdministrator, OwnRole, StaleState
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession, SetupLink
from otae.text import cleaned_line
from otae.translatable import N_

LOCAL = "local"


@dataclass(frozen=True)
class ListedAdministrator:
    """An administrator as lists show it.

    ``domain``: "local", or the directory that checks the password. ``signed_in``: how many browsers are signed in.
    ``seen_at``: the last activity of any of them, None without one. ``second_factor``: whether there is any.
    """

    id: UUID
    name: str
    domain: str
    role: str
    disabled: bool
    created_at: datetime
    signed_in: int = 0
    seen_at: datetime | None = None
    second_factor: bool = False


@dataclass(frozen=True)
class PendingAdministrator:
    """An invited administrator, whose setup link is not used yet."""

    id: UUID
    name: str
    role: str
    expires_at: datetime


async def list_administrators() -> list[ListedAdministrator]:
    """Return all administrators, disabled ones included, by name."""
    return await _rows(await Administrator.all().order_by("name"))


async def ids_by_name(names: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of the administrators with these names, by name."""
    rows = await Administrator.filter(name__in=list({*names})).values_list("name", "id")
    return {str(name): found_id for name, found_id in rows}


async def find_administrator(administrator_id: UUID) -> ListedAdministrator | None:
    """Return the administrator with this id, None when there is none."""
    return next(iter(await _rows(await Administrator.filter(id=administrator_id))), None)


async def find_by_name(name: str) -> ListedAdministrator | None:
    """Return the administrator called ``name``, None when there is none."""
    line = cleaned_line(name)  # a directory's administrators have capital letters
    return next(iter(await _rows(await Administrator.filter(name__in=[line, line.lower()]))), None)


async def list_pending(*, now: datetime) -> list[PendingAdministrator]:
    """Return the invited administrators whose setup links still work, by name."""
    rows = SetupLink.filter(administrator_name__not_isnull=True, used_at=None, expires_at__gt=now)
    return [
        PendingAdministrator(row.id, row.administrator_name or "", row.role, row.expires_at)
        for row in await rows.order_by("administrator_name", "expires_at")
        if await administrators.maker_may_invite(row, now=now)
    ]


async def invite(desk: Desk, name: str, role: str, *, by: Grantor, now: datetime) -> str:
    """Invite an administrator: return a setup link (see `administrators.new_setup_link`); audited.

    An older link of the same name ends.

    Raises:
        InputRefused: ("name", "role").
        BeyondRole: the role allows more than ``by`` may do.
    """
    by.check_may_give((await find_console_role(role)).permissions)
    name = administrators.checked_name(name)
    async with transaction():
        url = await administrators.new_setup_link(desk, now=now, name=name, role=role, replacing=True, maker_id=by.id)
        await audit.record(by.name, "administrator.invited", now=now, subject=name, detail=role)
    return url


async def withdraw_setup_link(link_id: UUID, *, by: Grantor, now: datetime) -> str:
    """End a setup link and return the name of its administrator.

    Raises:
        StaleState: the link is used or gone.
        BeyondRole: the link's role allows more than ``by`` may do.
    """
    link = await SetupLink.get_or_none(id=link_id, administrator_name__not_isnull=True)
    if link is None:
        raise StaleState("there is no such setup link any more")
    by.check_may_give(await permissions_of(link.role))
    async with transaction():
        if await SetupLink.filter(id=link.id, used_at=None).update(used_at=now) != 1:
            raise StaleState("the setup link was used a moment ago")
        name = link.administrator_name or ""
        await audit.record(by.name, "administrator.invitation-withdrawn", now=now, subject=name, detail=link.role)
    return name


async def give_role(administrator_id: UUID, role: str, *, by: Grantor, now: datetime) -> ListedAdministrator:
    """Give an administrator another role, sign their browsers out, and end the links they made.

    Raises:
        InputRefused: ("role") when the role gives no access to the console, or a directory's group gives this
            administrator the role.
        BeyondRole: the present or the new role allows more than ``by`` may do.
        OwnRole: ``by`` is this administrator.
        LastAdministrator: nobody else may do everything.
        StaleState: the administrator is gone.
    """
    by.check_may_give((await find_console_role(role)).permissions)
    async with transaction():
        row = await _lock(administrator_id, by, stays=role == ADMIN)
        if row.domain != LOCAL:
            raise InputRefused(
                {"role": N_("the role of %(name)s comes from a group of %(domain)s", name=row.name, domain=row.domain)}
            )
        if row.role != role:
            await Administrator.filter(id=row.id).update(role=role)
            await browsers.close_all(row)
            await made_links.end_links(row.id, now)
            detail = f"{row.role} → {role}"
            await audit.record(by.name, "administrator.role-changed", now=now, subject=row.name, detail=detail)
        row.role = role
    return _row(row)


async def disable(administrator_id: UUID, *, by: Grantor, now: datetime) -> ListedAdministrator:
    """Disable an administrator, sign their browsers out, and end the links they made. Raises as `give_role`."""
    async with transaction():
        row = await _lock(administrator_id, by)
        if not row.disabled:
            await Administrator.filter(id=row.id).update(disabled=True)
            await browsers.close_all(row)
            await made_links.end_links(row.id, now)
            await audit.record(by.name, "administrator.disabled", now=now, subject=row.name)
        row.disabled = True
    return _row(row)


async def enable(administrator_id: UUID, *, by: Grantor, now: datetime) -> ListedAdministrator:
    """Enable a disabled administrator. Raises as `give_role`."""
    async with transaction():
        row = await _lock(administrator_id, by, stays=True)
        if row.disabled:
            await Administrator.filter(id=row.id).update(disabled=False)
            await audit.record(by.name, "administrator.enabled", now=now, subject=row.name, detail=row.role)
        row.disabled = False
    return _row(row)


async def remove(administrator_id: UUID, *, by: Grantor, now: datetime) -> str:
    """Remove an administrator with browsers and links, and return the name. Raises as `give_role`."""
    async with transaction():
        row = await _lock(administrator_id, by)
        await SetupLink.filter(administrator_name=row.name, used_at=None).update(used_at=now)
        await made_links.end_links(row.id, now)
        await Administrator.filter(id=row.id).delete()
        await audit.record(by.name, "administrator.removed", now=now, subject=row.name, detail=row.role)
    return row.name


async def _lock(administrator_id: UUID, by: Grantor, *, stays: bool = False) -> Administrator:
    """Lock an administrator's row for this transaction, after checking that ``by`` may change it.

    ``stays``: the change leaves the role as it is. Otherwise LastAdministrator is raised when this is the last enabled
    administrator with a local password and the role ADMIN.
    """
    if administrator_id == by.id:
        raise OwnRole
    admins = Administrator.filter(role=ADMIN, disabled=False, domain=LOCAL).select_for_update()
    admin_ids = {row.id for row in await admins.order_by("id")}
    row = await Administrator.filter(id=administrator_id).select_for_update().first()
    if row is None:
        raise StaleState("there is no such administrator any more")
    by.check_may_give(await permissions_of(row.role))
    if not stays and admin_ids <= {row.id} and row.id in admin_ids:
        raise LastAdministrator
    return row


async def _rows(found: list[Administrator]) -> list[ListedAdministrator]:
    sessions = BrowserSession.filter(administrator_id__in=[row.id for row in found]).only("administrator_id", "seen_at")
    seen: dict[UUID | None, list[datetime]] = {}
    for each in await sessions:
        seen.setdefault(each.administrator_id, []).append(each.seen_at)
    return [_row(row, seen.get(row.id, [])) for row in found]


def _row(row: Administrator, seen: list[datetime] | None = None) -> ListedAdministrator:
    names = ("id", "name", "domain", "role", "disabled", "created_at")
    return ListedAdministrator(
        **{name: getattr(row, name) for name in names},
        signed_in=len(seen or ()),
        seen_at=max(seen or (), default=None),
        second_factor=row.second_factor_at is not None,
    )
