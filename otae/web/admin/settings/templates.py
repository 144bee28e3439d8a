"""Settings → Notification templates: the wording of the messages and its translations."""

from starlette.responses import HTMLResponse, Response

from otae import paths
from otae.delivery.texts import template_editing, template_preview, templates
from otae.delivery.texts.default_texts import default_in
from otae.delivery.texts.kinds import ADMINISTRATIVE, CHOSEN, KINDS
from otae.delivery.texts.languages import LANGUAGES, MAIN
from otae.errors import InputRefused, SlowDown
from otae.overview import dependents
from otae.web.admin.page_parts import is_resubmitted, new_form_id, or_not_found, row_id
from otae.web.admin.settings.catcher import POLICY
from otae.web.admin.settings.template_forms import (
    COPY,
    OCCASIONS,
    TITLES,
    CopyForm,
    LanguageForm,
    NameForm,
    TemplateForm,
)
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _


async def index(visit: Console) -> Response:
    """List the templates in the order in which their messages are sent."""
    rows = sorted(await templates.list_templates(), key=lambda row: KINDS.index(row.kind))
    languages = await templates.languages_by_template()
    listed = [
        (
            row,
            template_editing.is_default(row, row.kind),
            sorted({*languages.get(row.id, []), *templates.shipped_languages(row)}),
        )
        for row in rows
    ]
    return render(visit.request, "admin/settings/templates/index.html", {"templates": listed, "kinds": TITLES})


async def show(visit: Console) -> Response:
    """Show the form of one template."""
    return await _page(visit, await _stored(visit))


async def change(visit: Console) -> Response:
    """Save the wording of a template or of its translation."""
    template = await _template(visit)
    form = await TemplateForm.read(visit.request)
    language = await _language(visit)
    saved = _("%s was saved.") % template.name
    if form.wording() == templates.wording_of(await _row(visit)):
        return redirect(paths.TEMPLATE(template.id, language=language), "success", saved)
    with form.refusals():
        await template_editing.reword(template, form.wording(), now=visit.now, actor=visit.actor, language=language)
        return redirect(paths.TEMPLATE(template.id, language=language), "success", saved)
    return await _page(visit, form, status=422)


async def preview(visit: Console) -> Response:
    """Show the entered wording, saved or not, with example values: the whole page, or while typing only its block."""
    template = await _template(visit)
    form = await TemplateForm.read(visit.request)
    with form.refusals():
        await template_editing.check_wording(template.kind, form.wording())
    return await _page(visit, form, block="preview" if is_fragment_request(visit.request) else None)


async def saved_html(visit: Console) -> Response:
    """Return the saved HTML with example values, for the frame on the page."""
    return await _frame(visit, await _stored(visit))


async def preview_html(visit: Console) -> Response:
    """Return the entered HTML with example values, for the frame on the page."""
    await _template(visit)
    return await _frame(visit, await TemplateForm.read(visit.request))


async def send(visit: Console) -> Response:
    """Send the entered wording as a mail to an address; the page polls for the result."""
    return await _send(visit, "mail")


async def send_sms(visit: Console) -> Response:
    """Send the entered wording as a text message to a number; the page polls for the result."""
    return await _send(visit, "sms")


async def _send(visit: Console, channel: str) -> Response:
    template = await _template(visit)
    form = await TemplateForm.read(visit.request)
    block = "sent" if is_fragment_request(visit.request) else None
    to = form.phone if channel == "sms" else form.recipient
    if block is None and await is_resubmitted(visit):
        return await _page(visit, form)
    try:
        given = (form.wording(), to.data or "")
        language = await _language(visit) or MAIN
        job = await template_preview.enqueue_draft(
            visit.desk, template, *given, now=visit.now, actor=visit.actor, language=language, channel=channel
        )
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, form, status=422, block=block)
    except SlowDown:
        to.errors = [_("enough was sent in this hour: wait a little")]
        return await _page(visit, form, status=422, block=block)
    return await _page(visit, form, sent=await template_preview.sent_draft(template.id, job.id), block=block)


async def sent(visit: Console) -> Response:
    """Show the status of a sent draft: the page with the saved wording, or for polling only the block."""
    form = await _stored(visit)
    going = or_not_found(await template_preview.sent_draft(row_id(visit.request), visit.request.path_params["job"]))
    if not is_fragment_request(visit.request):
        return await _page(visit, form, sent=going)
    if visit.request.query_params.get("seen") == going.status:
        return Response(status_code=204)
    return await _page(visit, form, sent=going, block="sent")


async def restore(visit: Console) -> Response:
    """Restore the default wording of a template or of its translation."""
    template, language = await _template(visit), await _language(visit)
    form = await _stored(visit)
    with form.refusals():
        await template_editing.restore(template, now=visit.now, actor=visit.actor, language=language)
        words = _("%s has its default wording again.") % template.name
        return redirect(
            paths.TEMPLATE(template.id, language=language) if language else paths.TEMPLATES, "success", words
        )
    return await _page(visit, form, status=422)


async def clone(visit: Console) -> Response:
    """Copy the saved template under another name."""
    template = await _template(visit)
    form = await CopyForm.read(visit.request, prefix=COPY)
    with form.refusals():
        copy = await template_editing.clone(template, form.name.data or "", now=visit.now, actor=visit.actor)
        return redirect(paths.TEMPLATE(copy.id), "success", _("%s was added.") % copy.name)
    return await _page(visit, await _stored(visit), copy=form, status=422)


async def translate(visit: Console) -> Response:
    """Add a translation, which begins as `template_editing.translate` says, and redirect to it."""
    template = await _template(visit)
    form = await LanguageForm.read(visit.request)
    with form.refusals():
        chosen = form.language.data or ""
        await template_editing.translate(template, chosen, now=visit.now, actor=visit.actor)
        words = _("%s was added. It says what the template says until you translate it.") % LANGUAGES[chosen]
        return redirect(paths.TEMPLATE(template.id, language=chosen), "success", words)
    return await _page(visit, await _stored(visit), translation=form, status=422)


async def drop_translation(visit: Console) -> Response:
    """Remove the translation in one language."""
    template = await _template(visit)
    language = await _language(visit)
    form = await _stored(visit)
    with form.refusals():
        await template_editing.drop_translation(template, language, now=visit.now, actor=visit.actor)
        words = _("%s was removed.") % LANGUAGES.get(language, language)
        return redirect(paths.TEMPLATE(template.id), "success", words)
    return await _page(visit, form, status=422)


async def rename(visit: Console) -> Response:
    """Rename an own template."""
    template = await _template(visit)
    form = await NameForm.read(visit.request)
    with form.refusals():
        await template_editing.rename(template, form.name.data or "", now=visit.now, actor=visit.actor)
        return redirect(paths.TEMPLATE(template.id), "success", _("%s was saved.") % template.name)
    return await _page(visit, await _stored(visit), name=form, status=422)


async def remove(visit: Console) -> Response:
    """Remove an own template."""
    template = await _template(visit)
    form = await _stored(visit)
    with form.refusals():
        await template_editing.remove(template, now=visit.now, actor=visit.actor)
        return redirect(paths.TEMPLATES, "success", _("%s was removed.") % template.name)
    return await _page(visit, form, status=422)


async def _template(visit: Console) -> templates.TemplateRow:
    return or_not_found(await template_editing.template_of(row_id(visit.request)))


async def _stored(visit: Console) -> TemplateForm:
    return TemplateForm.filled(templates.wording_of(await _row(visit)), recipient="", phone="")


async def _row(visit: Console) -> templates.TextRow:
    """Return the template, or its translation in the address's language, stored or shipped."""
    template = await _template(visit)
    language = visit.request.query_params.get("language", "")
    if not language:
        return template
    stored = (row for row in await templates.translations(template.id) if row.language == language)
    return or_not_found(next(stored, None) or templates.shipped_translation(template, language))


async def _language(visit: Console) -> str:
    """Return the address's language, "" for the template's own wording; NotFound without such a translation."""
    await _row(visit)
    return visit.request.query_params.get("language", "")


async def _is_restorable(visit: Console, template: templates.TemplateRow, language: str) -> bool:
    """Return whether a shipped template or translation differs from its default."""
    known = not language or default_in(template.kind, language) is not None
    return template.system and known and not template_editing.is_default(await _row(visit), template.kind, language)


async def _frame(visit: Console, form: TemplateForm) -> Response:
    template = await _template(visit)
    language = await _language(visit) or MAIN
    draft = await template_preview.preview(visit.desk, template.kind, form.wording(), now=visit.now, language=language)
    return HTMLResponse(draft.page, headers={"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN"})


def _kind_context(template: templates.TemplateRow) -> dict[str, object]:
    """Return the template context about a template's kind."""
    return {
        "template": template,
        "kinds": TITLES,
        "occasion": OCCASIONS.get(template.kind, ""),
        "clonable": template.kind in CHOSEN,
        "has_sms": template.kind not in ADMINISTRATIVE,
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
    translation: LanguageForm | None = None,
) -> Response:
    template = await _template(visit)
    language = await _language(visit)
    stored = [each.language for each in await templates.translations(template.id)]
    translated_into = sorted({*stored, *templates.shipped_languages(template)})
    context = _kind_context(template) | {
        "form": form,
        "copy": copy or CopyForm(prefix=COPY, data={"name": _("Copy of %s") % template.name}),
        "name": name or NameForm(data={"name": template.name}),
        "new_language": (translation or LanguageForm()).without(translated_into),
        "language": language,
        "language_names": LANGUAGES,
        "translated_into": translated_into,
        "as_default": template_editing.is_default(template, template.kind),
        "stored": language in stored,
        "restorable": await _is_restorable(visit, template, language),
        "written": form.wording() != templates.wording_of(await _row(visit)),
        "part": block is not None,
        "macros": [] if block else await template_editing.macros_of(template.kind),
        "draft": await template_preview.preview(
            visit.desk, template.kind, form.wording(), now=visit.now, language=language or MAIN
        ),
        "sent": sent,
        "dependents": None if block else await dependents.of_template(template),
        "form_id": new_form_id(),
    }
    return render(visit.request, "admin/settings/templates/edit.html", context, block=block, status=status)
