"""The built-in catcher: takes all messages of a channel that has no notification server, and a rehearsal's always."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from uuid import UUID

from otae.delivery.mail.mime import Mail
from otae.delivery.transport import BeforeEnd, Receipt
from otae.errors import InputRefused
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import CaughtMail

#: Purpose of the sealed message.
MESSAGE = "caught-mail.message"
#: How many mails are kept; older ones go.
KEPT = 500


@dataclass(frozen=True)
class _Keeping:
    desk: Desk
    now: datetime
    rehearsal: bool = False
    name: str = "the mail catcher"

    async def keep(self, channel: str, recipient: str, subject: str, content: bytes) -> Receipt:
        """Keep a message, sealed; the oldest ones go."""
        row = CaughtMail(
            channel=channel,
            recipient=recipient,
            subject=subject,
            rehearsal=self.rehearsal,
            caught_at=self.now,
        )
        row.message_sealed = self.desk.vault.seal(content, row.id, MESSAGE)
        async with transaction():
            await row.save(force_create=True)
            newest = CaughtMail.all().order_by("-caught_at", "-id")
            if surplus := await newest.offset(KEPT).limit(1000).values_list("id", flat=True):
                await CaughtMail.filter(id__in=surplus).delete()
        return Receipt("kept here, sent nowhere")


class Catcher(_Keeping):
    """A transport that keeps the mail, sealed, instead of sending it."""

    async def send(self, message: Mail, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Keep ``message``; it either is there afterwards or is not, so its end needs no announcement."""
        del before_end
        return await self.keep("mail", recipient, message.subject, message.content)


class TextCatcher(_Keeping):
    """The same for text messages."""

    async def send(self, message: str, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Keep ``message``, as `Catcher.send`. It has no subject: all there is of a text message may be secret."""
        del before_end
        return await self.keep("sms", recipient, "", message.encode("utf-8", "replace"))


async def list_caught(*, limit: int = 100, rehearsal: bool | None = False) -> list[CaughtMail]:
    """Return the newest caught mails; ``rehearsal`` None lists those of rehearsals too, True those alone."""
    rows = CaughtMail.all() if rehearsal is None else CaughtMail.filter(rehearsal=rehearsal)
    return await rows.order_by("-caught_at").limit(limit)


async def open_caught(desk: Desk, mail_id: UUID) -> EmailMessage:
    """Return one caught mail as it would have gone out; InputRefused when it is not there any more."""
    row = await CaughtMail.get_or_none(id=mail_id)
    if row is None or row.channel != "mail":
        raise InputRefused({"": "this mail is not kept any more"})
    sealed = desk.vault.open(row.message_sealed, row.id, MESSAGE)
    message = BytesParser(policy=policy.default).parsebytes(sealed)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the policy decides the class; tells the type checker
    return message


def open_text(desk: Desk, row: CaughtMail) -> str:
    """Return the text of one caught text message."""
    return desk.vault.open(row.message_sealed, row.id, MESSAGE).decode()
