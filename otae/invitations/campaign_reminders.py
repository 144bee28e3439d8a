"""Reminders of a campaign, until people have enrolled; then one mail to the manager of each who has not."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from tortoise.expressions import Subquery

from otae.delivery.queue import outbox
from otae.delivery.texts.kinds import MANAGER
from otae.directory import managers
from otae.invitations import reminders
from otae.invitations.campaigns import enrolled
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Campaign, Delivery, Event, GroupInvitee, Invitation, Person
from otae.store.records import about, note
from otae.translatable import N_

#: Kind of the event of an invitation whose person has no manager who could be told.
UNKNOWN = "manager.unknown"


async def send_due(desk: Desk, row: Campaign, *, now: datetime, between: Callable[[], Awaitable[None]]) -> None:
    """Queue the reminders of a campaign that are due, and what managers are to be told; safe to repeat.

    Args:
        between: Called between two people, so that the caller can extend a lease.
    """
    if not row.remind_days:
        return
    people = GroupInvitee.filter(group_invitation_id=row.group_invitation_id, status="invited", missing_since=None)
    done = people.filter(enrolled(row.group_invitation))
    rows = Invitation.filter(campaign_id=row.id, id__in=Subquery(people.values("invitation_id")))
    rows = rows.filter(id__not_in=Subquery(done.values("invitation_id")))
    async for invitation, messages in reminders.unanswered(rows, days=row.remind_days, now=now):
        await between()
        if reminders.number_of(messages) < row.remind_most:
            await reminders.remind(desk, invitation, messages, most=row.remind_most, now=now)
        elif row.tell_manager:
            await _tell_manager(desk, invitation, now)


async def _tell_manager(desk: Desk, invitation: Invitation, now: datetime) -> None:
    """Mail the manager of somebody who was reminded often enough, once; record when there is none to be mailed."""
    if await _was_told(invitation):
        return
    person = await Person.get(id=invitation.person_id)
    manager, why = await managers.find(desk, person)
    if why == managers.AWAY:
        return  # asked again in the next round
    if manager and manager.mail.casefold() in {(each or "").casefold() for each in (person.email, invitation.email)}:
        manager, why = None, N_("the person is their own manager")
    delivery = None
    async with transaction():
        still = Invitation.filter(id=invitation.id, status="pending", generation=invitation.generation)
        if await still.select_for_update().first() is None or await _was_told(invitation):
            return
        if manager:
            delivery = await outbox.enqueue(invitation, MANAGER, invitation.generation, manager.mail, now=now)
        else:
            await note(UNKNOWN, now=now, about=about(invitation), detail=why)
    if delivery:
        desk.bell.ring("delivery", delivery.id)


async def _was_told(invitation: Invitation) -> bool:
    """Return whether the manager was mailed, or there was none to be mailed; another sending changes nothing of it."""
    told = await Delivery.exists(invitation_id=invitation.id, kind=MANAGER)
    return told or await Event.exists(invitation_id=invitation.id, kind=UNKNOWN)
