"""Macs."""

from datetime import datetime

import click

from otae.cli.command import ACTOR, as_json, commands, emit, run_with_desk
from otae.errors import DeviceUnknown
from otae.mdm import devices
from otae.store.desk import Desk


@commands.group()
def device() -> None:
    """Macs."""


@device.command(name="list")
@as_json
def device_list(*, json_wanted: bool) -> None:
    """List the Macs."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        return [row.as_json() async for row in devices.every_device()]

    emit(run_with_desk(work), json_wanted=json_wanted)


@device.command(name="show")
@click.argument("udid")
@as_json
def device_show(*, udid: str, json_wanted: bool) -> None:
    """Show one Mac."""

    async def work(_desk: Desk, _now: datetime) -> dict[str, object]:
        found = await devices.find_device(udid)
        if found is None:
            raise DeviceUnknown(f"there is no Mac {udid[:64]!r}")
        return found.as_json()

    emit(run_with_desk(work), json_wanted=json_wanted)


@device.command(name="release")
@click.argument("udid")
def device_release(*, udid: str) -> None:
    """Let somebody else enroll this Mac."""

    async def work(_desk: Desk, now: datetime) -> None:
        await devices.release(udid, now=now, actor=ACTOR)

    run_with_desk(work)
