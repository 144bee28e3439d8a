"""How far a session has come, as the person before the Mac is told it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from otae.errors import PlatformRefused, Refusal
from otae.store.models import EnrollmentSession
from otae.store.states import InvitationStatus, SessionStatus

Session: TypeAlias = EnrollmentSession


class Step(StrEnum):
    """What happens one after another; the single profile leaves `ANSWER` out."""

    DOWNLOAD = "download"
    INSTALL = "install"
    ANSWER = "answer"
    IDENTITY = "identity"
    ENROLLED = "enrolled"


class End(StrEnum):
    """Why a session goes no further."""

    ENROLLED = "enrolled"
    REFUSED = "refused"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REVOKED = "revoked"


_STEPS: Final = {
    "ota": (Step.DOWNLOAD, Step.INSTALL, Step.ANSWER, Step.IDENTITY, Step.ENROLLED),
    "profile": (Step.DOWNLOAD, Step.INSTALL, Step.IDENTITY, Step.ENROLLED),
}
#: How many steps are done in each state; the download counts once it was made.
_DONE: Final[dict[str, dict[str, int]]] = {
    "ota": {SessionStatus.IDENTIFIED: 3, SessionStatus.CERTIFIED: 4, SessionStatus.CONFIGURED: 4},
    "profile": {SessionStatus.CONFIGURED: 1, SessionStatus.CERTIFIED: 3},
}


@dataclass(frozen=True)
class Standing:
    """`done`: how many of `steps` are. `end`: None while the session lives. `refusal`: words of the last one, or "".

    `again`: whether the same device may try again by itself. `halted`: the next step was refused, and does not go on by
    itself. `mark` changes when anything of it does.
    """

    steps: tuple[Step, ...]
    done: int
    end: End | None
    refusal: str
    support_code: str
    mark: str
    again: bool = True
    halted: bool = False


def standing(session: Session, *, now: datetime) -> Standing:
    """Return how far ``session`` has come at ``now``; its invitation must be fetched."""
    steps, end = _STEPS[session.way], _end(session, now)
    if end is End.ENROLLED:
        done, refusal, code = len(steps), "", ""
    else:
        fetched = 1 if session.profile_fetched_at else 0
        done = _refused_after(session) if end is End.REFUSED else _DONE[session.way].get(session.status, fetched)
        refusal, code = words_of(session.refusal), session.support_code or ""
    again = session.refusal != PlatformRefused.code
    # Before the profile was installed, a refusal leaves the person at the step that they do themselves.
    halted = bool(refusal) and end is None and (not again or done > 1)
    return Standing(steps, done, end, refusal, code, f"{session.status}-{done}-{end or 'live'}-{code}", again, halted)


def _refused_after(session: Session) -> int:
    """Only what a Mac signed ends a session, so it got at least as far as to speak: at phase 2, or at check-in."""
    if session.way == "profile":
        return 3
    return 3 if session.udid else 2


def words_of(code: str | None) -> str:
    """Return what the person is told about a refusal of this code; "" for none."""
    return _words(Refusal).get(code, Refusal.words) if code else ""


def _words(kind: type[Refusal]) -> dict[str, str]:
    found = {kind.code: kind.words}
    for below in kind.__subclasses__():
        found |= _words(below)
    return found


def _end(session: Session, now: datetime) -> End | None:
    if session.status == SessionStatus.ENROLLED:
        return End.ENROLLED
    if session.invitation is not None and session.invitation.status == InvitationStatus.REVOKED:
        return End.REVOKED
    if session.status == SessionStatus.REFUSED:
        return End.REFUSED
    if session.status == SessionStatus.EXPIRED and session.closed_at and session.closed_at < session.expires_at:
        return End.REPLACED
    return End.EXPIRED if session.status == SessionStatus.EXPIRED or session.expires_at <= now else None
