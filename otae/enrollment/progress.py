"""The progress of a session, as shown to the person in front of the Mac."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from otae.errors import MacTooOld, PlatformRefused
from otae.invitations.details import refusal_of
from otae.store.models import EnrollmentSession, Event
from otae.store.states import InvitationStatus, SessionStatus

SessionRow: TypeAlias = EnrollmentSession


class EnrollmentStep(StrEnum):
    """The steps of an enrollment in order; the single profile has no `ANSWER`.

    `TRUST` is a step only where Macs do not know the server's certificate.
    """

    TRUST = "trust"
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
    USED = "used"  # as REPLACED, after a Mac was enrolled with the same invitation
    EXPIRED = "expired"
    REVOKED = "revoked"


_STEPS: Final = {
    "ota": tuple(EnrollmentStep)[1:],
    "profile": tuple(step for step in tuple(EnrollmentStep)[1:] if step is not EnrollmentStep.ANSWER),
}
#: How many steps after `TRUST` are done in each state; a download counts as soon as it was made.
_DONE: Final[dict[str, dict[str, int]]] = {
    "ota": {SessionStatus.IDENTIFIED: 3, SessionStatus.CERTIFIED: 4, SessionStatus.CONFIGURED: 4},
    "profile": {SessionStatus.CONFIGURED: 1, SessionStatus.CERTIFIED: 3},
}
#: The person is helped when nothing was heard of the Mac for so long.
_QUIET_AFTER: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class SessionProgress:
    """How far a session has come.

    ``done``: how many of ``steps`` are done. ``end``: None while the session lives. ``refusal``: words of the last
    refusal, or "". ``can_retry``: whether the same device may try again. ``halted``: whether the next step was refused
    and will not continue by itself. ``may_restart``: whether the person can put right what ended the session, and sign
    in again. ``root_fetched``: whether the root certificate was downloaded. ``quiet``: whether
    nothing was heard of the Mac for two minutes. ``mark`` changes whenever another field does.
    """

    steps: tuple[EnrollmentStep, ...]
    done: int
    end: SessionEnd | None
    refusal: str
    support_code: str
    mark: str
    can_retry: bool = True
    halted: bool = False
    may_restart: bool = False
    root_fetched: bool = False
    quiet: bool = False


async def read_progress(session: SessionRow, *, trust: bool, now: datetime) -> SessionProgress:
    """Return the progress of ``session`` with what its timeline says; its invitation must be fetched.

    Args:
        trust: Trusting the root certificate is a step.
    """
    told = session_progress(session, now=now)
    events = await Event.filter(session_id=session.id).order_by("-id").limit(100).values_list("kind", "at")
    heard_at = next((at for _kind, at in events), session.opened_at)
    quiet = told.end is None and not told.halted and now - heard_at >= _QUIET_AFTER
    root_fetched = any(kind == "root.fetched" for kind, _at in events)
    mark = f"{told.mark}{'-root' * root_fetched}{'-quiet' * quiet}"
    told = replace(told, root_fetched=root_fetched, quiet=quiet, mark=mark)
    if not trust:
        return told
    # Nobody can see whether a Mac trusts the root before it answers: who downloads the profile has decided.
    return replace(told, steps=(EnrollmentStep.TRUST, *told.steps), done=told.done + 1 if told.done else 0)


def session_progress(session: SessionRow, *, now: datetime) -> SessionProgress:
    """Return the progress of ``session`` as its row says it; its invitation must be fetched."""
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
        steps,
        done,
        end,
        refusal,
        code,
        f"{session.status}-{done}-{end or 'live'}-{code}",
        can_retry,
        halted,
        may_restart=end is SessionEnd.REFUSED and session.refusal == MacTooOld.code,
    )


def _refused_after(session: SessionRow) -> int:
    """Return how many steps were done before a refusal ended the session.

    Only a refused message that a Mac signed ends a session: the profile was installed by then.
    """
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
        redeemed = session.invitation is not None and session.invitation.status == InvitationStatus.REDEEMED
        return SessionEnd.USED if redeemed else SessionEnd.REPLACED
    return SessionEnd.EXPIRED if session.status == SessionStatus.EXPIRED or session.expires_at <= now else None
