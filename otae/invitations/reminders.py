"""Reminders: the link sent again to people who were mailed it and have not enrolled, a limited number of times.

A reminder is a delivery with the kind "reminder-1", "reminder-2" and so on, and a template of its own. It goes to where
the link went, and only while the invitation is pending; sending the invitation again restarts the count. The PIN stays
the same.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.delivery.queue import outbox
from otae.delivery.texts.kinds import NEEDED
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation

#: Number of invitations read at a time.
PAGE = 200


async def send_due(desk: Desk, *, now: datetime) -> int:
    """Queue every reminder that is due and return how many; safe to repeat, and to run in several processes.

    A campaign has reminders of its own: `campaign_reminders`.
    """
    days, most = await properties.number("reminder.days"), await properties.number("reminder.most")
    if not days:
        return 0
    due = unanswered(Invitation.filter(campaign_id=None), days=days, now=now)
    return sum([await remind(desk, row, messages, most=most, now=now) async for row, messages in due])


async def unanswered(
    rows: QuerySet[Invitation], *, days: int, now: datetime
) -> AsyncIterator[tuple[Invitation, list[Delivery]]]:
    """Yield those of ``rows`` that can be used and whose messages were all sent ``days`` ago, with these messages."""
    before, after = now - timedelta(days=days), UUID(int=0)
    while page := await _candidates(rows, before, now, after):
        messages_by_invitation = await _earlier_messages([row.id for row in page])
        for row in page:
            messages = [each for each in messages_by_invitation.get(row.id, []) if each.generation == row.generation]
            sent = [each for each in messages if each.status == "sent" and each.sent_at and each.sent_at <= before]
            if messages and len(sent) == len(messages):
                yield row, messages
        after = page[-1].id


async def _candidates(rows: QuerySet[Invitation], before: datetime, now: datetime, after: UUID) -> list[Invitation]:
    open_ones = Q(valid_until=None) | Q(valid_until__gt=now)
    rows = rows.filter(open_ones, status="pending", send=True, rehearsal=False, person__disabled=False)
    return await rows.filter(created_at__lte=before, id__gt=after).order_by("id").limit(PAGE)


async def _earlier_messages(invitation_ids: list[UUID]) -> dict[UUID, list[Delivery]]:
    before = Q(kind__in=NEEDED) | Q(kind__startswith="reminder-")
    by_invitation: dict[UUID, list[Delivery]] = {}
    for row in await Delivery.filter(before, invitation_id__in=invitation_ids):
        by_invitation.setdefault(row.invitation_id, []).append(row)
    return by_invitation


async def remind(desk: Desk, row: Invitation, messages: list[Delivery], *, most: int, now: datetime) -> bool:
    """Queue the next reminder of an invitation that `unanswered` gave; False when there were ``most`` already."""
    number = number_of(messages) + 1
    link = next((each for each in messages if each.kind == "url"), None)
    return link is not None and number <= most and await _queue(desk, row, number, link, now)


def number_of(messages: list[Delivery]) -> int:
    """Return how many of an invitation's messages are reminders."""
    return sum(each.kind not in NEEDED for each in messages)


async def mail_link(desk: Desk, invitation: Invitation, *, now: datetime) -> bool:
    """Queue the link of a pending invitation once more as its next reminder; False when it was never queued before."""
    earlier = (await _earlier_messages([invitation.id])).get(invitation.id, [])
    messages = [each for each in earlier if each.generation == invitation.generation]
    # sent with an earlier generation where an identity was confirmed at the desk since
    links = sorted((each for each in earlier if each.kind == "url"), key=lambda each: each.generation)
    link = links[-1] if links else None
    number = number_of(messages) + 1
    return link is not None and await _queue(desk, invitation, number, link, now)


async def _queue(desk: Desk, row: Invitation, number: int, link: Delivery, now: datetime) -> bool:
    async with transaction():
        still = Invitation.filter(id=row.id, status="pending", generation=row.generation)
        if await still.select_for_update().first() is None:
            return False
        delivery = await outbox.enqueue(
            row, f"reminder-{number}", row.generation, link.recipient, now=now, channel=link.channel
        )
    desk.bell.ring("delivery", delivery.id)
    return True
