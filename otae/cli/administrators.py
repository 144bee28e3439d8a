"""`otae admin` and `otae role`: administrators and roles, through the room `accounts`."""

from datetime import datetime

import click

from otae.accounts import (
    administrator_list,
    administrators,
    display_names,
    notice_addresses,
    own_account,
    roles,
    second_factors,
)
from otae.accounts.administrator_list import ListedAdministrator
from otae.accounts.roles import Grantor, RoleDefinition
from otae.cli.command import (
    ACTOR,
    as_json,
    as_row,
    commands,
    emit,
    password_stdin,
    read_password,
    run_with_desk,
    with_desk,
)
from otae.errors import InputRefused
from otae.store.desk import Desk

#: Whoever runs commands on this machine may do everything.
BY = Grantor(ACTOR)


@commands.group()
def admin() -> None:
    """Administrators."""


@admin.command(name="create")
@click.argument("name")
@click.option("--role", default=roles.ADMIN, show_default=True, help="A role of `otae role list`.")
@click.option("--setup-link", is_flag=True, help="Print a link with which the person chooses the password.")
@password_stdin
@as_json
def admin_create(*, name: str, role: str, setup_link: bool, password_stdin: bool, json_wanted: bool) -> None:
    """Create an administrator."""
    if setup_link == password_stdin:
        raise click.UsageError("choose one of --password-stdin and --setup-link")
    password = read_password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        if password is None:
            link = await administrator_list.invite(desk, name, role, by=BY, now=now)
            return {"name": name, "role": role, "setup_link": link}
        given = {"name": name, "password": password, "role": role}
        made = await administrators.create_administrator(desk, **given, now=now, actor=ACTOR)
        return {"name": made.name, "role": made.role}

    emit(run_with_desk(work), json_wanted=json_wanted)


@admin.command(name="setup-link")
@as_json
@with_desk
async def admin_setup_link(desk: Desk, now: datetime) -> dict[str, object]:
    """Print a link for the first administrator; one that was printed before ends."""
    return {"setup_link": await administrators.replace_first_setup_link(desk, now=now)}


@admin.command(name="list")
@as_json
@with_desk
async def admin_list(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
    """List administrators with their roles."""
    return [_administrator(row) for row in await administrator_list.list_administrators()]


@admin.command(name="email")
@click.argument("name")
@click.argument("address", default="")
@with_desk
async def admin_email(desk: Desk, now: datetime, name: str, address: str) -> None:
    """Set the mail address for an administrator's notices, such as of failed invitations; without ADDRESS remove it."""
    await notice_addresses.set_address(desk, name, address, now=now, actor=ACTOR)


@admin.command(name="full-name")
@click.argument("name")
@click.argument("full_name", default="")
@with_desk
async def admin_full_name(_desk: Desk, now: datetime, name: str, full_name: str) -> None:
    """Set an administrator's full name, which the people whom they invite read; without FULL_NAME remove it."""
    await display_names.set_display_name(name, full_name, now=now, actor=ACTOR)


@admin.command(name="password")
@click.argument("name")
@password_stdin
def admin_password(*, name: str, password_stdin: bool) -> None:
    """Set an administrator's password, and sign all their browsers out."""
    password = read_password(password_stdin)
    if password is None:
        raise click.UsageError("give the new password with --password-stdin")

    async def work(desk: Desk, now: datetime) -> None:
        await own_account.set_password(desk, name, password, now=now, actor=ACTOR)

    run_with_desk(work)


@admin.command(name="disable")
@click.argument("name")
@as_json
@with_desk
async def admin_disable(_desk: Desk, now: datetime, name: str) -> dict[str, object]:
    """Disable an administrator, and sign all their browsers out."""
    return _administrator(await administrator_list.disable((await _find_administrator(name)).id, by=BY, now=now))


@admin.command(name="enable")
@click.argument("name")
@as_json
@with_desk
async def admin_enable(_desk: Desk, now: datetime, name: str) -> dict[str, object]:
    """Enable a disabled administrator."""
    return _administrator(await administrator_list.enable((await _find_administrator(name)).id, by=BY, now=now))


@admin.command(name="reset-second-factor")
@click.argument("name")
@as_json
@with_desk
async def admin_reset_second_factor(desk: Desk, now: datetime, name: str) -> dict[str, object]:
    """Remove every second factor of an administrator who has lost them, and sign all their browsers out."""
    row = await _find_administrator(name)
    if not row.second_factor:
        raise InputRefused({"": f"{row.name} has no second factor"})
    await second_factors.reset(desk, row.id, by=BY, now=now)
    return _administrator(await _find_administrator(name))


@commands.group()
def role() -> None:
    """Roles: what administrators may do."""


@role.command(name="list")
@as_json
def role_list(*, json_wanted: bool) -> None:
    """List roles: the built-in ones, then those that administrators made."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        listed = await roles.list_roles()
        if json_wanted:
            return [_role(row) for row in listed]
        return [
            {
                "role": row.name,
                "permissions": len(row.permissions),
                "limited_to": ", ".join(row.groups),
                "for": row.words,
            }
            for row in listed
        ]

    emit(run_with_desk(work), json_wanted=json_wanted)


@role.command(name="show")
@click.argument("name")
@as_json
def role_show(*, name: str, json_wanted: bool) -> None:
    """Show what a role allows."""

    async def work(_desk: Desk, _now: datetime) -> dict[str, object]:
        row = await roles.find_role(name)
        if row is None:
            raise InputRefused({"": f"there is no role called {name}"})
        shown = _role(row)
        if json_wanted:
            return shown
        return shown | {"permissions": " ".join(sorted(row.permissions)), "groups": ", ".join(row.groups)}

    emit(run_with_desk(work), json_wanted=json_wanted)


async def _find_administrator(name: str) -> ListedAdministrator:
    row = await administrator_list.find_by_name(name)
    if row is None:
        raise InputRefused({"": f"there is no administrator called {name}"})
    return row


def _administrator(row: ListedAdministrator) -> dict[str, object]:
    return as_row(row, "name", "domain", "role", "disabled", "second_factor", "created_at", "seen_at")


def _role(row: RoleDefinition) -> dict[str, object]:
    return {
        "role": row.name,
        "built_in": row.built_in,
        "permissions": sorted(row.permissions),
        "groups": list(row.groups),
        "for": row.words,
    }
