"""Desk mode: an administrator confirms who stands before them, and gives out a code and the mode's PIN (ADR 37).

The person is mailed at once, with a link of 128 random bits to object. An objection ends the invitation; where its Mac
is enrolled already, whoever invited is told.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q

from otae.accounts.roles import permissions_of
from otae.delivery.notices import notify_objection
from otae.delivery.queue import outbox
from otae.directory.local.person_fields import DOMAIN
from otae.directory.lookup import PeopleFilter, PersonRow, filter_people
from otae.directory.reach import Reach
from otae.errors import InputRefused, InvitationRedeemed, InvitationRevoked, ObjectionUnknown, StaleState
from otae.invitations import channels, go_codes, lifecycle, pins
from otae.invitations.details import InvitationRow
from otae.invitations.go_codes import GoCode
from otae.invitations.modes import known_mode
from otae.store import audit, failure_counters
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.failure_counters import Limit
from otae.store.mode_table import MODES
from otae.store.models import Administrator, Event, Invitation, Person
from otae.store.passwords import hash_token
from otae.store.records import about, advance, note
from otae.store.states import InvitationStatus as Status
from otae.translatable import N_

#: Kind of the message to the person, and of the events.
MESSAGE: Final = "identity"
CONFIRMED: Final = "identity.confirmed"
OBJECTED: Final = "identity.objected"
#: Purpose under which the token of the link is sealed.
SEAL: Final = "objection token"
#: Confirmations that an administrator may make.
PER_HOUR: Final = Limit(30, timedelta(hours=1))
#: Actor of an objection in the timeline.
ACTOR: Final = "the invited person"
#: Most people that a search finds.
MAX_PEOPLE: Final = 20


@dataclass(frozen=True)
class Visitor:
    """A person who may stand at the desk. ``invitations``: those that a code may open, newest first."""

    person: PersonRow
    invitations: Sequence[InvitationRow]
    administrator: bool


@dataclass(frozen=True)
class Confirmed:
    """What is shown once after an identity was confirmed; ``pin``: None where the mode has none."""

    invitation: InvitationRow
    code: GoCode
    pin: str | None = field(repr=False)


@dataclass(frozen=True)
class Objection:
    """What the page of the link to object says.

    ``by`` and ``at``: who confirmed the identity, and when; None when not known.
    """

    invitation: InvitationRow
    by: str
    at: datetime | None


async def find_visitors(search: str, *, reach: Reach, now: datetime) -> list[Visitor]:
    """Return up to `MAX_PEOPLE` people within ``reach`` by part of a name, mail address or department."""
    found = await filter_people(PeopleFilter(search=search, by_department=True), limit=MAX_PEOPLE, reach=reach)
    people = [person for person in found if not person.disabled]
    modes = [mode.name for mode in MODES.values() if not mode.token]
    live = Invitation.filter(Q(valid_until=None) | Q(valid_until__gt=now), status=Status.PENDING, rehearsal=False)
    rows = await live.filter(person_id__in=[person.id for person in people], mode__in=modes).order_by("-created_at")
    administrators = await _administrators()
    return [
        Visitor(
            person,
            [row for row in rows if row.person_id == person.id],
            await _is_administrator(person, administrators),
        )
        for person in people
    ]


async def confirm(
    desk: Desk, invitation_id: UUID, *, reach: Reach, by: str, by_id: UUID, now: datetime
) -> Confirmed | None:
    """Confirm the identity of an invitation's person: make a code and PIN, and mail the person.

    An earlier PIN stops working, and queued messages are cancelled.

    Args:
        by: The administrator, who is named in timeline and audit log; ``by_id``: whose confirmations are counted.

    Returns:
        None when there is no such invitation within ``reach``.

    Raises:
        SlowDown: More than `PER_HOUR`.
        InputRefused: The person is an administrator or has no mail address, or the mode does not allow it.
        NotAllowed: As `lifecycle.check_usable`.
        StaleState: The invitation changed meanwhile.
    """
    found = Invitation.filter(reach.people("person_id"), id=invitation_id, rehearsal=False)
    invitation = await found.prefetch_related("person").first()
    if invitation is None:
        return None
    lifecycle.check_usable(invitation, now=now)
    mode, seen, person = await known_mode(invitation.mode), invitation.generation, invitation.person
    address = invitation.email or person.email
    if mode.token:
        raise InputRefused({"": N_("in this mode the link is a factor: the person opens the mail on the Mac")})
    if address is None or person.disabled or await _is_administrator(person, await _administrators()):
        raise InputRefused({"": N_("only for people with a mail address who are not disabled and no administrators")})
    channel = await channels.channel_for_new_pin(mode, invitation.pin_channel, show_pin=True)
    await failure_counters.count(f"identity:{by_id}", PER_HOUR, now)
    pin, clear = None, None
    if mode.secret:
        pin, clear = await pins.mint(desk, invitation, now=now, generation=seen + 1, sealed=False, mode=mode)
    token = secrets.token_urlsafe(16)
    changes: dict[str, Any] = {"generation": seen + 1, "pin_channel": channel, "objection_hash": hash_token(token)}
    changes["objection_sealed"] = desk.vault.seal(token.encode(), invitation.id, SEAL)
    async with transaction():
        await lifecycle.lock(invitation, generation=seen, status=Status.PENDING)
        await lifecycle.cancel_messages(invitation, now)
        await advance(invitation, Status.PENDING, event=CONFIRMED, now=now, actor=by, **changes)
        if pin:
            await pin.save(force_create=True)
        delivery = await outbox.enqueue(invitation, MESSAGE, invitation.generation, address, now=now)
        await audit.record(by, CONFIRMED, now=now, subject=str(invitation.id), detail=str(person.id))
    desk.bell.ring("delivery", delivery.id)
    code = await go_codes.make(desk, invitation, now=now, actor=by)
    if code is None:
        raise StaleState(f"invitation {invitation.id} ended while the identity was confirmed")
    return Confirmed(invitation, code, clear)


async def find_objection(token: str) -> Objection:
    """Return what the link with ``token`` objects to. Writes nothing. Raises ObjectionUnknown."""
    invitation = await Invitation.get_or_none(objection_hash=hash_token(token)).prefetch_related("person")
    if invitation is None:
        raise ObjectionUnknown
    event = await Event.filter(invitation_id=invitation.id, kind=CONFIRMED).order_by("-id").first()
    return Objection(invitation, event.actor if event else "", event.at if event else None)


async def end_by_objection(desk: Desk, token: str, *, now: datetime) -> bool:
    """End the invitation of a link and use the link up; return whether a Mac was enrolled with it already.

    Whoever invited is told in either case. Raises ObjectionUnknown, also when the link was used at the same moment.
    """
    invitation, enrolled = (await find_objection(token)).invitation, False
    try:  # before the link is used up, so that it works again if this process dies in between
        await lifecycle.revoke(desk, invitation, now=now, actor=ACTOR)
    except InvitationRedeemed:
        enrolled = True
    except InvitationRevoked:
        pass  # ended before
    async with transaction():
        used = Invitation.filter(id=invitation.id, objection_hash=hash_token(token))
        if await used.update(objection_hash=None, objection_sealed=None) != 1:
            raise ObjectionUnknown
        await note(OBJECTED, now=now, about=about(invitation), actor=ACTOR)
        await audit.record(ACTOR, OBJECTED, now=now, subject=str(invitation.id), detail=str(invitation.person_id))
        await notify_objection(invitation, now=now)
    return enrolled


async def _administrators() -> list[Administrator]:
    return await Administrator.all()


async def _is_administrator(person: Person, administrators: Sequence[Administrator]) -> bool:
    """Return whether ``person`` has a console: by account, by directory id, by mail address, or by role."""
    for each in administrators:
        same_account = each.domain == person.domain and each.name.casefold() == person.name.casefold()
        same_entry = each.domain == person.domain != DOMAIN and each.directory_id == person.directory_id
        same_address = bool(person.email) and (each.email or "").casefold() == (person.email or "").casefold()
        if same_account or same_entry or same_address:
            return True
    return bool(await permissions_of(person.role))
