"""Groups of directories that roles are limited to: who is in them is read by workers, and no page waits for that."""

from collections.abc import Iterable
from datetime import datetime

from otae.directory import scheduled_checks
from otae.directory.person_fields import DOMAIN
from otae.store import jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Job, Role

#: The kind of the job that reads them.
READ = "role.groups"


async def read_groups(desk: Desk, *, now: datetime) -> None:
    """Read who is in the groups that roles are limited to, as `scheduled_checks.read_members` says."""
    named = [name for groups in await Role.all().values_list("groups", flat=True) for name in _names(groups)]
    await scheduled_checks.read_members(desk, named, now=now)


async def read_groups_soon(desk: Desk, groups: Iterable[str], *, by: str, now: datetime) -> None:
    """Let a worker read them at once; nothing when all of ``groups`` are our own."""
    if all(name.partition("/")[0] == DOMAIN for name in groups):
        return
    async with transaction():
        job = await jobs.enqueue(READ, {}, created_by=by, now=now)
    desk.bell.ring("job", job.id)


async def run_job(desk: Desk, job: Job, *, now: datetime) -> None:
    """Do what `read_groups_soon` ordered."""
    await read_groups(desk, now=now)
    await jobs.finish(job.id, {"ok": True}, now=now)


def _names(groups: object) -> list[str]:
    return [str(each) for each in groups] if isinstance(groups, list) else []
