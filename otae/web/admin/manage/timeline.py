"""The timeline of an invitation: every event in words, in groups of steps, with the time each took.

The table below names every kind of event; one that is not in it is shown by its own name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from otae.invitations.details import EventRow, refusal_of
from otae.words import gettext as _

DONE, FAILED, WARNING, NOTE = "done", "failed", "warning", "note"

INVITATION: Final = "Invitation"
SIGN_IN: Final = "Sign-in"
PROFILE: Final = "Profile and certificate"
MANAGEMENT: Final = "Management"


@dataclass(frozen=True)
class Kind:
    """How an event is put.

    ``words`` may name %(actor)s, %(detail)s, %(message)s and %(certificate)s. ``more``: the detail stands below them.
    """

    group: str
    mark: str
    words: str
    more: bool = False


KINDS: Final = {
    "invitation.created": Kind(INVITATION, DONE, "Created by %(actor)s"),
    "invitation.resent": Kind(INVITATION, DONE, "Sent again by %(actor)s; the PIN before it is dead"),
    "invitation.extended": Kind(INVITATION, DONE, "Given more time by %(actor)s"),
    "invitation.revoked": Kind(INVITATION, FAILED, "Revoked by %(actor)s; link and PIN are dead"),
    "invitation.expired": Kind(INVITATION, FAILED, "Expired; link and PIN are dead"),
    "invitation.failed": Kind(INVITATION, FAILED, "Failed: %(detail)s"),
    "invitation.redeemed": Kind(MANAGEMENT, DONE, "Invitation redeemed; link and PIN are forgotten"),
    "command.queued": Kind(MANAGEMENT, NOTE, "Command waits for the Mac: %(detail)s"),
    "command.sent": Kind(MANAGEMENT, NOTE, "Command handed to the Mac: %(detail)s"),
    "command.notnow": Kind(MANAGEMENT, NOTE, "The Mac will do it later: %(detail)s"),
    "command.acknowledged": Kind(MANAGEMENT, DONE, "The Mac has done it"),
    "command.error": Kind(MANAGEMENT, FAILED, "The Mac could not do it: %(detail)s"),
    "link.copied": Kind(INVITATION, NOTE, "Link copied by %(actor)s"),
    "link.requested": Kind(INVITATION, NOTE, "A new link was asked for on the page of the old one", more=True),
    "link.opened": Kind(INVITATION, DONE, "Link opened in %(detail)s"),
    "delivery.queued": Kind(INVITATION, NOTE, "%(message)s waits to be sent"),
    "delivery.sending": Kind(INVITATION, NOTE, "%(message)s is being sent"),
    "delivery.sent": Kind(INVITATION, DONE, "%(message)s %(detail)s"),
    "delivery.deferred": Kind(INVITATION, WARNING, "%(message)s was not taken yet and is tried again", more=True),
    "delivery.failed": Kind(INVITATION, FAILED, "%(message)s could not be sent", more=True),
    "delivery.cancelled": Kind(INVITATION, NOTE, "%(message)s was not sent any more", more=True),
    "delivery.bounced": Kind(INVITATION, FAILED, "%(message)s came back", more=True),
    "signin.failed": Kind(SIGN_IN, FAILED, "Wrong entry: %(detail)s"),
    "session.opened": Kind(SIGN_IN, DONE, "Signed in"),
    "session.expired": Kind(SIGN_IN, NOTE, "That sign-in ended: %(detail)s"),
    "root.fetched": Kind(PROFILE, NOTE, "Root certificate downloaded"),
    "profile.fetched": Kind(PROFILE, DONE, "Profile downloaded"),
    "session.identified": Kind(PROFILE, DONE, "The Mac answered and proved what it is"),
    "certificate.issued": Kind(PROFILE, DONE, "%(certificate)s issued"),
    "session.certified": Kind(PROFILE, DONE, "The Mac has its certificate"),
    "session.configured": Kind(PROFILE, DONE, "Management profile handed over", more=True),
    "session.refused": Kind(PROFILE, FAILED, "This sign-in was ended"),
    "checkin.authenticate": Kind(MANAGEMENT, DONE, "The Mac checked in for the first time", more=True),
    "checkin.enrolled": Kind(MANAGEMENT, DONE, "The Mac is enrolled"),
    "session.enrolled": Kind(MANAGEMENT, DONE, "Enrollment finished"),
    "checkin.checkout": Kind(MANAGEMENT, NOTE, "The Mac left management", more=True),
    "device.released": Kind(MANAGEMENT, NOTE, "Device released by %(actor)s"),
}

MESSAGES: Final = {
    "url": "Invitation mail",
    "pin": "PIN message",
    "reminder": "Reminder",
    "revoked": "Message about the withdrawal",
    "expired": "Message about the expiry",
    "notice": "Notice to the administrator",
    "trouble": "Notice about the notification server",
    "confirmation": "Confirmation mail",
}
CERTIFICATES: Final = {"ota-identity": "Identity certificate", "mdm-identity": "Management certificate"}

#: What says the same as the event right before it: only the first of the two is shown.
ECHOES: Final = frozenset(
    {
        ("certificate.issued", "session.certified"),
        ("profile.fetched", "session.configured"),
        ("refused", "session.refused"),
        ("checkin.enrolled", "session.enrolled"),
    }
)
#: What a message's next word replaces.
PASSING: Final = frozenset({"delivery.queued", "delivery.sending"})
#: A step that took less took no time.
WORTH_TELLING: Final = timedelta(milliseconds=100)


@dataclass(frozen=True)
class Entry:
    """One line. ``took``: time since the step before, or since its message was queued; None where it means nothing."""

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
        """The time of the day, in UTC."""
        return f"{self.at.astimezone(UTC):%H:%M:%S}"


@dataclass(frozen=True)
class Group:
    """Steps that belong together and followed one another. ``day``: in UTC."""

    title: str
    day: str
    entries: list[Entry]


def groups(events: Iterable[EventRow]) -> list[Group]:
    """Return the timeline of ``events``, oldest first."""
    found = groupby(entries(list(events)), key=lambda entry: (entry.group, f"{entry.at.astimezone(UTC):%Y-%m-%d}"))
    return [Group(_(title), day, list(members)) for (title, day), members in found]


def entries(events: list[EventRow]) -> Iterator[Entry]:
    """Yield the lines: what only passes by gives way to what came of it, what echoes the one before is left out."""
    came_of = {_message(event): event.id for event in events if event.kind.startswith("delivery.")}
    queued: dict[str, datetime] = {}
    last: EventRow | None = None
    step: datetime | None = None
    for event in events:
        if event.kind == "delivery.queued":
            queued[_message(event)] = event.at
        passing = event.kind in PASSING and came_of[_message(event)] != event.id
        echo = last is not None and (last.kind, event.kind) in ECHOES and last.session_id == event.session_id
        last = event
        if passing or echo:
            continue
        entry = entry_of(event)
        mail = event.kind.startswith("delivery.")
        since = queued.get(_message(event)) if mail else step
        took = event.at - since if since and entry.mark == DONE else None
        yield replace(entry, took=took if took and took >= WORTH_TELLING else None)
        if entry.mark == DONE and not mail:
            step = event.at


def entry_of(event: EventRow) -> Entry:
    """Return one event in words."""
    if event.kind == "refused":
        return _refused(event)
    kind = KINDS.get(event.kind, Kind(INVITATION, NOTE, event.kind, more=True))
    message, separator, rest = event.detail.partition(": ")
    about_mail = event.kind.startswith("delivery.")
    detail = (rest if separator else "") if about_mail else event.detail
    words = _(kind.words) % {
        "actor": event.actor or _("the server"),
        "detail": detail,
        "message": _(MESSAGES.get(message.partition("-")[0], "Message")),
        "certificate": _(CERTIFICATES.get(event.detail, "Certificate")),
    }
    advice = ""
    if event.kind == "signin.failed":
        advice = _(refusal_of(event.code).advice)
    return Entry(
        MANAGEMENT if message == "confirmation" else kind.group,
        kind.mark,
        words,
        event.at,
        more=detail if kind.more else "",
        advice=advice,
        support_code=event.support_code,
    )


def _refused(event: EventRow) -> Entry:
    refusal = refusal_of(event.code)
    detail = event.detail if event.detail != refusal.words else ""
    return Entry(
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
