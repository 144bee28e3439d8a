"""Importing a whole provisioning file in one call, for a command; workers do it in steps (`import_steps`)."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from otae.directory.files import provisioning
from otae.directory.files.import_steps import advance
from otae.directory.files.provisioning import ImportProgress, Status
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
    on_checked: Callable[[ImportProgress], None],
) -> None:
    """Check an uploaded file whose lease this process holds, and import it.

    The lease is renewed meanwhile: the workers of a running server continue the import only when this process dies.

    Args:
        row: the file, from `provisioning.upload` with ``hold``.
        clock: returns the current time of the database.
        dry_run: cancel the import after the check.
        on_checked: called with the result of the check, before anything is written.

    Raises:
        StaleState: somebody cancelled the import in the console.
    """
    try:
        while row.status in {Status.READING, Status.CHECKING}:
            await advance(desk, row, now=await clock())
            await leases.extend(row, await clock())
        on_checked(await provisioning.progress(row))
        if dry_run:
            await provisioning.cancel(row, now=await clock(), actor=actor)
            return
        await provisioning.start(desk, row, now=await clock(), actor=actor)
        while row.status == Status.IMPORTING:
            await advance(desk, row, now=await clock())
            await leases.extend(row, await clock())
    finally:
        await leases.give_back(row)
