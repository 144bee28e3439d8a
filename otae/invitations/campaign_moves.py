"""What administrators do with a campaign: start, pause, resume and end it, and agree to what it asks."""

from datetime import datetime

from otae.errors import StaleState
from otae.invitations import campaign_run, groups
from otae.invitations.campaigns import (
    FOLLOWING,
    HELD,
    LATER,
    LEFT,
    CampaignRow,
    leavers,
    next_wave_of,
    set_status,
)
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Campaign, GroupInvitee
from otae.store.records import advance_audited
from otae.store.states import CampaignStatus as Status
from otae.store.states import GroupInvitationStatus as OrderStatus


async def start(desk: Desk, row: CampaignRow, *, now: datetime, actor: str) -> None:
    """Start a campaign whose people were looked up: the first people are invited at once, or with the first wave.

    Raises:
        StaleState: It has moved on meanwhile, or people are still being looked up.
    """
    order = row.group_invitation
    if order.status != OrderStatus.READY:
        raise StaleState(f"group invitation {order.id} is {order.status}")
    wave = await next_wave_of(row, now)
    async with transaction():
        await _move(row, Status.RUNNING, "started", now, actor, started_at=now, next_wave_at=wave)
        await GroupInvitee.filter(group_invitation_id=order.id, status="waiting").update(status=LATER)
    await campaign_run.release(desk, row, now=now)


async def pause(row: CampaignRow, *, now: datetime, actor: str) -> None:
    """Stop following, inviting and reminding for now; messages that are queued are still sent. Raises StaleState."""
    async with transaction():
        await _move(row, Status.PAUSED, "paused", now, actor, asked_at=None)
        if row.group_invitation.status == OrderStatus.EXPANDING:
            await groups.pause(row.group_invitation, now=now, actor=actor)


async def resume(desk: Desk, row: CampaignRow, *, now: datetime, actor: str) -> None:
    """Go on with a campaign that is paused or whose inviting is, beginning with a look at its group.

    Raises:
        StaleState: Neither is paused any more.
    """
    order, wave = row.group_invitation, await next_wave_of(row, now)
    async with transaction():
        if row.status == Status.PAUSED or order.status != OrderStatus.PAUSED:
            await _move(row, Status.RUNNING, "resumed", now, actor, next_wave_at=wave, tried_at=None)
        if order.status == OrderStatus.PAUSED:
            await groups.move(order, OrderStatus.EXPANDING, now=now, actor=actor, what="resumed")
    desk.bell.ring("group", order.id)


async def end(row: CampaignRow, *, now: datetime, actor: str) -> None:
    """End a campaign for good: nobody further is invited, reminded or revoked; links that exist stay valid.

    Raises StaleState.
    """
    order = row.group_invitation
    async with transaction():
        await _move(row, Status.ENDED, "ended", now, actor, finished_at=now, next_wave_at=None)
        if order.status == OrderStatus.READY and row.started_at:
            await groups.move(order, OrderStatus.DONE, now=now, actor=actor, what="done", finished_at=now)
        elif order.status not in {*groups.ENDED, OrderStatus.SENDING}:
            await groups.cancel(order, now=now, actor=actor)


async def look_now(row: CampaignRow) -> None:
    """Let the clock look at the group in its next round."""
    await Campaign.filter(id=row.id, status__in=FOLLOWING).update(tried_at=None)


async def agree(row: CampaignRow, joining: int, leaving: int, *, now: datetime, actor: str) -> None:
    """Agree to what a campaign asks: people who joined are invited, links of people who left are revoked.

    Args:
        joining: How many people were said to be invited.
        leaving: How many links were said to be revoked.

    Raises:
        StaleState: It asks no more, or something else.
    """
    async with transaction():
        same = Campaign.filter(id=row.id, status=Status.ASKING, joining=joining, leaving=leaving)
        if await same.select_for_update().first() is None:
            raise StaleState(f"campaign {row.id} asks something else")
        await row.refresh_from_db(fields=["looked_at"])
        detail = f"{joining} to invite, {leaving} to revoke"
        await _move(row, Status.RUNNING, "agreed", now, actor, detail, asked_at=None, joining=0, leaving=0)
        await GroupInvitee.filter(group_invitation_id=row.group_invitation_id, status=HELD).update(status=LATER)
        await set_status(leavers(row), LEFT)


async def _move(
    row: CampaignRow, to: Status, what: str, now: datetime, actor: str, detail: str = "", **changes: object
) -> None:
    """Move a campaign to another state and audit it. Raises StaleState."""
    detail = f"{row.name}, {detail}" if detail else row.name
    await advance_audited(row, to, action=f"campaign.{what}", detail=detail, now=now, actor=actor, **changes)
