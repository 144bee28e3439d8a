"""Rehearsals ordered from the dashboard."""

from datetime import timedelta

import pytest

from otae.errors import InputRefused
from otae.overview import rehearsals
from otae.store import database, jobs
from otae.store.desk import Desk
from otae.store.models import Job
from tests.desks import RecordingBell

pytestmark = pytest.mark.anyio


async def test_one_is_ordered_and_rung_for(desk: Desk, bell: RecordingBell) -> None:
    assert await rehearsals.last() is None
    await rehearsals.start(desk, "two_factor", now=await database.now(), actor="ada")
    last = await rehearsals.last()
    assert last is not None
    assert (last.mode, last.status, last.is_running, last.created_by) == ("Two Factor", "queued", True, "ada")
    assert bell.rung == [("job", last.id)]


async def test_a_second_one_waits_until_the_first_is_done_or_dead(desk: Desk) -> None:
    now = await database.now()
    await rehearsals.start(desk, "two_factor", now=now, actor="ada")
    with pytest.raises(InputRefused, match="running already"):
        await rehearsals.start(desk, "two_factor", now=now, actor="ada")
    await rehearsals.start(desk, "two_factor", now=now + jobs.LEASE + timedelta(seconds=1), actor="ada")


async def test_a_mode_that_is_off_is_refused(desk: Desk) -> None:
    with pytest.raises(InputRefused, match="modes that are on"):
        await rehearsals.start(desk, "invitation_url", now=await database.now(), actor="ada")
    assert not await Job.exists()


async def test_its_steps_and_its_end_are_read(desk: Desk) -> None:
    now = await database.now()
    await rehearsals.start(desk, "two_factor", now=now, actor="ada")
    job = await jobs.claim((await Job.get()).id, now)
    assert job is not None
    steps = [{"name": "sign in", "seconds": 0.25, "ok": False, "words": "signin-failed"}]
    output: dict[str, object] = {"ok": False, "words": "signin-failed", "seconds": 1.5, "steps": steps}
    await jobs.finish(job, output, now=now, failed=True)
    last = await rehearsals.last()
    assert last is not None
    assert (last.ok, last.status, last.total, last.is_running) == (False, "failed", timedelta(seconds=1.5), False)
    assert [(step.name, step.length, step.ok) for step in last.steps] == [("sign in", timedelta(seconds=0.25), False)]
