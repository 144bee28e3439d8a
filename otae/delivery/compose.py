"""From a delivery to the message itself: the template of its kind, filled with the values of its invitation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage

from otae.delivery.macros import fill
from otae.delivery.message import MessageRefused, build
from otae.delivery.templates import default_template
from otae.settings import Settings
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Delivery, Invitation, NotificationServer, NotificationTemplate, Person, Pin

#: What a person signs in with, by enrollment mode; a mode not listed is named as it is stored.
SIGNS_IN_WITH: Mapping[str, str] = {
    "username_password": "your user name and password",
    "two_factor": "your user name, password and PIN",
    "username_pin": "your user name and PIN",
    "high_security": "your user name, password and PIN, through the link in the invitation",
    "invitation_url": "the link in the invitation",
    "invitation_url_pin": "the link in the invitation and your PIN",
    "invitation_url_password": "the link in the invitation and your password",
}


def invitation_url(settings: Settings, token: str) -> str:
    """Return the address an invited person opens; ``token`` is the invitation token, "ep-…".

    Built from PUBLIC_URL alone, never from a request.
    """
    return f"{settings.public_url}/zdm/su?e={token}"


@dataclass(frozen=True)
class Preview:
    """What a message will say, as text."""

    subject: str
    text: str


async def compose(
    desk: Desk, delivery: Delivery, *, now: datetime, server: NotificationServer | None = None
) -> EmailMessage:
    """Return the mail of ``delivery``, from the sender of ``server``, or from this house without one.

    Its Message-ID is the same at every try. Raises MessageRefused when it cannot be built: a secret that was wiped, an
    address or a name that may not stand in a mail.
    """
    invitation = await Invitation.get(id=delivery.invitation_id).select_related("person")
    values = await _known(invitation) | await _secrets(desk, delivery, invitation)
    template = await _template(template_kind(delivery), invitation)
    sender = (server.from_name, server.from_email) if server else await house_sender(desk)
    return build(
        sender=sender,
        recipient=delivery.recipient,
        subject=fill(template.subject, values),
        text=fill(template.text, values),
        html=fill(template.html, values, escape=True),
        message_id=f"<{delivery.message_id}@{desk.settings.public_host}>",
        now=now,
    )


async def house_sender(desk: Desk) -> tuple[str, str]:
    """Return name and address that mail comes from while there is no notification server."""
    return await properties.word("organization.name"), f"enrollment@{desk.settings.public_host}"


async def preview(desk: Desk, invitation: Invitation, kind: str) -> Preview:
    """Return what a message of ``kind`` ("url", "pin" or "confirmation") will say, link and PIN left open.

    ``invitation`` need not be stored; its person must be set.
    """
    hidden = {"enrollment.url": invitation_url(desk.settings, "ep-…"), "enrollment.pin": "••••••••"}
    values, template = await _known(invitation) | hidden, await _template(kind, invitation)
    return Preview(fill(template.subject, values), fill(template.text, values))


async def _template(kind: str, invitation: Invitation) -> NotificationTemplate:
    chosen = {
        "url": invitation.url_template_id,
        "pin": invitation.pin_template_id,
        "confirmation": invitation.confirmation_template_id,
    }[kind]
    found = await NotificationTemplate.get_or_none(id=chosen) if chosen else None
    return found or await default_template(kind)


def template_kind(delivery: Delivery) -> str:
    """Return which kind of template a message is made from: a reminder ("reminder-1" …) says the link once more."""
    return "url" if delivery.kind.startswith("reminder-") else delivery.kind


async def _known(invitation: Invitation) -> dict[str, str]:
    return await values_of(invitation.person, invitation.mode, invitation.valid_until)


async def values_of(person: Person, mode: str, valid_until: datetime | None) -> dict[str, str]:
    """Return the value of every macro but link and PIN; ``person`` need not be stored."""
    return {
        "enrollment.expires": _until(valid_until),
        "enrollment.mode": SIGNS_IN_WITH.get(mode, mode),
        "user.displayname": person.display_name or person.name,
        "user.loginname": person.name,
        "user.mail": person.email or "",
        "user.phone": person.phone or "",
        "server.name": await properties.word("organization.name"),
        "support.contact": await properties.word("support.contact"),
        "root.fingerprint": await root_fingerprint(),
    }


async def _secrets(desk: Desk, delivery: Delivery, invitation: Invitation) -> dict[str, str]:
    if template_kind(delivery) == "url":
        return {"enrollment.url": invitation_url(desk.settings, _invitation_token(desk, invitation))}
    if delivery.kind == "pin":
        return {"enrollment.pin": await _pin(desk, delivery)}
    return {}


def _invitation_token(desk: Desk, invitation: Invitation) -> str:
    if invitation.token_sealed is None:
        raise MessageRefused("the invitation's link no longer exists")
    return desk.vault.open(invitation.token_sealed, invitation.id, "invitation.token").decode()


async def _pin(desk: Desk, delivery: Delivery) -> str:
    pin = await Pin.get_or_none(invitation_id=delivery.invitation_id, generation=delivery.generation)
    if pin is None or pin.pin_sealed is None:
        raise MessageRefused("the PIN of this message no longer exists")
    return desk.vault.open(pin.pin_sealed, pin.id, "pin").decode()


def _until(end: datetime | None) -> str:
    return f"{end:%-d %B %Y, %H:%M} UTC" if end else "it has been used"


async def root_fingerprint() -> str:
    """Return the SHA-256 of the root certificate in groups of four hexadecimal digits, "" before there is a root."""
    root = await Certificate.filter(purpose="root", active=True).first()
    digits = (root.sha256 or "").upper() if root else ""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
