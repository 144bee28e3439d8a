"""Stored templates, and the choice of the wording that a person gets."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TypeAlias
from uuid import UUID

from otae.delivery.texts import default_texts, languages
from otae.delivery.texts.default_texts import DEFAULT_NAMES, TRANSLATED, Wording, default_in
from otae.delivery.texts.kinds import KINDS
from otae.delivery.texts.shipped_texts import was_shipped
from otae.store import properties
from otae.store.models import NotificationTemplate, TemplateTranslation

#: A template or a translation, for rooms that may not import the tables.
TemplateRow: TypeAlias = NotificationTemplate
TextRow: TypeAlias = NotificationTemplate | TemplateTranslation


async def ensure_templates() -> None:
    """Store missing default templates, and update those with the default wording of an earlier release.

    Templates that an administrator changed are kept; those without a text message get the default one.
    """
    for kind in KINDS:
        wording = default_texts.default_wording(kind)
        values = {"kind": kind, "system": True} | asdict(wording)
        await NotificationTemplate.get_or_create(defaults=values, name=DEFAULT_NAMES[kind])
        for row in await NotificationTemplate.filter(kind=kind, system=True):
            stored = wording_of(row)
            if stored != wording and was_shipped(kind, stored):
                await NotificationTemplate.filter(id=row.id, **asdict(stored)).update(**asdict(wording))
        await NotificationTemplate.filter(kind=kind, sms="").update(sms=wording.sms)


async def list_templates(kind: str | None = None) -> list[NotificationTemplate]:
    """Return the templates of ``kind``, or all; the default one of each kind first."""
    rows = NotificationTemplate.all() if kind is None else NotificationTemplate.filter(kind=kind)
    return await rows.order_by("kind", "-system", "name")


async def default_template(kind: str) -> NotificationTemplate:
    """Return the default template of ``kind``; it is stored again if it is missing."""
    found = await NotificationTemplate.filter(kind=kind, system=True).first()
    if found is None:
        await ensure_templates()
        found = await NotificationTemplate.get(name=DEFAULT_NAMES[kind])
    return found


def wording_of(row: TextRow) -> Wording:
    """Return the wording of a template or of a translation."""
    return Wording(row.subject, row.text, row.html, row.sms)


async def wording_for(template: NotificationTemplate, language: str) -> tuple[Wording, str]:
    """Return the wording of ``template`` for ``language`` ("" when not known), and the language it is in.

    Tried in order: ``language``, its base language ("pt" for "pt-BR"), the server property notification.language, its
    base language, and the template's own text. The own text counts as the English translation, so that who reads
    English gets it whatever the server property says. While a template has its default wording, the product's own
    translations count, too.
    """
    stored = {row.language: row for row in await translations(template.id)}
    default_language = await properties.word("notification.language") if stored or shipped_languages(template) else ""
    return select_wording(template, stored, language, default_language)


def select_wording(
    template: NotificationTemplate, stored: Mapping[str, TemplateTranslation], language: str, default_language: str
) -> tuple[Wording, str]:
    """Choose as `wording_for` does, among translations that were read before.

    ``stored``: the template's translations, by language. ``default_language``: the property notification.language.
    """
    shipped = shipped_languages(template)
    for tag in languages.with_fallbacks(language, default_language) if stored or shipped else ():
        default = default_in(template.kind, tag)
        if tag in stored:
            wording = wording_of(stored[tag])
            return replace(wording, sms=wording.sms or (default.sms if default else "")), tag
        if tag in shipped and default:
            return default, tag
        if tag == languages.MAIN:
            break
    return wording_of(template), languages.MAIN


def shipped_languages(template: NotificationTemplate) -> list[str]:
    """Return the languages for which the product has a translation of ``template``.

    Empty when its own text was changed, or when an administrator made it.
    """
    unchanged = template.system and was_shipped(template.kind, wording_of(template))
    return TRANSLATED if unchanged else []


def shipped_translation(template: NotificationTemplate, language: str) -> TemplateTranslation | None:
    """Return the product's translation of ``template`` into ``language``, not stored; None when there is none."""
    wording = default_in(template.kind, language) if language in shipped_languages(template) else None
    return TemplateTranslation(template_id=template.id, language=language, **asdict(wording)) if wording else None


async def translations(template_id: UUID) -> list[TemplateTranslation]:
    """Return the translations of a template, by language."""
    return await TemplateTranslation.filter(template_id=template_id).order_by("language")


async def languages_by_template() -> dict[UUID, list[str]]:
    """Return the languages of the stored translations, by template."""
    by_template: dict[UUID, list[str]] = {}
    rows = TemplateTranslation.all().order_by("language")
    for template_id, language in await rows.values_list("template_id", "language"):
        by_template.setdefault(template_id, []).append(language)
    return by_template
