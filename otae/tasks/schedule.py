"""What the clock rings, and how often. Everything here is safe to do twice; one clock at a time does it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog

from otae.accounts import browsers, kept_texts, password_links, recheck, role_groups
from otae.authority import rotation, serving
from otae.delivery.queue import outbox
from otae.directory import rechecks, scheduled_checks
from otae.directory.files import provisioning
from otae.enrollment import sessions
from otae.invitations import groups, lifecycle, reminders
from otae.mdm import renewal
from otae.overview import retention
from otae.rehearsal import run as rehearsal
from otae.store import database, failure_counters, jobs, query_statistics, search_index
from otae.store.desk import Desk
from otae.store.heartbeats import Activity
from otae.store.single_holder import ClockLock
from otae.tasks.broker import QueueBell

#: Seconds between looks at whose turn it is.
LOOK: float = 5
#: Seconds that one thing may take; what hangs longer is given up until its next time.
LONGEST: float = 1200


async def forget_old(_desk: Desk, now: datetime) -> None:
    """Remove what has run out: signed-in browsers, links for passwords, counters and files nobody waits for."""
    await browsers.forget_old(now)
    await kept_texts.forget_old(now)
    await failure_counters.delete_expired(now)
    await password_links.forget_old(now)
    await provisioning.cancel_expired(now=now)


#: What a command queued while a server runs is seen within two seconds.
SOON = 1.5
#: With so many hints in the queue no message is hinted at again (one hint is for up to a hundred of them), and with so
#: many nothing at all: workers that are slow (or gone) would find each of them a hundred times over.
ENOUGH, MOST = 20, 1000

log = structlog.get_logger("otae.tasks")


@dataclass(frozen=True)
class Row:
    """One thing the clock does: ``work`` every ``seconds``."""

    name: str
    seconds: float
    work: Callable[[Desk, datetime], Awaitable[None]]


async def ring_deliveries(desk: Desk, now: datetime) -> None:
    """Hint the workers at every message that waits: this finds what a lost queue forgot."""
    waiting = await outbox.sweep(now)
    if not await _holds(desk, ENOUGH):
        desk.bell.ring("delivery", *waiting)


async def ring_jobs(desk: Desk, now: datetime) -> None:
    """Hint the workers at every job that waits."""
    if not await _holds(desk, MOST):
        for row in await jobs.waiting(now):
            desk.bell.ring("job", row)


async def ring_groups(desk: Desk, now: datetime) -> None:
    """Hint the workers at every group invitation in which something is to be done."""
    if not await _holds(desk, MOST):
        for row in await groups.waiting(now):
            desk.bell.ring("group", row)


async def ring_imports(desk: Desk, now: datetime) -> None:
    """Hint the workers at every file of people in which something is to be done."""
    if not await _holds(desk, MOST):
        for row in await provisioning.waiting(now):
            desk.bell.ring(provisioning.BELL, row)


async def count_tables(_desk: Desk, _now: datetime) -> None:
    """Let SQLite know how large its tables have become."""
    await query_statistics.refresh()


async def expire_invitations(_desk: Desk, now: datetime) -> None:
    """End the invitations whose time is over."""
    await lifecycle.expire_due(now)


async def send_reminders(desk: Desk, now: datetime) -> None:
    """Remind those who were invited and have not enrolled."""
    await reminders.send_due(desk, now=now)


async def expire_sessions(_desk: Desk, now: datetime) -> None:
    """End the enrollment sessions whose time is over."""
    await sessions.expire_due(now)


async def remove_rehearsals(_desk: Desk, now: datetime) -> None:
    """Remove what rehearsals left behind whose process died."""
    await rehearsal.sweep(now=now)


async def renew_certificates(desk: Desk, now: datetime) -> None:
    """Renew those of our own certificates that end soon."""
    for purpose in await rotation.renew_due(desk, now=now):
        log.info("a certificate was renewed", purpose=purpose)
    if await serving.renew_leaf(desk, now=now):
        log.info("a certificate was renewed", purpose="tls")


async def renew_identities(desk: Desk, now: datetime) -> None:
    """Queue a new certificate for every Mac whose own ends soon."""
    await renewal.renew_due(desk, now=now)


async def keep_no_longer(_desk: Desk, now: datetime) -> None:
    """Remove what is older than this installation keeps."""
    forgotten = await retention.forget_old(now=now)
    if forgotten.anything:
        log.info("removed what was kept long enough", **asdict(forgotten))


async def fill_search_texts(_desk: Desk, _now: datetime) -> None:
    """Write what lists find rows by where a process of the release before wrote rows without it."""
    await search_index.fill_search_text(limit=10_000)


async def look_at_directories(desk: Desk, now: datetime) -> None:
    """See which directories answer, who is in the groups that roles are limited to, and who is still administrator."""
    await scheduled_checks.check_directories(desk, now=now)
    await recheck.recheck_signed_in(desk, now=now)
    await role_groups.read_groups(desk, now=now)


async def look_at_people(desk: Desk, now: datetime) -> None:
    """See whether directories still let in everybody whose sign-in is open."""
    await rechecks.recheck_open_sign_ins(desk, now=now)


ROWS: tuple[Row, ...] = (
    Row("deliveries", SOON, ring_deliveries),
    Row("jobs", SOON, ring_jobs),
    Row("groups", SOON, ring_groups),
    Row("imports", SOON, ring_imports),
    Row("directories", scheduled_checks.INTERVAL, look_at_directories),
    Row("people", rechecks.INTERVAL, look_at_people),
    Row("invitations", 60, expire_invitations),
    Row("sessions", 60, expire_sessions),
    Row("rehearsals", 60, remove_rehearsals),
    Row("reminders", 600, send_reminders),
    Row("renewals", 600, renew_identities),
    Row("forget", 600, forget_old),
    Row("retention", 600, keep_no_longer),
    Row("statistics", 600, count_tables),
    Row("search texts", 60, fill_search_texts),
    Row("certificates", 3600, renew_certificates),
)


async def run_clock(desk: Desk, rows: Sequence[Row] | None = None, *, activity: Activity | None = None) -> None:
    """Do each of ``rows`` (ROWS) in its rhythm, until cancelled, whenever this process's clock has the turn.

    A row that fails, or hangs for LONGEST, is logged and done again in its rhythm; it holds no other row up.
    """
    ours, told = asyncio.Event(), activity or Activity()
    async with ClockLock(desk.settings) as turn, asyncio.TaskGroup() as group:
        group.create_task(_keep(turn, ours))
        for row in ROWS if rows is None else rows:
            group.create_task(_repeat(desk, row, ours, told))


async def _keep(turn: ClockLock, ours: asyncio.Event) -> None:
    """Set ``ours`` while this process has the turn; without the database nobody has it."""
    while True:
        try:
            mine = await turn.try_acquire()
        except Exception as error:  # noqa: BLE001 - whatever the database's trouble is, the next look shows it again
            log.warning("the clock cannot take its turn", reason=type(error).__name__)
            mine = False
        if mine:
            ours.set()
        else:
            ours.clear()
        await asyncio.sleep(LOOK)


async def _repeat(desk: Desk, row: Row, ours: asyncio.Event, activity: Activity) -> None:
    while await ours.wait():
        try:
            with activity.doing(row.name):
                async with asyncio.timeout(LONGEST):
                    await row.work(desk, await database.now())
        except Exception as error:  # noqa: BLE001 - the database may be away; the next round finds what this one missed
            log.warning(
                "the clock could not do its work", row=row.name, reason=type(error).__name__, text=str(error)[:200]
            )
        await asyncio.sleep(row.seconds)


async def _holds(desk: Desk, count: int) -> bool:
    return isinstance(desk.bell, QueueBell) and await asyncio.to_thread(desk.bell.holds, count)
