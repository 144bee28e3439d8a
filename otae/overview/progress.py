"""The progress of an invitation in one line: for lists, the dashboard and the head of its page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.delivery.texts.kinds import NEEDED
from otae.errors import DeviceTaken, Refusal
from otae.invitations.details import refusal_of
from otae.store.models import Approval, Delivery, EnrollmentSession, Invitation
from otae.store.states import ApprovalStatus, DeliveryStatus, InvitationStatus, SessionStatus
from otae.translatable import N_
from otae.words import gettext as _
from otae.words import span

#: After this time without a step, an invitation needs attention.
STALLED_AFTER = timedelta(minutes=15)

#: The steps in order; a page draws one dot for each.
STEPS = (
    N_("invited"),
    N_("mail sent"),
    N_("signed in"),
    N_("profile downloaded"),
    N_("Mac answered"),
    N_("profile installed"),
    N_("enrolled"),
)
#: How many steps are done while the message is not sent yet.
INVITED = 1
#: What is missing while each step is waited for.
AWAITED = (
    N_("mail"),
    N_("mail"),
    N_("sign-in"),
    N_("download"),
    N_("answer from the Mac"),
    N_("installed profile"),
    N_("check-in"),
)

_REACHED = {
    SessionStatus.OPENED: 3,
    SessionStatus.IDENTIFIED: 5,
    SessionStatus.CERTIFIED: 5,
    SessionStatus.CONFIGURED: 6,
    SessionStatus.ENROLLED: 7,
}

#: Words for a message that did not arrive, by kind and status; %s is the server's answer.
_TROUBLE: Final[Mapping[str, Mapping[str, str]]] = {
    "url": {
        DeliveryStatus.FAILED: N_("Mail not sent: %s"),
        DeliveryStatus.BOUNCED: N_("Mail came back: %s"),
        DeliveryStatus.QUEUED: N_("Mail not taken yet: %s"),
    },
    "pin": {
        DeliveryStatus.FAILED: N_("PIN not sent: %s"),
        DeliveryStatus.BOUNCED: N_("PIN came back: %s"),
        DeliveryStatus.QUEUED: N_("PIN not taken yet: %s"),
    },
}


#: What mends a problem: sending link and PIN again, the same for a PIN that is used up or did not arrive, more time, or
#: releasing the Mac.
RESEND, NEW_PIN, EXTEND, RELEASE = "resend", "new-pin", "extend", "release"

#: Words for an enrollment that is held up by its approval, which is no problem to be solved.
_HELD_UP: Final[Mapping[str, str]] = {
    ApprovalStatus.WAITING: N_("waits for approval"),
    ApprovalStatus.DECLINED: N_("declined"),
}


@dataclass(frozen=True)
class InvitationProgress:
    """How far an invitation has got.

    ``reached``: how many of STEPS are done. ``problem``: what is wrong, or ""; ``since``: when the last step was done.
    ``remedy``: what mends it, "" where somebody has to look; ``udid``: of the Mac that is to be released.
    """

    reached: int
    words: str
    since: datetime
    problem: str = ""
    refusal: str = ""
    support_code: str = ""
    remedy: str = ""
    udid: str = ""


async def progress_of(invitations: Sequence[Invitation], *, now: datetime) -> dict[UUID, InvitationProgress]:
    """Return the progress of each invitation, by its id, in three queries however many there are."""
    ids = [row.id for row in invitations]
    messages = await Delivery.filter(invitation_id__in=ids, kind__in=NEEDED)
    sent = {(each.invitation_id, each.generation, each.kind): each for each in messages}
    sign_ins = EnrollmentSession.filter(invitation_id__in=ids).order_by("opened_at")
    sessions = {each.invitation_id: each for each in await sign_ins}
    held_up = Approval.filter(invitation_id__in=ids, status__in=list(_HELD_UP))
    approvals = {each.invitation_id: each for each in await held_up.order_by("number")}
    result = {}
    for row in invitations:
        link, pin = (sent.get((row.id, row.generation, kind)) for kind in NEEDED)
        progress = _progress_of_one(row, link, pin, sessions.get(row.id), approvals.get(row.id), now)
        over = row.status == InvitationStatus.PENDING and row.valid_until is not None and row.valid_until <= now
        result[row.id] = replace(progress, remedy=EXTEND) if progress.remedy and over else progress
    return result


def _progress_of_one(
    invitation: Invitation,
    link: Delivery | None,
    pin: Delivery | None,
    session: EnrollmentSession | None,
    approval: Approval | None,
    now: datetime,
) -> InvitationProgress:
    if invitation.status == InvitationStatus.REDEEMED:
        return InvitationProgress(7, STEPS[6], invitation.redeemed_at or invitation.created_at)
    resent = session is not None and link is not None and link.created_at > session.opened_at
    if approval is not None and session is not None and session.status in {SessionStatus.OPENED, SessionStatus.EXPIRED}:
        return InvitationProgress(_REACHED[SessionStatus.OPENED], _HELD_UP[approval.status], approval.asked_at)
    if session is not None and not resent:
        return _session_progress(session, now)
    return _message_progress(invitation, link, pin)


def _session_progress(session: EnrollmentSession, now: datetime) -> InvitationProgress:
    reached = _REACHED.get(SessionStatus(session.status), 3)
    if reached == 3 and session.profile_fetched_at:
        reached = 4
    since = session.profile_fetched_at or session.opened_at
    words = STEPS[reached - 1]
    if session.refusal and session.status != SessionStatus.ENROLLED:
        code = session.support_code or ""
        refusal = refusal_of(session.refusal)
        problem = _("Refused: %s") % (_(refusal.words) if refusal is not Refusal else session.refusal)
        taken = session.udid if session.refusal == DeviceTaken.code else None
        remedy = RELEASE if taken else ""
        return InvitationProgress(reached, words, since, problem, session.refusal, code, remedy, taken or "")
    if session.status == SessionStatus.EXPIRED:
        ended = _("The sign-in ended before the Mac was enrolled")
        return InvitationProgress(reached, words, since, ended, remedy=RESEND)
    if reached < 7 and now - since > STALLED_AFTER:
        missed = _("No %(step)s for %(time)s") % {"step": _(AWAITED[reached]), "time": span(now - since)}
        return InvitationProgress(reached, words, since, missed, remedy=RESEND)
    return InvitationProgress(reached, words, since)


def _message_progress(invitation: Invitation, link: Delivery | None, pin: Delivery | None) -> InvitationProgress:
    failed = invitation.status == InvitationStatus.FAILED
    if failed and (link.status != DeliveryStatus.FAILED if link else not invitation.send):
        return InvitationProgress(2, STEPS[1], invitation.created_at, _("Too many wrong entries"), remedy=NEW_PIN)
    if link is None:
        problem = _("Failed; its messages are no longer kept") if failed else ""
        return InvitationProgress(INVITED, STEPS[0], invitation.created_at, problem, remedy=RESEND if failed else "")
    if problem := _undelivered(link):
        return InvitationProgress(INVITED, STEPS[0], link.created_at, problem, remedy=RESEND)
    problem = _undelivered(pin) if pin else ""
    if link.status == DeliveryStatus.SENT:
        remedy = NEW_PIN if problem else ""
        return InvitationProgress(2, STEPS[1], link.sent_at or link.created_at, problem, remedy=remedy)
    return InvitationProgress(INVITED, STEPS[0], link.created_at, problem)


def _undelivered(message: Delivery) -> str:
    """Return why a message did not arrive, "" when nothing is wrong with it."""
    words = _TROUBLE[message.kind]
    if message.status == DeliveryStatus.QUEUED and not message.attempt:
        return ""
    return _(words[message.status]) % message.answer if message.status in words else ""
