"""`otae user`: local people (`directory.local.people`), and importing and exporting them (`directory.files`)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from otae.cli.command import (
    ACTOR,
    as_json,
    commands,
    emit,
    password_stdin,
    read_password,
    refuse_existing,
    run_with_desk,
    with_desk,
    write_csv,
)
from otae.contacts import shown_address
from otae.directory.files import export, formats, import_preview, import_run, provisioning
from otae.directory.files.provisioning import ImportProgress
from otae.directory.local import people
from otae.store import database
from otae.store.desk import Desk


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
    groups: tuple[str, ...],
    password_stdin: bool,
    json_wanted: bool,
    **entered: Any,  # noqa: ANN401 - whatever click made of each option
) -> None:
    """Add a local person."""
    password = read_password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        person = await people.add_person(desk, password=password, groups=groups, **entered, now=now, actor=ACTOR)
        email = shown_address(person.email) or None
        return {"name": person.name, "email": email, "phone": person.phone, "groups": list(groups)}

    emit(run_with_desk(work), json_wanted=json_wanted)


@user.command(name="list")
@as_json
@with_desk
async def user_list(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
    """List the local people."""
    return [row async for row in export.list_for_json()]


_format = click.option(
    "--format",
    "kind",
    type=click.Choice(formats.IMPORT_KINDS),
    help="Detected when left out; then no second cell is taken for a password.",
)


@user.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_format
@click.option("--dry-run", is_flag=True, help="Only print what would change.")
@as_json
def user_import(*, file: Path, kind: str | None, dry_run: bool, json_wanted: bool) -> None:
    """Import local people from FILE, a provisioning file or CSV with headings; print the result of each line."""

    async def work(desk: Desk, now: datetime) -> None:
        with file.open("rb") as opened:
            row = await provisioning.upload(desk, opened, file.name, kind=kind or "", now=now, actor=ACTOR, hold=True)
        await import_run.run(desk, row, clock=database.now, actor=ACTOR, dry_run=dry_run, on_checked=_print_passwords)
        before, left_out = "[", False
        async for page in provisioning.every_line(row):
            for line, writes in zip(page, await import_preview.previews(page), strict=True):
                left_out |= bool(writes.pop(formats.LEFT_OUT, ""))
                result = {"line": line.number, "user": line.name, "result": line.status, "changes": line.changes}
                result |= {"writes": writes} | ({"reason": line.reason} if line.reason else {})
                if json_wanted:
                    click.echo(f"{before}\n  {json.dumps(result, ensure_ascii=False)}", nl=False)
                    before = ","
                else:
                    words = line.reason or _words(writes)
                    click.echo(f"{line.number}  {line.name or '-'}  {line.status}  {words}".rstrip())
        if json_wanted:
            click.echo("\n]" if before == "," else "[]")
        if left_out:
            click.echo("Passwords in second cells were left out: choose --format users to set them.", err=True)

    run_with_desk(work)


def _print_passwords(progress: ImportProgress) -> None:
    if progress.passwords:
        click.echo(f"This file sets passwords of {progress.passwords} users.", err=True)


def _words(writes: dict[str, str]) -> str:
    """Describe the changes of a line: "display_name Ben Okafor; groups sales; gets a password"."""
    changes = [f"{name} {text or '-'}" for name, text in writes.items() if name != "password"]
    return "; ".join([*changes, *(["gets a password"] if "password" in writes else [])])


@user.command(name="export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--format", "kind", type=click.Choice(formats.KINDS), default=formats.CSV, show_default=True)
def user_export(*, file: Path, kind: str) -> None:
    """Write the local people into FILE ("-": standard output), to be imported again; passwords are not in it."""
    refuse_existing(file)

    async def work(_desk: Desk, _now: datetime) -> None:
        await write_csv(file, export.people(kind))

    run_with_desk(work)
