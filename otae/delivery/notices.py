"""Telling the administrator who invited: that link or PIN did not arrive, or that a server refuses every message."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from otae.contacts import MailAddressRefused, mail_address
from otae.store import properties
from otae.store.models import Administrator, Delivery, Invitation
from otae.store.records import about, note

NOTICE: Final = "notice"
TROUBLE: Final = "trouble"
#: Most notices an address gets in an hour: when a whole group fails, its page tells the rest.
MOST, HOUR = 20, timedelta(hours=1)


async def tell_of_failure(invitation: Invitation, *, now: datetime) -> None:
    """Queue the notice that ``invitation`` failed, or its PIN did not arrive.

    Call it inside the transaction that records so, the invitation's row locked. The notice goes to the mail address of
    who invited, else to the server property support.contact where that is one; to nobody for a rehearsal, while the
    server property notification.failure is off, and after twenty to one address in an hour. The sweep finds it: nothing
    needs to be rung.
    """
    await _tell(invitation, NOTICE, now)


async def tell_of_trouble(invitation: Invitation, *, now: datetime) -> None:
    """Queue the notice that a notification server refuses everything, as it refused a message of ``invitation``.

    As `tell_of_failure`: to the same address, and from the same kind of place.
    """
    await _tell(invitation, TROUBLE, now)


async def _tell(invitation: Invitation, kind: str, now: datetime) -> None:
    if invitation.rehearsal or not await properties.flag("notification.failure"):
        return
    recipient = await _address_of(invitation.created_by)
    if recipient is None:
        return
    same = Delivery.filter(invitation_id=invitation.id, kind=kind, generation=invitation.generation)
    lately = Delivery.filter(kind=kind, recipient=recipient, created_at__gt=now - HOUR)
    if await same.exists() or await lately.count() >= MOST:
        return
    row = Delivery(invitation_id=invitation.id, kind=kind, generation=invitation.generation, created_at=now)
    row.recipient, row.message_id = recipient, f"{row.id}.{row.generation}"
    await row.save(force_create=True)
    await note("delivery.queued", now=now, about=about(invitation), detail=kind)


async def _address_of(name: str) -> str | None:
    administrator = await Administrator.get_or_none(name=name)
    for address in (administrator.email if administrator else None, await properties.word("support.contact")):
        with suppress(MailAddressRefused):
            return mail_address(address or "")
    return None
