"""Who may use the console: the list of administrators, inviting, disabling, and giving them another role.

Nobody gives or takes what goes beyond their own role, nobody changes themselves, and one administrator with a password
of ours and the role ADMIN always stays: `LAST` rows are locked in one order, so that two who remove each other do not
both succeed.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from otae.accounts import administrators, browsers, made_links
from otae.accounts.roles import ADMIN, BUILT_IN, By, find_role
from otae.errors import InputRefused, LastAdministrator, OwnRole, StaleState
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession, SetupLink
from otae.text import cleaned_line

LOCAL = "local"


@dataclass(frozen=True)
class AdministratorRow:
    """An administrator as lists show it. ``domain``: "local", or the directory that checks the password.

    ``signed_in``: how many browsers are signed in; ``seen_at``: when one of them last did something, None for none.
    """

    id: UUID
    name: str
    domain: str
    role: str
    disabled: bool
    created_at: datetime
    signed_in: int = 0
    seen_at: datetime | None = None


@dataclass(frozen=True)
class Invited:
    """Somebody who has a setup link and has not used it yet."""

    id: UUID
    name: str
    role: str
    expires_at: datetime


async def list_administrators() -> list[AdministratorRow]:
    """Return everybody who may, or once might, use the console, by name."""
    return await _rows(await Administrator.all().order_by("name"))


async def find_administrator(administrator_id: UUID) -> AdministratorRow | None:
    """Return the administrator with this id, None when there is none."""
    return next(iter(await _rows(await Administrator.filter(id=administrator_id))), None)


async def find_by_name(name: str) -> AdministratorRow | None:
    """Return the administrator called ``name``, None when there is none."""
    wanted = cleaned_line(name).lower()
    return next(iter(await _rows(await Administrator.filter(name=wanted))), None)


async def list_invited(*, now: datetime) -> list[Invited]:
    """Return those whose setup links still work, by name."""
    rows = SetupLink.filter(administrator_name__not_isnull=True, used_at=None, expires_at__gt=now)
    return [
        Invited(row.id, row.administrator_name or "", row.role, row.expires_at)
        for row in await rows.order_by("administrator_name", "expires_at")
        if await administrators.is_backed(row, now=now)
    ]


async def invite(desk: Desk, name: str, role: str, *, by: By, now: datetime) -> str:
    """Return a setup link for an administrator to be, as `administrators.new_setup_link`; audited.

    An older link of the same name ends. Raises InputRefused ("name", "role"), BeyondRole.
    """
    await _check_given(role, by)
    wanted = administrators.checked_name(name)
    async with transaction():
        url = await administrators.new_setup_link(desk, now=now, name=wanted, role=role, replacing=True, maker_id=by.id)
        await audit.record(by.name, "administrator.invited", now=now, subject=wanted, detail=role)
    return url


async def withdraw(link_id: UUID, *, by: By, now: datetime) -> str:
    """End a setup link and return whose it was. Raises StaleState when it works no more, BeyondRole."""
    link = await SetupLink.get_or_none(id=link_id, administrator_name__not_isnull=True)
    if link is None:
        raise StaleState("there is no such setup link any more")
    await _check_had(link.role, by)
    async with transaction():
        if await SetupLink.filter(id=link.id, used_at=None).update(used_at=now) != 1:
            raise StaleState("the setup link was used a moment ago")
        name = link.administrator_name or ""
        await audit.record(by.name, "administrator.invitation-withdrawn", now=now, subject=name, detail=link.role)
    return name


async def give_role(administrator_id: UUID, role: str, *, by: By, now: datetime) -> AdministratorRow:
    """Give an administrator another role; every browser of theirs is signed out, and the links they made end.

    Raises InputRefused ("role"), BeyondRole, OwnRole, LastAdministrator; StaleState when they are gone.
    """
    await _check_given(role, by)
    async with transaction():
        row = await _taken(administrator_id, by, stays=role == ADMIN)
        if row.domain != LOCAL:
            raise InputRefused({"role": f"the role of {row.name} comes from a group of {row.domain}"})
        if row.role != role:
            await Administrator.filter(id=row.id).update(role=role)
            await browsers.close_all(row)
            await made_links.end_links(row.id, now)
            detail = f"{row.role} → {role}"
            await audit.record(by.name, "administrator.role-changed", now=now, subject=row.name, detail=detail)
        row.role = role
    return _row(row)


async def disable(administrator_id: UUID, *, by: By, now: datetime) -> AdministratorRow:
    """Let an administrator in no more, sign every browser of theirs out, end the links they made; as `give_role`."""
    async with transaction():
        row = await _taken(administrator_id, by)
        if not row.disabled:
            await Administrator.filter(id=row.id).update(disabled=True)
            await browsers.close_all(row)
            await made_links.end_links(row.id, now)
            await audit.record(by.name, "administrator.disabled", now=now, subject=row.name)
        row.disabled = True
    return _row(row)


async def enable(administrator_id: UUID, *, by: By, now: datetime) -> AdministratorRow:
    """Let a disabled administrator in again; raises as `give_role`."""
    async with transaction():
        row = await _taken(administrator_id, by, stays=True)
        if row.disabled:
            await Administrator.filter(id=row.id).update(disabled=False)
            await audit.record(by.name, "administrator.enabled", now=now, subject=row.name, detail=row.role)
        row.disabled = False
    return _row(row)


async def remove(administrator_id: UUID, *, by: By, now: datetime) -> str:
    """Forget an administrator with browsers and links, theirs and made by them; return the name; as `give_role`."""
    async with transaction():
        row = await _taken(administrator_id, by)
        await SetupLink.filter(administrator_name=row.name, used_at=None).update(used_at=now)
        await made_links.end_links(row.id, now)
        await Administrator.filter(id=row.id).delete()
        await audit.record(by.name, "administrator.removed", now=now, subject=row.name, detail=row.role)
    return row.name


async def _taken(administrator_id: UUID, by: By, *, stays: bool = False) -> Administrator:
    """Take the administrator's row for this transaction, if ``by`` may change it.

    ``stays``: the change leaves somebody who may do everything as able as before; else another one has to be left.
    """
    if administrator_id == by.id:
        raise OwnRole
    chiefs = Administrator.filter(role=ADMIN, disabled=False, domain=LOCAL).select_for_update()
    able = {row.id for row in await chiefs.order_by("id")}
    row = await Administrator.filter(id=administrator_id).select_for_update().first()
    if row is None:
        raise StaleState("there is no such administrator any more")
    await _check_had(row.role, by)
    if not stays and able <= {row.id} and row.id in able:
        raise LastAdministrator
    return row


async def _check_given(role: str, by: By) -> None:
    """Refuse a role that does not exist, opens no console, or allows more than ``by`` may do."""
    found = await find_role(role)
    if found is None or not found.leaves:
        raise InputRefused({"role": "choose a role that has a console"})
    by.check_may_give(found.leaves)


async def _check_had(role: str, by: By) -> None:
    """Refuse to touch somebody who may do more than ``by``."""
    found = BUILT_IN.get(role) or await find_role(role)
    by.check_may_give(found.leaves if found else ())


async def _rows(found: list[Administrator]) -> list[AdministratorRow]:
    sessions = BrowserSession.filter(administrator_id__in=[row.id for row in found]).only("administrator_id", "seen_at")
    seen: dict[UUID | None, list[datetime]] = {}
    for each in await sessions:
        seen.setdefault(each.administrator_id, []).append(each.seen_at)
    return [_row(row, seen.get(row.id, [])) for row in found]


def _row(row: Administrator, seen: list[datetime] | None = None) -> AdministratorRow:
    names = ("id", "name", "domain", "role", "disabled", "created_at")
    return AdministratorRow(
        **{name: getattr(row, name) for name in names}, signed_in=len(seen or ()), seen_at=max(seen or (), default=None)
    )
