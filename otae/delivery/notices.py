"""Notices to the administrator who invited: link or PIN did not arrive, or a server refuses every message."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from otae.contacts import MailAddressRefused, mail_address
from otae.store import properties
from otae.store.models import Administrator, Delivery, Invitation
from otae.store.records import about, note

NOTICE: Final = "notice"
TROUBLE: Final = "trouble"
OBJECTION: Final = "objection"
#: Most notices of a kind that an address gets in an hour: when a whole group fails, its page shows the rest.
MAX_PER_HOUR, HOUR = 20, timedelta(hours=1)


async def notify_failure(invitation: Invitation, *, now: datetime) -> None:
    """Enqueue the notice that ``invitation`` failed, or that its PIN did not arrive.

    Call it inside the transaction that records the failure, with the invitation's row locked. The notice goes to the
    mail address of the administrator who invited, else to the server property support.contact if that is one. None is
    sent for a rehearsal, while the server property notification.failure is off, or beyond MAX_PER_HOUR. The bell need
    not be rung: the sweep finds the delivery.
    """
    await _enqueue_notice(invitation, NOTICE, now)


async def notify_objection(invitation: Invitation, *, now: datetime) -> None:
    """Enqueue the notice that the person objects to an identity confirmed at the desk.

    Recipient, limits and transaction as for `notify_failure`.
    """
    await _enqueue_notice(invitation, OBJECTION, now)


async def notify_refusing_server(invitation: Invitation, *, now: datetime) -> str:
    """Enqueue the notice that a notification server refuses every message, one of ``invitation`` among them.

    Recipient, limits and transaction as for `notify_failure`. Returns the recipient, "" when none is told.
    """
    return await _enqueue_notice(invitation, TROUBLE, now)


async def _enqueue_notice(invitation: Invitation, kind: str, now: datetime) -> str:
    if invitation.rehearsal or not await properties.flag("notification.failure"):
        return ""
    recipient = await _address_of(invitation.created_by)
    if recipient is None:
        return ""
    same = Delivery.filter(invitation_id=invitation.id, kind=kind, generation=invitation.generation)
    lately = Delivery.filter(kind=kind, recipient=recipient, created_at__gt=now - HOUR)
    if await same.exists() or await lately.count() >= MAX_PER_HOUR:
        return ""
    row = Delivery(invitation_id=invitation.id, kind=kind, generation=invitation.generation, created_at=now)
    row.recipient, row.message_id = recipient, f"{row.id}.{row.generation}"
    await row.save(force_create=True)
    await note("delivery.queued", now=now, about=about(invitation), detail=kind)
    return recipient


async def _address_of(name: str) -> str | None:
    administrator = await Administrator.get_or_none(name=name)
    for address in (administrator.email if administrator else None, await properties.word("support.contact")):
        with suppress(MailAddressRefused):
            return mail_address(address or "")
    return None
