"""The templates as they are stored, and which words of one a person gets."""

from dataclasses import asdict
from typing import TypeAlias
from uuid import UUID

from otae.delivery import languages
from otae.delivery.default_texts import DEFAULT_NAMES, DEFAULTS, Wording
from otae.store import properties
from otae.store.models import NotificationTemplate, TemplateTranslation

#: Whatever says something: for those who show words and may not know the tables.
Words: TypeAlias = NotificationTemplate | TemplateTranslation


async def ensure_templates() -> None:
    """Store the default templates that are missing; what an administrator changed stays.

    A template of an installation from before there were text messages gets the words of one.
    """
    for kind, wording in DEFAULTS.items():
        values = {"kind": kind, "system": True} | asdict(wording)
        await NotificationTemplate.get_or_create(defaults=values, name=DEFAULT_NAMES[kind])
        await NotificationTemplate.filter(kind=kind, sms="").update(sms=wording.sms)


async def list_templates(kind: str | None = None) -> list[NotificationTemplate]:
    """Return the templates of ``kind``, or all, the default ones first."""
    rows = NotificationTemplate.all() if kind is None else NotificationTemplate.filter(kind=kind)
    return await rows.order_by("kind", "-system", "name")


async def default_template(kind: str) -> NotificationTemplate:
    """Return the default template of ``kind``, made again should somebody have removed it."""
    found = await NotificationTemplate.filter(kind=kind, system=True).first()
    if found is None:
        await ensure_templates()
        found = await NotificationTemplate.get(name=DEFAULT_NAMES[kind])
    return found


def wording_of(row: Words) -> Wording:
    """Return what a template, or a translation of it, says."""
    return Wording(row.subject, row.text, row.html, row.sms)


async def said_in(template: NotificationTemplate, language: str) -> tuple[Wording, str]:
    """Return what ``template`` says to somebody of ``language`` ("" for not known), and in which language that is.

    The first that there is of: a translation into that language, into its base language ("pt" for "pt-BR"), the same
    of the server property notification.language; else the template's own text. That text counts as English, so who
    wants English gets it before the server property is looked at.
    """
    stored = {row.language: row for row in await translations(template.id)}
    tags = languages.wanted(language, await properties.word("notification.language")) if stored else []
    for tag in tags:
        if tag in stored:
            return wording_of(stored[tag]), tag
        if tag == languages.MAIN:
            break
    return wording_of(template), languages.MAIN


async def translations(template_id: UUID) -> list[TemplateTranslation]:
    """Return the translations of a template, by language."""
    return await TemplateTranslation.filter(template_id=template_id).order_by("language")


async def languages_of_all() -> dict[UUID, list[str]]:
    """Return the languages that each translated template is there in besides its own."""
    found: dict[UUID, list[str]] = {}
    for template_id, language in (
        await TemplateTranslation.all().order_by("language").values_list("template_id", "language")
    ):
        found.setdefault(template_id, []).append(language)
    return found
