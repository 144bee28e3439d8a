"""A worker killed in the middle of a file of people: the file is finished by the next one, and each person is one."""

import io
import random
import signal
from functools import partial

import pytest

from otae.directory.files import provisioning
from otae.directory.files.provisioning import LineState, Status
from otae.store import database
from otae.store.models import AuditEntry, Membership, PeopleImport, Person
from tests.chaos.house import FULL, House
from tests.tasks.conftest import eventually

pytestmark = pytest.mark.anyio

PEOPLE = 20_000 if FULL else 240
KILLS = 10 if FULL else 2
#: A lease that no test has to wait a minute for.
HURRY = (
    "from datetime import timedelta; from otae.directory.files import provisioning\n"
    "provisioning.LEASE = timedelta(seconds=3)"
)


def written() -> bytes:
    lines = [f"p{at:05},Person {at},p{at:05}@example.test,crowd.part{at % 7}" for at in range(PEOPLE)]
    return "\n".join(["user,name,email,groups", *lines]).encode()


async def progress(row: PeopleImport) -> tuple[str, provisioning.ImportProgress]:
    now = await PeopleImport.get(id=row.id).only("id", "status", "rows")
    return now.status, await provisioning.progress(now)


async def test_a_file_outlives_the_workers_that_import_it(house: House, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to kill, not a secret
    house.start("clock", first=HURRY)
    worker = house.worker(HURRY)
    file, now = io.BytesIO(written()), await database.now()
    row = await provisioning.upload(house.desk, file, "people.csv", now=now, actor="ada")

    async def kill() -> None:
        nonlocal worker
        worker.tell(signal.SIGKILL)
        worker.end()
        worker = house.worker(HURRY)

    async def checked(lines: int) -> bool:
        status, at = await progress(row)
        return status == Status.READY or at.checked >= lines

    async def done(people: int) -> bool:
        status, at = await progress(row)
        return status == Status.DONE or at.done >= people

    await eventually(partial(checked, dice.randrange(1, PEOPLE // 2)), seconds=60)
    await kill()
    await eventually(partial(checked, PEOPLE + 1), seconds=300)
    row = await PeopleImport.get(id=row.id)
    await provisioning.start(house.desk, row, now=await database.now(), actor="ada")
    share = PEOPLE // (KILLS + 1)
    for number in range(KILLS):
        await eventually(partial(done, share * number + dice.randrange(1, share)), seconds=300)
        await kill()
    await eventually(partial(done, PEOPLE + 1), seconds=300)
    await check(row)
    house.note("messages", PEOPLE)
    house.note("kills", KILLS + 1)


async def check(row: PeopleImport) -> None:
    """See that everybody is there once, and that the result says so of each line."""
    status, at = await progress(row)
    assert (status, at.findings[LineState.ADDED], at.rows) == (Status.DONE, PEOPLE, PEOPLE)
    assert await Person.filter(name__startswith="p").count() == PEOPLE
    assert await Membership.all().count() == PEOPLE
    lines = [line async for page in provisioning.every_line(row) for line in page]
    assert [line.number for line in lines] == list(range(2, PEOPLE + 2))
    assert len({line.person_id for line in lines}) == PEOPLE
    assert await AuditEntry.filter(action="people-import.done").count() == 1
