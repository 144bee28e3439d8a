"""The catcher: keeps the messages of a channel without a notification server, and every message of a rehearsal.

Kept messages are encrypted. As one may hold a PIN, opening it in the console is audited (`read_caught`).
"""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from uuid import UUID

from otae.delivery.mail.mime import Mail, with_logo
from otae.delivery.transport import BeforeEnd, Receipt
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import CaughtMail
from otae.translatable import N_

#: The vault's purpose for a kept message.
MESSAGE_PURPOSE = "caught-mail.message"
#: Most messages that are kept; older ones are deleted.
MAX_KEPT = 500
#: Headers of a mail that are shown, in this order.
HEADERS = ("From", "To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True)
class _Catcher:
    desk: Desk
    now: datetime
    rehearsal: bool = False
    name: str = "the mail catcher"

    async def keep(self, channel: str, recipient: str, subject: str, content: bytes) -> Receipt:
        """Store a message encrypted, and delete the oldest beyond MAX_KEPT."""
        row = CaughtMail(
            channel=channel,
            recipient=recipient,
            subject=subject,
            rehearsal=self.rehearsal,
            caught_at=self.now,
        )
        row.message_sealed = self.desk.vault.seal(content, row.id, MESSAGE_PURPOSE)
        async with transaction():
            await row.save(force_create=True)
            newest = CaughtMail.all().order_by("-caught_at", "-id")
            if oldest := await newest.offset(MAX_KEPT).limit(1000).values_list("id", flat=True):
                await CaughtMail.filter(id__in=oldest).delete()
        return Receipt("kept here, sent nowhere")


class MailCatcher(_Catcher):
    """A transport that keeps mails instead of sending them."""

    async def send(self, message: Mail, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Keep ``message``; ``before_end`` is not awaited, as the outcome of a database write is never unknown."""
        del before_end
        return await self.keep("mail", recipient, message.subject, message.content)


class TextCatcher(_Catcher):
    """A transport that keeps text messages instead of sending them."""

    async def send(self, message: str, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Keep ``message``, without a subject: any part of a text message may be secret."""
        del before_end
        return await self.keep("sms", recipient, "", message.encode("utf-8", "replace"))


async def list_caught(*, limit: int = 100, rehearsal: bool | None = False) -> list[CaughtMail]:
    """Return the newest caught messages; ``rehearsal``: True for those of rehearsals only, None for both."""
    rows = CaughtMail.all() if rehearsal is None else CaughtMail.filter(rehearsal=rehearsal)
    return await rows.order_by("-caught_at").limit(limit)


async def open_caught(desk: Desk, mail_id: UUID) -> EmailMessage:
    """Return one caught mail as it would have been sent; InputRefused when it is not kept any more."""
    row = await CaughtMail.get_or_none(id=mail_id)
    if row is None or row.channel != "mail":
        raise InputRefused({"": N_("this mail is not kept any more")})
    content = desk.vault.open(row.message_sealed, row.id, MESSAGE_PURPOSE)
    message = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the policy decides the class; for the type checker
    return message


def open_text(desk: Desk, row: CaughtMail) -> str:
    """Return the text of one caught text message."""
    return desk.vault.open(row.message_sealed, row.id, MESSAGE_PURPOSE).decode()


@dataclass(frozen=True)
class CaughtMessage:
    """One caught message, decrypted.

    Attributes:
        channel: "mail" or "sms"; a text message has no subject, headers or HTML.
        headers: Name and value of each of HEADERS that the mail has.
        html: "" for a mail of text alone.
    """

    id: UUID
    channel: str
    recipient: str
    subject: str
    caught_at: datetime
    rehearsal: bool
    headers: list[tuple[str, str]]
    text: str
    html: str

    def __repr__(self) -> str:
        return f"<CaughtMessage {self.id}>"


async def read_caught(desk: Desk, mail_id: UUID, *, now: datetime, actor: str) -> CaughtMessage | None:
    """Return a caught message and audit that ``actor`` opened it; None when it is not kept."""
    row = await CaughtMail.get_or_none(id=mail_id)
    if row is None:
        return None
    headers: list[tuple[str, str]] = []
    if row.channel == "sms":
        text, html = open_text(desk, row), ""
    else:
        message = await open_caught(desk, row.id)
        headers = [(name, str(message[name])) for name in HEADERS if message[name] is not None]
        parts = (message.get_body(preferencelist=(kind,)) for kind in ("plain", "html"))
        text, html = (str(part.get_content()) if part is not None else "" for part in parts)
        logo = next((part for part in message.walk() if part.get_content_type() == "image/png"), None)
        html = with_logo(html, logo.get_content() if logo else None)
    await audit.record(actor, "mail.opened", now=now, subject=str(row.id), detail=row.recipient)
    return CaughtMessage(
        id=row.id,
        channel=row.channel,
        recipient=row.recipient,
        subject=row.subject,
        caught_at=row.caught_at,
        rehearsal=row.rehearsal,
        headers=headers,
        text=text,
        html=html,
    )
