"""The clock's schedule: which periodic tasks there are, and how often each runs.

Every task is safe to run twice. Only one clock at a time runs them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog

from otae.accounts import browsers, kept_texts, password_links, recheck, role_groups
from otae.authority import rotation, serving
from otae.delivery import administrator_mails
from otae.delivery.queue import outbox
from otae.directory import rechecks, scheduled_checks
from otae.directory.files import provisioning
from otae.enrollment import sessions
from otae.invitations import campaign_run, deletion, groups, lifecycle, reminders
from otae.mdm import renewal, rescue
from otae.overview import notices, person_data, retention
from otae.rehearsal import run as rehearsal
from otae.store import database, failure_counters, jobs, query_statistics, rollout, search_index
from otae.store.desk import Desk
from otae.store.heartbeats import Activity
from otae.store.single_holder import ClockLock
from otae.tasks.broker import QueueBell

#: Seconds between checks of whether this process holds the clock's lock.
TURN_SECONDS: float = 5
#: Seconds that one run of a task may take; a longer one is cancelled and tried again after its interval.
TASK_TIMEOUT: float = 1200


async def forget_old(_desk: Desk, now: datetime) -> None:
    """Remove what has expired: signed-in browsers, kept forms, counters, password links, abandoned imports, notices."""
    await browsers.forget_old(now)
    await kept_texts.forget_old(now)
    await failure_counters.delete_expired(now)
    await password_links.forget_old(now)
    await provisioning.cancel_expired(now=now)
    await notices.forget_old(now)


#: Seconds: so that a running server finds what a command queued within two seconds.
SOON = 1.5
#: With ENOUGH hints in the queue no delivery is hinted at again (one hint is for up to a hundred of them), with MOST
#: nothing at all: slow or missing workers would otherwise find every row a hundred times over.
ENOUGH, MOST = 20, 1000

log = structlog.get_logger("otae.tasks")


@dataclass(frozen=True)
class PeriodicTask:
    """A task of the clock: ``work`` runs every ``seconds``."""

    name: str
    seconds: float
    work: Callable[[Desk, datetime], Awaitable[None]]


async def ring_deliveries(desk: Desk, now: datetime) -> None:
    """Send a hint for every delivery that is due, which also finds those whose hint was lost."""
    due = await outbox.sweep(now)
    if not await _has_backlog(desk, ENOUGH):
        desk.bell.ring("delivery", *due)


async def ring_jobs(desk: Desk, now: datetime) -> None:
    """Send a hint for every job that waits."""
    if not await _has_backlog(desk, MOST):
        for row in await jobs.waiting(now):
            desk.bell.ring("job", row)


async def ring_groups(desk: Desk, now: datetime) -> None:
    """Start the group invitations whose time has come, and send a hint for every one that has work to do."""
    await groups.start_due(desk, now=now)
    if not await _has_backlog(desk, MOST):
        for row in await groups.waiting(now):
            desk.bell.ring("group", row)


async def ring_imports(desk: Desk, now: datetime) -> None:
    """Send a hint for every import that has work to do."""
    if not await _has_backlog(desk, MOST):
        for row in await provisioning.waiting(now):
            desk.bell.ring(provisioning.BELL, row)


async def tell_administrators(desk: Desk, now: datetime) -> None:
    """Pass notices on to administrators, and send a hint for every mail to one of them that is due."""
    await notices.pass_on(now=now)
    if not await _has_backlog(desk, MOST):
        for row in await administrator_mails.waiting(now):
            desk.bell.ring(administrator_mails.BELL, row)


async def refresh_statistics(_desk: Desk, _now: datetime) -> None:
    """Refresh the table statistics that SQLite plans its queries by."""
    await query_statistics.refresh()


async def expire_invitations(_desk: Desk, now: datetime) -> None:
    """Expire the invitations whose time is over."""
    await lifecycle.expire_due(now)


async def remove_deleted(_desk: Desk, now: datetime) -> None:
    """Remove invitations whose deletion can no longer be undone."""
    await deletion.purge(now=now)


async def send_reminders(desk: Desk, now: datetime) -> None:
    """Send reminders to invited people who have not enrolled."""
    await reminders.send_due(desk, now=now)


async def follow_campaigns(desk: Desk, now: datetime) -> None:
    """Let campaigns follow their groups, invite their next waves and remind."""
    for row in await campaign_run.waiting(now):
        await campaign_run.step(desk, row, now=await database.now())


async def expire_sessions(_desk: Desk, now: datetime) -> None:
    """Expire the enrollment sessions whose time is over."""
    await sessions.expire_due(now)


async def remove_rehearsals(_desk: Desk, now: datetime) -> None:
    """Remove the rows of rehearsals whose process died."""
    await rehearsal.sweep(now=now)


async def renew_certificates(desk: Desk, now: datetime) -> None:
    """Renew the server's own certificates that expire soon."""
    for purpose in await rotation.renew_due(desk, now=now):
        log.info("a certificate was renewed", purpose=purpose)
    if await serving.renew_leaf(desk, now=now):
        log.info("a certificate was renewed", purpose="tls")


async def renew_identities(desk: Desk, now: datetime) -> None:
    """Queue a new certificate for every Mac whose certificate expires soon."""
    await renewal.renew_due(desk, now=now)


async def rescue_macs(desk: Desk, now: datetime) -> None:
    """Mark Macs that get lost, and invite their people again where that is wanted."""
    await rescue.mark(now=now)
    await rescue.invite_due(desk, now=now)


async def apply_retention(_desk: Desk, now: datetime) -> None:
    """Remove records that are older than the retention periods of this installation."""
    if erased := await person_data.erase_due(now=now):
        log.info("erased what was left of deleted people", people=erased)
    forgotten = await retention.forget_old(now=now)
    if forgotten.anything:
        log.info("removed what was kept long enough", **asdict(forgotten))


async def fill_search_texts(_desk: Desk, _now: datetime) -> None:
    """Fill the search column of rows that a process of the previous release wrote without it."""
    await search_index.fill_search_text(limit=10_000)


async def count_rollout(_desk: Desk, _now: datetime) -> None:
    """Count the steps that invitations have reached."""
    while await rollout.count_entries():
        pass


async def look_up_steps(_desk: Desk, _now: datetime) -> None:
    """Look up how far invitations are that a process of the previous release wrote."""
    await rollout.look_up_steps()


async def check_directories(desk: Desk, now: datetime) -> None:
    """Check which directories answer, who is in the groups that limit roles, and who is still an administrator."""
    await scheduled_checks.check_directories(desk, now=now)
    await recheck.recheck_signed_in(desk, now=now)
    await role_groups.read_groups(desk, now=now)


async def recheck_people(desk: Desk, now: datetime) -> None:
    """Check that directories still admit everybody who has an open enrollment session."""
    await rechecks.recheck_open_sign_ins(desk, now=now)


SCHEDULE: tuple[PeriodicTask, ...] = (
    PeriodicTask("deliveries", SOON, ring_deliveries),
    PeriodicTask("jobs", SOON, ring_jobs),
    PeriodicTask("groups", SOON, ring_groups),
    PeriodicTask("imports", SOON, ring_imports),
    PeriodicTask("notices", 10, tell_administrators),
    PeriodicTask("directories", scheduled_checks.INTERVAL, check_directories),
    PeriodicTask("people", rechecks.INTERVAL, recheck_people),
    PeriodicTask("invitations", 60, expire_invitations),
    PeriodicTask("deleted invitations", 5, remove_deleted),
    PeriodicTask("sessions", 60, expire_sessions),
    PeriodicTask("rehearsals", 60, remove_rehearsals),
    PeriodicTask("reminders", 600, send_reminders),
    PeriodicTask("campaigns", 60, follow_campaigns),
    PeriodicTask("renewals", 600, renew_identities),
    PeriodicTask("rescue", 600, rescue_macs),
    PeriodicTask("forget", 600, forget_old),
    PeriodicTask("retention", 600, apply_retention),
    PeriodicTask("statistics", 600, refresh_statistics),
    PeriodicTask("search texts", 60, fill_search_texts),
    PeriodicTask("rollout", SOON, count_rollout),
    PeriodicTask("furthest steps", 60, look_up_steps),
    PeriodicTask("certificates", 3600, renew_certificates),
)


async def run_clock(
    desk: Desk, tasks: Sequence[PeriodicTask] | None = None, *, activity: Activity | None = None
) -> None:
    """Run the periodic tasks until cancelled, each at its interval, while this process holds the `ClockLock`.

    A task that fails or takes longer than TASK_TIMEOUT seconds is logged and runs again after its interval; it delays
    no other task.

    Args:
        tasks: What to run instead of SCHEDULE.
        activity: Records the task that is running.
    """
    lock_held, activity = asyncio.Event(), activity or Activity()
    async with ClockLock(desk.settings) as lock, asyncio.TaskGroup() as group:
        group.create_task(_hold_lock(lock, lock_held))
        for task in SCHEDULE if tasks is None else tasks:
            group.create_task(_repeat(desk, task, lock_held, activity))


async def _hold_lock(lock: ClockLock, lock_held: asyncio.Event) -> None:
    """Keep ``lock_held`` set while this process holds the clock's lock; without the database no process holds it."""
    while True:
        try:
            is_held = await lock.try_acquire()
        except Exception as error:  # noqa: BLE001 - whatever the database's trouble is, the next look shows it again
            log.warning("the clock cannot take its lock", reason=type(error).__name__)
            is_held = False
        if is_held:
            lock_held.set()
        else:
            lock_held.clear()
        await asyncio.sleep(TURN_SECONDS)


async def _repeat(desk: Desk, task: PeriodicTask, lock_held: asyncio.Event, activity: Activity) -> None:
    while await lock_held.wait():
        try:
            with activity.doing(task.name):
                async with asyncio.timeout(TASK_TIMEOUT):
                    await task.work(desk, await database.now())
        except Exception as error:  # noqa: BLE001 - the database may be away; the next round finds what this one missed
            log.warning(
                "the clock could not do its work", row=task.name, reason=type(error).__name__, text=str(error)[:200]
            )
        await asyncio.sleep(task.seconds)


async def _has_backlog(desk: Desk, count: int) -> bool:
    return isinstance(desk.bell, QueueBell) and await asyncio.to_thread(desk.bell.has_backlog, count)
