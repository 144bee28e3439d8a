"""The clock's steps for a campaign: looks at its group, lets the next wave be invited, revokes the links of who left.

One process at a time works on a campaign, by a lease. Each step is one transaction that holds the lease, and decides
from rows alone what is left to do: whatever a process does not get to before it dies, the next one does. An answer of a
directory that may be incomplete changes nothing; nor does a change of more people than the server properties allow,
before an administrator has agreed.
"""

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tortoise.expressions import Q

from otae.directory import whole_group
from otae.directory.whole_group import IncompleteAnswer
from otae.errors import NotAllowed, StaleState
from otae.invitations import campaign_reminders, group_worker, groups, lifecycle
from otae.invitations.campaigns import (
    BATCH,
    COUNTED,
    FOLLOWING,
    HELD,
    LATER,
    LEFT,
    OPEN,
    enrolled,
    leavers,
    missing,
    next_wave_of,
    set_status,
)
from otae.store import leases, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Campaign, CampaignDay, GroupInvitation, GroupInvitee, Person
from otae.store.records import advance_audited
from otae.store.states import CampaignStatus as Status
from otae.store.states import GroupInvitationStatus as OrderStatus

#: Time between two looks at a group, and after one without a complete answer.
LOOK_EVERY: Final = timedelta(hours=1)
LOOK_AGAIN: Final = timedelta(minutes=10)
#: States of a group invitation in which the next wave can be added.
OPEN_FOR_A_WAVE: Final = (OrderStatus.READY, OrderStatus.SENDING)
#: Reasons not to invite somebody that may pass.
TEMPORARY_REASONS: Final = ("disabled", "no-email", "no-phone", "no-password", "pending")


@dataclass
class Turn:
    """The time in which a process works on a campaign. ``claimed_at``: when it began."""

    desk: Desk
    row: Campaign
    claimed_at: datetime
    _began: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> datetime:
        """The present time."""
        return self.claimed_at + timedelta(seconds=time.monotonic() - self._began)

    async def extend(self) -> None:
        """Say that this process still works on the campaign. Raises StaleState when it does no longer."""
        await leases.extend(self.row, self.now)

    async def lock(self) -> None:
        """Lock the campaign, then its order as workers do, inside a transaction. Raises StaleState as `extend`."""
        if await leases.held(self.row).filter(status=self.row.status).select_for_update().first() is None:
            raise StaleState(f"campaign {self.row.id} is no longer ours")
        await GroupInvitation.filter(id=self.row.group_invitation_id).select_for_update().first()


async def waiting(now: datetime) -> list[UUID]:
    """Return the ids of the campaigns that nobody works on."""
    return await leases.waiting(Campaign, FOLLOWING, now)


async def step(desk: Desk, campaign_id: UUID, *, now: datetime) -> None:
    """Do for a campaign what is due, unless somebody else does or it was paused or ended."""
    row = await leases.claim(Campaign, campaign_id, FOLLOWING, now)
    if row is None:
        return
    turn = Turn(desk, row, now)
    try:
        await row.fetch_related("group_invitation")
        if row.tried_at is None or row.tried_at + (LOOK_AGAIN if row.trouble else LOOK_EVERY) <= now:
            await _look(turn)
        if row.status == Status.RUNNING:
            await release(desk, row, now=turn.now)
            await _revoke_left(turn)
            await campaign_reminders.send_due(desk, row, now=turn.now, between=turn.extend)
        await _count(turn)
    except StaleState:
        pass  # paused, ended, or taken over after a lease: no longer ours to go on with
    finally:
        await leases.give_back(row)


async def _look(turn: Turn) -> None:
    """Read the group and follow it; without a complete answer only say why. Raises StaleState."""
    row, now = turn.row, turn.now
    order = row.group_invitation
    try:
        members = await whole_group.read(turn.desk, order.domain, order.name, now=now, after_page=turn.extend)
    except IncompleteAnswer as answer:
        trouble = f"{answer.reason} {answer.detail}".strip()[:300]
        await leases.held(row).update(tried_at=now, trouble=trouble)
        return
    people, percent = (await properties.read_some("campaign.ask.people", "campaign.ask.percent")).values()
    async with transaction():
        await turn.lock()
        await _follow(row, members, most=int(people), percent=int(percent), now=now)
    if row.status == Status.RUNNING:
        await _reconsider_skipped(turn)


async def _follow(row: Campaign, members: set[UUID], *, most: int, percent: int, now: datetime) -> None:
    """Follow a complete answer: mark who is missing, add who joined, let go who left; or ask, where it is too much."""
    people = GroupInvitee.filter(group_invitation_id=row.group_invitation_id, person_id__not_isnull=True)
    listed = await people.values_list("person_id", "id", "status", "missing_since", "invitation__status")
    known = {each[0] for each in listed}
    there, gone = (
        [each for each in listed if each[0] in members],
        [each for each in listed if each[0] not in members],
    )
    await _change([key for _, key, _, since, _ in there if since], missing_since=None)
    back = [(key, invitation) for _, key, status, _, invitation in there if status == LEFT]
    await _change([key for key, invitation in back if invitation in OPEN], status="invited")
    await _change([key for key, invitation in back if invitation not in OPEN], status=LATER)
    await _change([key for _, key, status, since, _ in gone if not since and status != LEFT], missing_since=now)
    absent = people.filter(missing_since__not_isnull=True)
    await absent.filter(status=HELD).delete()
    await absent.filter(status="waiting").update(status=LATER)
    await absent.filter(missing(now), status__in=[LATER, "skipped"]).update(status=LEFT)
    ended = ~Q(invitation__status__in=OPEN)
    await set_status(absent.filter(ended, missing(now), status="invited"), LEFT)
    row.looked_at = now
    new = members - known
    joining = len(new) + sum(status == HELD for _, _, status, _, _ in there)
    leaving = await leavers(row).count()
    before = sum(status in COUNTED for _, _, status, _, _ in listed)
    asks = _is_too_much(joining + leaving, before, most, percent)
    await _add(row, new, HELD if asks else LATER)
    if not asks:
        await people.filter(status=HELD).update(status=LATER)
        await set_status(leavers(row), LEFT)
        joining = leaving = 0
    await _end_look(row, joining, leaving, now)


def _is_too_much(number: int, before: int, most: int, percent: int) -> bool:
    """Return whether an administrator has to agree to a change of ``number`` of ``before`` people; never for one."""
    return number > most or (number > 1 and number * 100 > before * percent)


async def _end_look(row: Campaign, joining: int, leaving: int, now: datetime) -> None:
    """Store that the group was read, and ask whether so many people may be invited and revoked, unless it is none."""
    looked = {"looked_at": now, "tried_at": now, "trouble": "", "joining": joining, "leaving": leaving}
    asks = bool(joining + leaving)
    to = Status.ASKING if asks else Status.RUNNING
    if to == row.status:
        await Campaign.filter(id=row.id).update(**looked)
        row.update_from_dict(looked)
        return
    detail = f"{row.name}, {joining} to invite, {leaving} to revoke" if asks else row.name
    action = "campaign.asked" if asks else "campaign.settled"
    looked["asked_at"] = now if asks else None
    await advance_audited(row, to, action=action, detail=detail, now=now, actor="otae", **looked)


async def _change(ids: Collection[UUID], **values: object) -> None:
    listed = list(ids)
    for at in range(0, len(listed), BATCH):
        await GroupInvitee.filter(id__in=listed[at : at + BATCH]).update(**values)


async def _add(row: Campaign, new: set[UUID], status: str) -> None:
    """Add people who joined the group, after those who are there."""
    order_id = row.group_invitation_id
    last = await GroupInvitee.filter(group_invitation_id=order_id).order_by("-number").first().only("number")
    number, ids = (last.number if last else 0), sorted(new)
    for at in range(0, len(ids), BATCH):
        people = await Person.filter(id__in=ids[at : at + BATCH]).order_by("name", "id")
        made = [
            group_worker.invitee(row.group_invitation, number + place, each, {}) for place, each in enumerate(people, 1)
        ]
        for each in made:
            each.status = status
        await GroupInvitee.bulk_create(made)
        number += len(made)
    await GroupInvitation.filter(id=order_id).update(found=number)


async def _reconsider_skipped(turn: Turn) -> None:
    """Let those be invited with the next wave who could not be before, such as people without a mail address."""
    order, after = turn.row.group_invitation, 0
    skipped = GroupInvitee.filter(group_invitation_id=order.id, status="skipped", reason__in=TEMPORARY_REASONS)
    skipped = skipped.filter(missing_since=None, person_id__not_isnull=True)
    while page := await skipped.filter(number__gt=after).order_by("number").limit(BATCH).prefetch_related("person"):
        people = {each.person.id: each.person for each in page if each.person}
        why = await group_worker.skip_reasons(order, people.values(), now=turn.now)
        async with transaction():
            await turn.lock()
            await _change([each.id for each in page if each.person_id not in why], status=LATER, reason="")
        after = page[-1].number


async def release(desk: Desk, row: Campaign, *, now: datetime) -> None:
    """Let the next wave be invited, when it is due; each wave once, however many processes try."""
    if row.wave_hours and (row.next_wave_at is None or row.next_wave_at > now):
        return
    order_id, following = row.group_invitation_id, await next_wave_of(row, now)
    async with transaction():
        same = Campaign.filter(id=row.id, status=Status.RUNNING, next_wave_at=row.next_wave_at)
        if await same.select_for_update().first() is None:
            return
        await GroupInvitation.filter(id=order_id).select_for_update().first()
        await same.update(next_wave_at=following)
        people = GroupInvitee.filter(group_invitation_id=order_id, status=LATER, missing_since=None)
        if row.wave_size and (over := await people.order_by("number").offset(row.wave_size).first().only("number")):
            people = people.filter(number__lt=over.number)
        await people.update(status="waiting")
        order = await GroupInvitation.get(id=order_id)
        more = await GroupInvitee.exists(group_invitation_id=order_id, status="waiting")
        if more and order.status in OPEN_FOR_A_WAVE:
            started = {} if order.started_at else {"started_at": now}
            await groups.move(order, OrderStatus.EXPANDING, now=now, actor="otae", what="started", **started)
    row.next_wave_at = following
    if more:
        desk.bell.ring("group", order_id)


async def _revoke_left(turn: Turn) -> None:
    """Revoke the links of people who left the group; that of an enrollment under way is looked at again later."""
    order_id, after = turn.row.group_invitation_id, 0
    left = GroupInvitee.filter(group_invitation_id=order_id, status=LEFT, invitation__status__in=OPEN)
    while page := await left.filter(number__gt=after).order_by("number").limit(BATCH).prefetch_related("invitation"):
        for each in page:
            await turn.extend()
            # Under way, redeemed or revoked a moment ago: looked at again in the next round.
            with suppress(StaleState, NotAllowed):
                if each.invitation:
                    await lifecycle.revoke(
                        turn.desk, each.invitation, now=turn.now, actor="otae", unless_under_way=True
                    )
        after = page[-1].number


async def _count(turn: Turn) -> None:
    """Store how many people the campaign has today, how many of them are invited, and how many have enrolled."""
    row, zone = turn.row, ZoneInfo(await properties.word("organization.timezone"))
    people = GroupInvitee.filter(group_invitation_id=row.group_invitation_id, status__in=COUNTED)
    counted = {
        "people": await people.count(),
        "invited": await people.filter(status="invited").count(),
        "enrolled": await people.filter(enrolled(row.group_invitation)).count(),
    }
    async with transaction():
        await turn.lock()
        day = turn.now.astimezone(zone).date().isoformat()
        await CampaignDay.update_or_create(defaults=counted, campaign_id=row.id, day=day)
