"""Editing templates and their translations."""

import re
from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.delivery.texts import default_texts
from otae.delivery.texts.default_texts import Wording, default_in
from otae.delivery.texts.kinds import CHOSEN
from otae.delivery.texts.languages import LANGUAGES, direction
from otae.delivery.texts.macros import MACROS, PROPERTY, SECRET, check_template, properties_in
from otae.delivery.texts.templates import TextRow, shipped_languages, translations, wording_of
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import NotificationTemplate, TemplateTranslation
from otae.store.user_properties import list_names, unknown_names
from otae.text import cleaned_line, why_refused
from otae.translatable import N_

#: Control characters other than tab and line feed: not allowed in mails, nor stored by every database.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
#: The beginning of a page in English, as default texts have it now and had it before.
_ENGLISH = re.compile(r'<html lang="en"(?: dir="ltr")?>')
GONE = N_("this template does not exist any more")


async def template_of(template_id: UUID) -> NotificationTemplate | None:
    """Return the template with this id, or None."""
    return await NotificationTemplate.get_or_none(id=template_id)


async def check_wording(kind: str, wording: Wording) -> None:
    """Raise InputRefused ("subject", "text", "html", "sms") when a message of ``kind`` cannot have this wording."""
    unknown = await unknown_names(properties_in(*asdict(wording).values()))
    check_template(kind, **asdict(wording), unknown=unknown)
    texts = {"text": wording.text, "html": wording.html, "sms": wording.sms}
    if fields := {name: N_("holds a control character") for name, value in texts.items() if _CONTROL.search(value)}:
        raise InputRefused(fields)


async def reword(
    template: NotificationTemplate, wording: Wording, *, now: datetime, actor: str, language: str = ""
) -> None:
    """Change the wording of ``template``, or of its translation into ``language``; audited.

    Raises InputRefused as `check_wording` (naming the macro and its position), and ("") when there is no such template
    or translation.
    """
    await check_wording(template.kind, wording)
    columns = asdict(wording)
    async with transaction():
        if language:
            rows = TemplateTranslation.filter(template_id=template.id, language=language)
            before = await rows.values(*columns)
            changed = await rows.update(**columns)
            if not changed and language in shipped_languages(template) and await template_of(template.id):
                await _new_translation(template, language, wording).save(force_create=True)
                changed = 1
        else:
            own = NotificationTemplate.filter(id=template.id)
            before = await own.values(*columns)
            changed = await own.update(**columns)
        if not changed:
            raise InputRefused({"": GONE})
        parts = [name for name, text in columns.items() if not before or before[0][name] != text]
        if parts:
            detail = ", ".join([*([language] if language else []), *parts])
            await audit.record(actor, "template.changed", now=now, subject=template.name, detail=detail)


async def translate(template: NotificationTemplate, language: str, *, now: datetime, actor: str) -> TemplateTranslation:
    """Add a translation of ``template``; audited. InputRefused ("language") when it exists or the language is unknown.

    It begins as the default wording in that language, else as a copy of the template's own.
    """
    if language not in LANGUAGES:
        raise InputRefused({"language": N_("choose a language from the list")})
    own = wording_of(template)
    html = _ENGLISH.sub(f'<html lang="{language}" dir="{direction(language)}">', own.html, count=1)
    row = _new_translation(template, language, default_in(template.kind, language) or replace(own, html=html))
    async with transaction():
        if await TemplateTranslation.exists(template_id=template.id, language=language):
            raise InputRefused({"language": N_("this language is there already")})
        try:
            await row.save(force_create=True)
        except IntegrityError:
            raise InputRefused({"language": N_("this language is there already, or the template is gone")}) from None
        await audit.record(actor, "template.translated", now=now, subject=template.name, detail=language)
    return row


async def drop_translation(template: NotificationTemplate, language: str, *, now: datetime, actor: str) -> None:
    """Delete the translation of ``template`` into ``language``, audited; InputRefused ("") when there is none."""
    async with transaction():
        if not await TemplateTranslation.filter(template_id=template.id, language=language).delete():
            raise InputRefused({"": GONE})
        await audit.record(actor, "template.translation-removed", now=now, subject=template.name, detail=language)


async def clone(template: NotificationTemplate, name: str, *, now: datetime, actor: str) -> NotificationTemplate:
    """Copy ``template``, in every language, under another name; audited.

    Raises InputRefused ("name"), and ("") for a kind whose template an invitation cannot choose.
    """
    if template.kind not in CHOSEN:
        raise InputRefused({"": N_("messages of this kind always use the template of the system")})
    name = await _free_name(name)
    copy = NotificationTemplate(kind=template.kind, name=name, **asdict(wording_of(template)))
    wordings = {tag: default for tag in shipped_languages(template) if (default := default_in(template.kind, tag))}
    wordings |= {row.language: wording_of(row) for row in await translations(template.id)}
    async with transaction():
        await copy.save(force_create=True)
        for language, wording in wordings.items():
            await _new_translation(copy, language, wording).save(force_create=True)
        await audit.record(actor, "template.cloned", now=now, subject=name, detail=template.name)
    return copy


async def rename(template: NotificationTemplate, name: str, *, now: datetime, actor: str) -> None:
    """Rename ``template``, audited; InputRefused ("name"), or ("") for a default template."""
    _refuse_system(template)
    if name.strip() == template.name:
        return
    name = await _free_name(name)
    async with transaction():
        if not await NotificationTemplate.filter(id=template.id, system=False).update(name=name):
            raise InputRefused({"": GONE})
        await audit.record(actor, "template.renamed", now=now, subject=name, detail=template.name)
    template.name = name


async def remove(template: NotificationTemplate, *, now: datetime, actor: str) -> None:
    """Delete ``template``, audited; invitations that named it use the default template.

    Raises InputRefused ("") for a default template.
    """
    _refuse_system(template)
    async with transaction():
        if not await NotificationTemplate.filter(id=template.id, system=False).delete():
            raise InputRefused({"": GONE})
        await audit.record(actor, "template.removed", now=now, subject=template.name)


async def restore(template: NotificationTemplate, *, now: datetime, actor: str, language: str = "") -> None:
    """Restore the default wording of ``template``, or of its translation into ``language``; audited.

    Its other languages are not changed. InputRefused ("") when there is no default wording.
    """
    default = default_in(template.kind, language) if language else default_texts.default_wording(template.kind)
    if default is None or not template.system:
        raise InputRefused({"": N_("there is no default wording to restore")})
    await reword(template, default, now=now, actor=actor, language=language)


def is_default(row: TextRow, kind: str, language: str = "") -> bool:
    """Return whether a template, or its translation into ``language``, has its default wording."""
    return wording_of(row) == (default_in(kind, language) if language else default_texts.default_wording(kind))


async def macros_of(kind: str, *, subject: bool = False) -> list[str]:
    """Return the macros that a message of ``kind``, or its subject, may hold, as ``${name}``; user properties last."""
    names = [name for name, kinds in MACROS.items() if kind in kinds and not (subject and name in SECRET)]
    return [f"${{{name}}}" for name in (*names, *(PROPERTY + name for name in await list_names()))]


def _new_translation(template: NotificationTemplate, language: str, wording: Wording) -> TemplateTranslation:
    return TemplateTranslation(template_id=template.id, language=language, **asdict(wording))


async def _free_name(name: str) -> str:
    name, why = cleaned_line(name), why_refused(name)
    if why or not 0 < len(name) <= 100:
        raise InputRefused({"name": N_("use one line of at most 100 characters")})
    if await NotificationTemplate.filter(name=name).exists():
        raise InputRefused({"name": N_("another template has this name")})
    return name


def _refuse_system(template: NotificationTemplate) -> None:
    if template.system:
        raise InputRefused({"": N_("this template belongs to the system: clone it instead")})
