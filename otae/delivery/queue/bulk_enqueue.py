"""Many messages into the ledger at once: what `outbox.enqueue` does for one, for the whole wave of a group."""

from collections.abc import Sequence
from datetime import datetime

from otae.store.models import Delivery, Invitation
from otae.store.records import about, note_all


async def enqueue_all(
    wanted: Sequence[tuple[Invitation, str]], kind: str, *, now: datetime, channel: str = "mail"
) -> list[Delivery]:
    """Store a message of ``kind`` for each new (invitation, recipient) and return them, as `outbox.enqueue` does.

    Call inside the transaction that makes the invitations: they are new, so that nothing of theirs can be there yet.
    Ring ("delivery", id) for each after the transaction.
    """
    rows = []
    for invitation, recipient in wanted:
        row = Delivery(invitation_id=invitation.id, kind=kind, generation=invitation.generation, created_at=now)
        row.channel = channel
        row.recipient, row.message_id = recipient, f"{row.id}.{invitation.generation}"
        rows.append(row)
    if rows:
        await Delivery.bulk_create(rows)
        await note_all("delivery.queued", now=now, abouts=[about(each) for each, _ in wanted], detail=kind)
    return rows
