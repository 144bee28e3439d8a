"""The timeline of an invitation: its events in words, grouped by phase, with the time each step took.

KINDS lists every kind of event; a kind that is not in it is shown by its own name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from otae.invitations.details import EventRow, refusal_of
from otae.time_zones import local
from otae.translatable import N_
from otae.web.pages import maker
from otae.words import day
from otae.words import gettext as _

DONE, FAILED, WARNING, NOTE = "done", "failed", "warning", "note"

INVITATION: Final = N_("Invitation")
SIGN_IN: Final = N_("Sign-in")
PROFILE: Final = N_("Profile and certificate")
MANAGEMENT: Final = N_("Management")


@dataclass(frozen=True)
class EventKind:
    """How a kind of event is shown.

    ``words`` may contain %(actor)s, %(detail)s, %(message)s and %(certificate)s. With ``more``, the detail is shown
    below.
    """

    group: str
    mark: str
    words: str
    more: bool = False


KINDS: Final = {
    "invitation.created": EventKind(INVITATION, DONE, N_("Created by %(actor)s")),
    "invitation.resent": EventKind(INVITATION, DONE, N_("Sent again by %(actor)s; the earlier PIN no longer works")),
    "invitation.extended": EventKind(INVITATION, DONE, N_("Extended by %(actor)s")),
    "invitation.revoked": EventKind(INVITATION, FAILED, N_("Revoked by %(actor)s; link and PIN no longer work")),
    "invitation.expired": EventKind(INVITATION, FAILED, N_("Expired; link and PIN no longer work")),
    "invitation.failed": EventKind(INVITATION, FAILED, N_("Failed: %(detail)s")),
    "invitation.redeemed": EventKind(MANAGEMENT, DONE, N_("Invitation redeemed; link and PIN are forgotten")),
    "command.queued": EventKind(MANAGEMENT, NOTE, N_("Command waits for the Mac: %(detail)s")),
    "command.sent": EventKind(MANAGEMENT, NOTE, N_("Command handed to the Mac: %(detail)s")),
    "command.notnow": EventKind(MANAGEMENT, NOTE, N_("The Mac will do it later: %(detail)s")),
    "command.acknowledged": EventKind(MANAGEMENT, DONE, N_("The Mac has done it")),
    "command.error": EventKind(MANAGEMENT, FAILED, N_("The Mac could not do it: %(detail)s")),
    "approval.asked": EventKind(SIGN_IN, NOTE, N_("Waits for approval by %(detail)s")),
    "manager.unknown": EventKind(INVITATION, NOTE, N_("No manager was told: %(detail)s")),
    "approval.approved": EventKind(SIGN_IN, DONE, N_("Approved by %(actor)s")),
    "approval.declined": EventKind(SIGN_IN, FAILED, N_("Declined by %(actor)s")),
    "link.copied": EventKind(INVITATION, NOTE, N_("Link copied by %(actor)s")),
    "link.requested": EventKind(INVITATION, NOTE, N_("A new link was asked for on the page of the old one"), more=True),
    "link.opened": EventKind(INVITATION, DONE, N_("Link opened in %(detail)s")),
    "identity.confirmed": EventKind(INVITATION, DONE, N_("Identity confirmed by %(actor)s")),
    "identity.objected": EventKind(INVITATION, FAILED, N_("The person says that it was not them at the desk")),
    "card.printed": EventKind(INVITATION, NOTE, N_("The card was printed")),
    "card-code.used": EventKind(INVITATION, DONE, N_("The code of the card was entered on a Mac")),
    "go-code.made": EventKind(INVITATION, NOTE, N_("A code to continue on a Mac was shown")),
    "go-code.used": EventKind(INVITATION, DONE, N_("The code was entered on a Mac")),
    "delivery.queued": EventKind(INVITATION, NOTE, N_("%(message)s waits to be sent")),
    "delivery.sending": EventKind(INVITATION, NOTE, N_("%(message)s is being sent")),
    "delivery.sent": EventKind(INVITATION, DONE, N_("%(message)s %(detail)s")),
    "delivery.deferred": EventKind(
        INVITATION, WARNING, N_("%(message)s was not taken yet and is tried again"), more=True
    ),
    "delivery.failed": EventKind(INVITATION, FAILED, N_("%(message)s could not be sent"), more=True),
    "delivery.cancelled": EventKind(INVITATION, NOTE, N_("%(message)s was not sent any more"), more=True),
    "delivery.bounced": EventKind(INVITATION, FAILED, N_("%(message)s came back"), more=True),
    "signin.failed": EventKind(SIGN_IN, FAILED, N_("Wrong entry: %(detail)s")),
    "guessing.networks": EventKind(SIGN_IN, WARNING, N_("Somebody may be guessing: %(detail)s")),
    "session.opened": EventKind(SIGN_IN, DONE, N_("Signed in")),
    "former-mdm.left": EventKind(SIGN_IN, DONE, N_("Says that the Mac has left the former management")),
    "terms-of-use.accepted": EventKind(SIGN_IN, DONE, N_("Terms of use accepted"), more=True),
    "session.expired": EventKind(SIGN_IN, NOTE, N_("That sign-in ended: %(detail)s")),
    "root.fetched": EventKind(PROFILE, NOTE, N_("Root certificate downloaded")),
    "profile.fetched": EventKind(PROFILE, DONE, N_("Profile downloaded")),
    "session.identified": EventKind(PROFILE, DONE, N_("The Mac answered and proved what it is")),
    "certificate.issued": EventKind(PROFILE, DONE, N_("%(certificate)s issued")),
    "session.certified": EventKind(PROFILE, DONE, N_("The Mac has its certificate")),
    "session.configured": EventKind(PROFILE, DONE, N_("Management profile handed over"), more=True),
    "session.refused": EventKind(PROFILE, FAILED, N_("This sign-in was ended")),
    "checkin.authenticate": EventKind(MANAGEMENT, DONE, N_("The Mac checked in for the first time"), more=True),
    "checkin.enrolled": EventKind(MANAGEMENT, DONE, N_("The Mac is enrolled")),
    "session.enrolled": EventKind(MANAGEMENT, DONE, N_("Enrollment finished")),
    "checkin.checkout": EventKind(MANAGEMENT, NOTE, N_("The Mac left management"), more=True),
    "rescue.identity": EventKind(MANAGEMENT, WARNING, N_("The certificate of the Mac ends soon and was not renewed")),
    "rescue.silent": EventKind(MANAGEMENT, WARNING, N_("The Mac has not connected for a long time")),
    "rescue.invited": EventKind(MANAGEMENT, NOTE, N_("The person was invited again for this Mac")),
    "rescue.refused": EventKind(
        MANAGEMENT, WARNING, N_("The person could not be invited again for this Mac: %(detail)s")
    ),
    "device.unenrolled": EventKind(MANAGEMENT, FAILED, N_("Unenrolled by %(actor)s")),
    "device.released": EventKind(MANAGEMENT, NOTE, N_("Device released by %(actor)s")),
}

MESSAGES: Final = {
    "url": N_("Invitation mail"),
    "pin": N_("PIN message"),
    "reminder": N_("Reminder"),
    "revoked": N_("Message about the withdrawal"),
    "expired": N_("Message about the expiry"),
    "identity": N_("Message about the confirmed identity"),
    "notice": N_("Notice to the administrator"),
    "objection": N_("Notice that it was somebody else"),
    "trouble": N_("Notice about the notification server"),
    "confirmation": N_("Confirmation mail"),
    "approval": N_("Mail to who approves"),
    "manager": N_("Mail to the manager"),
    "approved": N_("Mail about the approval"),
}
CERTIFICATES: Final = {"ota-identity": N_("Identity certificate"), "mdm-identity": N_("Management certificate")}

#: Pairs of consecutive kinds of which the second repeats the first: only the first is shown.
REPETITIONS: Final = frozenset(
    {
        ("certificate.issued", "session.certified"),
        ("profile.fetched", "session.configured"),
        ("refused", "session.refused"),
        ("checkin.enrolled", "session.enrolled"),
    }
)
#: Kinds that a later event of the same message replaces.
TRANSIENT: Final = frozenset({"delivery.queued", "delivery.sending"})
#: A shorter duration is not shown.
SHORTEST_SHOWN: Final = timedelta(milliseconds=100)


@dataclass(frozen=True)
class TimelineEntry:
    """A line of the timeline.

    ``took`` is the time since the previous step, or since its message was queued; None where it means nothing.
    """

    group: str
    mark: str
    words: str
    at: datetime
    took: timedelta | None = None
    more: str = ""
    advice: str = ""
    support_code: str = ""

    @property
    def clock(self) -> str:
        """The time of day, in the viewer's zone."""
        return f"{local(self.at):%H:%M:%S}"


@dataclass(frozen=True)
class EntryGroup:
    """Consecutive entries of one phase and one day; ``day`` is in the viewer's zone."""

    title: str
    day: str
    entries: list[TimelineEntry]


def groups(events: Iterable[EventRow]) -> list[EntryGroup]:
    """Return the timeline of ``events``, which come oldest first."""
    grouped = groupby(entries(list(events)), key=lambda entry: (entry.group, day(entry.at)))
    return [EntryGroup(_(title), on, list(members)) for (title, on), members in grouped]


def entries(events: list[EventRow]) -> Iterator[TimelineEntry]:
    """Yield the entries, without superseded states of a message and without events that repeat the one before."""
    last_of_message = {_message(event): event.id for event in events if event.kind.startswith("delivery.")}
    queued: dict[str, datetime] = {}
    last: EventRow | None = None
    step: datetime | None = None
    for event in events:
        if event.kind == "delivery.queued":
            queued[_message(event)] = event.at
        superseded = event.kind in TRANSIENT and last_of_message[_message(event)] != event.id
        repeated = last is not None and (last.kind, event.kind) in REPETITIONS and last.session_id == event.session_id
        last = event
        if superseded or repeated:
            continue
        entry = entry_of(event)
        mail = event.kind.startswith("delivery.")
        since = queued.get(_message(event)) if mail else step
        took = event.at - since if since and entry.mark == DONE else None
        yield replace(entry, took=took if took and took >= SHORTEST_SHOWN else None)
        if entry.mark == DONE and not mail:
            step = event.at


def entry_of(event: EventRow) -> TimelineEntry:
    """Return the entry for one event."""
    if event.kind == "refused":
        return _refused(event)
    kind = KINDS.get(event.kind, EventKind(INVITATION, NOTE, event.kind, more=True))
    message, separator, rest = event.detail.partition(": ")
    about_mail = event.kind.startswith("delivery.")
    detail = (rest if separator else "") if about_mail else event.detail
    words = _(kind.words) % {
        "actor": maker(event.actor) or _("the server"),
        "detail": detail,
        "message": _(MESSAGES.get(message.partition("-")[0], N_("Message"))),
        "certificate": _(CERTIFICATES.get(event.detail, N_("Certificate"))),
    }
    advice = ""
    if event.kind == "signin.failed":
        advice = _(refusal_of(event.code).advice)
    return TimelineEntry(
        MANAGEMENT if message == "confirmation" else kind.group,
        kind.mark,
        words,
        event.at,
        more=detail if kind.more else "",
        advice=advice,
        support_code=event.support_code,
    )


def _refused(event: EventRow) -> TimelineEntry:
    refusal = refusal_of(event.code)
    detail = event.detail if event.detail != refusal.words else ""
    return TimelineEntry(
        PROFILE if event.session_id else SIGN_IN,
        FAILED,
        _("Refused: %(words)s") % {"words": _(refusal.words)},
        event.at,
        more=f"{event.code}: {detail}" if detail else event.code,
        advice=_(refusal.advice),
        support_code=event.support_code,
    )


def _message(event: EventRow) -> str:
    return event.detail.partition(":")[0]
