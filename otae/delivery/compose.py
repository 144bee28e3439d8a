"""From a delivery to the message itself: the template of its kind, filled with the values of its invitation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Final

from otae.delivery import languages
from otae.delivery.default_texts import DEFAULTS, Wording
from otae.delivery.kinds import LINKING, template_kind
from otae.delivery.macros import SECRET, fill
from otae.delivery.message import MessageRefused, build, one_line
from otae.delivery.sms_parts import measure
from otae.delivery.templates import default_template, said_in
from otae.settings import Settings
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import (
    Certificate,
    Delivery,
    Event,
    Invitation,
    NotificationServer,
    NotificationTemplate,
    Person,
    Pin,
)

#: Most parts of a text message: what is longer says nothing better.
MOST_PARTS: Final = 6
#: Most characters of one value in a subject or a text message; a link and a PIN are never cut.
LONGEST_VALUE: Final = 100
#: What ended an invitation stands in the newest of these.
_FAILURES: Final = ("invitation.failed", "delivery.failed", "delivery.bounced")


def invitation_url(settings: Settings, token: str) -> str:
    """Return the address an invited person opens; ``token`` is the invitation token, "ep-…".

    Built from PUBLIC_URL alone, never from a request.
    """
    return f"{settings.public_url}/zdm/su?e={token}"


@dataclass(frozen=True)
class Preview:
    """What a message will say, as text. ``subject``: "" for a text message."""

    subject: str
    text: str


async def compose(
    desk: Desk, delivery: Delivery, *, now: datetime, server: NotificationServer | None = None
) -> EmailMessage:
    """Return the mail of ``delivery``, from the sender of ``server``, or from this house without one.

    Its Message-ID is the same at every try. Raises MessageRefused when it cannot be built: a secret that was wiped, an
    address or a name that may not stand in a mail.
    """
    said, values = await _said(desk, delivery)
    sender = (server.from_name, server.from_email) if server else await house_sender(desk)
    filled = filled_mail(said, values)
    return build(
        sender=sender,
        recipient=delivery.recipient,
        subject=filled.subject,
        text=filled.text,
        html=filled.html,
        message_id=f"<{delivery.message_id}@{desk.settings.public_host}>",
        now=now,
    )


async def compose_sms(desk: Desk, delivery: Delivery, *, now: datetime) -> str:
    """Return the text message of ``delivery``: one line, or several where the template has them.

    The template's text message, or the default one where it has none. Raises MessageRefused for a secret that was
    wiped, for a kind that is sent by mail alone and for a text of more than six parts.
    """
    del now  # a text message carries no date of ours; taken so that both ways of composing are called alike
    said, values = await _said(desk, delivery)
    text = filled_sms(template_kind(delivery.kind), said, values)
    if not text:
        raise MessageRefused(f"text message: there is none of the kind {delivery.kind}")
    if measure(text).parts > MOST_PARTS:
        raise MessageRefused(f"text message: is longer than {MOST_PARTS} parts")
    return text


def filled_mail(said: Wording, values: Mapping[str, str]) -> Wording:
    """Return what a mail says with ``values`` put in; a paragraph that became empty leaves no gap in the text."""
    return Wording(
        subject=fill(said.subject, _cut(values)),
        text=re.sub(r"\n{3,}", "\n\n", fill(said.text, values)),
        html=fill(said.html, values, escape=True),
    )


def filled_sms(kind: str, said: Wording, values: Mapping[str, str]) -> str:
    """Return what a text message of ``kind`` says; "" for a kind that has none."""
    return fill(said.sms or DEFAULTS[kind].sms, _cut(values)).strip()


def _cut(values: Mapping[str, str]) -> dict[str, str]:
    """Shorten what somebody entered to what a subject or a text message has room for."""
    return {
        name: value if name in SECRET or len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"
        for name, value in values.items()
    }


async def house_sender(desk: Desk) -> tuple[str, str]:
    """Return name and address that mail comes from while there is no notification server."""
    return await properties.word("organization.name"), f"enrollment@{desk.settings.public_host}"


async def preview(desk: Desk, invitation: Invitation, kind: str, *, channel: str = "mail") -> Preview:
    """Return what a message of ``kind`` ("url", "pin" or "confirmation") will say, link and PIN left open.

    ``invitation`` need not be stored; its person must be set.
    """
    hidden = {"enrollment.url": invitation_url(desk.settings, "ep-…"), "enrollment.pin": "••••••••"}
    said, language = await said_in(await _template(kind, invitation), language_of(invitation))
    values = await values_of(invitation, invitation.person, language) | hidden
    if channel == "sms":
        return Preview("", filled_sms(kind, said, values))
    filled = filled_mail(said, values)
    return Preview(filled.subject, filled.text)


async def _said(desk: Desk, delivery: Delivery) -> tuple[Wording, dict[str, str]]:
    """Return what a delivery says, in its person's language, and the values to put in."""
    invitation = await Invitation.get(id=delivery.invitation_id).select_related("person")
    kind = template_kind(delivery.kind)
    wanted = "" if kind == "notice" else language_of(invitation)
    said, language = await said_in(await _template(kind, invitation), wanted)
    return said, await values_of(invitation, invitation.person, language) | await _further(desk, delivery, invitation)


async def _template(kind: str, invitation: Invitation) -> NotificationTemplate:
    chosen = {
        "url": invitation.url_template_id,
        "pin": invitation.pin_template_id,
        "confirmation": invitation.confirmation_template_id,
    }.get(kind)
    found = await NotificationTemplate.get_or_none(id=chosen) if chosen else None
    return found or await default_template(kind)


def language_of(invitation: Invitation) -> str:
    """Return the language of who is invited, as it was then, else as it is now; "" when it is not known."""
    return invitation.language or invitation.person.language


async def values_of(invitation: Invitation, person: Person, language: str) -> dict[str, str]:
    """Return the value of every macro but the secrets and what a notice knows, as a message in ``language`` says it.

    Name and addresses are the invitation's, as they were when it was made, else the person's as they are; each value
    is one line (see `one_line`). Neither need be stored.
    """
    words = await properties.read_some("organization.name", "support.contact")
    values = {
        "enrollment.expires": languages.put_end(invitation.valid_until, language),
        "enrollment.mode": languages.signs_in_with(invitation.mode, language),
        "user.displayname": invitation.display_name or person.display_name or person.name,
        "user.loginname": person.name,
        "user.mail": invitation.email or person.email or "",
        "user.phone": invitation.phone or person.phone or "",
        "invitation.note": invitation.note,
        "server.name": str(words["organization.name"]),
        "support.contact": str(words["support.contact"]),
        "root.fingerprint": await root_fingerprint(),
    }
    return {name: one_line(value) for name, value in values.items()}


def invitation_page(settings: Settings, invitation: Invitation) -> str:
    """Return the console's page of an invitation."""
    return f"{settings.public_url}/admin/invitations/{invitation.id}"


async def _further(desk: Desk, delivery: Delivery, invitation: Invitation) -> dict[str, str]:
    """Return what only this kind of message knows."""
    kind = template_kind(delivery.kind)
    if kind in LINKING:
        return {"enrollment.url": invitation_url(desk.settings, _invitation_token(desk, invitation))}
    if kind == "pin":
        return {"enrollment.pin": await _pin(desk, delivery)}
    if kind == "notice":
        reason = await _reason(invitation)
        return {"invitation.page": invitation_page(desk.settings, invitation), "failure.reason": reason}
    return {}


async def _reason(invitation: Invitation) -> str:
    """Return why an invitation failed, as its timeline says it."""
    event = await Event.filter(invitation_id=invitation.id, kind__in=_FAILURES).order_by("-id").first()
    if event is None:
        return ""
    about_message = event.kind.startswith("delivery.")
    return one_line(event.detail.partition(": ")[2] if about_message else event.detail)


def _invitation_token(desk: Desk, invitation: Invitation) -> str:
    if invitation.token_sealed is None:
        raise MessageRefused("the invitation's link no longer exists")
    return desk.vault.open(invitation.token_sealed, invitation.id, "invitation.token").decode()


async def _pin(desk: Desk, delivery: Delivery) -> str:
    pin = await Pin.get_or_none(invitation_id=delivery.invitation_id, generation=delivery.generation)
    if pin is None or pin.pin_sealed is None:
        raise MessageRefused("the PIN of this message no longer exists")
    return desk.vault.open(pin.pin_sealed, pin.id, "pin").decode()


async def root_fingerprint() -> str:
    """Return the SHA-256 of the root certificate in groups of four hexadecimal digits, "" before there is a root."""
    root = await Certificate.filter(purpose="root", active=True).only("id", "sha256").first()
    digits = (root.sha256 or "").upper() if root else ""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
