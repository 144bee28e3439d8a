"""How far an invitation has come, in one line: for lists, the dashboard and the head of its page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from otae.errors import Refusal
from otae.invitations.details import refusal_of
from otae.store.models import Delivery, EnrollmentSession, Invitation
from otae.store.states import DeliveryStatus, InvitationStatus, SessionStatus
from otae.words import gettext as _
from otae.words import span

#: After this long without a step, somebody should look.
PATIENCE = timedelta(minutes=15)

#: The steps of the way, in order; a page draws one dot each.
STEPS = ("invited", "mail sent", "signed in", "profile downloaded", "Mac answered", "profile installed", "enrolled")
#: How many are reached while the message is still on its way.
INVITED = 1
#: What is missing while a step is waited for.
AWAITED = ("mail", "mail", "sign-in", "download", "answer from the Mac", "installed profile", "check-in")

_REACHED = {
    SessionStatus.OPENED: 3,
    SessionStatus.IDENTIFIED: 5,
    SessionStatus.CERTIFIED: 5,
    SessionStatus.CONFIGURED: 6,
    SessionStatus.ENROLLED: 7,
}


OfInvitation = TypeVar("OfInvitation", Delivery, EnrollmentSession)


@dataclass(frozen=True)
class Progress:
    """`reached`: how many of STEPS are done. `problem`: what is wrong, or ""; `since`: when the last step was."""

    reached: int
    words: str
    since: datetime
    problem: str = ""
    refusal: str = ""
    support_code: str = ""


async def progress_of(invitations: Sequence[Invitation], *, now: datetime) -> dict[UUID, Progress]:
    """Return how far each of ``invitations`` is, in three queries however many there are."""
    ids = [row.id for row in invitations]
    deliveries = _newest(await Delivery.filter(invitation_id__in=ids, kind="url").order_by("generation"))
    sessions = _newest(await EnrollmentSession.filter(invitation_id__in=ids).order_by("opened_at"))
    return {row.id: _one(row, deliveries.get(row.id), sessions.get(row.id), now) for row in invitations}


def _newest(rows: Iterable[OfInvitation]) -> dict[UUID, OfInvitation]:
    return {row.invitation_id: row for row in rows if row.invitation_id is not None}


def _one(
    invitation: Invitation, delivery: Delivery | None, session: EnrollmentSession | None, now: datetime
) -> Progress:
    if invitation.status == InvitationStatus.REDEEMED:
        return Progress(7, STEPS[6], invitation.redeemed_at or invitation.created_at)
    resent = session is not None and delivery is not None and delivery.created_at > session.opened_at
    if session is not None and not resent:
        return _session_progress(session, now)
    return _mail_progress(invitation, delivery)


def _session_progress(session: EnrollmentSession, now: datetime) -> Progress:
    reached = _REACHED.get(SessionStatus(session.status), 3)
    if reached == 3 and session.profile_fetched_at:
        reached = 4
    since = session.profile_fetched_at or session.opened_at
    words = STEPS[reached - 1]
    if session.refusal and session.status != SessionStatus.ENROLLED:
        code = session.support_code or ""
        refusal = refusal_of(session.refusal)
        said = _("Refused: %s") % _(refusal.words) if refusal is not Refusal else _("Refused: %s") % session.refusal
        return Progress(reached, words, since, said, session.refusal, code)
    if session.status == SessionStatus.EXPIRED:
        return Progress(reached, words, since, _("The sign-in ended before the Mac was enrolled"))
    if reached < 7 and now - since > PATIENCE:
        missed = _("No %(step)s for %(time)s") % {"step": _(AWAITED[reached]), "time": span(now - since)}
        return Progress(reached, words, since, missed)
    return Progress(reached, words, since)


def _mail_progress(invitation: Invitation, delivery: Delivery | None) -> Progress:
    if invitation.status == InvitationStatus.FAILED and (
        delivery.status != DeliveryStatus.FAILED if delivery else not invitation.send
    ):
        return Progress(2, STEPS[1], invitation.created_at, _("Too many wrong entries"))
    if delivery is None:
        unkept = invitation.status == InvitationStatus.FAILED
        said = _("Failed; its messages are no longer kept") if unkept else ""
        return Progress(INVITED, STEPS[0], invitation.created_at, said)
    if delivery.status == DeliveryStatus.SENT:
        return Progress(2, STEPS[1], delivery.sent_at or delivery.created_at)
    if delivery.status in {DeliveryStatus.FAILED, DeliveryStatus.BOUNCED}:
        said = _("Mail came back: %s") if delivery.status == DeliveryStatus.BOUNCED else _("Mail not sent: %s")
        return Progress(INVITED, STEPS[0], delivery.created_at, said % delivery.answer)
    if delivery.status == DeliveryStatus.QUEUED and delivery.attempt:
        return Progress(INVITED, STEPS[0], delivery.created_at, _("Mail not taken yet: %s") % delivery.answer)
    return Progress(INVITED, STEPS[0], delivery.created_at)
