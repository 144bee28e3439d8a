"""`otae serve`, `worker` and `clock`, which run until SIGTERM; `migrate`; and `doctor`, which checks them.

`app` starts the processes, and `overview.doctor` has the checks.
"""

import asyncio
import sys
from datetime import datetime

import click

from otae import app
from otae.cli.command import as_json, commands, emit, run_with_desk, settings
from otae.overview import doctor as overview_doctor
from otae.store.desk import Desk
from otae.tasks import broker


@commands.command()
def serve() -> None:
    """Serve console, portal and Macs; in embedded mode also run worker and clock."""
    app.serve(settings())


@commands.command()
def worker() -> None:
    """Run a worker: send messages and run jobs, such as tests and rehearsals."""
    app.run_worker(settings())


@commands.command()
def clock() -> None:
    """Run the clock: start the periodic tasks when they are due."""
    app.run_clock(settings())


@commands.command()
def migrate() -> None:
    """Bring the database up to date; in a new installation also make keys and certificates."""
    asyncio.run(app.prepare(settings()))
    click.echo("The database is up to date and the keys are there.")


@commands.command()
@as_json
def doctor(*, json_wanted: bool) -> None:
    """Check this installation; exit 1 when a check failed."""

    async def work(desk: Desk, now: datetime) -> list[overview_doctor.Check]:
        return await overview_doctor.examine(desk, now=now, redis=await broker.check_redis(desk.settings))

    checks = run_with_desk(work, examining=True)
    emit(
        [{"check": row.name, "state": row.state, "words": row.words, "advice": row.advice} for row in checks],
        json_wanted=json_wanted,
    )
    if any(row.state == "failed" for row in checks):
        sys.exit(1)
