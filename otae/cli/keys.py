"""`otae keys`: making, replacing and checking master keys (`store.keyring`, `store.sealed`)."""

import dataclasses
import json
from datetime import datetime

import click

from otae.cli.command import ACTOR, as_json, commands, emit, fail, run_with_desk
from otae.errors import InputRefused
from otae.store import heartbeats, keyring, sealed
from otae.store.desk import Desk


@commands.group()
def keys() -> None:
    """Master keys."""


@keys.command(name="generate")
@as_json
def keys_generate(*, json_wanted: bool) -> None:
    """Print a new master key for OTAE_MASTER_KEYS."""
    key = keyring.new_master_key()
    click.echo(json.dumps({"key": key}) if json_wanted else key)


@keys.command(name="rotate")
@click.option("--anyway", is_flag=True, help="Also when a running process lacks the first key.")
@as_json
def keys_rotate(*, anyway: bool, json_wanted: bool) -> None:
    """Seal every secret again under the first master key; the server may keep running.

    Refused while a running process was started without that key: afterwards it could open no secret.
    """

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        lacking = await heartbeats.processes_without_key(desk.vault.key_ids[0], now=now)
        if lacking and not anyway:
            raise InputRefused(
                {"": f"restart these first, they were started without the first master key: {', '.join(lacking)}"}
            )
        return dataclasses.asdict(await sealed.reseal(desk.vault, now=now, actor=ACTOR))

    done = run_with_desk(work)
    emit(done, json_wanted=json_wanted)
    if done["unopened"]:
        fail(f"{done['unopened']} values do not open with any key that is given: see `otae keys check`")


@keys.command(name="check")
@as_json
def keys_check(*, json_wanted: bool) -> None:
    """Show how many secrets each master key opens; a key that opens none may be removed."""

    async def work(desk: Desk, _now: datetime) -> sealed.SealedCounts:
        return await sealed.count_by_key(desk.vault)

    counts = run_with_desk(work)
    emit([dataclasses.asdict(use) for use in counts.keys], json_wanted=json_wanted)
    if counts.foreign or counts.broken:
        fail(f"{counts.foreign} values are sealed with keys that are not given, {counts.broken} are damaged")
