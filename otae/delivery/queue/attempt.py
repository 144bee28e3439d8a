"""One attempt to send one message that is ours: by which way it goes, and what came of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from otae.delivery import server_refusals
from otae.delivery.mail import smtp_pool
from otae.delivery.mail.mime import MessageRefused
from otae.delivery.queue import claims, rate_limit
from otae.delivery.queue.batch_writer import Together
from otae.delivery.queue.dispatch import Load, Way, by_catcher, by_server
from otae.delivery.queue.outcomes import NEAR, Accepted, Claimed, cancelled, deferred, failed, unknown
from otae.delivery.transport import (
    NotSent,
    NotYet,
    OutcomeUnknown,
    PolicyRefused,
    Receipt,
    RefusedForGood,
    ServerRefused,
    Superseded,
    Unreachable,
)
from otae.errors import StaleState
from otae.store.models import NotificationServer

#: A message that waited for a place this part of its lease needs a new one: what it has left must do for sending it.
WAITED = 1 / 10

log = structlog.get_logger("otae.delivery")


@dataclass(frozen=True, repr=False)
class Handful:
    """Messages claimed together, and what it takes to send them.

    ``servers``: the ways out, in order; ``refusing``: those that refused something of late; ``clock``: gives the time;
    ``since``: when they were claimed, on the clock that only goes forward; ``marks``: stores, for many at once, that
    the end of a content comes next; ``records``: that a message was taken.
    """

    load: Load
    servers: Sequence[NotificationServer]
    refusing: set[UUID]
    clock: Callable[[], datetime]
    since: float
    marks: Together[Claimed]
    records: Together[Accepted]


async def attempt(handful: Handful, claimed: Claimed) -> None:
    """Send one message of a handful, once, and record what came of it; a result that comes too late changes nothing."""
    try:
        await _attempt(handful, claimed)
    except StaleState as error:
        log.warning("late result dropped", reason=str(error))
    except Exception:
        # The others of the handful go on. This one stays "sending" until its lease ends.
        log.exception("a message could not be worked on", delivery=str(claimed.row.id))


async def _attempt(handful: Handful, claimed: Claimed) -> None:
    clock, servers = handful.clock, handful.servers
    retries = servers[0].retries if servers else NEAR
    try:
        receipt, by = await _send(handful, claimed)
    except Superseded as error:
        await cancelled(claimed, str(error), clock())
    except (MessageRefused, RefusedForGood) as error:
        await failed(claimed, str(error), clock())
    except PolicyRefused as error:
        if claimed.row.policy_refused:
            await failed(claimed, str(error), clock())
        else:
            await deferred(claimed, str(error), retries, clock(), by_policy=True)
    except NotYet as error:
        await deferred(claimed, str(error), retries, clock())
    except OutcomeUnknown as error:
        await unknown(claimed, str(error), clock())
    else:
        await handful.records.give(Accepted(claimed, receipt, by))


async def _send(handful: Handful, claimed: Claimed) -> tuple[Receipt, str]:
    """Send by the first server that can be reached; return its receipt and what the timeline calls the way."""
    servers, clock = handful.servers, handful.clock
    if not servers or claimed.invitation.rehearsal:
        way = by_catcher(handful.load, claimed, clock())
        return await _send_by(handful, claimed, way), way.name
    reasons: list[str] = []
    for at, server in enumerate(servers):
        way = await by_server(handful.load, claimed, server, clock())
        if at > 0 and not await rate_limit.take_slot(server, clock()):
            reasons.append(f"{way.name}: may not be given more this minute")
            continue
        try:
            receipt = await _send_by(handful, claimed, way)
        except PolicyRefused as error:
            if not await server_refusals.refused_by_policy(server, claimed, str(error), clock()):
                raise
            reason = str(error)
        except Unreachable as error:
            if isinstance(error, ServerRefused):
                await server_refusals.refused(server, claimed, str(error), clock())
            reason = str(error)
        else:
            if server.id in handful.refusing:
                await server_refusals.taken(server, claimed.row)
            by = way.name if server.active else f"standby {way.name}"
            return receipt, f"{by} ({'; '.join(reasons)})" if reasons else by
        smtp_pool.avoid(server.name)
        reasons.append(f"{way.name}: {reason}" if len(servers) > 1 else reason)
    raise NotYet("; ".join(reasons))


async def _send_by(handful: Handful, claimed: Claimed, way: Way) -> Receipt:
    waited = time.monotonic() - handful.since > WAITED * claims.LEASE.total_seconds()
    if waited or claimed.row.server_name != way.name[:100]:
        await claims.hold_on(claimed, way.name, handful.clock())
    try:
        receipt = await way.send(lambda: handful.marks.give(claimed))
    except NotSent as error:
        raise type(error)(handful.load.material.blanked(claimed.row, str(error))) from error
    return replace(receipt, words=handful.load.material.blanked(claimed.row, receipt.words))
