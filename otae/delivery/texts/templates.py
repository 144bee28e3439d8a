"""The templates as they are stored, and which words of one a person gets."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TypeAlias
from uuid import UUID

from otae.delivery.texts import languages
from otae.delivery.texts.default_texts import DEFAULT_NAMES, DEFAULTS, Wording
from otae.delivery.texts.shipped_texts import was_shipped
from otae.delivery.texts.translations import SPOKEN, default_in
from otae.store import properties
from otae.store.models import NotificationTemplate, TemplateTranslation

#: Whatever says something: for those who show words and may not know the tables.
Words: TypeAlias = NotificationTemplate | TemplateTranslation


async def ensure_templates() -> None:
    """Store the default templates that are missing, and renew those that an earlier release made.

    What an administrator changed stays. One from before there were text messages gets the words of one.
    """
    for kind, wording in DEFAULTS.items():
        values = {"kind": kind, "system": True} | asdict(wording)
        await NotificationTemplate.get_or_create(defaults=values, name=DEFAULT_NAMES[kind])
        for row in await NotificationTemplate.filter(kind=kind, system=True):
            said = wording_of(row)
            if said != wording and was_shipped(kind, said):
                await NotificationTemplate.filter(id=row.id, **asdict(said)).update(**asdict(wording))
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
    wants English gets it before the server property is looked at. What the product says by default in a language
    counts as a translation as long as the template itself says what it says by default.
    """
    stored = {row.language: row for row in await translations(template.id)}
    house = await properties.word("notification.language") if stored or shipped(template) else ""
    return said_among(template, stored, language, house)


def said_among(
    template: NotificationTemplate, stored: Mapping[str, TemplateTranslation], language: str, house: str
) -> tuple[Wording, str]:
    """Return what `said_in` does; ``stored``: the template's translations; ``house``: the server property's value."""
    spoken = shipped(template)
    for tag in languages.wanted(language, house) if stored or spoken else ():
        default = default_in(template.kind, tag)
        if tag in stored:
            said = wording_of(stored[tag])
            return replace(said, sms=said.sms or (default.sms if default else "")), tag
        if tag in spoken and default:
            return default, tag
        if tag == languages.MAIN:
            break
    return wording_of(template), languages.MAIN


def shipped(template: NotificationTemplate) -> list[str]:
    """Return the languages that the product itself speaks for ``template``.

    None once its own text was changed, or for one that an administrator made: what is written there holds then.
    """
    default = template.system and was_shipped(template.kind, wording_of(template))
    return sorted(SPOKEN) if default else []


def as_shipped(template: NotificationTemplate, language: str) -> TemplateTranslation | None:
    """Return what the product says for ``template`` in ``language``, not stored; None where it says nothing."""
    said = default_in(template.kind, language) if language in shipped(template) else None
    return TemplateTranslation(template_id=template.id, language=language, **asdict(said)) if said else None


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
