"""The progress of a session, as shown to the person in front of the Mac."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from otae.errors import PlatformRefused
from otae.invitations.details import refusal_of
from otae.store.models import EnrollmentSession
from otae.store.states import InvitationStatus, SessionStatus

SessionRow: TypeAlias = EnrollmentSession


class EnrollmentStep(StrEnum):
    """The steps of an enrollment in order; the single profile has no `ANSWER`."""

    DOWNLOAD = "download"
    INSTALL = "install"
    ANSWER = "answer"
    IDENTITY = "identity"
    ENROLLED = "enrolled"


class SessionEnd(StrEnum):
    """Why a session goes no further."""

    ENROLLED = "enrolled"
    REFUSED = "refused"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REVOKED = "revoked"


_STEPS: Final = {
    "ota": tuple(EnrollmentStep),
    "profile": tuple(step for step in EnrollmentStep if step is not EnrollmentStep.ANSWER),
}
#: How many steps are done in each state; a download counts as soon as it was made.
_DONE: Final[dict[str, dict[str, int]]] = {
    "ota": {SessionStatus.IDENTIFIED: 3, SessionStatus.CERTIFIED: 4, SessionStatus.CONFIGURED: 4},
    "profile": {SessionStatus.CONFIGURED: 1, SessionStatus.CERTIFIED: 3},
}


@dataclass(frozen=True)
class SessionProgress:
    """How far a session has come.

    ``done``: how many of ``steps`` are done. ``end``: None while the session lives. ``refusal``: words of the last
    refusal, or "". ``can_retry``: whether the same device may try again. ``halted``: whether the next step was refused
    and will not continue by itself. ``mark`` changes whenever another field does.
    """

    steps: tuple[EnrollmentStep, ...]
    done: int
    end: SessionEnd | None
    refusal: str
    support_code: str
    mark: str
    can_retry: bool = True
    halted: bool = False


def session_progress(session: SessionRow, *, now: datetime) -> SessionProgress:
    """Return the progress of ``session``; its invitation must be fetched."""
    steps, end = _STEPS[session.way], _end(session, now)
    if end is SessionEnd.ENROLLED:
        done, refusal, code = len(steps), "", ""
    else:
        fetched = 1 if session.profile_fetched_at else 0
        done = _refused_after(session) if end is SessionEnd.REFUSED else _DONE[session.way].get(session.status, fetched)
        refusal, code = refusal_phrase(session.refusal), session.support_code or ""
    can_retry = session.refusal != PlatformRefused.code
    # Before the profile was installed, a refusal leaves the person at the step that they do themselves.
    halted = bool(refusal) and end is None and (not can_retry or done > 1)
    return SessionProgress(
        steps, done, end, refusal, code, f"{session.status}-{done}-{end or 'live'}-{code}", can_retry, halted
    )


def _refused_after(session: SessionRow) -> int:
    """Return how many steps precede a refusal: only a Mac's signed message ends a session, so phase 2 was reached."""
    return 3 if session.way == "profile" or session.udid else 2


def refusal_phrase(code: str | None) -> str:
    """Return the words for the person about a refusal with this code, "" for None."""
    return refusal_of(code).words if code else ""


def _end(session: SessionRow, now: datetime) -> SessionEnd | None:
    if session.status == SessionStatus.ENROLLED:
        return SessionEnd.ENROLLED
    if session.invitation is not None and session.invitation.status == InvitationStatus.REVOKED:
        return SessionEnd.REVOKED
    if session.status == SessionStatus.REFUSED:
        return SessionEnd.REFUSED
    if session.status == SessionStatus.EXPIRED and session.closed_at and session.closed_at < session.expires_at:
        return SessionEnd.REPLACED
    return SessionEnd.EXPIRED if session.status == SessionStatus.EXPIRED or session.expires_at <= now else None
