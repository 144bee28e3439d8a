"""What a worker does with a group invitation, a step at a time: look up a page of people, or invite a wave of them.

PINs are made and hashed before a wave's transaction, one after the other: at most one core is busy with them, and pages
stay answered. Nothing here ever holds more people than one page.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.delivery.phones import default_region
from otae.delivery.texts.kinds import NEEDED
from otae.directory import groups as directory
from otae.errors import DirectoryUnavailable, ModeOff, StaleState
from otae.invitations import csv_people, csv_source, group_members, groups, orders, pins
from otae.invitations.channels import BY_HAND, SMS, number_of
from otae.invitations.groups import Status
from otae.invitations.modes import Mode, mode_of
from otae.invitations.pin_delivery import queue
from otae.invitations.pins import Ahead, Drawn
from otae.invitations.terms import CheckedTerms, new_invitation, terms_of
from otae.store import leases
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Enrollment, GroupInvitation, GroupInvitee, Invitation, Person, Pin
from otae.store.records import about, note_all

#: People looked up at a time, and invited at a time.
PAGE: Final = 500
WAVE: Final = 100
#: Seconds for which a step makes waves: shorter than a worker has to end, and long enough to hash one wave ahead.
STEP: Final = 4
#: With so many messages of one order still to be sent, no further wave is made: a pause then means something.
UNSENT: Final = 1000


@dataclass(frozen=True)
class Made:
    """What a wave made for one person, for whoever started it and nobody else."""

    invitation: Invitation
    pin: Pin | None
    clear: str | None = field(default=None, repr=False)


async def step(desk: Desk, group_invitation_id: UUID, *, now: datetime) -> bool:
    """Do the next piece of work of an order that nobody else has; tell whether more can be done at once."""
    row = await groups.claim(group_invitation_id, now)
    if row is None:
        return False
    away = False
    try:
        if row.status == Status.DRY_RUN:
            await look_up(desk, row, now=now)
            return row.status == Status.DRY_RUN
        if row.status == Status.EXPANDING:
            return await _make_waves(desk, row, now=now)
        await end_when_sent(row, now=now)
    except StaleState:
        pass  # paused, cancelled, or taken over by another worker after a lease: no longer ours to go on with
    except DirectoryUnavailable:
        away = True  # the lease stays: it is asked again when that ends
    finally:
        if not away:
            await leases.let_go(row)
    return False


async def _make_waves(desk: Desk, row: GroupInvitation, *, now: datetime) -> bool:
    """Make waves for a few seconds, each one's PINs hashed while the one before is stored; tell whether more can be."""
    began, ahead = time.monotonic(), Ahead(desk)
    try:
        while row.status == Status.EXPANDING:
            if await unsent(row) >= UNSENT:
                return False
            took = time.monotonic() - began
            at = now + timedelta(seconds=took)
            await leases.hold_on(row, at)
            ahead.further = took < STEP
            await invite_wave(desk, row, now=at, ahead=ahead)
            if not ahead.further:
                return row.status == Status.EXPANDING
    finally:
        ahead.end()
    return False


async def look_up(desk: Desk, row: GroupInvitation, *, now: datetime) -> None:
    """Look up the next page of an order's people; after the last it is ready. StaleState: somebody else did.

    Raises DirectoryUnavailable, with nothing looked up.
    """
    if row.source == csv_source.SOURCE:
        await _look_up_lines(desk, row, now=now)
        return
    if row.place:
        people, place = await group_members.page(desk, row, now=now)
        await _take_in(row, people, more=bool(place), place=place, now=now)
        return
    last = await GroupInvitee.filter(group_invitation_id=row.id).order_by("-number").first()
    after = (last.name, last.person_id) if last else None
    people = await directory.members(row.domain, row.name, after=after, limit=PAGE)
    await _take_in(row, people, more=len(people) == PAGE, now=now)


async def _take_in(row: GroupInvitation, people: list[Person], *, more: bool, place: str = "", now: datetime) -> None:
    why = await reasons(row, people, now=now)
    made = [_invitee(row, row.found + number, person, why) for number, person in enumerate(people, 1)]
    async with transaction():
        await _count(row, len(made), more=more, place=place)
        await GroupInvitee.bulk_create(made)


async def _look_up_lines(desk: Desk, row: GroupInvitation, *, now: datetime) -> None:
    """Look up the next lines of a file, as `look_up`."""
    listed = GroupInvitee.filter(group_invitation_id=row.id, status=groups.LISTED)
    lines = await listed.order_by("number").limit(PAGE)
    people = await csv_people.people_of(desk, row, lines, now=now)
    why = await reasons(row, people.values(), now=now)
    for line in lines:
        if person := people.get(line.id):
            line.person_id, line.name, line.display_name = person.id, csv_people.called(person), person.display_name
            line.email, line.phone, line.reason = person.email, person.phone, why.get(person.id, "")
        line.status = "skipped" if line.reason else "waiting"
    async with transaction():
        await _count(row, len(lines), more=len(lines) == PAGE)
        if lines:
            names = ["person_id", "name", "display_name", "email", "phone", "status", "reason"]
            await GroupInvitee.bulk_update(lines, names)


async def _count(row: GroupInvitation, number: int, *, more: bool, place: str = "") -> None:
    """Count a page of people in, inside the transaction that stores it; StaleState when somebody else just did."""
    found, status = row.found + number, Status.DRY_RUN if more else Status.READY
    seen = GroupInvitation.filter(id=row.id, status=Status.DRY_RUN, found=row.found, place=row.place)
    if await seen.update(found=found, status=status, place=place) != 1:
        raise StaleState(f"group invitation {row.id} was looked up by somebody else")
    row.update_from_dict({"found": found, "status": status, "place": place})


async def reasons(row: GroupInvitation, people: Iterable[Person], *, now: datetime) -> dict[UUID, str]:
    """Return why people are not to be invited, by their id; who can be is not in it."""
    asked = {person.id: person for person in people}
    mode = await mode_of(row.mode)
    found: dict[UUID, str] = {}
    if not row.include_pending:
        open_ones = Invitation.filter(person_id__in=list(asked), status="pending", rehearsal=False)
        for person_id, until in await open_ones.values_list("person_id", "valid_until"):
            if until is None or until > now:
                found[person_id] = "pending"
    if not row.include_enrolled:
        macs = Enrollment.filter(person_id__in=list(asked), status="enrolled", rehearsal=False)
        found |= dict.fromkeys(await macs.values_list("person_id", flat=True), "enrolled")
    numbers = await default_region() if row.send and mode.secret and row.pin_channel == SMS else None
    for person in asked.values():
        if reason := _lacking(person, mode, sending=row.send, numbers=numbers):
            found[person.id] = reason
    return found


async def invite_wave(
    desk: Desk,
    row: GroupInvitation,
    *,
    now: datetime,
    show_pin: bool = False,
    ahead: Ahead | None = None,
) -> list[Made]:
    """Invite the next hundred who wait, all of them or none, and ring for their messages; after the last go on.

    People are looked at once more: who got an invitation meanwhile is left out. ``show_pin``: make PINs even when
    nothing is sent. ``ahead``: where PINs may have been drawn already, and those of a next wave are. Returns what was
    made. StaleState: it was paused or cancelled meanwhile, and nothing was done.
    """
    try:
        mode = await mode_of(row.mode)
    except ModeOff:
        await groups.move(row, Status.PAUSED, now=now, actor="otae", what="paused, its mode is off")
        return []
    wave = await GroupInvitee.filter(group_invitation_id=row.id, status="waiting").order_by("number").limit(WAVE)
    if not wave:
        await _go_on_to_sending(row, now=now)
        return []
    chosen = await _look_again(row, wave, now=now)
    drawn: list[Drawn | None] = [None] * len(chosen)
    by_message = row.send and row.pin_channel not in BY_HAND
    if mode.secret and (show_pin or by_message):
        ahead = ahead or Ahead(desk)
        drawn = [*await ahead.take(mode, len(chosen))]
        if ahead.further:
            waiting = GroupInvitee.filter(group_invitation_id=row.id, status="waiting")
            ahead.begin(mode, min(WAVE, await waiting.count() - len(wave)))
    terms, region, made = CheckedTerms(terms_of(row), mode), await default_region(), []
    for (each, person), pin in zip(chosen, drawn, strict=True):
        invitation, _ = new_invitation(desk, terms, person, region=region, now=now, actor=row.created_by)
        each.invitation_id = invitation.id
        given = pins.give(desk, invitation, pin, now=now, sealed=by_message) if pin else None
        made.append(Made(invitation, given, pin.clear if pin else None))
    deliveries = await _save(row, wave, made, mode, now=now)
    desk.bell.ring("delivery", *deliveries)
    return made if show_pin else [replace(each, clear=None) for each in made]


async def _look_again(
    row: GroupInvitation, wave: list[GroupInvitee], *, now: datetime
) -> list[tuple[GroupInvitee, Person]]:
    """Say of each of a wave what becomes of them, and return those who are invited."""
    people = {person.id: person for person in await Person.filter(id__in=[each.person_id for each in wave])}
    why = await reasons(row, people.values(), now=now)
    for each in wave:
        person = people.get(each.person_id) if each.person_id else None
        each.reason = why.get(person.id, "") if person else "gone"
        each.status = "skipped" if each.reason else "invited"
    return [(each, people[each.person_id]) for each in wave if not each.reason and each.person_id]


async def unsent(row: GroupInvitation) -> int:
    """Return how many messages of the order wait to be sent; those that were deferred wait for something else."""
    queued = Delivery.filter(invitation__invitees__group_invitation_id=row.id)
    return await queued.filter(status__in=["queued", "sending"], next_try_at=None).count()


async def end_when_sent(row: GroupInvitation, *, now: datetime) -> None:
    """Call an order done when none of its messages is on its way any more."""
    moving = Delivery.filter(invitation__invitees__group_invitation_id=row.id, status__in=["queued", "sending"])
    if not await moving.filter(kind__in=NEEDED).exists():
        await groups.move(row, Status.DONE, now=now, actor=row.created_by, what="done", finished_at=now)


async def _save(
    row: GroupInvitation,
    wave: list[GroupInvitee],
    made: list[Made],
    mode: Mode,
    *,
    now: datetime,
) -> list[UUID]:
    """Store a wave: it waits for no other, for the order's own row is taken first. StaleState as `invite_wave`."""
    async with transaction():
        if await GroupInvitation.filter(id=row.id, status=Status.EXPANDING).select_for_update().first() is None:
            raise StaleState(f"group invitation {row.id} is no longer being expanded")
        still = GroupInvitee.filter(id__in=[each.id for each in wave], status="waiting")
        if await still.count() != len(wave):
            raise StaleState(f"a wave of group invitation {row.id} was made by another worker")
        invitations = [each.invitation for each in made]
        if made:
            await Invitation.bulk_create(invitations)
            abouts = [about(each) for each in invitations]
            await note_all("invitation.created", now=now, abouts=abouts, actor=row.created_by, detail=mode.title)
        if minted := [each.pin for each in made if each.pin]:
            await Pin.bulk_create(minted)
        deliveries = await queue([(each.invitation, each.pin) for each in made], now=now) if row.send else []
        await GroupInvitee.bulk_update(wave, ["status", "reason", "invitation_id"])
    return deliveries


async def _go_on_to_sending(row: GroupInvitation, *, now: datetime) -> None:
    """Everybody was looked at: wait for the messages, or be done at once when none goes out."""
    if row.send:
        await groups.move(row, Status.SENDING, now=now, actor=row.created_by, what="expanded")
    else:
        await groups.move(row, Status.DONE, now=now, actor=row.created_by, what="done", finished_at=now)


def _lacking(person: Person, mode: Mode, *, sending: bool, numbers: str | None) -> str:
    """Say why ``person`` cannot be invited; ``numbers``: the region of numbers where PINs go out as text messages."""
    if person.disabled:
        return "disabled"
    if sending and not person.email:
        return "no-email"
    if numbers is not None and number_of(person, numbers) is None:
        return "no-phone"
    return "no-password" if mode.authentication and orders.lacks_password(person) else ""


def _invitee(row: GroupInvitation, number: int, person: Person, why: dict[UUID, str]) -> GroupInvitee:
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
