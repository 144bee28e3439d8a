"""Work that may take longer than a second: stored first, done by a worker, followed by a page that polls."""

import asyncio
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.store import leases
from otae.store.database import transaction
from otae.store.models import Job
from otae.store.records import advance
from otae.store.states import JobStatus

#: A worker that has not finished a job by then is taken for dead.
LEASE = timedelta(minutes=5)
_UNFINISHED: Final = (JobStatus.QUEUED, JobStatus.RUNNING)


async def enqueue(kind: str, input: dict[str, object], *, created_by: str, now: datetime) -> Job:  # noqa: A002 - its name
    """Store a job; ring the bell for ("job", id) after the transaction."""
    job = Job(kind=kind, input=input, created_by=created_by, created_at=now)
    await job.save()
    return job


async def claim(job_id: UUID, now: datetime) -> Job | None:
    """Take a queued job, or one whose worker died; None when somebody else has it or it is done."""
    return await leases.claim(Job, job_id, _UNFINISHED, now, lease=LEASE, status=JobStatus.RUNNING)


async def progress(job: Job, output: dict[str, object]) -> None:
    """Replace the output of a claimed job while it runs; does nothing when another worker took it over."""
    await leases.held(job).update(output=output)


async def finish(job: Job, output: dict[str, object], *, now: datetime, failed: bool = False) -> None:
    """Store the output of a claimed job that ended; does nothing when another worker took it over."""
    to = JobStatus.FAILED if failed else JobStatus.DONE
    async with transaction():
        if await leases.held(job).select_for_update().first() is not None:
            await advance(job, to, event=(), now=now, output=output, finished_at=now, lease_until=None)


async def outcome(job_id: UUID) -> dict[str, object]:
    """Wait until a job is finished, by whomever, and return its output; TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while True:
            job = await Job.get(id=job_id)
            if job.finished_at:
                return job.output
            await asyncio.sleep(0.2)


async def waiting(now: datetime) -> list[UUID]:
    """Return the ids of the jobs that no worker holds and that are not finished, the oldest first, at most 100."""
    return await leases.waiting(Job, _UNFINISHED, now, limit=100)
