"""Administrators and local people."""

from datetime import datetime

import click

from otae.accounts import administrators
from otae.cli.frame import ACTOR, as_json, at_the_desk, commands, emit, password_stdin, read_password
from otae.directory import local
from otae.store.desk import Desk


@commands.group()
def admin() -> None:
    """Administrators."""


@admin.command(name="create")
@click.argument("name")
@click.option("--role", default="ADMIN", type=click.Choice(["ADMIN"]))
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
            link = await administrators.new_setup_link(desk, now=now, name=name, role=role)
            return {"name": name, "role": role, "setup_link": link}
        given = {"name": name, "password": password, "role": role}
        made = await administrators.create_administrator(desk, **given, now=now, actor=ACTOR)
        return {"name": made.name, "role": made.role}

    emit(at_the_desk(work), json_wanted=json_wanted)


@commands.group()
def user() -> None:
    """Local people."""


@user.command(name="add")
@click.argument("name")
@click.option("--email")
@click.option("--display-name", default="")
@click.option("--phone")
@click.option("--group", "groups", multiple=True)
@password_stdin
@as_json
def user_add(
    *,
    name: str,
    email: str | None,
    display_name: str,
    phone: str | None,
    groups: tuple[str, ...],
    password_stdin: bool,
    json_wanted: bool,
) -> None:
    """Add a local person."""
    password = read_password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        person = await local.add_person(
            desk,
            name=name,
            display_name=display_name,
            email=email,
            phone=phone,
            password=password,
            groups=groups,
            now=now,
            actor=ACTOR,
        )
        return {"name": person.name, "email": person.email, "phone": person.phone, "groups": list(groups)}

    emit(at_the_desk(work), json_wanted=json_wanted)


@user.command(name="list")
@as_json
def user_list(*, json_wanted: bool) -> None:
    """List the local people."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        return [
            {"name": row.name, "display_name": row.display_name, "email": row.email, "disabled": row.disabled}
            for row in await local.list_people(limit=100_000)
        ]

    emit(at_the_desk(work), json_wanted=json_wanted)
