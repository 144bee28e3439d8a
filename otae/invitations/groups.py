"""Inviting many people with one order: looked up first, invited when somebody says so, a wave at a time.

(reading →) dry-run → ready → expanding ⇄ paused → sending → done, and cancelled from everywhere before sending. Whoever
works on an order holds it by a lease; what a worker that died left behind is taken up again, and no person is invited
twice: each row of the order leaves "waiting" in the transaction that makes its invitation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID, uuid4

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused, StaleState
from otae.invitations import recipients, terms
from otae.invitations.channels import BY_HAND, WORDS, lacking_here
from otae.invitations.terms import CheckedTerms, InvitationTerms
from otae.store import audit, leases
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import GroupInvitation
from otae.store.paging import older
from otae.text import why_refused

#: Name for those who show rows and may not know the tables.
GroupInvitationRow: TypeAlias = GroupInvitation


class Status(StrEnum):
    """Where a group invitation stands. ``reading``: the lines of a file are still being taken in."""

    READING = "reading"
    DRY_RUN = "dry-run"
    READY = "ready"
    EXPANDING = "expanding"
    PAUSED = "paused"
    SENDING = "sending"
    DONE = "done"
    CANCELLED = "cancelled"


#: A person's row of a file that was not looked up yet.
LISTED: Final = "listed"
#: Those in which a worker has something to do.
MOVING: Final = (Status.DRY_RUN, Status.EXPANDING, Status.SENDING)
ENDED: Final = (Status.DONE, Status.CANCELLED)

MOVES: Final[Mapping[str, frozenset[str]]] = {
    Status.READING: frozenset({Status.DRY_RUN, Status.CANCELLED}),
    Status.DRY_RUN: frozenset({Status.READY, Status.CANCELLED}),
    Status.READY: frozenset({Status.EXPANDING, Status.CANCELLED}),
    Status.EXPANDING: frozenset({Status.PAUSED, Status.SENDING, Status.DONE, Status.CANCELLED}),
    Status.PAUSED: frozenset({Status.EXPANDING, Status.CANCELLED}),
    Status.SENDING: frozenset({Status.DONE}),
    Status.DONE: frozenset(),
    Status.CANCELLED: frozenset(),
}


#: What may differ between an order and the same one again: words, and templates, which may be gone by then.
NOT_COMPARED: Final = frozenset({"note", *terms.TEMPLATES})


@dataclass(frozen=True)
class GroupOrder:
    """A group invitation as it is asked for.

    ``group``: "[DOMAIN/]GROUP". ``key``: the same key again is the same order, None for one of its own.
    ``include_pending``, ``include_enrolled``: invite also who has an invitation that waits, or an enrolled Mac.
    """

    group: str
    terms: InvitationTerms
    key: str | None = None
    include_pending: bool = False
    include_enrolled: bool = False


async def order(
    desk: Desk, wanted: GroupOrder, *, now: datetime, actor: str, hold: bool = False, reach: Reach = EVERYBODY
) -> GroupInvitation:
    """Store an order, to be looked up by a worker; nobody is invited before `start`.

    A key that was used returns the order made with it. ``hold``: keep workers away for a lease, to work on it oneself;
    with a key that was used, StaleState while a worker has that order. ``reach``: a group out of it is none.
    Raises InputRefused with the fields "group", "key" or those of `terms.check_terms`.
    """
    group, why = await recipients.find_group(desk, wanted.group, reach=reach)
    row, wrong = await drafted(wanted, now=now, actor=actor, seen=hold)
    if group is None or not reach.includes_group(group[0], group[1]):
        wrong["group"] = why or recipients.NO_GROUP
    if wrong or group is None or row is None:
        raise InputRefused(wrong)
    (row.domain, row.name, row.place), row.lease_until = group, now + leases.LEASE if hold else None
    known = await stored(row, now=now, actor=actor)
    if known is not None:
        if hold and known.status in MOVING and await claim(known.id, now) is None:
            raise StaleState(f"group invitation {known.id} is being worked on")
        return known
    if not hold:
        desk.bell.ring("group", row.id)
    return row


async def drafted(
    wanted: GroupOrder, *, now: datetime, actor: str, seen: bool = False
) -> tuple[GroupInvitation | None, dict[str, str]]:
    """Return the row of an order, not stored and without its people, and what is wrong with it by field.

    ``seen``: somebody waits for what is made, and can be shown PINs.
    """
    checked, wrong = await terms.check_terms(wanted.terms, now=now)
    if checked and (words := await _channel_wrong(checked, seen=seen)):
        wrong["pin_channel"] = words
    wrong |= {name: "this is for one person alone" for name in terms.OF_ONE_PERSON if getattr(wanted.terms, name)}
    key = (wanted.key or "").strip() or str(uuid4())
    if len(key) > 100 or why_refused(key):
        wrong["key"] = "use up to 100 characters in one line"
    if checked is None:
        return None, wrong
    row = GroupInvitation(
        key=key,
        created_by=actor[:100],
        created_at=now,
        include_pending=wanted.include_pending,
        include_enrolled=wanted.include_enrolled,
        **terms.columns(checked.terms, GroupInvitation),
    )
    return row, wrong


async def stored(row: GroupInvitation, *, now: datetime, actor: str) -> GroupInvitation | None:
    """Store an order; when its key was used, return the order made with it instead. InputRefused: for another one."""
    if (known := await GroupInvitation.get_or_none(key=row.key)) is None:
        try:
            async with transaction():
                await row.save(force_create=True)
                await _record(row, "ordered", now=now, actor=actor)
        except IntegrityError:
            known = await GroupInvitation.get(key=row.key)  # the same key at the same moment
    return None if known is None else _same(known, row)


async def find(group_invitation_id: UUID, reach: Reach = EVERYBODY) -> GroupInvitation | None:
    """Return the group invitation with this id, None when there is none of a group within ``reach``."""
    return await GroupInvitation.get_or_none(_of(reach), id=group_invitation_id)


async def listed(before: UUID | None = None, limit: int = 50, *, reach: Reach = EVERYBODY) -> list[GroupInvitation]:
    """Return group invitations of groups within ``reach``, newest first, those older than ``before``."""
    rows = GroupInvitation.filter(_of(reach))
    if before and (last := await find(before)):
        rows = rows.filter(older(last))
    return await rows.order_by("-created_at", "-id").limit(limit)


async def start(desk: Desk, row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Begin to invite those who were found; StaleState when somebody else decided just before."""
    await move(row, Status.EXPANDING, now=now, actor=actor, what="started", started_at=now)
    desk.bell.ring("group", row.id)


async def pause(row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Invite nobody further for now; what is queued already is still sent. Raises as `start`."""
    await move(row, Status.PAUSED, now=now, actor=actor, what="paused")


async def resume(desk: Desk, row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Go on where it was paused. Raises as `start`."""
    await move(row, Status.EXPANDING, now=now, actor=actor, what="resumed")
    desk.bell.ring("group", row.id)


async def cancel(row: GroupInvitation, *, now: datetime, actor: str) -> None:
    """Invite nobody further, for good; invitations made already stay as they are. Raises as `start`."""
    await move(row, Status.CANCELLED, now=now, actor=actor, what="cancelled", finished_at=now)


async def move(row: GroupInvitation, to: Status, *, now: datetime, actor: str, what: str, **changes: object) -> None:
    """Move ``row`` from where we saw it, and record who did it; StaleState when it is no longer there."""
    if to not in MOVES[row.status]:
        raise StaleState(f"a group invitation that is {row.status} cannot become {to}")
    async with transaction():
        seen = GroupInvitation.filter(id=row.id, status=row.status)
        if await seen.update(status=to, **changes) != 1:
            raise StaleState(f"group invitation {row.id} is no longer {row.status}")
        await _record(row, what, now=now, actor=actor)
    row.update_from_dict({"status": to, **changes})


async def claim(group_invitation_id: UUID, now: datetime) -> GroupInvitation | None:
    """Take an order for one step; None when somebody else has it or there is nothing to do."""
    return await leases.claim(GroupInvitation, group_invitation_id, MOVING, now)


async def waiting(now: datetime) -> list[UUID]:
    """Return the orders that a worker should be hinted at."""
    return await leases.waiting(GroupInvitation, MOVING, now)


def _of(reach: Reach) -> Q:
    """Return the condition under which an order is for a group within reach; a file of people never is."""
    if not reach.limited:
        return Q()
    each = [Q(source="group", domain=domain, name=name) for domain, name in sorted(reach.names)]
    return Q(*each, join_type="OR") if each else Q(source="")


async def _channel_wrong(checked: CheckedTerms, *, seen: bool) -> str:
    """Say why the PINs of many people cannot go out as they are to; "" when they can."""
    if not checked.mode.secret:
        return ""
    if checked.channel in BY_HAND and not seen:
        return f"a PIN of {checked.mode.title} is to be {WORDS[checked.channel]}: invite people one at a time"
    return "; ".join(await lacking_here(checked.channel)) if checked.terms.send else ""


def _same(known: GroupInvitation, wanted: GroupInvitation) -> GroupInvitation:
    """Return the order that a key stands for; InputRefused when it is now asked for something else."""
    names = {"source", "domain", "name", *terms.names_in(GroupInvitation)} - NOT_COMPARED
    if any(getattr(known, name) != getattr(wanted, name) for name in names):
        raise InputRefused({"key": "this key was used for another order"})
    return known


async def _record(row: GroupInvitation, what: str, *, now: datetime, actor: str) -> None:
    detail = f"{row.domain}/{row.name}, {row.mode}"
    await audit.record(actor, f"group-invitation.{what}", now=now, subject=str(row.id), detail=detail)
