"""Importing a file of people in one go, for a command: what a worker does in steps."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from otae.directory.files import provisioning
from otae.directory.files.import_steps import advance
from otae.directory.files.provisioning import Progress, Status
from otae.store import leases
from otae.store.desk import Desk
from otae.store.models import PeopleImport


async def run(
    desk: Desk,
    row: PeopleImport,
    *,
    clock: Callable[[], Awaitable[datetime]],
    actor: str,
    dry_run: bool,
    checked: Callable[[Progress], None],
) -> None:
    """Look a file through that one took and holds, and import it; ``dry_run``: cancel it instead. For commands.

    ``checked`` hears what was found, before anything is written. The file is held meanwhile: a server beside takes it
    up only when this process dies. Raises StaleState when somebody cancelled it in the console.
    """
    try:
        while row.status in {Status.READING, Status.CHECKING}:
            await advance(desk, row, now=await clock())
            await leases.hold_on(row, await clock())
        checked(await provisioning.progress(row))
        if dry_run:
            await provisioning.cancel(row, now=await clock(), actor=actor)
            return
        await provisioning.start(desk, row, now=await clock(), actor=actor)
        while row.status == Status.IMPORTING:
            await advance(desk, row, now=await clock())
            await leases.hold_on(row, await clock())
    finally:
        await leases.let_go(row)
