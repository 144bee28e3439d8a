"""Macs that get lost: whose certificate ends without renewal, whose profile was removed, or that do not connect.

The clock marks them, which administrators are told of, and can invite their person again, bound to the same serial
number: when the server property says so, and at most once for each Mac in `INVITE_AGAIN_AFTER`. Nobody who is disabled
is invited, no Mac that an administrator unenrolled, and no person's own Mac whose profile was removed.
"""

from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

from tortoise.expressions import Q

from otae.directory import rechecks
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused, NotAllowed, StaleState
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import notices, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Device, Enrollment, Invitation, Person
from otae.store.records import about, note
from otae.store.states import EnrollmentStatus, InvitationStatus

TroubledRow: TypeAlias = Enrollment

IDENTITY, REMOVED, SILENT = "identity", "removed", "silent"
#: Who invites by `invite_due`.
ACTOR: Final = "otae"
#: A Mac's person is invited again at most once in this time.
INVITE_AGAIN_AFTER: Final = timedelta(days=30)
_BATCH: Final = 200
#: Enrollments in trouble; what an administrator ended is none.
_LOST: Final = Q(trouble__in=[IDENTITY, SILENT], status="enrolled") | Q(trouble=REMOVED, ended_by="profile")
#: The notice of each trouble; that of a removed profile is told when it is removed.
_NOTICES: Final = {IDENTITY: notices.RENEWAL, SILENT: notices.SILENT}


async def mark(*, now: datetime) -> None:
    """Mark Macs that are in trouble, with an event and a notice, and unmark those that recovered; safe to repeat."""
    days = await properties.read_some("rescue.identity.days", "rescue.silent.days")
    running = Enrollment.filter(status=EnrollmentStatus.ENROLLED, rehearsal=False)
    ending = Q(certificate__not_after__lte=now + timedelta(days=int(days["rescue.identity.days"])))
    quiet = Q(device__seen_at__lt=now - timedelta(days=int(days["rescue.silent.days"])))
    troubles = {IDENTITY: (days["rescue.identity.days"], ending), SILENT: (days["rescue.silent.days"], quiet)}
    for trouble, (wanted, condition) in troubles.items():
        recovered = running.filter(trouble=trouble)
        if wanted:
            recovered = recovered.filter(~condition)
        ids = await recovered.limit(_BATCH).values_list("id", flat=True)
        await Enrollment.filter(id__in=list(ids), trouble=trouble).update(trouble=None, trouble_at=None)
        if wanted:
            for row in await running.filter(condition, trouble=None).order_by("id").limit(_BATCH):
                await _mark_one(row, trouble, now)


async def _mark_one(row: Enrollment, trouble: str, now: datetime) -> None:
    async with transaction():
        free = Enrollment.filter(id=row.id, status=EnrollmentStatus.ENROLLED, trouble=None)
        if await free.update(trouble=trouble, trouble_at=now):
            await note(f"rescue.{trouble}", now=now, about=about(row))
            await notices.tell(_NOTICES[trouble], key=f"{row.id}:{now:%Y%m%d}", now=now, about=about(row))


async def invite_due(desk: Desk, *, now: datetime) -> int:
    """Invite the people of Macs in trouble again, where the server property says so; return how many."""
    if not await properties.flag("rescue.invite"):
        return 0
    allowed = _LOST & ~Q(trouble=REMOVED, ownership="employee")
    not_lately = Q(device__rescued_at=None) | Q(device__rescued_at__lte=now - INVITE_AGAIN_AFTER)
    due = Enrollment.filter(allowed, not_lately, person__disabled=False, rehearsal=False)
    rows = due.exclude(device__serial="").order_by("trouble_at", "id").limit(_BATCH)
    invited = 0
    for row in await rows.prefetch_related("device", "person", "session"):
        if not await rechecks.is_still_allowed(desk, row.person_id, now=now):
            continue
        try:
            invited += await invite_again(desk, row, now=now, actor=ACTOR)
        except (InputRefused, NotAllowed) as refusal:
            # Tried again after the rest: until then the console shows the Mac.
            await Device.filter(id=row.device_id).update(rescued_at=now)
            await note("rescue.refused", now=now, about=about(row), detail=_why(refusal))
    return invited


async def invite_again(desk: Desk, row: TroubledRow, *, now: datetime, actor: str, reach: Reach = EVERYBODY) -> bool:
    """Invite the person of ``row`` again for the same Mac; False when a link waits or that was done a short time ago.

    Args:
        row: With its device, person and session.

    Raises:
        InputRefused, NotAllowed: As `lifecycle.create`, such as for somebody who is disabled.
    """
    serial = row.device.serial
    waits = Q(valid_until=None) | Q(valid_until__gt=now)
    mine = Invitation.filter(waits, person_id=row.person_id, serial=serial, status=InvitationStatus.PENDING)
    if await mine.exists():
        return False
    terms = InvitationTerms(mode=row.session.mode, ownership=row.ownership, serial=serial)
    order = InvitationOrder(row.person.name, terms, reach=reach, person=row.person)
    try:
        await lifecycle.create(desk, order, now=now, actor=actor, first=partial(_claim, row, now))
    except StaleState:
        return False
    return True


async def _claim(row: Enrollment, now: datetime) -> None:
    """Take the Mac's one invitation of this time, in the transaction that makes it. Raises StaleState."""
    not_lately = Q(rescued_at=None) | Q(rescued_at__lte=now - INVITE_AGAIN_AFTER)
    if await Device.filter(not_lately, id=row.device_id).update(rescued_at=now) != 1:
        raise StaleState(f"device {row.device_id} was rescued a short time ago")
    if not await Person.filter(id=row.person_id, disabled=False).exists():
        raise StaleState(f"person {row.person_id} was disabled")
    await note("rescue.invited", now=now, about=about(row))


async def in_trouble(*, reach: Reach = EVERYBODY, limit: int = 5) -> list[TroubledRow]:
    """Return Macs in trouble of people within ``reach``, the oldest trouble first, with device, person and session."""
    rows = Enrollment.filter(_LOST, reach.people("person_id"), rehearsal=False)
    return await rows.order_by("trouble_at", "id").limit(limit).prefetch_related("device", "person", "session")


async def trouble_of(udid: str, *, reach: Reach = EVERYBODY) -> TroubledRow | None:
    """Return the trouble of the Mac with this UDID, None when it has none; as `in_trouble`."""
    rows = Enrollment.filter(_LOST, reach.people("person_id"), device__udid=udid, rehearsal=False)
    return await rows.order_by("-trouble_at").first().prefetch_related("device", "person", "session")


def may_invite(row: TroubledRow) -> bool:
    """Return whether the person of ``row`` may be invited again: not for their own Mac whose profile was removed."""
    return bool(row.device.serial) and (row.trouble != REMOVED or row.ownership == "corporate")


def _why(refusal: InputRefused | NotAllowed) -> str:
    return "; ".join(map(str, refusal.fields.values())) if isinstance(refusal, InputRefused) else refusal.words
