"""`otae property`: reading and changing server properties (`store.properties`)."""

import json
from datetime import datetime

import click

from otae.cli.command import ACTOR, as_json, commands, display_text, run_with_desk, with_desk
from otae.store import properties, property_changes
from otae.store.desk import Desk


@commands.group(name="property")
def property_() -> None:
    """Server properties."""


@property_.command(name="list")
@as_json
@with_desk
async def property_list(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
    """List the server properties with the values in force."""
    values = await properties.read_all()
    return [
        {"name": row.name, "value": values[row.name], "default": row.default, "help": row.help}
        for row in properties.PROPERTIES
    ]


@property_.command(name="get")
@click.argument("name")
@as_json
def property_get(*, name: str, json_wanted: bool) -> None:
    """Print one server property."""

    async def work(_desk: Desk, _now: datetime) -> properties.Value:
        return await properties.read(name)

    value = run_with_desk(work)
    click.echo(json.dumps({"name": name, "value": value}) if json_wanted else display_text(value))


@property_.command(name="set")
@click.argument("name")
@click.argument("value")
@with_desk
async def property_set(_desk: Desk, now: datetime, name: str, value: str) -> None:
    """Change one server property."""
    await property_changes.change(name, value, now=now, actor=ACTOR)
