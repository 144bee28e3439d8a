"""Jobs: whoever claimed one ends it, unless another worker followed."""

from datetime import timedelta

import pytest

from otae.store import database, jobs
from otae.store.desk import Desk
from otae.store.models import Job

pytestmark = pytest.mark.anyio


async def test_a_job_is_done_by_the_one_who_claimed_it(desk: Desk) -> None:
    now = await database.now()
    job = await jobs.enqueue("rehearsal", {}, created_by="ada", now=now)
    assert await jobs.waiting(now) == [job.id]
    await jobs.finish(job, {"by": "nobody"}, now=now)
    claimed = await jobs.claim(job.id, now)
    assert claimed is not None
    assert (claimed.status, claimed.output) == ("running", {})
    assert await jobs.claim(job.id, now) is None
    assert await jobs.waiting(now) == []
    await jobs.progress(claimed, {"half": True})
    assert (await Job.get(id=job.id)).output == {"half": True}
    await jobs.finish(claimed, {"ok": True}, now=now)
    await jobs.finish(claimed, {"ok": False}, now=now, failed=True)
    done = await Job.get(id=job.id)
    assert (done.status, done.output, done.finished_at, done.lease_until) == ("done", {"ok": True}, now, None)
    assert await jobs.waiting(now + jobs.LEASE * 2) == []


async def test_a_paused_worker_neither_ends_a_job_nor_shows_anything_once_another_took_over(desk: Desk) -> None:
    now = await database.now()
    job = await jobs.enqueue("rehearsal", {}, created_by="ada", now=now)
    first = await jobs.claim(job.id, now)
    later = now + jobs.LEASE + timedelta(seconds=1)
    assert await jobs.waiting(later) == [job.id]
    second = await jobs.claim(job.id, later)
    assert first is not None
    assert second is not None
    await jobs.progress(second, {"half": True})
    await jobs.progress(first, {"by": "first"})
    await jobs.finish(first, {"by": "first"}, now=later, failed=True)
    row = await Job.get(id=job.id)
    assert (row.status, row.output, row.lease_until) == ("running", {"half": True}, later + jobs.LEASE)
    assert await jobs.claim(job.id, later) is None
    await jobs.finish(second, {"by": "second"}, now=later)
    row = await Job.get(id=job.id)
    assert (row.status, row.output, row.finished_at) == ("done", {"by": "second"}, later)
