"""A worker's steps for a group invitation: look up a page of people, or invite a batch of them.

PINs are generated and hashed before a batch's transaction, one after the other: at most one core is busy with them, and
pages still respond. No step holds more people in memory than one page.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.delivery.texts.kinds import NEEDED
from otae.directory.local import groups as directory
from otae.errors import DirectoryUnavailable, ModeOff, StaleState
from otae.invitations import csv_columns, csv_people, csv_source, group_members, groups, mac_rules, orders, pins
from otae.invitations.channels import BY_HAND, SMS, number_of
from otae.invitations.groups import Status
from otae.invitations.modes import mode_of
from otae.invitations.pin_delivery import queue_messages
from otae.invitations.pins import GeneratedPin, PinPrefetch
from otae.invitations.terms import CheckedTerms, new_invitation, terms_of
from otae.store import leases, rollout
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.mode_table import Mode
from otae.store.models import Campaign, Delivery, Enrollment, GroupInvitation, GroupInvitee, Invitation, Person, Pin
from otae.store.properties import default_region
from otae.store.records import about, advance, note_all
from otae.store.states import CampaignStatus

#: Number of people looked up, and invited, at a time.
PAGE: Final = 500
BATCH: Final = 100
#: Seconds for which a step makes batches: less than a worker has to end, and enough to hash one batch in advance.
STEP_SECONDS: Final = 4
#: While so many messages of one order are unsent no further batch is made, so that a pause takes effect soon.
UNSENT: Final = 1000


@dataclass(frozen=True)
class NewInvitation:
    """An invitation made for one person of a batch. ``clear``: the PIN, only for whoever started the batch."""

    invitation: Invitation
    pin: Pin | None
    clear: str | None = field(default=None, repr=False)


async def step(desk: Desk, group_invitation_id: UUID, *, now: datetime) -> bool:
    """Do the next step of an order that nobody else has claimed; return whether more can be done at once."""
    row = await groups.claim(group_invitation_id, now)
    if row is None:
        return False
    unreachable = False
    try:
        if row.status == Status.DRY_RUN:
            await look_up(desk, row, now=now)
            return row.status == Status.DRY_RUN
        if row.status == Status.EXPANDING:
            return await _invite_batches(desk, row, now=now)
        await end_when_sent(row, now=now)
    except StaleState:
        pass  # paused, cancelled, or taken over by another worker after a lease: no longer ours to go on with
    except DirectoryUnavailable:
        unreachable = True  # the lease stays: the directory is asked again when it ends
    finally:
        if not unreachable:
            await leases.give_back(row)
    return False


async def _invite_batches(desk: Desk, row: GroupInvitation, *, now: datetime) -> bool:
    """Invite batches for `STEP_SECONDS`, hashing the next one's PINs meanwhile; return whether more are left."""
    began, prefetch = time.monotonic(), PinPrefetch(desk)
    try:
        while row.status == Status.EXPANDING:
            if await unsent(row) >= UNSENT:
                return False
            took = time.monotonic() - began
            at = now + timedelta(seconds=took)
            await leases.extend(row, at)
            prefetch.more_needed = took < STEP_SECONDS
            await invite_batch(desk, row, now=at, prefetch=prefetch)
            if not prefetch.more_needed:
                return row.status == Status.EXPANDING
    finally:
        prefetch.cancel()
    return False


async def look_up(desk: Desk, row: GroupInvitation, *, now: datetime) -> None:
    """Look up the next page of an order's people; after the last page the order is ready.

    Raises:
        StaleState: Another worker looked up the same page.
        DirectoryUnavailable: Nothing was looked up.
    """
    if row.source == csv_source.SOURCE:
        await _look_up_lines(desk, row, now=now)
        return
    if row.place:
        people, place = await group_members.next_page(desk, row, now=now)
        await _store_people(row, people, more=bool(place), place=place, now=now)
        return
    last = await GroupInvitee.filter(group_invitation_id=row.id).order_by("-number").first()
    after = (last.name, last.person_id) if last else None
    people = await directory.members(row.domain, row.name, after=after, limit=PAGE)
    await _store_people(row, people, more=len(people) == PAGE, now=now)


async def _store_people(
    row: GroupInvitation, people: list[Person], *, more: bool, place: str = "", now: datetime
) -> None:
    why = await skip_reasons(row, people, now=now)
    made = [invitee(row, row.found + number, person, why) for number, person in enumerate(people, 1)]
    async with transaction():
        await _advance_lookup(row, len(made), more=more, place=place, now=now)
        await GroupInvitee.bulk_create(made)


async def _look_up_lines(desk: Desk, row: GroupInvitation, *, now: datetime) -> None:
    listed = GroupInvitee.filter(group_invitation_id=row.id, status=groups.LISTED)
    lines = await listed.order_by("number").limit(PAGE)
    context = await csv_columns.line_context(row, now=now)
    for line in lines:
        csv_columns.read(line, context)
    told = {line.id: line.given or {} for line in lines if not line.reason}
    for line_id, reason in (await mac_rules.refused_lines(told, row.ownership)).items():
        next(line for line in lines if line.id == line_id).reason = reason
    people = await csv_people.match_lines(desk, row, lines, now=now)
    added = await csv_people.new_people(row, lines, context) if row.add_people else {}
    why = await skip_reasons(row, [*people.values(), *added.values()], now=now)
    for line in lines:
        if person := people.get(line.id) or added.get(line.id):
            line.given = csv_columns.kept(line.given, person if line.id in added else None)
            line.person_id = None if line.id in added else person.id
            line.name = csv_people.qualified_name(person)
            line.display_name, line.email, line.phone = person.display_name, person.email, person.phone
            line.reason = why.get(person.id, "")
        line.status = "skipped" if line.reason else "waiting"
    async with transaction():
        await _advance_lookup(row, len(lines), more=len(lines) == PAGE, now=now)
        if lines:
            names = ["person_id", "name", "display_name", "email", "phone", "status", "reason", "given"]
            await GroupInvitee.bulk_update(lines, names)


async def _advance_lookup(row: GroupInvitation, number: int, *, more: bool, place: str = "", now: datetime) -> None:
    """Record that a page of ``number`` people was looked up, inside the transaction that stores them.

    ``more``: whether there is a next page; ``place``: where it begins. Raises StaleState when another worker has just
    looked up the same page.
    """
    total = row.found + number
    seen = GroupInvitation.filter(id=row.id, status=Status.DRY_RUN, found=row.found, place=row.place)
    if await seen.update(found=total, place=place) != 1:
        raise StaleState(f"group invitation {row.id} was looked up by somebody else")
    row.update_from_dict({"found": total, "place": place})
    if not more:
        await advance(row, Status.READY, event=(), now=now)


async def skip_reasons(row: GroupInvitation, people: Iterable[Person], *, now: datetime) -> dict[UUID, str]:
    """Return why people are not invited, by their id; people who can be invited are left out."""
    people_by_id = {person.id: person for person in people}
    if row.valid_until and row.valid_until <= now:
        return dict.fromkeys(people_by_id, "over")
    mode = await mode_of(row.mode)
    reasons: dict[UUID, str] = {}
    if not row.include_pending:
        open_ones = Invitation.filter(person_id__in=list(people_by_id), status="pending", rehearsal=False)
        for person_id, until in await open_ones.values_list("person_id", "valid_until"):
            if until is None or until > now:
                reasons[person_id] = "pending"
    if not row.include_enrolled:
        macs = Enrollment.filter(person_id__in=list(people_by_id), status="enrolled", rehearsal=False)
        reasons |= dict.fromkeys(await macs.values_list("person_id", flat=True), "enrolled")
    reasons |= dict.fromkeys(await mac_rules.people_with_too_many(people_by_id), "too-many-macs")
    numbers = await default_region() if row.send and mode.secret and row.pin_channel == SMS else None
    for person in people_by_id.values():
        if reason := _skip_reason(person, mode, sending=row.send, numbers=numbers):
            reasons[person.id] = reason
    return reasons


async def invite_batch(
    desk: Desk,
    row: GroupInvitation,
    *,
    now: datetime,
    show_pin: bool = False,
    prefetch: PinPrefetch | None = None,
) -> list[NewInvitation]:
    """Invite the next `BATCH` people who wait, all or none; after the last, move the order on. Rings for the messages.

    People are checked again first: whoever got an invitation meanwhile is skipped.

    Args:
        show_pin: Make PINs even when nothing is sent, and return them.
        prefetch: Holds PINs generated in advance, and generates those of the next batch.

    Raises:
        StaleState: The order was paused or cancelled meanwhile, and nobody was invited.
    """
    try:
        mode = await mode_of(row.mode)
    except ModeOff:
        await groups.move(row, Status.PAUSED, now=now, actor="otae", what="paused, its mode is off")
        return []
    batch = await GroupInvitee.filter(group_invitation_id=row.id, status="waiting").order_by("number").limit(BATCH)
    if not batch:
        await _finish_inviting(row, now=now)
        return []
    chosen, added = await _recheck(row, batch, now=now)
    new_pins: list[GeneratedPin | None] = [None] * len(chosen)
    by_message = row.send and row.pin_channel not in BY_HAND
    if mode.secret and (show_pin or by_message):
        prefetch = prefetch or PinPrefetch(desk)
        new_pins = [*await prefetch.take(mode, len(chosen))]
        if prefetch.more_needed:
            waiting = GroupInvitee.filter(group_invitation_id=row.id, status="waiting")
            prefetch.start(mode, min(BATCH, await waiting.count() - len(batch)))
    terms, region, made = terms_of(row), await default_region(), []
    campaign = await Campaign.get_or_none(group_invitation_id=row.id)
    for (each, person), pin in zip(chosen, new_pins, strict=True):
        own = CheckedTerms(csv_columns.line_terms(terms, each.given), mode)
        invitation, _ = new_invitation(desk, own, person, region=region, now=now, actor=row.created_by)
        invitation.language = (each.given or {}).get("language") or invitation.language
        invitation.campaign_id = campaign.id if campaign else None
        each.invitation_id = invitation.id
        given = pins.pin_row(desk, invitation, pin, now=now, sealed=by_message) if pin else None
        made.append(NewInvitation(invitation, given, pin.clear if pin else None))
    deliveries = await _store_batch(row, batch, added, made, mode, now=now)
    desk.bell.ring("delivery", *deliveries)
    return made if show_pin else [replace(each, clear=None) for each in made]


async def _recheck(
    row: GroupInvitation, batch: list[GroupInvitee], *, now: datetime
) -> tuple[list[tuple[GroupInvitee, Person]], list[Person]]:
    """Set the status of each person in a batch anew; return those who are invited, and of them those to be added."""
    added = await csv_people.people_to_add(row, batch, now=now)
    people = {person.id: person for person in await Person.filter(id__in=[each.person_id for each in batch])}
    people |= {person.id: person for person in added}
    why = await skip_reasons(row, people.values(), now=now)
    for each in batch:
        person = people.get(each.person_id) if each.person_id else None
        if not each.reason:
            each.reason = why.get(person.id, "") if person else "gone"
        if csv_columns.is_over(each.given, now):
            each.reason = "over"
        each.status = "skipped" if each.reason else "invited"
    chosen = [(each, people[each.person_id]) for each in batch if not each.reason and each.person_id]
    not_invited = {person.id for person in added} - {person.id for _, person in chosen}
    for each in batch:
        each.person_id = None if each.person_id in not_invited else each.person_id
    return chosen, [person for person in added if person.id not in not_invited]


async def unsent(row: GroupInvitation) -> int:
    """Return how many of the order's messages are due to be sent; deferred ones are not counted."""
    queued = Delivery.filter(invitation__invitees__group_invitation_id=row.id)
    return await queued.filter(status__in=["queued", "sending"], next_try_at=None).count()


async def end_when_sent(row: GroupInvitation, *, now: datetime) -> None:
    """Mark an order as done once none of its messages is queued or being sent."""
    moving = Delivery.filter(invitation__invitees__group_invitation_id=row.id, status__in=["queued", "sending"])
    if not await moving.filter(kind__in=NEEDED).exists():
        await _finish(row, now)


async def _store_batch(
    row: GroupInvitation,
    batch: list[GroupInvitee],
    added: list[Person],
    made: list[NewInvitation],
    mode: Mode,
    *,
    now: datetime,
) -> list[UUID]:
    """Store a batch and queue its messages; return the deliveries to ring for. Raises as `invite_batch`.

    The order's row is locked first, so that its batches do not deadlock.
    """
    async with transaction():
        if await GroupInvitation.filter(id=row.id, status=Status.EXPANDING).select_for_update().first() is None:
            raise StaleState(f"group invitation {row.id} is no longer being expanded")
        still = GroupInvitee.filter(id__in=[each.id for each in batch], status="waiting")
        if await still.count() != len(batch):
            raise StaleState(f"a batch of group invitation {row.id} was made by another worker")
        if added:
            await csv_people.store_added(added, actor=row.created_by, now=now)
        invitations = [each.invitation for each in made]
        if made:
            await Invitation.bulk_create(invitations)
            await rollout.add_invited(invitations)
            abouts = [about(each) for each in invitations]
            await note_all("invitation.created", now=now, abouts=abouts, actor=row.created_by, detail=mode.title)
        if minted := [each.pin for each in made if each.pin]:
            await Pin.bulk_create(minted)
        deliveries = await queue_messages([(each.invitation, each.pin) for each in made], now=now) if row.send else []
        await GroupInvitee.bulk_update(batch, ["status", "reason", "invitation_id", "person_id"])
    return deliveries


async def _finish_inviting(row: GroupInvitation, *, now: datetime) -> None:
    if row.send:
        await groups.move(row, Status.SENDING, now=now, actor=row.created_by, what="expanded")
    else:
        await _finish(row, now)


async def _finish(row: GroupInvitation, now: datetime) -> None:
    """End an order; that of a campaign that goes on is ready for the next wave."""
    if await Campaign.exists(group_invitation_id=row.id, status__not=CampaignStatus.ENDED):
        await groups.move(row, Status.READY, now=now, actor=row.created_by, what="wave-done")
    else:
        await groups.move(row, Status.DONE, now=now, actor=row.created_by, what="done", finished_at=now)


def _skip_reason(person: Person, mode: Mode, *, sending: bool, numbers: str | None) -> str:
    """Return why ``person`` cannot be invited, as a code, or "". ``numbers``: region for text messages, else None."""
    if person.disabled:
        return "disabled"
    if sending and not person.email:
        return "no-email"
    if numbers is not None and number_of(person, numbers) is None:
        return "no-phone"
    return "no-password" if mode.authentication and orders.lacks_password(person) else ""


def invitee(row: GroupInvitation, number: int, person: Person, why: Mapping[UUID, str]) -> GroupInvitee:
    """Return a person's row of an order, not saved; ``why``: from `skip_reasons`."""
    reason = why.get(person.id, "")
    return GroupInvitee(
        group_invitation_id=row.id,
        number=number,
        person_id=person.id,
        name=person.name,
        display_name=person.display_name,
        email=person.email,
        phone=person.phone,
        status="skipped" if reason else "waiting",
        reason=reason,
    )
