"""Composing a message for a delivery: the template of its kind, filled with the values of its invitation."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from markupsafe import Markup
from tortoise.expressions import Q

from otae import paths
from otae.authority.serving import ServerCertificate, server_certificate
from otae.branding import logos, style
from otae.delivery.inviters import inviter_name, inviter_names
from otae.delivery.mail.mime import LOGO_ADDRESS, Mail, MessageRefused, build, one_line, with_logo
from otae.delivery.server_refusals import refusing_servers
from otae.delivery.sms.parts import measure
from otae.delivery.texts import default_texts, languages
from otae.delivery.texts.default_texts import Wording
from otae.delivery.texts.kinds import ADMINISTRATIVE, APPROVAL, APPROVED, LINKING, NEEDED, template_kind
from otae.delivery.texts.macros import FIELD, PROPERTY, SECRET, fill
from otae.delivery.texts.templates import default_template, select_wording, wording_for
from otae.settings import Settings
from otae.store import carried_data, properties
from otae.store.desk import Desk
from otae.store.mode_table import MODES
from otae.store.models import (
    Approval,
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
from otae.store.user_properties import DISABLED_IN_DIRECTORY

#: The colour of buttons where the organization has none of its own.
USUAL_ACCENT: Final = "#1f5fbf"
#: Most parts of a text message; a longer one is refused.
MOST_PARTS: Final = 6
#: Most characters of one value in a subject or a text message; a link and a PIN are never shortened.
LONGEST_VALUE: Final = 100
#: The events of which the newest says why an invitation failed.
_FAILURES: Final = ("invitation.failed", "delivery.failed", "delivery.bounced")
#: How a notice introduces the server's words about a PIN that was not delivered.
_PIN_NOT_SENT: Final = {
    "delivery.failed": "the message with the PIN was not sent",
    "delivery.bounced": "the message with the PIN came back",
}


def invitation_url(settings: Settings, token: str) -> str:
    """Return the link of an invitation; ``token`` is the invitation token, "ep-…".

    It is built from PUBLIC_URL, never from a request, so that no forged Host header gets into a mail.
    """
    return f"{settings.public_url}{paths.INVITATION_LINK}?e={token}"


@dataclass(frozen=True)
class Preview:
    """A message before it is sent. ``subject`` and ``page`` (the HTML with its logo): "" for a text message."""

    subject: str
    text: str
    page: str = ""


@dataclass(frozen=True)
class MailLogo:
    """A logo as mails show it: a PNG file, and the ``width`` and ``height`` that it is shown in."""

    image: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True)
class Organization:
    """What every message may say about the sender: name, support contact, and root certificate's fingerprint.

    ``zone``: the time zone of the times in messages. ``own_certificate``: the server's certificate is issued under that
    root, so that browsers warn of it. ``accent``: the colour of buttons; ``logo``: a PNG file for light pages, with its
    width and height in pixels.
    """

    name: str
    support: str
    fingerprint: str
    zone: ZoneInfo
    own_certificate: bool
    accent: str = USUAL_ACCENT
    logo: MailLogo | None = None


@dataclass(frozen=True, repr=False)
class MessageData:
    """What a batch of messages is composed from, read once for all of them and dropped with the batch.

    Attributes:
        language: The server property notification.language.
        templates: By id; the default ones by kind.
        translations: By template and language.
        pins: By invitation and generation.
        reasons: For notices about failed invitations: why each failed, by invitation.
        refusals: For notices about servers: what they refuse.
        approvals: For requests for an approval: the row that waits, by invitation.
        by_invitation: Whether the bare sign-in page takes nobody, as the server property macos.otae.enable says.
        inviters: The names that people read, by the invitations' `created_by`.
        opened: The PINs that were put into messages, by delivery.
    """

    desk: Desk
    organization: Organization
    language: str
    templates: Mapping[UUID | str, NotificationTemplate]
    translations: Mapping[UUID, Mapping[str, TemplateTranslation]]
    pins: Mapping[tuple[UUID, int], Pin]
    reasons: Mapping[UUID, str]
    refusals: str
    inviters: Mapping[str, str]
    approvals: Mapping[UUID, Approval]
    by_invitation: bool
    opened: dict[UUID, str] = field(default_factory=dict)

    def without_pin(self, delivery: Delivery, words: str) -> str:
        """Return a server's words about ``delivery`` without the PIN that it may have quoted."""
        pin = self.opened.get(delivery.id)
        return words.replace(pin, "…") if pin else words

    def mail(
        self, delivery: Delivery, invitation: Invitation, *, now: datetime, server: NotificationServer | None = None
    ) -> Mail:
        """Compose the mail of ``delivery``; its Message-ID is the same at every attempt.

        Args:
            invitation: With its person loaded.
            server: Gives the sender; without one it is the default sender.

        Raises:
            MessageRefused: A secret was wiped, or an address or name is not allowed in a mail.
        """
        filled = fill_mail(*self._wording(delivery, invitation))
        return build(
            sender=(server.from_name, server.from_email)
            if server
            else _default_sender(self.desk, self.organization.name),
            recipient=delivery.recipient,
            subject=filled.subject,
            text=filled.text,
            html=filled.html,
            message_id=f"<{delivery.message_id}@{self.desk.settings.public_host}>",
            now=now,
            logo=self.organization.logo.image if self.organization.logo else None,
        )

    def sms(self, delivery: Delivery, invitation: Invitation) -> str:
        """Compose the text message of ``delivery``, from the default text when the template has none.

        Raises MessageRefused when a secret was wiped, the kind is sent by mail only, or it has more than MOST_PARTS.
        """
        text = fill_sms(template_kind(delivery.kind), *self._wording(delivery, invitation))
        if not text:
            raise MessageRefused(f"text message: there is none of the kind {delivery.kind}")
        if measure(text).parts > MOST_PARTS:
            raise MessageRefused(f"text message: is longer than {MOST_PARTS} parts")
        return text

    def _wording(self, delivery: Delivery, invitation: Invitation) -> tuple[Wording, dict[str, str]]:
        """Return the wording of a delivery in its person's language, and the values to insert."""
        kind = template_kind(delivery.kind)
        template = self.templates.get(_chosen_template(kind, invitation) or kind) or self.templates[kind]
        requested = "" if kind in ADMINISTRATIVE else language_of(invitation)
        wording, language = select_wording(template, self.translations.get(template.id, {}), requested, self.language)
        inviter = self.inviters.get(invitation.created_by, "")
        values = macro_values(self.organization, invitation, invitation.person, language, inviter)
        return wording, values | self._special_values(kind, delivery, invitation)

    def _special_values(self, kind: str, delivery: Delivery, invitation: Invitation) -> dict[str, str]:
        """Return the values that only messages of this kind have."""
        if kind in LINKING or kind == APPROVED:
            return {"enrollment.url": self._enrollment_url(kind, invitation)}
        if kind == "pin":
            pin = self.pins.get((invitation.id, delivery.generation))
            if pin is None or pin.pin_sealed is None:
                raise MessageRefused("the PIN of this message no longer exists")
            self.opened[delivery.id] = self.desk.vault.open(pin.pin_sealed, pin.id, "pin").decode()
            return {"enrollment.pin": self.opened[delivery.id]}
        if kind == APPROVAL:
            return {"approval.page": self._approval_page(delivery)}
        if kind == "trouble":
            page = f"{self.desk.settings.public_url}{paths.NOTIFICATION_SERVERS}"
            return {"failure.page": page, "failure.reason": self.refusals}
        if kind in {"notice", "objection"}:
            page = invitation_page(self.desk.settings, invitation)
            return {"invitation.page": page, "failure.reason": self.reasons.get(invitation.id, "")}
        return {"objection.url": self._objection_url(invitation)} if kind == "identity" else {}

    def _objection_url(self, invitation: Invitation) -> str:
        if invitation.objection_sealed is None:
            raise MessageRefused("the link of this message no longer exists")
        token = self.desk.vault.open(invitation.objection_sealed, invitation.id, "objection token").decode()
        return objection_url(self.desk.settings, token)

    def _enrollment_url(self, kind: str, invitation: Invitation) -> str:
        if kind == APPROVED and not invitation.send:  # the link was never mailed, and is not mailed now
            given = self.by_invitation or MODES[invitation.mode].token  # only what was handed out leads to the sign-in
            return f"{self.desk.settings.public_url}{paths.GO if given else paths.LOGIN}"
        if invitation.token_sealed is None:
            raise MessageRefused("the invitation's link no longer exists")
        token = self.desk.vault.open(invitation.token_sealed, invitation.id, "invitation.token").decode()
        return invitation_url(self.desk.settings, token)

    def _approval_page(self, delivery: Delivery) -> str:
        """Return where a request is decided: by the manager's one-time link, or in the console's list."""
        row = self.approvals.get(delivery.invitation_id)
        if row is None or row.token_sealed is None or row.manager_mail != delivery.recipient:
            return f"{self.desk.settings.public_url}{paths.APPROVALS}"
        token = self.desk.vault.open(row.token_sealed, row.id, "approval.token").decode()
        return f"{self.desk.settings.public_url}{paths.APPROVE(a=token)}"


async def load_message_data(desk: Desk, messages: Sequence[tuple[Delivery, Invitation]], now: datetime) -> MessageData:
    """Read what ``messages`` are composed from, by a number of queries that does not grow with them."""
    kinds = {template_kind(delivery.kind) for delivery, _ in messages}
    chosen = {_chosen_template(template_kind(delivery.kind), invitation) for delivery, invitation in messages} - {None}
    rows = await NotificationTemplate.filter(Q(id__in=list(chosen)) | Q(kind__in=list(kinds), system=True))
    templates: dict[UUID | str, NotificationTemplate] = {row.id: row for row in rows}
    templates |= {row.kind: row for row in rows if row.system}
    templates |= {kind: await default_template(kind) for kind in kinds - templates.keys()}
    translations: dict[UUID, dict[str, TemplateTranslation]] = {}
    for translation in await TemplateTranslation.filter(template_id__in=list({row.id for row in templates.values()})):
        translations.setdefault(translation.template_id, {})[translation.language] = translation
    carrying = [delivery.invitation_id for delivery, _ in messages if delivery.kind == "pin"]
    pins = await Pin.filter(invitation_id__in=carrying) if carrying else []
    asking = [delivery.invitation_id for delivery, _ in messages if delivery.kind == APPROVAL]
    waiting = await Approval.filter(invitation_id__in=asking, status="waiting") if asking else []
    return MessageData(
        desk=desk,
        organization=await load_organization(desk),
        language=await properties.word("notification.language") if translations else "",
        templates=templates,
        translations=translations,
        pins={(pin.invitation_id, pin.generation): pin for pin in pins},
        refusals=await _refusals_text(messages, now),
        inviters=await inviter_names(invitation.created_by for _, invitation in messages),
        approvals={row.invitation_id: row for row in waiting},
        by_invitation=APPROVED in kinds and not await properties.flag("macos.otae.enable"),
        reasons={each.id: await _failure_reason(each) for delivery, each in messages if delivery.kind == "notice"},
    )


def _chosen_template(kind: str, invitation: Invitation) -> UUID | None:
    return {
        "url": invitation.url_template_id,
        "pin": invitation.pin_template_id,
        "confirmation": invitation.confirmation_template_id,
    }.get(kind)


def fill_mail(wording: Wording, values: Mapping[str, str]) -> Wording:
    """Return a mail with ``values`` inserted; a paragraph that becomes empty leaves no gap in the text."""
    return Wording(
        subject=fill(wording.subject, _shortened(values)),
        text=re.sub(r"\n{3,}", "\n\n", fill(wording.text, values)),
        html=fill(wording.html, values, escape=True),
    )


def fill_sms(kind: str, wording: Wording, values: Mapping[str, str]) -> str:
    """Return a text message with ``values`` inserted; "" for a kind without one."""
    return fill(wording.sms or default_texts.default_wording(kind).sms, _shortened(values)).strip()


def _shortened(values: Mapping[str, str]) -> dict[str, str]:
    """Shorten values to LONGEST_VALUE, except the secrets."""
    return {
        name: value if name in SECRET or len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"
        for name, value in values.items()
    }


async def default_sender(desk: Desk) -> tuple[str, str]:
    """Return sender name and address of mail while there is no notification server."""
    return _default_sender(desk, await properties.word("organization.name"))


def _default_sender(desk: Desk, name: str) -> tuple[str, str]:
    return name, f"enrollment@{desk.settings.public_host}"


async def preview(desk: Desk, invitation: Invitation, kind: str, *, channel: str = "mail") -> Preview:
    """Return what a message of ``kind`` ("url", "pin" or "confirmation") will say, without link and PIN.

    ``invitation`` need not be stored; its person must be set.
    """
    hidden = {"enrollment.url": invitation_url(desk.settings, "ep-…"), "enrollment.pin": "••••••••"}
    chosen = _chosen_template(kind, invitation)
    template = await NotificationTemplate.get_or_none(id=chosen) if chosen else None
    wording, language = await wording_for(template or await default_template(kind), language_of(invitation))
    inviter = await inviter_name(invitation.created_by)
    organization = await load_organization(desk)
    values = macro_values(organization, invitation, invitation.person, language, inviter) | hidden
    if channel == "sms":
        return Preview("", fill_sms(kind, wording, values))
    filled = fill_mail(wording, values)
    logo = organization.logo.image if organization.logo else None
    return Preview(filled.subject, filled.text, with_logo(filled.html, logo))


def language_of(invitation: Invitation) -> str:
    """Return the language of the invited person, as stored with the invitation or else now; "" when not known."""
    return invitation.language or invitation.person.language


async def load_organization(desk: Desk) -> Organization:
    """Read what messages may say about the organization."""
    names = ("organization.name", "support.contact", "organization.timezone", "branding.accent")
    name, support, zone, accent = map(str, (await properties.read_some(*names)).values())
    own = await server_certificate(desk) is ServerCertificate.OWN
    found = await logos.light()
    logo = MailLogo(found.image, *style.shown_size(found)) if found else None
    fingerprint = await root_fingerprint()
    return Organization(name, support, fingerprint, ZoneInfo(zone), own, accent or USUAL_ACCENT, logo)


def macro_values(
    organization: Organization, invitation: Invitation, person: Person, language: str, inviter: str
) -> dict[str, str]:
    """Return the values of the macros that every message has, in ``language``.

    Secrets and the values of single kinds are not among them. Name and addresses are those stored with the invitation,
    else the person's present ones; each value is one line (see `one_line`). Neither row need be stored.
    """
    values = {
        "enrollment.expires": languages.format_expiry(invitation.valid_until, language, organization.zone),
        "enrollment.mode": languages.sign_in_words(invitation.mode, language),
        "user.displayname": invitation.display_name or person.display_name or person.name,
        "user.loginname": person.name,
        "user.mail": invitation.email or person.email or "",
        "user.phone": invitation.phone or person.phone or "",
        "invitation.inviter": inviter,
        "invitation.note": invitation.note,
        "invitation.asset_tag": invitation.asset_tag,
        "invitation.cost_centre": invitation.cost_centre,
        "invitation.tags": invitation.tags,
        "server.name": organization.name,
        "support.contact": organization.support,
        "root.fingerprint": organization.fingerprint,
        "server.warning": languages.browser_warning(organization.name, language)
        if organization.own_certificate
        else "",
    }
    values |= {f"{PROPERTY}{name}": value for name, value in person.properties.items() if name != DISABLED_IN_DIRECTORY}
    values |= {f"{FIELD}{name.lower()}": value for name, value in carried_data.free_fields(invitation).items()}
    lines = {name: one_line(value) for name, value in values.items()}
    return lines | {"server.accent": organization.accent, "server.logo": _logo_html(organization.logo)}


def _logo_html(logo: MailLogo | None) -> str:
    """Return the paragraph with the logo, "" without one; it stands on white, whatever the mail program's theme."""
    if logo is None:
        return ""
    return Markup(
        '<p style="margin:0 0 16px"><img src="%s" alt="" width="%s" height="%s" '
        'style="display:block;padding:4px;border-radius:6px;background-color:#ffffff"></p>'
    ) % (LOGO_ADDRESS, logo.width, logo.height)


def objection_url(settings: Settings, token: str) -> str:
    """Return the URL with which a person objects to an identity confirmed at the desk."""
    return f"{settings.public_url}{paths.OBJECTION(t=token)}"


def invitation_page(settings: Settings, invitation: Invitation) -> str:
    """Return the URL of an invitation's page in the console."""
    return f"{settings.public_url}{paths.INVITATION(invitation.id)}"


async def _refusals_text(messages: Sequence[tuple[Delivery, Invitation]], now: datetime) -> str:
    """Return what servers refuse, if there is a notice about it among ``messages``, else ""."""
    if all(delivery.kind != "trouble" for delivery, _ in messages):
        return ""
    return one_line("; ".join(f"{each.server.name}: {each.words}" for each in await refusing_servers(now)))


async def _failure_reason(invitation: Invitation) -> str:
    """Return why an invitation failed, from its timeline; only messages of the kinds NEEDED count."""
    relevant = Q(kind="invitation.failed") | Q(*(Q(detail__startswith=f"{kind}: ") for kind in NEEDED), join_type="OR")
    event = await Event.filter(relevant, invitation_id=invitation.id, kind__in=_FAILURES).order_by("-id").first()
    if event is None or event.kind == "invitation.failed":
        return one_line(event.detail) if event else ""
    kind, _, words = event.detail.partition(": ")
    return one_line(f"{_PIN_NOT_SENT[event.kind]}: {words}" if kind == "pin" else words)


async def root_fingerprint() -> str:
    """Return the SHA-256 of the root certificate in groups of four hexadecimal digits, "" before there is a root."""
    root = await Certificate.filter(purpose="root", active=True).only("id", "sha256").first()
    digits = (root.sha256 or "").upper() if root else ""
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
