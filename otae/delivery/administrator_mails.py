"""Mails to administrators that are not about one invitation: stored, then sent by a worker.

A worker that ends between a server's answer and the record of it leaves the mail to the next one, which sends it again
under the same Message-ID. A mail that cannot be sent makes no notice and counts as no server's trouble, and it is given
up in the end: what is wrong with a server is not told through that server for ever.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.expressions import F, Q

from otae.delivery.catcher import MailCatcher
from otae.delivery.mail.mime import Mail, MessageRefused, build
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.mail.smtp_pool import SmtpPool
from otae.delivery.queue import rate_limit
from otae.delivery.queue.dispatch import MAIL, servers_for
from otae.delivery.queue.outcomes import LATE_RETRY_DELAY, RETRY_DELAYS
from otae.delivery.texts.compose import default_sender
from otae.delivery.transport import NotSent, PermanentlyRefused, Receipt, TemporaryFailure, note_nothing
from otae.store import leases
from otae.store.desk import Desk
from otae.store.models import Administrator, AdministratorMail, NotificationServer

#: What the bell is rung with.
BELL: Final = "administrator-mail"
#: The kinds of mails: with their text stored, or composed of notices when they are sent.
TEXT, NOTICES = "text", "notices"
#: How long sending is tried, unless the content says otherwise.
GIVEN_UP_AFTER: Final = timedelta(days=3)
_LEASE: Final = timedelta(minutes=5)
_MOST: Final = 100


@dataclass(frozen=True, repr=False)
class MailContent:
    """What a mail says.

    Attributes:
        html: None for a mail of text alone.
        given_up_after: How long sending is tried.
        last: Names of the notification servers that are tried after all others.
    """

    subject: str
    text: str
    html: str | None = None
    given_up_after: timedelta = GIVEN_UP_AFTER
    last: frozenset[str] = frozenset()


#: Returns what a mail of kind NOTICES says; None when there is nothing left to say.
Compose = Callable[[Desk, AdministratorMail, datetime], Awaitable[MailContent | None]]


async def enqueue(
    administrator: Administrator, subject: str, text: str, *, now: datetime, recipient: str = ""
) -> AdministratorMail:
    """Store a mail in the caller's transaction; ring (BELL, id) after it.

    Args:
        recipient: Another address than the administrator's present one, such as the one before.
    """
    row = AdministratorMail(
        administrator_id=administrator.id, kind=TEXT, recipient=recipient, subject=subject, text=text
    )
    row.created_at = row.next_try_at = now
    await row.save(force_create=True)
    return row


async def waiting(now: datetime) -> list[UUID]:
    """Return the ids of the mails that are due and that no worker holds."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = AdministratorMail.filter(free, status="queued", next_try_at__lte=now)
    return [row.id for row in await due.order_by("next_try_at").limit(_MOST).only("id")]


async def send(desk: Desk, mail_id: UUID, compose: Compose, *, now: datetime) -> None:
    """Send one mail and record the outcome; do nothing when it is done or another worker has it."""
    row = await leases.claim(AdministratorMail, mail_id, ["queued"], now, lease=_LEASE, attempt=F("attempt") + 1)
    if row is None:
        return
    await row.fetch_related("administrator")
    recipient = row.recipient or row.administrator.email
    content = await compose(desk, row, now) if row.kind == NOTICES else MailContent(row.subject, row.text)
    if content is None or not recipient:
        await _end(row, "cancelled", "nothing is left to say" if recipient else "there is no mail address")
        return
    try:
        receipt = await _send(desk, row, recipient, content, now)
    except (MessageRefused, PermanentlyRefused) as error:
        await _end(row, "failed", str(error))
    except NotSent as error:
        if now - row.created_at >= content.given_up_after:
            await _end(row, "failed", str(error))
            return
        delay = RETRY_DELAYS[row.attempt - 1] if row.attempt <= len(RETRY_DELAYS) else LATE_RETRY_DELAY
        await leases.held(row).update(answer=str(error), lease_until=None, next_try_at=now + delay)
    else:
        await _end(row, "sent", receipt.words, sent_at=now)


async def _end(row: AdministratorMail, status: str, words: str, **changes: object) -> None:
    """Move a queued mail to its last state, unless another worker took it over; a sent text is kept nowhere."""
    await (
        leases.held(row)
        .filter(status="queued")
        .update(status=status, answer=words[:500], lease_until=None, text="", **changes)
    )


async def _send(desk: Desk, row: AdministratorMail, recipient: str, content: MailContent, now: datetime) -> Receipt:
    """Send through the first server that takes the mail; raises NotSent or MessageRefused."""
    servers = sorted(await servers_for(desk, MAIL), key=lambda server: server.name in content.last)
    if not servers:
        mail = _build(desk, row, recipient, content, await default_sender(desk), now)
        return await MailCatcher(desk, now).send(mail, recipient, note_nothing)
    reasons = []
    for server in servers:
        if not await rate_limit.take_slot(server, now):
            reasons.append(f"{server.name}: may not be given more this minute")
            continue
        try:
            return await _send_through(desk, server, row, recipient, content, now)
        except PermanentlyRefused:
            raise
        except NotSent as error:
            desk.resources.get(SmtpPool).avoid(server.name)
            reasons.append(f"{server.name}: {error}")
    raise TemporaryFailure("; ".join(reasons))


async def _send_through(
    desk: Desk, server: NotificationServer, row: AdministratorMail, recipient: str, content: MailContent, now: datetime
) -> Receipt:
    mail = _build(desk, row, recipient, content, (server.from_name, server.from_email), now)
    return await smtp_transport(desk, server).send(mail, recipient, note_nothing)


def _build(
    desk: Desk, row: AdministratorMail, recipient: str, content: MailContent, sender: tuple[str, str], now: datetime
) -> Mail:
    return build(
        sender=sender,
        recipient=recipient,
        subject=content.subject,
        text=content.text,
        html=content.html,
        message_id=f"<{row.id}@{desk.settings.public_host}>",
        now=now,
    )
