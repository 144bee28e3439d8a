"""Changing what the messages say."""

import re
from datetime import datetime
from uuid import UUID

from otae.delivery.macros import MACROS, SECRET, check_template
from otae.delivery.templates import DEFAULTS
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import NotificationTemplate

#: What no mail may hold, and no database would keep: control characters other than tab and line feed.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


async def template_of(template_id: UUID) -> NotificationTemplate | None:
    """Return the template with this id, None when there is none."""
    return await NotificationTemplate.get_or_none(id=template_id)


async def reword(
    desk: Desk, template: NotificationTemplate, *, subject: str, text: str, html: str, now: datetime, actor: str
) -> None:
    """Let ``template`` say this from now on, audited.

    Line ends become LF, as browsers send others. Raises InputRefused ("subject", "text", "html") naming the macro and
    its position when a message could not be sent as it is written.
    """
    del desk  # every room function that changes something takes it first; this one needs nothing of it
    subject, text, html = subject.strip(), _lines(text), _lines(html)
    check_template(template.kind, subject=subject, text=text, html=html)
    controls = {"text": text, "html": html}
    if fields := {name: "holds a control character" for name, value in controls.items() if _CONTROL.search(value)}:
        raise InputRefused(fields)
    async with transaction():
        changed = await NotificationTemplate.filter(id=template.id).update(subject=subject, text=text, html=html)
        if not changed:
            raise InputRefused({"": "this template does not exist any more"})
        await audit.record(actor, "template.changed", now=now, subject=template.name)


async def restore(desk: Desk, template: NotificationTemplate, *, now: datetime, actor: str) -> None:
    """Let ``template`` say again what it says by default, audited."""
    subject, text, html = DEFAULTS[template.kind]
    await reword(desk, template, subject=subject, text=text, html=html, now=now, actor=actor)


def is_default(template: NotificationTemplate) -> bool:
    """Tell whether ``template`` says what it says by default."""
    return (template.subject, template.text, template.html) == DEFAULTS[template.kind]


def macros_of(kind: str, *, subject: bool = False) -> list[str]:
    """Return the macros that a message of ``kind`` (or its subject) may hold, as they are written."""
    return [f"${{{name}}}" for name, kinds in MACROS.items() if kind in kinds and not (subject and name in SECRET)]


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
