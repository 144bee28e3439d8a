"""Enqueueing many messages at once, for the invitations of a group; `outbox.enqueue` does it for one."""

from collections.abc import Sequence
from datetime import datetime

from otae.store.models import Delivery, Invitation
from otae.store.records import about, note_all


async def enqueue_all(
    recipients: Sequence[tuple[Invitation, str]], kind: str, *, now: datetime, channel: str = "mail"
) -> list[Delivery]:
    """Enqueue a message of ``kind`` for each (invitation, recipient) and return the deliveries.

    Call inside the transaction that creates the invitations: as they are new, no delivery of theirs exists that would
    have to be looked for. Ring ("delivery", id) for each after the transaction.
    """
    rows = []
    for invitation, recipient in recipients:
        row = Delivery(invitation_id=invitation.id, kind=kind, generation=invitation.generation, created_at=now)
        row.channel, row.recipient, row.message_id = channel, recipient, f"{row.id}.{invitation.generation}"
        rows.append(row)
    if rows:
        await Delivery.bulk_create(rows)
        await note_all("delivery.queued", now=now, abouts=[about(each) for each, _ in recipients], detail=kind)
    return rows
