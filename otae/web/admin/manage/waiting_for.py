"""What an invitation waits for, since when, and what usually helps: the last line of its timeline."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from otae.enrollment.progress import SessionRow
from otae.invitations.details import Details
from otae.store.mode_table import MODES, Mode
from otae.translatable import N_
from otae.words import gettext as _


@dataclass(frozen=True)
class Waiting:
    """What is waited for. ``since`` is the time of the last step; ``help`` is one line of what usually helps."""

    words: str
    since: datetime
    help: str

    def minutes(self, now: datetime) -> int:
        """Return the whole minutes of waiting; when they change, the page is shown again."""
        return max(now - self.since, timedelta(0)) // timedelta(minutes=1)


#: What a session that has come this far waits for, by its way and status.
SESSIONS: Final = {
    ("ota", "identified"): (
        N_("Waiting for the Mac to ask for its certificate"),
        N_("Usually seconds. If not: the Mac has to reach this server, and its clock has to be right."),
    ),
    ("ota", "certified"): (
        N_("Waiting for the Mac to fetch its management profile"),
        N_("Usually seconds. If not: have the person sign in again and install the newly downloaded profile."),
    ),
    ("ota", "configured"): (
        N_("Waiting for the Mac to check in"),
        N_("Usually seconds. If not: the Mac may have lost its network; it goes on when it is back."),
    ),
    ("profile", "certified"): (
        N_("Waiting for the Mac to check in"),
        N_("Usually seconds. If not: the Mac may have lost its network; it goes on when it is back."),
    ),
}
DOWNLOAD: Final = (
    N_("Waiting for the profile to be downloaded"),
    N_("The page after sign-in has a button for it; signing in once more shows it again."),
)
#: What is to be sent before anybody can sign in.
MESSAGES: Final = {
    "url": N_("Waiting for the invitation mail to be sent"),
    "pin": N_("Waiting for the message with the PIN to be sent"),
}
INSTALL: Final = (
    N_("Waiting for the profile to be installed"),
    N_("On the Mac: System Settings, search for “Device Management”, double-click the profile, then Install."),
)


def wait_of(details: Details, now: datetime) -> Waiting | None:
    """Return what the invitation waits for, None when it waits for nothing."""
    invitation, session = details.invitation, details.session
    since = details.events[-1].at if details.events else invitation.created_at
    if session is not None and details.is_live(now):
        return _session(session, since)
    if invitation.status == "redeemed":
        confirmation = details.deliveries.get("confirmation")
        if confirmation is None or details.is_final(now):
            return None
        return Waiting(_("Waiting for the confirmation mail to be sent"), confirmation.created_at, _sending_help())
    if invitation.status != "pending":
        return None
    for kind, words in MESSAGES.items():
        message = details.deliveries.get(kind)
        if message is not None and message.status in {"queued", "sending"}:
            return Waiting(_(words), message.created_at, _sending_help())
    return _pin(details) or _person(details, since)


def _session(session: SessionRow, since: datetime) -> Waiting:
    found = SESSIONS.get((session.way, session.status), INSTALL if session.profile_fetched_at else DOWNLOAD)
    return Waiting(_(found[0]), since, _(found[1]))


def _sending_help() -> str:
    return _("Usually seconds. If not: see whether the worker runs, and what the notification server answered above.")


def _pin(details: Details) -> Waiting | None:
    """Return the wait for a PIN that did not arrive; None when it arrived, or the person had signed in before."""
    pin, session = details.deliveries.get("pin"), details.session
    if pin is None or pin.status not in {"failed", "bounced"} or pin.generation != details.invitation.generation:
        return None
    if session is not None and session.opened_at >= pin.created_at:
        return None
    help_text = _("The PIN did not reach the person. Correct the address or number, then “Send again” sends a new one.")
    return Waiting(_("Waiting for the invitation to be sent again"), pin.created_at, help_text)


def _person(details: Details, since: datetime) -> Waiting:
    opened = details.older or any(event.kind == "link.opened" for event in details.events)
    if opened:
        return Waiting(_("Waiting for the person to sign in"), since, requirements(details.invitation.mode))
    if not details.invitation.send:
        help_text = _("Nothing is mailed for this invitation: copy the link and pass it on.")
    else:
        help_text = _("Ask whether the mail arrived, perhaps in the junk folder; or copy the link and pass it on.")
    return Waiting(_("Waiting for the link to be opened"), since, help_text)


def requirements(mode_name: str) -> str:
    """Return what a person needs to sign in with this mode, in one sentence."""
    mode = MODES.get(mode_name)
    return _("Needed: %s.") % " + ".join(factors(mode)) if mode else ""


def factors(mode: Mode) -> list[str]:
    """Return the credentials of the mode, in words."""
    asked = (
        (mode.token, _("the link")),
        (mode.identification, _("user name")),
        (mode.authentication, _("password")),
        (mode.secret, _("PIN")),
    )
    return [words for wanted, words in asked if wanted]
