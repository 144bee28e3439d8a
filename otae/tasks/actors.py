"""The actors of the queue: each takes a row's id, or a list of ids, and calls the room that owns the row.

They pass on the database's time. What an actor does with a row is the room's business.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import dramatiq
import structlog

from otae.accounts import role_groups
from otae.delivery import administrator_mails, connection_test
from otae.delivery.queue import worker
from otae.delivery.texts import template_preview
from otae.directory.files import import_steps
from otae.directory.ldap import servers as directories
from otae.errors import DatabaseAway
from otae.invitations import bulk_actions, group_worker
from otae.overview import notices
from otae.rehearsal import run
from otae.store import database, jobs
from otae.store.desk import Desk
from otae.store.heartbeats import Activity

Actor = Callable[[Any], Awaitable[None]]
#: Kind of job → who does it: ``(desk, job, now=…)``, storing its own result.
JOBS: Mapping[str, Callable[..., Awaitable[None]]] = {
    connection_test.TEST: connection_test.run_test,
    directories.TEST_JOB: directories.run_test,
    role_groups.READ_JOB: role_groups.run_job,
    bulk_actions.JOB: bulk_actions.run_job,
    template_preview.JOB_KIND: template_preview.run_draft,
    "rehearsal": run.run_job,
}
#: Jobs at a time in one process: a job may wait for a mail, so threads must be left for deliveries.
JOBS_AT_ONCE = 2
#: Seconds a job may take; shorter than its lease.
JOB_TIMEOUT = 240

log = structlog.get_logger("otae.tasks")


def declare_actors(broker: dramatiq.Broker, desk: Desk, activity: Activity) -> None:
    """Register the actors for ``desk`` with ``broker``; their coroutines run on the loop of `runtime.HostLoop`."""

    async def deliver(delivery_ids: list[str] | str) -> None:
        # Earlier releases put a single id into the queue.
        ids = [delivery_ids] if isinstance(delivery_ids, str) else delivery_ids
        await worker.deliver_all(desk, [UUID(each) for each in ids], now=await database.now())

    job_slots = asyncio.Semaphore(JOBS_AT_ONCE)

    async def do_job(job_id: str) -> None:
        # Do not wait for a slot: this thread stays free for deliveries, and the clock sends the hint again.
        if not job_slots.locked():
            async with job_slots:
                await run_job(desk, UUID(job_id))

    group_slot = asyncio.Semaphore(1)

    async def invite_group(group_invitation_id: str) -> None:
        # One step of one group invitation at a time: the other threads are for deliveries.
        if not group_slot.locked():
            async with group_slot:
                more = await group_worker.step(desk, UUID(group_invitation_id), now=await database.now())
            if more:
                desk.bell.ring("group", UUID(group_invitation_id))

    import_slot = asyncio.Semaphore(1)

    async def import_people(import_id: str) -> None:
        # One page of one import at a time: hashing its passwords takes the processor.
        if not import_slot.locked():
            async with import_slot:
                more = await import_steps.step(desk, UUID(import_id), now=await database.now())
            if more:
                desk.bell.ring("import", UUID(import_id))

    _declare(broker, activity, import_people, invite_group, deliver, do_job, _administrator_mailer(desk))


def _administrator_mailer(desk: Desk) -> Actor:
    async def mail_administrator(mail_id: str) -> None:
        await administrator_mails.send(desk, UUID(mail_id), notices.compose, now=await database.now())

    return mail_administrator


def _declare(broker: dramatiq.Broker, activity: Activity, *actors: Actor) -> None:
    for actor in actors:
        dramatiq.actor(broker=broker, actor_name=actor.__name__)(_tracked(actor, activity))


def _tracked(actor: Actor, activity: Activity) -> Actor:
    """Return ``actor`` wrapped: it records its activity and logs its failures, never with the ids it was given."""

    async def work(argument: Any) -> None:  # noqa: ANN401 - an id, or a list of them
        name = actor.__name__
        try:
            with activity.doing(name):
                await actor(argument)
        except DatabaseAway as error:
            log.warning("left for the sweep to find again", what=name, reason=str(error))
        except Exception:
            log.exception("a message of the queue failed", what=name)

    return work


async def run_job(desk: Desk, job_id: UUID) -> None:
    """Claim a waiting job and run it; do nothing when another worker has it.

    An unforeseen error is logged and becomes the job's result.
    """
    job = await jobs.claim(job_id, await database.now())
    if job is None:
        return
    try:
        async with asyncio.timeout(JOB_TIMEOUT):
            await JOBS[job.kind](desk, job, now=await database.now())
    except Exception:
        log.exception("a job failed", job=str(job_id), kind=job.kind)
        failure: dict[str, object] = {"ok": False, "words": "This did not work. The server's log says why."}
        await jobs.finish(job, failure, now=await database.now(), failed=True)
