"""Approval: in some modes an administrator, or the person's manager, decides whether a Mac may be enrolled.

The request belongs to the invitation, and is made when the person signs in; whoever starts without an invitation gets
one for it (docs/adr/0035). One decision is one compare-and-set, and counts for `HOLDS`, never beyond the invitation.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from tortoise.expressions import Q

from otae.accounts.roles import powers_of
from otae.contacts import MailAddressRefused, mail_address
from otae.delivery.queue import outbox
from otae.delivery.texts.kinds import APPROVAL, APPROVED
from otae.directory import managers
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import ApprovalDeclined, ApprovalMissing, ApprovalOwn, ApprovalUnknown
from otae.invitations import lifecycle
from otae.invitations.modes import known_mode
from otae.invitations.self_made import SELF_STARTED
from otae.invitations.terms import InvitationTerms, check_terms, new_invitation
from otae.store import audit, properties, rollout
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.mode_table import BY_ADMINISTRATOR, BY_MANAGER, NO_APPROVAL, Mode
from otae.store.models import Administrator, Approval, Delivery, EnrollmentSession, Invitation, Person
from otae.store.passwords import hash_token
from otae.store.records import about, advance, note
from otae.store.states import ApprovalStatus, InvitationStatus
from otae.translatable import N_

PERMISSION: Final = "invitation.approve"
#: How long an approval holds at most, and how long a request of somebody without an invitation waits.
HOLDS, REQUEST_WAITS = timedelta(hours=24), timedelta(days=7)
#: Most administrators who get a mail about a request; the others see it on the dashboard.
MOST_MAILED: Final = 10
#: Most requests in a list: the oldest of those that wait, the newest of those that were decided.
MOST_LISTED: Final = 100
#: What a request's mails are numbered by, so that those of a later one have other numbers (see `Delivery`).
NUMBERS: Final = 1000


ApprovalRow: TypeAlias = Approval


@dataclass(frozen=True)
class Approver:
    """Who decides. ``actor``: their name in timeline and audit log. The rest identifies the person that they are."""

    actor: str
    mail: str = ""
    domain: str = ""
    name: str = ""
    directory_id: str = ""

    @classmethod
    def administrator(cls, row: Administrator) -> "Approver":
        """Return an administrator as approver."""
        return cls(row.name, row.email or "", row.domain, row.name, row.directory_id or "")

    def is_person(self, person: Person, invitation: Invitation) -> bool:
        """Return whether the approver is ``person``, by id in the directory, user name or mail address."""
        mails = {mail.casefold() for mail in (person.email, invitation.email) if mail}
        own_id = person.directory_id or str(person.id)
        return (
            self.mail.casefold() in mails
            or (bool(self.directory_id) and self.directory_id == own_id)
            or (self.domain, self.name.casefold()) == (person.domain, person.name.casefold())
        )


async def check(session: EnrollmentSession, *, now: datetime) -> None:
    """Check that the Mac of ``session`` may be enrolled as far as approval goes; a rehearsal needs none.

    Raises:
        ApprovalMissing, ApprovalDeclined: The mode needs an approval and there is none that holds.
    """
    if not session.rehearsal:
        await check_invitation(session.invitation_id, session.mode, now=now)


async def check_invitation(invitation_id: UUID | None, mode: str, *, now: datetime) -> None:
    """Check the approval of an invitation in ``mode``, as `check` does, before a session is opened for it."""
    if (await known_mode(mode)).approval == NO_APPROVAL:
        return
    row = await _newest(invitation_id)
    if row is not None and row.status == ApprovalStatus.DECLINED:
        raise ApprovalDeclined
    if row is None or not _holds(row, now) or _is_over(row.invitation, now):
        raise ApprovalMissing


async def held_up(session: EnrollmentSession, *, now: datetime) -> Approval | None:
    """Return the request that ``session`` waits for or that was declined; None when nothing holds it up."""
    try:
        await check(session, now=now)
    except (ApprovalMissing, ApprovalDeclined):
        return await _newest(session.invitation_id)
    return None


async def self_start(desk: Desk, person: Person, mode: Mode, ownership: str, *, now: datetime) -> Invitation:
    """Return the invitation for the request of somebody who starts without one; the same one when called again."""
    terms = InvitationTerms(mode=mode.name, ownership=ownership, send=False, valid_until=now + REQUEST_WAITS)
    checked, _ = await check_terms(terms, now=now)
    if checked is None:
        raise ApprovalMissing(f"{mode.title} is off")
    region = await properties.default_region()
    made, _token = new_invitation(desk, checked, person, region=region, now=now, actor=SELF_STARTED)
    async with transaction():
        await Person.filter(id=person.id).select_for_update().first()
        alive = Q(valid_until=None) | Q(valid_until__gt=now)
        same = Invitation.filter(alive, person_id=person.id, mode=mode.name, status=InvitationStatus.PENDING)
        if found := await same.order_by("created_at", "id").first():
            return found
        await made.save(force_create=True)
        await rollout.add_invited([made])
        await note("invitation.created", now=now, about=about(made), actor=SELF_STARTED, detail=mode.title)
    return made


async def ask(desk: Desk, invitation: Invitation, person: Person, mode: Mode, *, now: datetime) -> None:
    """Ask whoever approves, unless the mode needs no approval, or a request waits, holds or was declined."""
    if mode.approval == NO_APPROVAL or invitation.rehearsal or not await _needs_request(invitation, now):
        return
    manager, remark = await managers.find(desk, person) if mode.approval == BY_MANAGER else (None, "")
    if manager and Approver("", manager.mail, directory_id=manager.directory_id).is_person(person, invitation):
        manager, remark = None, N_("the person is their own manager")
    asked = BY_MANAGER if manager else BY_ADMINISTRATOR
    row = Approval(invitation_id=invitation.id, number=1, asked=asked, remark=remark[:200], asked_at=now)
    if manager:
        token = secrets.token_urlsafe(16)
        row.manager_mail, row.manager_id, row.token_hash = manager.mail, manager.directory_id, hash_token(token)
        row.token_sealed = desk.vault.seal(token.encode(), row.id, "approval.token")
    mails = [manager.mail] if manager else [mail async for mail in _administrators(person, invitation, now)]
    async with transaction():
        await Invitation.filter(id=invitation.id).select_for_update().first()
        if not await _needs_request(invitation, now):
            return
        row.number = await Approval.filter(invitation_id=invitation.id).count() + 1
        await row.save(force_create=True)
        who = "the person's manager" if manager else f"an administrator{f' ({remark})' if remark else ''}"
        await note("approval.asked", now=now, about=about(invitation), detail=who)
        deliveries = [
            await outbox.enqueue(invitation, APPROVAL, row.number * NUMBERS + place, mail, now=now)
            for place, mail in enumerate(mails)
        ]
    for delivery in deliveries:
        desk.bell.ring("delivery", delivery.id)


async def decide(desk: Desk, row: Approval, to: str, approver: Approver, *, now: datetime) -> None:
    """Approve or decline (``to``) the request ``row`` as it was read, and mail the person when approved. Audited.

    Raises:
        ApprovalOwn: The approver is the person whose Mac it is.
        NotAllowed: For an approval, as `lifecycle.check_usable`.
        StaleState: Somebody else decided meanwhile.
    """
    invitation = await Invitation.get(id=row.invitation_id).prefetch_related("person")
    person = invitation.person
    if approver.is_person(person, invitation):
        raise ApprovalOwn
    approved = to == ApprovalStatus.APPROVED
    if approved:
        lifecycle.check_usable(invitation, now=now)
    end = min(now + HOLDS, invitation.valid_until or now + HOLDS) if approved else None
    decision: dict[str, Any] = {"decided_at": now, "decided_by": approver.actor[:100], "ends_at": end}
    mail, delivery = invitation.email or person.email, None
    async with transaction():
        await Invitation.filter(id=invitation.id).select_for_update().first()
        kind = f"approval.{to}"
        await advance(
            row,
            to,
            event=kind,
            now=now,
            actor=approver.actor,
            event_about=about(invitation),
            token_sealed=None,
            **decision,
        )
        await audit.record(approver.actor, kind, now=now, subject=str(invitation.id), detail=str(person.id))
        if approved and mail:
            sent = await Delivery.filter(invitation_id=invitation.id, kind=APPROVED).count()
            delivery = await outbox.enqueue(invitation, APPROVED, row.number * NUMBERS + sent, mail, now=now)
    if delivery:
        desk.bell.ring("delivery", delivery.id)


async def find(approval_id: UUID, *, reach: Reach) -> Approval | None:
    """Return a request of somebody within reach, its invitation and person fetched; None when there is none."""
    rows = Approval.filter(reach.people("invitation__person_id"), id=approval_id)
    return await rows.prefetch_related("invitation__person").first()


async def find_by_link(token: str, *, now: datetime) -> Approval:
    """Return the waiting request of a manager's link, its invitation and person fetched.

    Raises ApprovalUnknown, whatever is wrong with it.
    """
    known = Approval.filter(token_hash=hash_token(token), status=ApprovalStatus.WAITING)
    row = await known.prefetch_related("invitation__person").first()
    if row is None or row.invitation.status != InvitationStatus.PENDING or _is_over(row.invitation, now):
        raise ApprovalUnknown
    return row


def manager_of(row: Approval) -> Approver:
    """Return the manager who was asked, as approver."""
    return Approver("manager", row.manager_mail, directory_id=row.manager_id)


async def waiting(*, now: datetime, reach: Reach = EVERYBODY, limit: int = MOST_LISTED) -> list[Approval]:
    """Return the requests that wait, of people within reach, oldest first, each with invitation and person."""
    alive = Q(invitation__valid_until=None) | Q(invitation__valid_until__gt=now)
    rows = Approval.filter(alive, reach.people("invitation__person_id"), status=ApprovalStatus.WAITING)
    rows = rows.filter(invitation__status=InvitationStatus.PENDING).order_by("asked_at", "id")
    return await rows.limit(limit).prefetch_related("invitation__person")


async def decided(*, now: datetime, reach: Reach = EVERYBODY) -> list[Approval]:
    """Return what was decided within `REQUEST_WAITS` and can still be changed, newest first."""
    rows = Approval.filter(reach.people("invitation__person_id"), decided_at__gt=now - REQUEST_WAITS)
    rows = rows.filter(invitation__status=InvitationStatus.PENDING).order_by("-decided_at", "id")
    return await rows.limit(MOST_LISTED).prefetch_related("invitation__person")


async def _newest(invitation_id: UUID | None) -> Approval | None:
    """Return the last request of an invitation, with the invitation; None without any."""
    rows = Approval.filter(invitation_id=invitation_id).order_by("-number").select_related("invitation")
    return await rows.first() if invitation_id else None


def _holds(row: Approval, now: datetime) -> bool:
    return row.status == ApprovalStatus.APPROVED and row.ends_at is not None and row.ends_at > now


def _is_over(invitation: Invitation, now: datetime) -> bool:
    return invitation.valid_until is not None and invitation.valid_until <= now


async def _needs_request(invitation: Invitation, now: datetime) -> bool:
    row = await _newest(invitation.id)
    return row is None or (row.status == ApprovalStatus.APPROVED and not _holds(row, now))


async def _administrators(person: Person, invitation: Invitation, now: datetime) -> AsyncIterator[str]:
    """Yield the mail addresses of administrators who may approve, or the support contact when there is none."""
    found = 0
    for row in await Administrator.filter(disabled=False, email__not_isnull=True).order_by("created_at", "id"):
        powers = await powers_of(row.role, now=now)
        if PERMISSION not in powers.permissions or Approver.administrator(row).is_person(person, invitation):
            continue
        if row.email and found < MOST_MAILED and await powers.reach.includes(person.id):
            found += 1
            yield row.email
    if not found:
        with suppress(MailAddressRefused):
            yield mail_address(await properties.word("support.contact"))
