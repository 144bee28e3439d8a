"""Files of people, and a worker for them."""

import io
from typing import Any

from otae.directory.files import import_steps, provisioning
from otae.directory.files.provisioning import Status
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import PeopleImport, PeopleImportLine


async def taken(desk: Desk, text: str | bytes, kind: str = "", **given: Any) -> PeopleImport:  # noqa: ANN401 - a test gives what it needs by name
    """Take a file."""
    data = text.encode() if isinstance(text, str) else text
    now = await database.now()
    return await provisioning.upload(desk, io.BytesIO(data), "people.csv", kind=kind, now=now, actor="ada", **given)


async def work(desk: Desk, row: PeopleImport, steps: int = 1000) -> PeopleImport:
    """Be the worker until nothing is left to do at once, for ``steps`` at most; return the row as it is then."""
    for _ in range(steps):
        if not await import_steps.step(desk, row.id, now=await database.now()):
            break
    return await PeopleImport.get(id=row.id)


async def checked(desk: Desk, text: str | bytes, kind: str = "") -> PeopleImport:
    """Take a file and look it through."""
    row = await work(desk, await taken(desk, text, kind))
    assert row.status == Status.READY
    return row


async def imported(desk: Desk, text: str | bytes, kind: str = "") -> PeopleImport:
    """Take a file and import it."""
    row = await checked(desk, text, kind)
    await provisioning.start(desk, row, now=await database.now(), actor="ada")
    return await work(desk, row)


async def findings(row: PeopleImport) -> list[tuple[int, str, str]]:
    """Give number, finding and what changes, or why it is refused, of each line."""
    rows = await PeopleImportLine.filter(people_import_id=row.id).order_by("number")
    return [(line.number, line.status, line.reason or " ".join(line.changes)) for line in rows]
