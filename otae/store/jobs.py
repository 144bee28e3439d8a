"""Work that may take longer than a second: stored first, done by a worker, followed by a page that polls."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.expressions import Q

from otae.store.models import Job

#: A worker that has not finished a job by then is taken for dead.
LEASE = timedelta(minutes=5)


async def enqueue(kind: str, input: dict[str, object], *, created_by: str, now: datetime) -> Job:  # noqa: A002 - its name
    """Store a job; ring the bell for ("job", id) after the transaction."""
    job = Job(kind=kind, input=input, created_by=created_by, created_at=now)
    await job.save()
    return job


async def claim(job_id: UUID, now: datetime) -> Job | None:
    """Take a queued job, or one whose worker died; None when somebody else has it or it is done."""
    free = Q(status="queued") | Q(status="running", lease_until__lt=now)
    if await Job.filter(free, id=job_id).update(status="running", lease_until=now + LEASE) != 1:
        return None
    return await Job.get(id=job_id)


async def progress(job_id: UUID, output: dict[str, object]) -> None:
    """Replace what a running job shows so far."""
    await Job.filter(id=job_id, status="running").update(output=output)


async def finish(job_id: UUID, output: dict[str, object], *, now: datetime, failed: bool = False) -> None:
    """Store a job's result."""
    await Job.filter(id=job_id, status="running").update(
        status="failed" if failed else "done", output=output, finished_at=now, lease_until=None
    )


async def outcome(job_id: UUID) -> dict[str, object]:
    """Wait until a job is finished, by whomever, and return its output; TimeoutError after a minute."""
    async with asyncio.timeout(60):
        while True:
            job = await Job.get(id=job_id)
            if job.finished_at:
                return job.output
            await asyncio.sleep(0.2)


async def waiting(now: datetime) -> list[UUID]:
    """Return the jobs that a worker should be hinted at."""
    free = Q(status="queued") | Q(status="running", lease_until__lt=now)
    return [row.id for row in await Job.filter(free).order_by("created_at").limit(100)]
