"""Reading what the mail catcher took. A mail may hold a PIN, so whoever opens one is recorded."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from otae.delivery.catcher import open_caught
from otae.store import audit
from otae.store.desk import Desk
from otae.store.models import CaughtMail

#: Headers that are shown, in this order.
HEADERS = ("From", "To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True)
class CaughtText:
    """One caught mail. ``headers``: name and value; ``html``: "" when the mail has text alone."""

    id: UUID
    subject: str
    caught_at: datetime
    rehearsal: bool
    headers: list[tuple[str, str]]
    text: str
    html: str

    def __repr__(self) -> str:
        return f"<CaughtText {self.id}>"


async def read_caught(desk: Desk, mail_id: UUID, *, now: datetime, actor: str) -> CaughtText | None:
    """Open a caught mail, audited; None when it is not kept (any more)."""
    row = await CaughtMail.get_or_none(id=mail_id)
    if row is None:
        return None
    message = await open_caught(desk, mail_id)
    parts = {kind: message.get_body(preferencelist=(kind,)) for kind in ("plain", "html")}
    texts = {kind: str(part.get_content()) if part is not None else "" for kind, part in parts.items()}
    await audit.record(actor, "mail.opened", now=now, subject=str(row.id), detail=row.recipient)
    return CaughtText(
        id=row.id,
        subject=row.subject,
        caught_at=row.caught_at,
        rehearsal=row.rehearsal,
        headers=[(name, str(message[name])) for name in HEADERS if message[name] is not None],
        text=texts["plain"],
        html=texts["html"],
    )
