"""`otae device`: listing the known Macs and releasing one (`mdm.devices`)."""

from datetime import datetime

import click

from otae.cli.command import ACTOR, as_json, commands, with_desk
from otae.errors import DeviceUnknown
from otae.mdm import devices
from otae.store.desk import Desk


@commands.group()
def device() -> None:
    """Macs."""


@device.command(name="list")
@as_json
@with_desk
async def device_list(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
    """List the Macs."""
    return [row.as_json() async for row in devices.every_device()]


@device.command(name="show")
@click.argument("udid")
@as_json
@with_desk
async def device_show(_desk: Desk, _now: datetime, udid: str) -> dict[str, object]:
    """Show one Mac."""
    found = await devices.find_device(udid)
    if found is None:
        raise DeviceUnknown(f"there is no Mac {udid[:64]!r}")
    return found.as_json()


@device.command(name="release")
@click.argument("udid")
@with_desk
async def device_release(_desk: Desk, now: datetime, udid: str) -> None:
    """Let somebody else enroll this Mac."""
    await devices.release(udid, now=now, actor=ACTOR)
