"""`otae directory`: the LDAP servers and Active Directory domains of people and groups (`directory.ldap.servers`)."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from otae.cli.command import (
    ACTOR,
    as_json,
    as_row,
    commands,
    emit,
    password_stdin,
    read_ca_file,
    read_password,
    run_with_desk,
    with_desk,
)
from otae.directory.ldap import server_fields, servers
from otae.errors import InputRefused
from otae.overview.domains import domain_usage
from otae.store import jobs
from otae.store.desk import Desk

#: The usual port of each way to secure the connection.
PORTS = {"none": 389, "starttls": 389, "ldaps": 636}


@commands.group()
def directory() -> None:
    """LDAP servers and Active Directory domains that people come from."""


@directory.command(name="add")
@click.option("--domain", required=True, help="How the directory is called here, such as example.org.")
@click.option("--alias", default="", help="A second name that people may sign in with.")
@click.option("--kind", default="ldap", type=click.Choice(server_fields.KINDS), show_default=True)
@click.option("--host", "primary_host", required=True)
@click.option("--secondary-host", default="", help="Asked when the first does not answer.")
@click.option("--port", type=int, help="389, or 636 with ldaps, unless given.")
@click.option("--security", default="starttls", type=click.Choice(server_fields.SECURITIES), show_default=True)
@click.option("--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM; else the system's.")
@click.option("--bind-name", default="", help="Who looks people up.")
@click.option("--user-base", required=True)
@click.option("--group-base", required=True)
@click.option("--search-by", help="uid, or sAMAccountName in an Active Directory, unless given.")
@click.option("--attributes", default="", help="Further attributes that become properties of people: department,title.")
@click.option("--lockout-limit", default=0, help="Wrong passwords before an account is left alone; 0 for never.")
@click.option("--lockout-minutes", default=1, show_default=True)
@click.option("--global-catalog-port", default=0, help="0 for none.")
@click.option("--global-catalog-base", default="")
@click.option("--timeout", default=5, show_default=True, help="Seconds an answer may take.")
@password_stdin
@as_json
def directory_add(
    *,
    port: int | None,
    security: str,
    kind: str,
    search_by: str | None,
    ca_file: Path | None,
    password_stdin: bool,
    json_wanted: bool,
    **entered: Any,  # noqa: ANN401 - whatever click made of each option
) -> None:
    """Add a directory; it is made the default one when none is."""
    authorities = read_ca_file(ca_file)
    entry = servers.DirectoryEntry(
        kind=kind,
        security=security,
        port=PORTS[security] if port is None else port,
        search_by=search_by or server_fields.SEARCH_BY[kind][0],
        ca_pem=authorities,
        password=read_password(password_stdin),
        **entered,
    )

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        return _row(await servers.add_directory(desk, entry, now=now, actor=ACTOR))

    emit(run_with_desk(work), json_wanted=json_wanted)


@directory.command(name="list")
@as_json
@with_desk
async def directory_list(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
    """List the directories, the default one first."""
    return [_row(row) for row in await servers.list_directories()]


@directory.command(name="test")
@click.argument("name")
@as_json
def directory_test(*, name: str, json_wanted: bool) -> None:
    """Test the connection to a directory; print each step with the server's answer."""

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        job = await servers.enqueue_test(desk, await _find_directory(name), now=now, actor=ACTOR)
        if claimed := await jobs.claim(job.id, now):
            await servers.run_test(desk, claimed, now=now)
        return dict(await jobs.outcome(job.id))

    output = run_with_desk(work)
    steps = output.get("steps")
    emit(output if json_wanted or not isinstance(steps, list) else steps, json_wanted=json_wanted)
    if not output.get("ok"):
        sys.exit(1)


@directory.command(name="default")
@click.argument("name")
@with_desk
async def directory_default(_desk: Desk, now: datetime, name: str) -> None:
    """Make this the directory in which names without a domain are looked up."""
    await servers.make_default(await _find_directory(name), now=now, actor=ACTOR)


@directory.command(name="remove")
@click.argument("name")
@as_json
@with_desk
async def directory_remove(_desk: Desk, now: datetime, name: str) -> dict[str, object]:
    """Remove a directory; print how many people lose their password with it, and how many invitations wait for them."""
    row = await _find_directory(name)
    affected = await domain_usage(row.domain)
    await servers.remove_directory(row, now=now, actor=ACTOR)
    return {"domain": row.domain, "people": affected.people, "pending_invitations": affected.pending}


async def _find_directory(name: str) -> servers.DirectoryRow:
    found = await servers.find_directory(name)
    if found is None:
        raise InputRefused({"name": f"there is no directory {name[:60]!r}"})
    return found


def _row(row: servers.DirectoryRow) -> dict[str, object]:
    names = ("domain", "alias", "kind", "primary_host", "secondary_host", "port", "security", "user_base", "group_base")
    return as_row(row, *names, "search_by", "attributes") | {"default": row.is_default}
