"""Changing what the messages say."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self
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
GONE = "this template does not exist any more"


@dataclass(frozen=True)
class Wording:
    """What a message says, with its macros: ``text`` and ``html`` are the same message twice."""

    subject: str
    text: str
    html: str

    @classmethod
    def of(cls, subject: str, text: str, html: str) -> Self:
        """Return what a browser sent, its line ends made LF."""
        return cls(subject.strip(), _lines(text), _lines(html))


async def template_of(template_id: UUID) -> NotificationTemplate | None:
    """Return the template with this id, None when there is none."""
    return await NotificationTemplate.get_or_none(id=template_id)


def check_wording(kind: str, wording: Wording) -> None:
    """Raise InputRefused ("subject", "text", "html") when a message of ``kind`` could not be sent as it is written."""
    check_template(kind, subject=wording.subject, text=wording.text, html=wording.html)
    controls = {"text": wording.text, "html": wording.html}
    if fields := {name: "holds a control character" for name, value in controls.items() if _CONTROL.search(value)}:
        raise InputRefused(fields)


async def reword(
    desk: Desk, template: NotificationTemplate, *, subject: str, text: str, html: str, now: datetime, actor: str
) -> None:
    """Let ``template`` say this from now on, audited.

    Line ends become LF, as browsers send others. Raises InputRefused ("subject", "text", "html") naming the macro and
    its position when a message could not be sent as it is written.
    """
    del desk  # every room function that changes something takes it first; this one needs nothing of it
    wording = Wording.of(subject, text, html)
    check_wording(template.kind, wording)
    async with transaction():
        changed = await NotificationTemplate.filter(id=template.id).update(**asdict(wording))
        if not changed:
            raise InputRefused({"": GONE})
        await audit.record(actor, "template.changed", now=now, subject=template.name)


async def clone(
    desk: Desk, template: NotificationTemplate, name: str, *, now: datetime, actor: str
) -> NotificationTemplate:
    """Store what ``template`` says a second time under another name, audited; InputRefused ("name")."""
    del desk  # as above
    name = await _free_name(name)
    copy = NotificationTemplate(
        kind=template.kind, name=name, subject=template.subject, text=template.text, html=template.html
    )
    async with transaction():
        await copy.save(force_create=True)
        await audit.record(actor, "template.cloned", now=now, subject=name, detail=template.name)
    return copy


async def rename(desk: Desk, template: NotificationTemplate, name: str, *, now: datetime, actor: str) -> None:
    """Call ``template`` otherwise from now on, audited; InputRefused ("name"), or when it is one of the system's."""
    del desk  # as above
    _check_own(template)
    if name.strip() == template.name:
        return
    name = await _free_name(name)
    async with transaction():
        if not await NotificationTemplate.filter(id=template.id, system=False).update(name=name):
            raise InputRefused({"": GONE})
        await audit.record(actor, "template.renamed", now=now, subject=name, detail=template.name)
    template.name = name


async def remove(desk: Desk, template: NotificationTemplate, *, now: datetime, actor: str) -> None:
    """Forget ``template``, audited; invitations that used it say what the system's says.

    Raises InputRefused when it is one of the system's.
    """
    del desk  # as above
    _check_own(template)
    async with transaction():
        if not await NotificationTemplate.filter(id=template.id, system=False).delete():
            raise InputRefused({"": GONE})
        await audit.record(actor, "template.removed", now=now, subject=template.name)


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


async def _free_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise InputRefused({"name": "use one line of at most 100 characters"})
    if await NotificationTemplate.filter(name=name).exists():
        raise InputRefused({"name": "another template has this name"})
    return name


def _check_own(template: NotificationTemplate) -> None:
    if template.system:
        raise InputRefused({"": "this template belongs to the system: clone it instead"})


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
