"""One attempt to send one claimed message: choose a server, send, and record the outcome."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from otae.delivery import server_refusals
from otae.delivery.mail.mime import MessageRefused
from otae.delivery.mail.smtp_pool import SmtpPool
from otae.delivery.queue import claims, rate_limit
from otae.delivery.queue.batch_writer import BatchWriter
from otae.delivery.queue.dispatch import BatchData, PreparedMessage, prepare
from otae.delivery.queue.outcomes import (
    DEFAULT_RETRIES,
    Accepted,
    Claimed,
    record_cancelled,
    record_deferred,
    record_failed,
    record_outcome_unknown,
)
from otae.delivery.transport import (
    NotSent,
    OutcomeUnknown,
    PermanentlyRefused,
    PolicyRefused,
    Receipt,
    ServerRefused,
    Superseded,
    TemporaryFailure,
    Unreachable,
)
from otae.errors import StaleState
from otae.store.models import NotificationServer

#: The part of a lease after which a message that waited for a permit renews it, so that enough is left for sending.
RENEW_LEASE_AFTER = 1 / 10
#: Attempts after which a server without a standby counts as unreachable; before, it may have been started anew.
LONG_UNREACHABLE = 3

log = structlog.get_logger("otae.delivery")


@dataclass(frozen=True, repr=False)
class Batch:
    """Messages that were claimed together, and what is needed to send them.

    Attributes:
        data: What the messages are composed from.
        servers: The servers to try, in order; empty when the catcher takes the messages.
        refusing: Ids of the servers that have a refusal on record.
        clock: Returns the current time.
        claimed_at: When the messages were claimed, as `time.monotonic` gives it.
        data_phase_writer: Stores that the end of a message's content is sent next.
        accepted_writer: Stores that a server accepted a message.
    """

    data: BatchData
    servers: Sequence[NotificationServer]
    refusing: set[UUID]
    clock: Callable[[], datetime]
    claimed_at: float
    data_phase_writer: BatchWriter[Claimed]
    accepted_writer: BatchWriter[Accepted]


async def attempt(batch: Batch, claimed: Claimed) -> None:
    """Try once to send one message of a batch and record the outcome; a result that comes too late changes nothing."""
    try:
        await _attempt(batch, claimed)
    except StaleState as error:
        log.warning("late result dropped", reason=str(error))
    except Exception:
        # The rest of the batch goes on. This one stays "sending" until its lease ends.
        log.exception("a message could not be worked on", delivery=str(claimed.row.id))


async def _attempt(batch: Batch, claimed: Claimed) -> None:
    clock, servers = batch.clock, batch.servers
    retries = servers[0].retries if servers else DEFAULT_RETRIES
    try:
        receipt, by = await _send(batch, claimed)
    except Superseded as error:
        await record_cancelled(claimed, str(error), clock())
    except (MessageRefused, PermanentlyRefused) as error:
        await record_failed(claimed, str(error), clock())
    except PolicyRefused as error:
        if claimed.row.policy_refused:
            await record_failed(claimed, str(error), clock())
        else:
            await record_deferred(claimed, str(error), retries, clock(), by_policy=True)
    except TemporaryFailure as error:
        await record_deferred(claimed, str(error), retries, clock())
    except OutcomeUnknown as error:
        await record_outcome_unknown(claimed, str(error), clock())
    else:
        await batch.accepted_writer.submit(Accepted(claimed, receipt, by))


async def _send(batch: Batch, claimed: Claimed) -> tuple[Receipt, str]:
    """Send through the first server that can be reached; return its receipt and its name in the timeline."""
    servers, clock = batch.servers, batch.clock
    if not servers or claimed.invitation.rehearsal:
        prepared = await prepare(batch.data, claimed, None, clock())
        return await _send_through(batch, claimed, prepared), prepared.name
    reasons: list[str] = []
    for at, server in enumerate(servers):
        prepared = await prepare(batch.data, claimed, server, clock())
        if at > 0 and not await rate_limit.take_slot(server, clock()):
            reasons.append(f"{prepared.name}: may not be given more this minute")
            continue
        try:
            receipt = await _send_through(batch, claimed, prepared)
        except PolicyRefused as error:
            if not await server_refusals.record_policy_refusal(server, claimed, str(error), clock()):
                raise
            reason = str(error)
        except Unreachable as error:
            await _note_trouble(batch, claimed, server, error)
            reason = str(error)
        else:
            if server.id in batch.refusing:
                await server_refusals.clear_refusals(server, claimed.row)
            by = prepared.name if server.active else f"standby {prepared.name}"
            return receipt, f"{by} ({'; '.join(reasons)})" if reasons else by
        batch.data.desk.resources.get(SmtpPool).avoid(server.name)
        reasons.append(f"{prepared.name}: {reason}" if len(servers) > 1 else reason)
    raise TemporaryFailure("; ".join(reasons))


async def _note_trouble(batch: Batch, claimed: Claimed, server: NotificationServer, error: Unreachable) -> None:
    if isinstance(error, ServerRefused):
        await server_refusals.record_refusal(server, claimed, str(error), batch.clock())
    elif len(batch.servers) > 1 or claimed.row.attempt > LONG_UNREACHABLE:
        await server_refusals.tell_unreachable(server, claimed, str(error), batch.clock())


async def _send_through(batch: Batch, claimed: Claimed, prepared: PreparedMessage) -> Receipt:
    waited = time.monotonic() - batch.claimed_at > RENEW_LEASE_AFTER * claims.LEASE.total_seconds()
    if waited or claimed.row.server_name != prepared.name[:100]:
        await claims.renew_lease(claimed, prepared.name, batch.clock())
    try:
        receipt = await prepared.send(lambda: batch.data_phase_writer.submit(claimed))
    except NotSent as error:
        raise type(error)(batch.data.message_data.without_pin(claimed.row, str(error))) from error
    return replace(receipt, words=batch.data.message_data.without_pin(claimed.row, receipt.words))
