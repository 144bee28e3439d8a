"""The certificates that Macs were issued, for people."""

from dataclasses import dataclass
from datetime import datetime
from string import hexdigits
from typing import Literal, cast, get_args
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.authority.issuers import IDENTITIES
from otae.errors import CertificateUnknown
from otae.store.models import Certificate, Enrollment, EnrollmentSession, Person
from otae.store.paging import older
from otae.store.search_text import NOBODY, matches, narrowed

#: "reserved": promised, not signed yet; "ended": past its end, and not revoked.
IssuedState = Literal["issued", "ended", "revoked", "reserved"]
STATES: tuple[IssuedState, ...] = get_args(IssuedState)
_MOST = 500
#: Digits that a column holds.
_SERIAL, _SHA256 = 40, 64


@dataclass(frozen=True, slots=True)
class Issued:
    """One identity. Times are aware UTC; what is not known is "" or None.

    ``udid``, ``serial``, ``device``: the Mac it was issued to, its enrollment's or, before that, its session's.
    ``session``: the enrollment session; ``user``: whose.
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
) -> list[Issued]:
    """Return identities, newest first, without those of rehearsals; issued and ended ones by their end, last first.

    ``search``: part of a person's names or e-mail address, of a Mac's serial number or UDID, or the beginning of a
    certificate's serial number or SHA-256, whatever its case, with or without blanks or colons. ``state``: one of
    STATES, all without. ``after``: id of the last one seen; what is no id begins at the newest.
    """
    rows = Certificate.filter(purpose__in=IDENTITIES).filter(Q(session_id__isnull=True) | Q(session__rehearsal=False))
    if state in STATES:
        rows = _in_state(rows, state, now)
    if text := search.strip():
        rows = rows.filter(_begins(text) | await _whose(text))
    # An index finds those whose time is over, or not yet; newest first it would meet them behind all the others.
    order = "not_after" if state in {"issued", "ended"} else "created_at"
    found = (
        await rows.filter(older(await _find(after), order))
        .order_by(f"-{order}", "-id")
        .limit(min(limit, _MOST))
        .prefetch_related("session__person")
    )
    pins = Enrollment.filter(certificate_id__in=[row.id for row in found]).prefetch_related("device")
    enrollments = {pin.certificate_id: pin for pin in await pins.order_by("authenticated_at")}
    return [_issued(row, enrollments.get(row.id), now) for row in found]


async def show_issued(certificate_id: UUID, *, now: datetime) -> Issued | None:
    """Return one identity, also a rehearsal's; None when there is none."""
    row = await Certificate.get_or_none(id=certificate_id, purpose__in=IDENTITIES).prefetch_related("session__person")
    if row is None:
        return None
    return _issued(row, await Enrollment.filter(certificate_id=row.id).prefetch_related("device").first(), now)


async def find_issued(certificate_id: UUID) -> Certificate:
    """Return the row of an identity, to revoke it. Raises CertificateUnknown."""
    row = await Certificate.get_or_none(id=certificate_id, purpose__in=IDENTITIES)
    if row is None:
        raise CertificateUnknown
    return row


def _begins(text: str) -> Q:
    """Return the condition under which a certificate's serial number or SHA-256 begins with ``text``."""
    digits = text.replace(":", "").replace(" ", "").lower()
    if not digits or not set(digits) <= set(hexdigits):
        return Q(id=NOBODY)
    # All that begins with these digits, as an index holds it: no hexadecimal digit comes behind g.
    number = Q(serial_number__gte=digits, serial_number__lt=f"{digits}g") if len(digits) < _SERIAL else Q(id=NOBODY)
    digest = Q(sha256__gte=digits, sha256__lt=f"{digits}g") if len(digits) < _SHA256 else Q(sha256=digits[:_SHA256])
    return number | digest


async def _whose(text: str) -> Q:
    """Return the condition under which a certificate was issued to a Mac or person that ``text`` finds."""
    people, sessions = await matches(Person, text), await matches(EnrollmentSession, text)
    if people is None or sessions is None:
        mac = narrowed(sessions, text, key="session_id", path="session__")
        return mac | narrowed(people, text, key="session__person_id", path="session__person__")
    theirs = await EnrollmentSession.filter(person_id__in=people or [NOBODY]).values_list("id", flat=True)
    return Q(session_id__in=[NOBODY, *sessions, *theirs])


def _in_state(rows: QuerySet[Certificate], state: str, now: datetime) -> QuerySet[Certificate]:
    if state == "ended":
        return rows.filter(state="issued", not_after__lt=now)
    return rows.filter(state="issued", not_after__gte=now) if state == "issued" else rows.filter(state=state)


def _issued(row: Certificate, pin: Enrollment | None, now: datetime) -> Issued:
    session, device = row.session, pin.device if pin else None
    ended = row.state == "issued" and row.not_after < now
    return Issued(
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
