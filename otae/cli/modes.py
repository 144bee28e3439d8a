"""`otae mode`: the enrollment modes and their values (`invitations.modes`, `invitations.mode_values`)."""

from datetime import datetime
from typing import Any

import click

from otae.cli.command import ACTOR, as_json, commands, emit, run_with_desk, with_desk
from otae.invitations import mode_values
from otae.invitations.mode_values import ModeValues
from otae.invitations.modes import all_modes, known_mode
from otae.store import properties
from otae.store.desk import Desk
from otae.store.mode_table import Mode


@commands.group(name="mode")
def mode_() -> None:
    """Enrollment modes."""


async def _mode_rows(*modes: Mode) -> list[dict[str, object]]:
    default = await properties.word("enrollment.default.mode")
    return [mode_values.as_json(mode, default=mode.name == default) for mode in modes]


@mode_.command(name="list")
@as_json
def mode_list(*, json_wanted: bool) -> None:
    """List the modes with the values in force."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        return await _mode_rows(*await all_modes())

    rows = run_with_desk(work)
    names = (
        "name",
        "enabled",
        "default",
        "self_service",
        "approval",
        "valid_for",
        "max_tries",
        "pin_length",
        "pin_letters",
    )
    emit(rows if json_wanted else [{name: row[name] for name in names} for row in rows], json_wanted=json_wanted)


@mode_.command(name="show")
@click.argument("name")
@as_json
@with_desk
async def mode_show(_desk: Desk, _now: datetime, name: str) -> dict[str, object]:
    """Show one mode."""
    return (await _mode_rows(await known_mode(name)))[0]


@mode_.command(name="set")
@click.argument("name")
@click.option("--on/--off", "enabled", default=None, help="Whether invitations may be made in it.")
@click.option("--self-service/--no-self-service", default=None, help="Whether people may invite themselves in it.")
@click.option("--valid-for", metavar="TIME", help="Life of an invitation: 1h to 365d; never where nothing is mailed.")
@click.option("--tries", "max_tries", type=int, help="Wrong PINs before the invitation has to be sent again.")
@click.option("--pin-length", type=int)
@click.option("--pin-letters/--pin-digits", default=None, help="What PINs are made of.")
@click.option("--approval", metavar="WHO", help="Who approves before a Mac is enrolled: none, administrator, manager.")
@click.option("--url-template", help='Name of the template for invitations that name none; "" for the system\'s.')
@click.option("--pin-template")
@click.option("--confirmation-template")
@click.option("--default", is_flag=True, help="Offer it first when somebody is invited.")
@as_json
@with_desk
async def mode_set(
    _desk: Desk,
    now: datetime,
    name: str,
    url_template: str | None,
    pin_template: str | None,
    confirmation_template: str | None,
    **entered: Any,  # noqa: ANN401 - whatever click made of each option
) -> dict[str, object]:
    """Change values of one mode; what is left out stays as it is."""
    named = {"url": url_template, "pin": pin_template, "confirmation": confirmation_template}
    chosen = {kind: text for kind, text in named.items() if text is not None}
    values = ModeValues(templates=chosen or None, **entered)
    return (await _mode_rows(await mode_values.set_values(name, values, now=now, actor=ACTOR)))[0]
