"""Group invitations: many people invited with one order, looked up first, invited in batches once it is started.

(reading → matching →) dry-run → ready → expanding ⇄ paused → sending → done; cancelled can follow every state before
sending. A worker leases the order that it works on; when it dies, another continues after the lease. Nobody is invited
twice: each person's row leaves "waiting" in the transaction that makes the invitation.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID, uuid4

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused, StaleState
from otae.invitations import recipients, terms
from otae.invitations.channels import BY_HAND, CARD, CHANNEL_PHRASES, missing_servers
from otae.invitations.terms import CheckedTerms, InvitationTerms
from otae.store import audit, leases
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Campaign, GroupInvitation, GroupInvitee
from otae.store.paging import older_than
from otae.store.records import advance_audited
from otae.store.states import GroupInvitationStatus
from otae.text import why_refused
from otae.translatable import N_, joined

#: Names for the web, which shows rows and may not import the tables.
GroupInvitationRow: TypeAlias = GroupInvitation
Status: TypeAlias = GroupInvitationStatus

#: Status of a line of a file that was not looked up yet.
LISTED: Final = "listed"
#: Reason of a person whom an administrator took out.
TAKEN_OUT: Final = "taken-out"
#: States in which a worker has something to do.
MOVING: Final = (Status.DRY_RUN, Status.EXPANDING, Status.SENDING)
#: States in which single people can be taken out.
CHANGEABLE: Final = (Status.READY, Status.EXPANDING, Status.PAUSED)
ENDED: Final = (Status.DONE, Status.CANCELLED)
#: Terms that may differ when a key is used again: the note, and templates, which may be deleted by then.
NOT_COMPARED: Final = frozenset({"note", *terms.TEMPLATES})


@dataclass(frozen=True)
class GroupOrder:
    """A group invitation as it is requested.

    ``group``: "[DOMAIN/]GROUP". ``key``: idempotency key; using it again returns the same order, None makes a new one.
    ``include_pending``, ``include_enrolled``: invite also people who have a pending invitation, or an enrolled Mac.
    """

    group: str
    terms: InvitationTerms
    key: str | None = None
    include_pending: bool = False
    include_enrolled: bool = False


async def order(
    desk: Desk,
    group_order: GroupOrder,
    *,
    now: datetime,
    actor: str,
    hold: bool = False,
    reach: Reach = EVERYBODY,
    campaign: Campaign | None = None,
    wrong: Mapping[str, str] = MappingProxyType({}),
) -> GroupInvitation:
    """Store an order, to be looked up by a worker; nobody is invited before `start`. A known key returns its order.

    Args:
        hold: Lease the order to the caller, who works on it instead of a worker.
        reach: A group outside of it is treated as unknown.
        campaign: Stored with a new order, which it is to follow.
        wrong: Errors of the campaign, by field.

    Raises:
        InputRefused: ``wrong``, "group", "key", or a field of `terms.check_terms`.
        StaleState: With ``hold``: a worker is busy with the order of this key.
    """
    group, why = await recipients.find_group(desk, group_order.group, reach=reach)
    row, found_wrong = await draft_order(group_order, now=now, actor=actor, can_show_pins=hold)
    wrong = found_wrong | dict(wrong)
    if group is None or not reach.includes_group(group[0], group[1]):
        wrong["group"] = why or recipients.NO_GROUP
    if wrong or group is None or row is None:
        raise InputRefused(wrong)
    (row.domain, row.name, row.place), row.lease_until = group, now + leases.LEASE if hold else None
    known = await store_or_reuse(row, now=now, actor=actor, campaign=campaign)
    if known is not None:
        return await _held(known, now) if hold and known.status in {*MOVING, Status.READY} else known
    if not hold:
        desk.bell.ring("group", row.id)
    return row


async def _held(known: GroupInvitation, now: datetime) -> GroupInvitation:
    """Claim an order that is there already; StaleState while somebody else holds it."""
    row = await leases.claim(GroupInvitation, known.id, (*MOVING, Status.READY), now)
    if row is None:
        raise StaleState(f"group invitation {known.id} is being worked on")
    return row


async def draft_order(
    group_order: GroupOrder, *, now: datetime, actor: str, can_show_pins: bool = False
) -> tuple[GroupInvitation | None, dict[str, str]]:
    """Return an order's row, not stored and without people (None for wrong terms), and the errors by field.

    Args:
        can_show_pins: Whether the caller can show PINs to somebody who waits for them.
    """
    checked, wrong = await terms.check_terms(group_order.terms, now=now)
    if checked and (words := await _channel_wrong(checked, can_show_pins=can_show_pins)):
        wrong["pin_channel"] = words
    wrong |= {
        name: N_("this is for one person alone")
        for name in terms.SINGLE_PERSON_FIELDS
        if getattr(group_order.terms, name)
    }
    key = (group_order.key or "").strip() or str(uuid4())
    if len(key) > 100 or why_refused(key):
        wrong["key"] = N_("use up to 100 characters in one line")
    if checked is None:
        return None, wrong
    row = GroupInvitation(
        key=key,
        created_by=actor[:100],
        created_at=now,
        include_pending=group_order.include_pending,
        include_enrolled=group_order.include_enrolled,
        **terms.columns(checked.terms, GroupInvitation),
    )
    return row, wrong


async def store_or_reuse(
    row: GroupInvitation, *, now: datetime, actor: str, campaign: Campaign | None = None
) -> GroupInvitation | None:
    """Store an order and the campaign that follows it, or return the order that was stored with the same key before.

    Raises:
        InputRefused: "key": it was used for a different order.
    """
    if (known := await GroupInvitation.get_or_none(key=row.key)) is None:
        try:
            async with transaction():
                await row.save(force_create=True)
                if campaign:
                    campaign.group_invitation_id = row.id
                    await campaign.save(force_create=True)
                subject, detail = str(row.id), _detail(row)
                await audit.record(actor, "group-invitation.ordered", now=now, subject=subject, detail=detail)
        except IntegrityError:
            known = await GroupInvitation.get(key=row.key)  # the same key at the same moment
    return None if known is None else _check_same(known, row)


async def find(group_invitation_id: UUID, reach: Reach = EVERYBODY) -> GroupInvitation | None:
    """Return the group invitation with this id, None when there is none, or its group is not within ``reach``."""
    return await GroupInvitation.get_or_none(within(reach), id=group_invitation_id)


async def list_orders(
    before: UUID | None = None, limit: int = 50, *, reach: Reach = EVERYBODY
) -> list[GroupInvitation]:
    """Return group invitations of groups within ``reach``, newest first; with ``before`` those older than that id."""
    rows = GroupInvitation.filter(within(reach))
    if before and (last := await find(before)):
        rows = rows.filter(older_than(last))
    return await rows.order_by("-created_at", "-id").limit(limit)


async def running(limit: int = 5, *, reach: Reach = EVERYBODY) -> list[tuple[GroupInvitation, int]]:
    """Return orders that are worked on or paused, newest first, each with how many of its people were dealt with."""
    rows = GroupInvitation.filter(within(reach), status__in=[*MOVING, Status.PAUSED])
    found = []
    for row in await rows.order_by("-created_at", "-id").limit(limit):
        # People are invited in the order of their numbers: the first who waits says how many do not.
        waiting = GroupInvitee.filter(group_invitation_id=row.id, status="waiting").order_by("number")
        first = await waiting.first().only("id", "number")
        found.append((row, first.number - 1 if first else row.found))
    return found


async def start(desk: Desk, row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Start to invite the people who were found. Raises StaleState when the order has moved on meanwhile."""
    await move(row, Status.EXPANDING, now=now, actor=actor, what="started", started_at=now)
    desk.bell.ring("group", row.id)


async def pause(row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Stop inviting for now; messages that are queued are still sent. Raises as `start`."""
    await move(row, Status.PAUSED, now=now, actor=actor, what="paused")


async def resume(desk: Desk, row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Continue a paused order. Raises as `start`."""
    await move(row, Status.EXPANDING, now=now, actor=actor, what="resumed")
    desk.bell.ring("group", row.id)


async def cancel(row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Stop inviting for good; invitations that exist stay as they are. Raises as `start`."""
    await move(row, Status.CANCELLED, now=now, actor=actor, what="cancelled", finished_at=now)


async def schedule(row: GroupInvitation, at: datetime | None, *, now: datetime, actor: str) -> None:
    """Have a ready order start by itself at a time, or not (None).

    Raises:
        InputRefused: "start_at": it is past, too far away, or the invitations would have ended by then.
        StaleState: The order was started or cancelled meanwhile.
    """
    if words := await terms.end_problem(at, now=now):
        raise InputRefused({"start_at": words})
    if at and row.valid_until and at >= row.valid_until:
        raise InputRefused({"start_at": N_("the invitations would have ended by then")})
    async with transaction():
        if await GroupInvitation.filter(id=row.id, status=Status.READY).update(start_at=at) != 1:
            raise StaleState(f"group invitation {row.id} is no longer ready")
        detail = f"{_detail(row)}, {at:%Y-%m-%d %H:%M} UTC" if at else _detail(row)
        action = "group-invitation.scheduled" if at else "group-invitation.unscheduled"
        await audit.record(actor, action, now=now, subject=str(row.id), detail=detail)


async def start_due(desk: Desk, *, now: datetime) -> None:
    """Start the orders whose time has come; safe in several processes at once."""
    for row in await GroupInvitation.filter(status=Status.READY, start_at__lte=now).limit(50):
        with suppress(StaleState):
            await start(desk, row, now=now, actor=row.created_by)


async def set_invited(
    row: GroupInvitation, number: int, *, invited: bool, now: datetime, actor: str, reach: Reach = EVERYBODY
) -> bool:
    """Take one person out of an order, or put them back; False when they are past that, or were never in it."""
    before, after = (("skipped", TAKEN_OUT), ("waiting", "")) if invited else (("waiting", ""), ("skipped", TAKEN_OUT))
    one = GroupInvitee.filter(
        reach.people("person_id"), group_invitation_id=row.id, number=number, status=before[0], reason=before[1]
    )
    async with transaction():
        if await GroupInvitation.filter(id=row.id, status__in=CHANGEABLE).select_for_update().first() is None:
            return False
        if await one.update(status=after[0], reason=after[1]) != 1:
            return False
        action = "group-invitation.put-back" if invited else "group-invitation.taken-out"
        await audit.record(actor, action, now=now, subject=str(row.id), detail=f"{_detail(row)}, number {number}")
    return True


async def move(row: GroupInvitation, to: Status, *, now: datetime, actor: str, what: str, **changes: object) -> None:
    """Move ``row`` to another state and audit it.

    Args:
        what: Ends the name of the audit action, as in "group-invitation.paused".
        changes: Further columns to set.

    Raises:
        StaleState: The move is not allowed, or the row has left the state in which it was seen.
    """
    action = f"group-invitation.{what}"
    await advance_audited(row, to, action=action, detail=_detail(row), now=now, actor=actor, **changes)


async def claim(group_invitation_id: UUID, now: datetime) -> GroupInvitation | None:
    """Lease an order for one step; None when another worker has it, or there is nothing to do."""
    return await leases.claim(GroupInvitation, group_invitation_id, MOVING, now)


async def waiting(now: datetime) -> list[UUID]:
    """Return the ids of orders that have work and no worker."""
    return await leases.waiting(GroupInvitation, MOVING, now)


def within(reach: Reach, path: str = "") -> Q:
    """Return the condition for orders of groups within ``reach``; a limited reach never includes files of people.

    ``path``: from the table that is read to its order, such as "group_invitation__".
    """
    if not reach.limited:
        return Q()
    names = [(domain, name) for domain, name in sorted(reach.names)] or [("", "")]
    each = [{f"{path}source": "group", f"{path}domain": domain, f"{path}name": name} for domain, name in names]
    return Q(*(Q(**values) for values in each), join_type="OR")


async def _channel_wrong(checked: CheckedTerms, *, can_show_pins: bool) -> str:
    """Return why the PINs of many people cannot be delivered as ordered, "" when they can."""
    if not checked.mode.secret:
        return ""
    if checked.channel == CARD and not checked.mode.token:
        return ""  # each PIN is made when its card is printed
    if checked.channel in BY_HAND and not can_show_pins:
        return N_(
            "a PIN of %(title)s is to be %(channel)s: invite people one at a time",
            title=checked.mode.title,
            channel=CHANNEL_PHRASES[checked.channel],
        )
    return joined(await missing_servers(checked.channel)) if checked.terms.send else ""


def _check_same(known: GroupInvitation, requested: GroupInvitation) -> GroupInvitation:
    """Return the stored order of a key; InputRefused ("key") when ``requested`` differs from it."""
    names = {"source", "domain", "name", *terms.field_names(GroupInvitation)} - NOT_COMPARED
    if any(getattr(known, name) != getattr(requested, name) for name in names):
        raise InputRefused({"key": N_("this key was used for another order")})
    return known


def _detail(row: GroupInvitation) -> str:
    return f"{row.domain}/{row.name}, {row.mode}"
