"""Settings → Notification templates: what the messages say."""

from typing import Final

from starlette.responses import HTMLResponse, Response

from otae.delivery.texts import template_editing, template_preview, templates
from otae.delivery.texts.default_texts import DEFAULTS
from otae.delivery.texts.kinds import CHOSEN, KINDS
from otae.delivery.texts.languages import LANGUAGES, MAIN
from otae.delivery.texts.translations import default_in
from otae.errors import InputRefused, SlowDown
from otae.web.admin.page_parts import address, found, is_sent_again, new_form_id, row_id
from otae.web.admin.settings.catcher import POLICY
from otae.web.admin.settings.template_forms import (
    COPY,
    OCCASIONS,
    TITLES,
    CopyForm,
    LanguageForm,
    NameForm,
    Template,
    TemplateForm,
)
from otae.web.guards import Console
from otae.web.pages import go, render, wants_part
from otae.words import gettext as _

TEMPLATES: Final = "/admin/templates"


async def index(visit: Console) -> Response:
    """List the templates, in the order in which their messages go out."""
    rows = sorted(await templates.list_templates(), key=lambda row: KINDS.index(row.kind))
    spoken = await templates.languages_by_template()
    listed = [
        (
            row,
            template_editing.is_default(row, row.kind),
            sorted({*spoken.get(row.id, []), *templates.shipped_languages(row)}),
        )
        for row in rows
    ]
    return render(visit.request, "admin/settings/templates/index.html", {"templates": listed, "kinds": TITLES})


async def show(visit: Console) -> Response:
    """Show one template as a form."""
    return await _page(visit, await _stored(visit))


async def change(visit: Console) -> Response:
    """Let a template, or its translation, say something else."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    form = await TemplateForm.read(visit.request)
    language = await _language(visit)
    said = _("%s was saved.") % template.name
    if form.wording() == templates.wording_of(await _row(visit)):
        return go(_here(visit, language), "success", said)
    try:
        await template_editing.reword(template, form.wording(), now=visit.now, actor=visit.actor, language=language)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, form, status=422)
    return go(_here(visit, language), "success", said)


async def preview(visit: Console) -> Response:
    """Show what is written here, saved or not, with values put in: the whole page, or its block while one types."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    form = await TemplateForm.read(visit.request)
    try:
        template_editing.check_wording(template.kind, form.wording())
    except InputRefused as refusal:
        form.refuse(refusal)
    return await _page(visit, form, block="preview" if wants_part(visit.request) else None)


async def saved_html(visit: Console) -> Response:
    """Give the HTML as it is saved, with values put in, for the frame on the page."""
    return await _framed(visit, await _stored(visit))


async def preview_html(visit: Console) -> Response:
    """Give the HTML as it is written, with values put in, for the frame on the page."""
    found(await template_editing.template_of(row_id(visit.request)))
    return await _framed(visit, await TemplateForm.read(visit.request))


async def send(visit: Console) -> Response:
    """Order the message, as it is written here, to be mailed to an address; the page follows it."""
    return await _send(visit, "mail")


async def send_sms(visit: Console) -> Response:
    """Order the text message, as it is written here, to be sent to a number; the page follows it."""
    return await _send(visit, "sms")


async def _send(visit: Console, channel: str) -> Response:
    template = found(await template_editing.template_of(row_id(visit.request)))
    form = await TemplateForm.read(visit.request)
    block = "sent" if wants_part(visit.request) else None
    to = form.phone if channel == "sms" else form.recipient
    if block is None and await is_sent_again(visit):
        return await _page(visit, form)
    try:
        given = (form.wording(), to.data or "")
        spoken = await _language(visit) or MAIN
        job = await template_preview.enqueue_draft(
            visit.desk, template, *given, now=visit.now, actor=visit.actor, language=spoken, channel=channel
        )
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, form, status=422, block=block)
    except SlowDown:
        to.errors = [_("enough was sent in this hour: wait a little")]
        return await _page(visit, form, status=422, block=block)
    return await _page(visit, form, sent=await template_preview.sent_draft(template.id, job.id), block=block)


async def sent(visit: Console) -> Response:
    """Tell how far sending is: the page with what is saved, or the block when it asks for news."""
    form = await _stored(visit)
    going = found(await template_preview.sent_draft(row_id(visit.request), visit.request.path_params["job"]))
    if not wants_part(visit.request):
        return await _page(visit, form, sent=going)
    if visit.request.query_params.get("seen") == going.status:
        return Response(status_code=204)
    return await _page(visit, form, sent=going, block="sent")


async def restore(visit: Console) -> Response:
    """Let a template, or its translation, say again what it says by default."""
    template, language = found(await template_editing.template_of(row_id(visit.request))), await _language(visit)
    try:
        await template_editing.restore(template, now=visit.now, actor=visit.actor, language=language)
    except InputRefused as refusal:
        form = await _stored(visit)
        form.refuse(refusal)
        return await _page(visit, form, status=422)
    words = _("%s says again what it says by default.") % template.name
    return go(_here(visit, language) if language else TEMPLATES, "success", words)


async def clone(visit: Console) -> Response:
    """Store what is saved a second time, under another name."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    form = await CopyForm.read(visit.request, prefix=COPY)
    try:
        copy = await template_editing.clone(template, form.name.data or "", now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, await _stored(visit), copy=form, status=422)
    return go(f"{TEMPLATES}/{copy.id}", "success", _("%s was added.") % copy.name)


async def translate(visit: Console) -> Response:
    """Give a template words in one more language; the page then shows them, to be written."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    form = await LanguageForm.read(visit.request)
    try:
        chosen = form.language.data or ""
        await template_editing.translate(template, chosen, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, await _stored(visit), spoken=form, status=422)
    words = _("%s was added. It says what the template says until you translate it.") % LANGUAGES[chosen]
    return go(_here(visit, chosen), "success", words)


async def drop_translation(visit: Console) -> Response:
    """Forget the words of one language."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    language = await _language(visit)
    try:
        await template_editing.drop_translation(template, language, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form = await _stored(visit)
        form.refuse(refusal)
        return await _page(visit, form, status=422)
    return go(_here(visit), "success", _("%s was removed.") % LANGUAGES.get(language, language))


async def rename(visit: Console) -> Response:
    """Call a template of one's own otherwise."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    form = await NameForm.read(visit.request)
    try:
        await template_editing.rename(template, form.name.data or "", now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, await _stored(visit), name=form, status=422)
    return go(f"{TEMPLATES}/{template.id}", "success", _("%s was saved.") % template.name)


async def remove(visit: Console) -> Response:
    """Forget a template of one's own."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    try:
        await template_editing.remove(template, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form = await _stored(visit)
        form.refuse(refusal)
        return await _page(visit, form, status=422)
    return go(TEMPLATES, "success", _("%s was removed.") % template.name)


async def _stored(visit: Console) -> TemplateForm:
    return TemplateForm.filled(templates.wording_of(await _row(visit)), recipient="", phone="")


async def _row(visit: Console) -> templates.TextRow:
    """Return the template, or its words in the language that the address names, stored or shipped."""
    template = found(await template_editing.template_of(row_id(visit.request)))
    language = visit.request.query_params.get("language", "")
    if not language:
        return template
    stored = (row for row in await templates.translations(template.id) if row.language == language)
    return found(next(stored, None) or templates.shipped_translation(template, language))


async def _language(visit: Console) -> str:
    """Return the language that the address names, "" for the template's own words; NotFound without a translation."""
    await _row(visit)
    return visit.request.query_params.get("language", "")


def _here(visit: Console, language: str = "", action: str = "") -> str:
    return address(f"{TEMPLATES}/{row_id(visit.request)}{action}", language=language)


async def _is_restorable(visit: Console, template: Template, language: str) -> bool:
    """Tell whether what is shown is the system's, and not what it says by default."""
    known = not language or default_in(template.kind, language) is not None
    return template.system and known and not template_editing.is_default(await _row(visit), template.kind, language)


async def _framed(visit: Console, form: TemplateForm) -> Response:
    template = found(await template_editing.template_of(row_id(visit.request)))
    spoken = await _language(visit) or MAIN
    draft = await template_preview.preview(visit.desk, template.kind, form.wording(), now=visit.now, language=spoken)
    return HTMLResponse(draft.html, headers={"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN"})


def _known(template: Template) -> dict[str, object]:
    """Return what the page shows of a template's kind."""
    return {
        "template": template,
        "kinds": TITLES,
        "occasion": OCCASIONS.get(template.kind, ""),
        "clonable": template.kind in CHOSEN,
        "has_sms": bool(DEFAULTS[template.kind].sms),
        "macros": template_editing.macros_of(template.kind),
    }


async def _page(
    visit: Console,
    form: TemplateForm,
    *,
    status: int = 200,
    block: str | None = None,
    sent: template_preview.DraftStatus | None = None,
    copy: CopyForm | None = None,
    name: NameForm | None = None,
    spoken: LanguageForm | None = None,
) -> Response:
    row = found(await template_editing.template_of(row_id(visit.request)))
    template: Template = row
    language = await _language(visit)
    stored = [each.language for each in await templates.translations(row.id)]
    there = sorted({*stored, *templates.shipped_languages(row)})
    context = _known(template) | {
        "form": form,
        "copy": copy or CopyForm(prefix=COPY, data={"name": _("Copy of %s") % template.name}),
        "name": name or NameForm(data={"name": template.name}),
        "spoken": (spoken or LanguageForm()).without(there),
        "here": _here(visit),
        "at": lambda action="": _here(visit, language, action),
        "language": language,
        "tongues": LANGUAGES,
        "there": there,
        "as_default": template_editing.is_default(row, row.kind),
        "stored": language in stored,
        "restorable": await _is_restorable(visit, template, language),
        "written": form.wording() != templates.wording_of(await _row(visit)),
        "part": block is not None,
        "draft": await template_preview.preview(
            visit.desk, template.kind, form.wording(), now=visit.now, language=language or MAIN
        ),
        "sent": sent,
        "form_id": new_form_id(),
    }
    return render(visit.request, "admin/settings/templates/edit.html", context, block=block, status=status)
