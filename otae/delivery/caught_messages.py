"""Reading what the catcher took. A message may hold a PIN, so whoever opens one is recorded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from otae.delivery.catcher import open_caught, open_text
from otae.store import audit
from otae.store.desk import Desk
from otae.store.models import CaughtMail

#: Headers that are shown, in this order.
HEADERS = ("From", "To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True)
class CaughtText:
    """One caught message, by ``channel`` "mail" or "sms".

    ``headers``: name and value; ``html``: "" when it has text alone; a text message has neither, nor a subject.
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
        return f"<CaughtText {self.id}>"


async def read_caught(desk: Desk, mail_id: UUID, *, now: datetime, actor: str) -> CaughtText | None:
    """Open a caught message, audited; None when it is not kept (any more)."""
    row = await CaughtMail.get_or_none(id=mail_id)
    if row is None:
        return None
    if row.channel == "sms":
        opened = _shown(row, [], open_text(desk, row), "")
    else:
        opened = await _mail(desk, row)
    await audit.record(actor, "mail.opened", now=now, subject=str(row.id), detail=row.recipient)
    return opened


async def _mail(desk: Desk, row: CaughtMail) -> CaughtText:
    message = await open_caught(desk, row.id)
    parts = {kind: message.get_body(preferencelist=(kind,)) for kind in ("plain", "html")}
    texts = {kind: str(part.get_content()) if part is not None else "" for kind, part in parts.items()}
    headers = [(name, str(message[name])) for name in HEADERS if message[name] is not None]
    return _shown(row, headers, texts["plain"], texts["html"])


def _shown(row: CaughtMail, headers: list[tuple[str, str]], text: str, html: str) -> CaughtText:
    return CaughtText(
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
