"""Reading the members of the directories' groups that roles are limited to, in workers and never for a page."""

from collections.abc import Iterable
from datetime import datetime

from otae.directory import scheduled_checks
from otae.directory.local.person_fields import DOMAIN
from otae.store import jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Job, Role

#: Kind of the job that reads the members.
READ_JOB = "role.groups"


async def read_groups(desk: Desk, *, now: datetime) -> None:
    """Read the members of all groups that roles are limited to; see `scheduled_checks.read_members`."""
    named = [name for role in await Role.all() for name in role.groups]
    await scheduled_checks.read_members(desk, named, now=now)


async def read_groups_soon(desk: Desk, groups: Iterable[str], *, by: str, now: datetime) -> None:
    """Enqueue a job that reads the members at once; nothing when all of ``groups`` are local."""
    if all(name.partition("/")[0] == DOMAIN for name in groups):
        return
    async with transaction():
        job = await jobs.enqueue(READ_JOB, {}, created_by=by, now=now)
    desk.bell.ring("job", job.id)


async def run_job(desk: Desk, job: Job, *, now: datetime) -> None:
    """Run the job of `read_groups_soon`."""
    await read_groups(desk, now=now)
    await jobs.finish(job, {"ok": True}, now=now)
