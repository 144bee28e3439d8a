"""The certificates that Macs were issued, for people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args
from uuid import UUID

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from otae.authority.issuers import IDENTITIES
from otae.errors import CertificateUnknown
from otae.store.models import Certificate, Enrollment

#: "reserved": promised, not signed yet; "ended": past its end, and not revoked.
IssuedState = Literal["issued", "ended", "revoked", "reserved"]
STATES: tuple[IssuedState, ...] = get_args(IssuedState)
_MOST = 500


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
    """Return identities, newest first, without those of rehearsals.

    ``search``: part of a user name, a Mac's serial number or UDID, or the beginning of a certificate's serial number or
    SHA-256, whatever its case, with or without blanks or colons. ``state``: one of STATES, all without. ``after``: id
    of the last one seen; what is no id begins at the newest.
    """
    rows = Certificate.filter(purpose__in=IDENTITIES).filter(Q(session_id__isnull=True) | Q(session__rehearsal=False))
    if state in STATES:
        rows = _in_state(rows, state, now)
    if text := search.strip():
        digits = text.replace(":", "").replace(" ", "")
        mac = Q(session__serial__icontains=text) | Q(session__udid__icontains=text)
        certificate = Q(serial_number__istartswith=digits) | Q(sha256__istartswith=digits)
        rows = rows.filter(mac | certificate | Q(session__person__name__icontains=text))
    if last := await _find(after):
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id))
    found = await rows.order_by("-created_at", "-id").limit(min(limit, _MOST)).prefetch_related("session__person")
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
