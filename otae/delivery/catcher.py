"""The built-in mail catcher: takes all mail while there is no notification server, and a rehearsal's always."""

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from uuid import UUID

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
class Catcher:
    """A transport that keeps the mail, sealed, instead of sending it."""

    desk: Desk
    now: datetime
    rehearsal: bool = False
    name: str = "the mail catcher"

    async def send(self, message: EmailMessage, recipient: str, before_end: BeforeEnd) -> Receipt:
        """Keep ``message``; it either is there afterwards or is not, so its end needs no announcement."""
        del before_end
        row = CaughtMail(
            recipient=recipient,
            subject=str(message["Subject"])[:300],
            rehearsal=self.rehearsal,
            caught_at=self.now,
        )
        row.message_sealed = self.desk.vault.seal(message.as_bytes(), row.id, MESSAGE)
        async with transaction():
            await row.save(force_create=True)
            newest = CaughtMail.all().order_by("-caught_at", "-id")
            if surplus := await newest.offset(KEPT).limit(1000).values_list("id", flat=True):
                await CaughtMail.filter(id__in=surplus).delete()
        return Receipt("kept here, sent nowhere")


async def list_caught(*, limit: int = 100, rehearsal: bool | None = False) -> list[CaughtMail]:
    """Return the newest caught mails; ``rehearsal`` None lists those of rehearsals too, True those alone."""
    rows = CaughtMail.all() if rehearsal is None else CaughtMail.filter(rehearsal=rehearsal)
    return await rows.order_by("-caught_at").limit(limit)


async def open_caught(desk: Desk, mail_id: UUID) -> EmailMessage:
    """Return one caught mail as it would have gone out; InputRefused when it is not there any more."""
    row = await CaughtMail.get_or_none(id=mail_id)
    if row is None:
        raise InputRefused({"": "this mail is not kept any more"})
    sealed = desk.vault.open(row.message_sealed, row.id, MESSAGE)
    message = BytesParser(policy=policy.default).parsebytes(sealed)
    assert isinstance(message, EmailMessage)  # noqa: S101 - the policy decides the class; tells the type checker
    return message
