"""`otae serials`: the lists of the organization's Macs and of refused ones (`invitations.serial_lists`)."""

from datetime import datetime
from pathlib import Path

import click

from otae.cli.command import ACTOR, as_json, commands, with_desk
from otae.invitations import serial_files, serial_lists
from otae.invitations.serial_lists import COMPANY, KINDS
from otae.store.desk import Desk

_list = click.option("--list", "kind", type=click.Choice(list(KINDS)), default=COMPANY, show_default=True)


@commands.group()
def serials() -> None:
    """Serial numbers of the organization's Macs, and of Macs that may not enroll."""


@serials.command(name="list")
@_list
@as_json
@with_desk
async def serials_list(_desk: Desk, _now: datetime, kind: str) -> list[dict[str, object]]:
    """Print one of the lists."""
    return [{"serial": row.serial, "note": row.note} async for page in serial_lists.every_row(kind) for row in page]


@serials.command(name="add")
@click.argument("serial", nargs=-1)
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="CSV with serial numbers.")
@click.option("--note", default="")
@_list
@as_json
@with_desk
async def serials_add(
    _desk: Desk, now: datetime, serial: tuple[str, ...], file: Path | None, note: str, kind: str
) -> dict[str, object]:
    """Put serial numbers on a list; those on the other one are moved."""
    lines = list(enumerate(serial, 1))
    if file:
        with file.open("rb") as opened:
            lines += serial_files.read_file(opened)
    added = await serial_lists.add(kind, lines, note=note, now=now, actor=ACTOR)
    return {"added": added.new, "moved": added.moved, "known": added.known}


@serials.command(name="remove")
@click.argument("serial", nargs=-1, required=True)
@as_json
@with_desk
async def serials_remove(_desk: Desk, now: datetime, serial: tuple[str, ...]) -> dict[str, object]:
    """Take serial numbers off the list they are on."""
    return {"removed": await serial_lists.remove(serial, now=now, actor=ACTOR)}
