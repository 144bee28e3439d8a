"""From a delivery to the message itself: the template of its kind, filled with the values of its invitation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from tortoise.expressions import Q

from otae.delivery.mail.mime import Mail, MessageRefused, build, one_line
from otae.delivery.server_refusals import troubles
from otae.delivery.sms.parts import measure
from otae.delivery.texts import languages
from otae.delivery.texts.default_texts import DEFAULTS, Wording
from otae.delivery.texts.kinds import ADMINISTRATIVE, LINKING, NEEDED, template_kind
from otae.delivery.texts.macros import SECRET, fill
from otae.delivery.texts.templates import default_template, said_among, said_in
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
    TemplateTranslation,
)

#: Most parts of a text message: what is longer says nothing better.
MOST_PARTS: Final = 6
#: Most characters of one value in a subject or a text message; a link and a PIN are never cut.
LONGEST_VALUE: Final = 100
#: What ended an invitation stands in the newest of these.
_FAILURES: Final = ("invitation.failed", "delivery.failed", "delivery.bounced")
#: What a notice says of a PIN that was not delivered, before the server's words.
_PIN_NOT_SENT: Final = {
    "delivery.failed": "the message with the PIN was not sent",
    "delivery.bounced": "the message with the PIN came back",
}


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


@dataclass(frozen=True)
class House:
    """What this house says of itself in every message: its name, whom to ask, its root certificate's fingerprint."""

    name: str
    support: str
    fingerprint: str


@dataclass(frozen=True, repr=False)
class Material:
    """What a few messages are made from, read once for all of them; it is dropped when they are on their way.

    ``templates``: by id, and by kind the default ones; ``translations``: by template and language; ``pins``: by
    invitation and generation; ``reasons``: why invitations failed, for those a notice is about; ``trouble``: what mail
    servers refuse; ``opened``: the PINs that messages were made with.
    """

    desk: Desk
    house: House
    language: str
    templates: Mapping[UUID | str, NotificationTemplate]
    translations: Mapping[UUID, Mapping[str, TemplateTranslation]]
    pins: Mapping[tuple[UUID, int], Pin]
    reasons: Mapping[UUID, str]
    trouble: str
    opened: dict[UUID, str] = field(default_factory=dict)

    def blanked(self, delivery: Delivery, words: str) -> str:
        """Return what a server said of ``delivery``, without the PIN that it may have quoted back at us."""
        pin = self.opened.get(delivery.id)
        return words.replace(pin, "…") if pin else words

    def mail(
        self, delivery: Delivery, invitation: Invitation, *, now: datetime, server: NotificationServer | None = None
    ) -> Mail:
        """Return the mail of ``delivery``, from the sender of ``server``, or from this house without one.

        Its Message-ID is the same at every try. Raises MessageRefused when it cannot be built: a secret that was wiped,
        an address or a name that may not stand in a mail. ``invitation`` comes with its person.
        """
        filled = filled_mail(*self._said(delivery, invitation))
        return build(
            sender=(server.from_name, server.from_email) if server else _house_sender(self.desk, self.house.name),
            recipient=delivery.recipient,
            subject=filled.subject,
            text=filled.text,
            html=filled.html,
            message_id=f"<{delivery.message_id}@{self.desk.settings.public_host}>",
            now=now,
        )

    def sms(self, delivery: Delivery, invitation: Invitation) -> str:
        """Return the text message of ``delivery``: one line, or several where the template has them.

        The template's text message, or the default one where it has none. Raises MessageRefused for a secret that was
        wiped, for a kind that is sent by mail alone and for a text of more than six parts.
        """
        text = filled_sms(template_kind(delivery.kind), *self._said(delivery, invitation))
        if not text:
            raise MessageRefused(f"text message: there is none of the kind {delivery.kind}")
        if measure(text).parts > MOST_PARTS:
            raise MessageRefused(f"text message: is longer than {MOST_PARTS} parts")
        return text

    def _said(self, delivery: Delivery, invitation: Invitation) -> tuple[Wording, dict[str, str]]:
        """Return what a delivery says, in its person's language, and the values to put in."""
        kind = template_kind(delivery.kind)
        template = self.templates.get(_chosen(kind, invitation) or kind) or self.templates[kind]
        wanted = "" if kind in ADMINISTRATIVE else language_of(invitation)
        said, language = said_among(template, self.translations.get(template.id, {}), wanted, self.language)
        values = values_among(self.house, invitation, invitation.person, language)
        return said, values | self._further(kind, delivery, invitation)

    def _further(self, kind: str, delivery: Delivery, invitation: Invitation) -> dict[str, str]:
        """Return what only this kind of message knows."""
        if kind in LINKING:
            return {"enrollment.url": invitation_url(self.desk.settings, _invitation_token(self.desk, invitation))}
        if kind == "pin":
            pin = self.pins.get((invitation.id, delivery.generation))
            if pin is None or pin.pin_sealed is None:
                raise MessageRefused("the PIN of this message no longer exists")
            self.opened[delivery.id] = self.desk.vault.open(pin.pin_sealed, pin.id, "pin").decode()
            return {"enrollment.pin": self.opened[delivery.id]}
        if kind == "notice":
            page = invitation_page(self.desk.settings, invitation)
            return {"invitation.page": page, "failure.reason": self.reasons.get(invitation.id, "")}
        if kind == "trouble":
            page = f"{self.desk.settings.public_url}/admin/notification-servers"
            return {"failure.page": page, "failure.reason": self.trouble}
        return {}


async def gather(desk: Desk, messages: Sequence[tuple[Delivery, Invitation]], now: datetime) -> Material:
    """Read what ``messages`` are made from; their number does not matter for how often the database is asked."""
    kinds = {template_kind(delivery.kind) for delivery, _ in messages}
    chosen = {_chosen(template_kind(delivery.kind), invitation) for delivery, invitation in messages} - {None}
    rows = await NotificationTemplate.filter(Q(id__in=list(chosen)) | Q(kind__in=list(kinds), system=True))
    templates: dict[UUID | str, NotificationTemplate] = {row.id: row for row in rows}
    templates |= {row.kind: row for row in rows if row.system}
    templates |= {kind: await default_template(kind) for kind in kinds - templates.keys()}
    translations: dict[UUID, dict[str, TemplateTranslation]] = {}
    for translation in await TemplateTranslation.filter(template_id__in=list({row.id for row in templates.values()})):
        translations.setdefault(translation.template_id, {})[translation.language] = translation
    carrying = [delivery.invitation_id for delivery, _ in messages if delivery.kind == "pin"]
    pins = await Pin.filter(invitation_id__in=carrying) if carrying else []
    return Material(
        desk=desk,
        house=await house(),
        language=await properties.word("notification.language") if translations else "",
        templates=templates,
        translations=translations,
        pins={(pin.invitation_id, pin.generation): pin for pin in pins},
        trouble=await _trouble(messages, now),
        reasons={each.id: await _reason(each) for delivery, each in messages if delivery.kind == "notice"},
    )


def _chosen(kind: str, invitation: Invitation) -> UUID | None:
    """Return the template that an invitation names for messages of ``kind``."""
    return {
        "url": invitation.url_template_id,
        "pin": invitation.pin_template_id,
        "confirmation": invitation.confirmation_template_id,
    }.get(kind)


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
    return _house_sender(desk, await properties.word("organization.name"))


def _house_sender(desk: Desk, name: str) -> tuple[str, str]:
    return name, f"enrollment@{desk.settings.public_host}"


async def preview(desk: Desk, invitation: Invitation, kind: str, *, channel: str = "mail") -> Preview:
    """Return what a message of ``kind`` ("url", "pin" or "confirmation") will say, link and PIN left open.

    ``invitation`` need not be stored; its person must be set.
    """
    hidden = {"enrollment.url": invitation_url(desk.settings, "ep-…"), "enrollment.pin": "••••••••"}
    chosen = _chosen(kind, invitation)
    template = await NotificationTemplate.get_or_none(id=chosen) if chosen else None
    said, language = await said_in(template or await default_template(kind), language_of(invitation))
    values = await values_of(invitation, invitation.person, language) | hidden
    if channel == "sms":
        return Preview("", filled_sms(kind, said, values))
    filled = filled_mail(said, values)
    return Preview(filled.subject, filled.text)


def language_of(invitation: Invitation) -> str:
    """Return the language of who is invited, as it was then, else as it is now; "" when it is not known."""
    return invitation.language or invitation.person.language


async def values_of(invitation: Invitation, person: Person, language: str) -> dict[str, str]:
    """Return the value of every macro but the secrets and what a notice knows, as a message in ``language`` says it.

    Name and addresses are the invitation's, as they were when it was made, else the person's as they are; each value
    is one line (see `one_line`). Neither need be stored.
    """
    return values_among(await house(), invitation, person, language)


async def house() -> House:
    """Return what this house says of itself."""
    words = await properties.read_some("organization.name", "support.contact")
    return House(str(words["organization.name"]), str(words["support.contact"]), await root_fingerprint())


def values_among(house: House, invitation: Invitation, person: Person, language: str) -> dict[str, str]:
    """Return what `values_of` does."""
    values = {
        "enrollment.expires": languages.put_end(invitation.valid_until, language),
        "enrollment.mode": languages.signs_in_with(invitation.mode, language),
        "user.displayname": invitation.display_name or person.display_name or person.name,
        "user.loginname": person.name,
        "user.mail": invitation.email or person.email or "",
        "user.phone": invitation.phone or person.phone or "",
        "invitation.note": invitation.note,
        "server.name": house.name,
        "support.contact": house.support,
        "root.fingerprint": house.fingerprint,
    }
    return {name: one_line(value) for name, value in values.items()}


def invitation_page(settings: Settings, invitation: Invitation) -> str:
    """Return the console's page of an invitation."""
    return f"{settings.public_url}/admin/invitations/{invitation.id}"


async def _trouble(messages: Sequence[tuple[Delivery, Invitation]], now: datetime) -> str:
    """Return what servers refuse, for a notice about it among ``messages``."""
    if all(delivery.kind != "trouble" for delivery, _ in messages):
        return ""
    return one_line("; ".join(f"{each.server.name}: {each.words}" for each in await troubles(now)))


async def _reason(invitation: Invitation) -> str:
    """Return why an invitation failed, as its timeline says it; a message of another kind is no reason."""
    told = Q(kind="invitation.failed") | Q(*(Q(detail__startswith=f"{kind}: ") for kind in NEEDED), join_type="OR")
    event = await Event.filter(told, invitation_id=invitation.id, kind__in=_FAILURES).order_by("-id").first()
    if event is None or event.kind == "invitation.failed":
        return one_line(event.detail) if event else ""
    kind, _, words = event.detail.partition(": ")
    return one_line(f"{_PIN_NOT_SENT[event.kind]}: {words}" if kind == "pin" else words)


def _invitation_token(desk: Desk, invitation: Invitation) -> str:
    if invitation.token_sealed is None:
        raise MessageRefused("the invitation's link no longer exists")
    return desk.vault.open(invitation.token_sealed, invitation.id, "invitation.token").decode()


async def root_fingerprint() -> str:
    """Return the SHA-256 of the root certificate in groups of four hexadecimal digits, "" before there is a root."""
    root = await Certificate.filter(purpose="root", active=True).only("id", "sha256").first()
    digits = (root.sha256 or "").upper() if root else ""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
