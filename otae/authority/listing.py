"""Lists and searches of the certificates that were issued to Macs, for the console."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from string import hexdigits
from typing import Literal, cast, get_args
from uuid import UUID

from tortoise.expressions import Q

from otae.authority.issuers import IDENTITIES
from otae.errors import CertificateUnknown
from otae.store.models import Certificate, Enrollment, EnrollmentSession, Person
from otae.store.paging import older_than
from otae.store.search_text import NO_ID, condition_for, matching_ids

#: "reserved": not signed yet; "ended": past its end, and not revoked.
IssuedState = Literal["issued", "ended", "revoked", "reserved"]
STATES: tuple[IssuedState, ...] = get_args(IssuedState)
_MOST = 500
#: Lengths of the columns with serial number and SHA-256, in hex digits.
_SERIAL, _SHA256 = 40, 64


@dataclass(frozen=True, slots=True)
class IssuedIdentity:
    """One identity. Times are aware, UTC; what is not known is "" or None.

    ``udid``, ``serial``, ``device``: of the Mac it was issued to, from its enrollment, or from the session while there
    is none. ``session``: id of the enrollment session; ``user``: its person's user name; ``pinned``: an enrollment uses
    it.
    """

    id: UUID
    purpose: str
    state: IssuedState
    serial_number: str
    sha256: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    reason: str
    session: UUID | None
    invitation: UUID | None
    user: str
    udid: str
    serial: str
    device: str
    pinned: bool


async def list_issued(
    *, search: str = "", state: str = "", after: str = "", limit: int = 50, now: datetime
) -> list[IssuedIdentity]:
    """Return a page of identities, without those of rehearsals.

    The newest come first; with ``state`` "issued" or "ended" those with the latest end.

    Args:
        search: part of a person's names or e-mail address, of a Mac's serial number or UDID, or the beginning of a
            certificate's serial number or SHA-256, with or without blanks or colons; whatever its case.
        state: one of STATES; anything else for all.
        after: id of the last identity of the page before; anything else for the first page.
    """
    rows = Certificate.filter(purpose__in=IDENTITIES).filter(Q(session_id__isnull=True) | Q(session__rehearsal=False))
    if state in STATES:
        ended, valid = Q(state="issued", not_after__lt=now), Q(state="issued", not_after__gte=now)
        rows = rows.filter({"ended": ended, "issued": valid}.get(state, Q(state=state)))
    if text := search.strip():
        rows = rows.filter(_number_begins_with(text) | await _issued_to(text))
    # Ordered by the column of the index that finds them; newest first would read all the others before.
    order = "not_after" if state in {"issued", "ended"} else "created_at"
    found = (
        await rows.filter(older_than(await _find(after), order))
        .order_by(f"-{order}", "-id")
        .limit(min(limit, _MOST))
        .prefetch_related("session__person")
    )
    pins = Enrollment.filter(certificate_id__in=[row.id for row in found]).prefetch_related("device")
    enrollments = {pin.certificate_id: pin for pin in await pins.order_by("authenticated_at")}
    return [_issued(row, enrollments.get(row.id), now) for row in found]


async def issued_to(session_ids: Collection[UUID], *, now: datetime, limit: int = 50) -> list[IssuedIdentity]:
    """Return the identities that were issued in these sessions, newest first."""
    rows = Certificate.filter(session_id__in=list(session_ids), purpose__in=IDENTITIES).order_by("-created_at", "-id")
    found = await rows.limit(limit).prefetch_related("session__person")
    pins = await Enrollment.filter(certificate_id__in=[row.id for row in found]).prefetch_related("device")
    enrollments = {pin.certificate_id: pin for pin in pins}
    return [_issued(row, enrollments.get(row.id), now) for row in found]


async def show_issued(certificate_id: UUID, *, now: datetime) -> IssuedIdentity | None:
    """Return one identity, even a rehearsal's; None when there is none."""
    row = await Certificate.get_or_none(id=certificate_id, purpose__in=IDENTITIES).prefetch_related("session__person")
    if row is None:
        return None
    return _issued(row, await Enrollment.filter(certificate_id=row.id).prefetch_related("device").first(), now)


async def find_issued(certificate_id: UUID) -> Certificate:
    """Return the row of an identity. Raises CertificateUnknown when there is none."""
    row = await Certificate.get_or_none(id=certificate_id, purpose__in=IDENTITIES)
    if row is None:
        raise CertificateUnknown
    return row


def _number_begins_with(text: str) -> Q:
    digits = text.replace(":", "").replace(" ", "").lower()
    if not digits or not set(digits) <= set(hexdigits):
        return Q(id=NO_ID)
    # A prefix as a range that an index can search: "g" comes after every hexadecimal digit.
    number = Q(serial_number__gte=digits, serial_number__lt=f"{digits}g") if len(digits) < _SERIAL else Q(id=NO_ID)
    digest = Q(sha256__gte=digits, sha256__lt=f"{digits}g") if len(digits) < _SHA256 else Q(sha256=digits[:_SHA256])
    return number | digest


async def _issued_to(text: str) -> Q:
    people, sessions = await matching_ids(Person, text), await matching_ids(EnrollmentSession, text)
    if people is None or sessions is None:
        mac = condition_for(sessions, text, key="session_id", path="session__")
        return mac | condition_for(people, text, key="session__person_id", path="session__person__")
    sessions_of_people = await EnrollmentSession.filter(person_id__in=people or [NO_ID]).values_list("id", flat=True)
    return Q(session_id__in=[NO_ID, *sessions, *sessions_of_people])


def _issued(row: Certificate, pin: Enrollment | None, now: datetime) -> IssuedIdentity:
    session, device = row.session, pin.device if pin else None
    ended = row.state == "issued" and row.not_after < now
    return IssuedIdentity(
        id=row.id,
        purpose=row.purpose,
        state="ended" if ended else cast("IssuedState", row.state),
        serial_number=row.serial_number,
        sha256=row.sha256 or "",
        not_before=row.not_before,
        not_after=row.not_after,
        revoked_at=row.revoked_at,
        reason=row.revocation_reason or "",
        session=row.session_id,
        invitation=session.invitation_id if session else None,
        user=session.person.name if session else "",
        udid=(device.udid if device else session.udid if session else None) or "",
        serial=(device.serial if device else session.serial if session else None) or "",
        device=device.name if device else "",
        pinned=pin is not None,
    )


async def _find(text: str) -> Certificate | None:
    try:
        return await Certificate.get_or_none(id=UUID(text))
    except ValueError:
        return None
