"""Deletes a person: erases names and addresses, ends invitations, sessions and links; the audit log keeps an id.

What may name them in the timeline goes when none of their Macs is enrolled any more (`person_data`). The row itself
stays, blank, because invitations, Macs and the log refer to it. Enrolled Macs stay enrolled: they are
managed until their certificates end, which are not renewed. To end that sooner, an administrator revokes the
certificates of those Macs.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tortoise.expressions import Q

from otae.directory.local.people import sign_out
from otae.errors import InvitationRedeemed, InvitationRevoked, StaleState
from otae.invitations import lifecycle
from otae.invitations.groups import LISTED
from otae.overview.person_data import erase_left
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import (
    Approval,
    CaughtMail,
    Delivery,
    Enrollment,
    EnrollmentSession,
    Event,
    GroupInvitee,
    Invitation,
    Job,
    Membership,
    PeopleImportLine,
    Person,
    ServerRefusal,
)
from otae.store.session_ends import LIVE, end_sessions_of
from otae.store.states import EnrollmentStatus, InvitationStatus

#: Replaces the display name of a removed person.
REMOVED_NAME = "(removed)"
_PAGE: Final = 500
#: Events whose detail is a mail server's answer, which may contain the address.
_SERVERS_WORDS = ("delivery.deferred", "delivery.failed", "delivery.bounced")


@dataclass(frozen=True)
class Removed:
    """What deleting a person ended, and how many of the person's Macs stay enrolled."""

    invitations: int
    sessions: int
    macs: int


async def consequences(person: Person) -> Removed:
    """Count what deleting ``person`` would end, and the Macs that would stay."""
    live = [InvitationStatus.PENDING, InvitationStatus.EXPIRED, InvitationStatus.FAILED]
    invitations = Invitation.filter(person_id=person.id, status__in=live)
    sessions = EnrollmentSession.filter(person_id=person.id, status__in=LIVE)
    return Removed(await invitations.count(), await sessions.count(), await _count_macs(person))


async def remove_person(desk: Desk, person: Person, *, now: datetime, actor: str) -> Removed:
    """Delete a person: invitations are revoked, sessions, browsers and links end, names and addresses are erased.

    Safe to repeat when it was interrupted. Raises StaleState when the person was removed already.
    """
    if await Person.filter(id=person.id, removed_at=None).update(disabled=True, password_hash=None) != 1:
        raise StaleState(f"person {person.id} was removed")
    revoked = 0
    for invitation in await Invitation.filter(person_id=person.id).exclude(status=InvitationStatus.REDEEMED):
        with suppress(InvitationRedeemed, InvitationRevoked, StaleState):
            await lifecycle.revoke(desk, invitation, now=now, actor=actor)
            revoked += 1
    ended = await end_sessions_of([person.id], now=now, why="the user was deleted")
    removed = Removed(revoked, ended, await _count_macs(person))
    # Before the names are gone: a deletion that was cut off is repeated from here.
    words, names = await _words_of(person), [each for each in (person.name, person.display_name) if each]
    about = [str(person.id), *(str(row.id) for row in await Invitation.filter(person_id=person.id).only("id"))]
    await audit.erase(words, REMOVED_NAME, about=about, about_words=names)
    await _forget_jobs([*words, *names])
    await _forget_lines([*words, *names])
    async with transaction():
        await _erase(person, now)
        detail = f"{removed.invitations} invitations revoked, {removed.macs} Macs stay enrolled"
        await audit.record(actor, "person.removed", now=now, subject=str(person.id), detail=detail)
    await erase_left(person.id, now=now)
    return removed


async def _words_of(person: Person) -> list[str]:
    """Return the mail addresses and phone numbers of the person, and of their invitations."""
    rows = await Invitation.filter(person_id=person.id).only("id", "email", "phone")
    texts = {person.email, person.phone, *(row.email for row in rows), *(row.phone for row in rows)}
    return sorted(filter(None, texts))


async def _forget_jobs(words: Collection[str]) -> None:
    """Delete finished jobs, such as tests and bulk actions, that hold one of these texts in order or result.

    One that is not finished loses the text and is refused for it, or does the rest of its work.
    """
    last = UUID(int=0)
    while page := await Job.filter(id__gt=last).order_by("id").limit(_PAGE):
        for row in page:
            kept = {name: _without(getattr(row, name), words) for name in ("input", "output")}
            if row.finished_at and kept != {"input": row.input, "output": row.output}:
                await Job.filter(id=row.id).delete()
            elif kept != {"input": row.input, "output": row.output}:
                await Job.filter(id=row.id).update(**kept)
        last = page[-1].id


async def _forget_lines(words: Collection[str]) -> None:
    """Erase what lines of files say of the person that nobody was found for, or that were not looked up yet."""
    folded = {each.casefold() for each in words}
    last = UUID(int=0)
    unknown = GroupInvitee.filter(person_id=None).order_by("id").limit(_PAGE)
    while page := await unknown.filter(id__gt=last):
        for row in page:
            told = [row.name, row.display_name, row.email, row.phone, *((row.given or {}).get("cells") or [])]
            if any(str(each).strip().casefold() in folded for each in told if each):
                given: Any = {"cells": []} if row.status == LISTED else None
                blank = {"name": "", "display_name": "", "email": None, "phone": None}
                await GroupInvitee.filter(id=row.id).update(**blank, given=given)
        last = page[-1].id


def _without(value: Any, words: Collection[str]) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return ``value`` with REMOVED_NAME in place of each text that is one of ``words``."""
    if isinstance(value, str):
        return REMOVED_NAME if value in words else value
    if isinstance(value, Mapping):
        return {name: _without(each, words) for name, each in value.items()}
    return [_without(each, words) for each in value] if isinstance(value, list) else value


async def _count_macs(person: Person) -> int:
    return await Enrollment.filter(person_id=person.id, status=EnrollmentStatus.ENROLLED, rehearsal=False).count()


async def _erase(person: Person, now: datetime) -> None:
    """Erase everything that names the person or an address for messages."""
    blank = {"display_name": "", "email": None, "phone": None}
    alias = f"removed-{person.id.hex}"  # unique, and nobody else's user name
    addresses = await _words_of(person)
    await sign_out(person.id)
    await Membership.filter(person_id=person.id).delete()
    invitations = await Invitation.filter(person_id=person.id).values_list("id", flat=True)
    carried = {"cost_centre": "", "tags": "", "free_fields": ""}
    await Invitation.filter(person_id=person.id).update(**blank, **carried, sort_name="", note="", language="")
    await Delivery.filter(invitation_id__in=invitations).update(recipient="", answer="")
    await Event.filter(invitation_id__in=invitations, kind__in=_SERVERS_WORDS).update(detail="")
    await GroupInvitee.filter(person_id=person.id).update(name=alias, given=None, **blank)
    theirs = Q(name=person.name) | Q(person_id=person.id)
    await PeopleImportLine.filter(theirs).update(name=alias, given={}, reason="", password_sealed=None)
    await CaughtMail.filter(recipient__in=addresses).delete()
    await Approval.filter(manager_mail__in=addresses).update(manager_mail="")
    for address in addresses:
        await ServerRefusal.filter(words__icontains=address).delete()
    changes = blank | {"display_name": REMOVED_NAME, "name": alias, "directory_id": None, "language": ""}
    await Person.filter(id=person.id).update(
        **person.with_search_text(changes), properties={}, role="USER", disabled=True, removed_at=now
    )
