"""Settings → Notification Templates: what the messages say."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae.delivery import templates, wording
from otae.errors import InputRefused
from otae.web.admin.entries import NamedForm, found
from otae.web.forms import StringField, TextAreaField
from otae.web.guards import Console
from otae.web.pages import go, render
from otae.words import gettext as _

TEMPLATES: Final = "/admin/templates"
KINDS: Final = {"url": _("Invitation"), "pin": _("PIN"), "confirmation": _("Confirmation")}


class TemplateForm(NamedForm):
    """What a message says: ``text`` and ``html`` are the same message twice."""

    subject = StringField(_("Subject"))
    text = TextAreaField(_("Text"))
    html = TextAreaField(_("HTML"))


async def index(visit: Console) -> Response:
    """List the templates."""
    listed = [(template, wording.is_default(template)) for template in await templates.list_templates()]
    return render(visit.request, "admin/templates/index.html", {"templates": listed, "kinds": KINDS})


async def show(visit: Console) -> Response:
    """Show one template as a form."""
    template = found(await wording.template_of(_id(visit)))
    texts = {"subject": template.subject, "text": template.text, "html": template.html}
    return await _page(visit, TemplateForm(data=texts))


async def change(visit: Console) -> Response:
    """Let a template say something else."""
    template = found(await wording.template_of(_id(visit)))
    form = await TemplateForm.read(visit.request)
    try:
        await wording.reword(
            visit.desk,
            template,
            subject=form.subject.data or "",
            text=form.text.data or "",
            html=form.html.data or "",
            now=visit.now,
            actor=visit.actor,
        )
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, form, status=422)
    return go(TEMPLATES, "success", _("%s was saved.") % template.name)


async def restore(visit: Console) -> Response:
    """Let a template say again what it says by default."""
    template = found(await wording.template_of(_id(visit)))
    await wording.restore(visit.desk, template, now=visit.now, actor=visit.actor)
    return go(TEMPLATES, "success", _("%s says again what it says by default.") % template.name)


async def _page(visit: Console, form: TemplateForm, *, status: int = 200) -> Response:
    template = found(await wording.template_of(_id(visit)))
    context = {
        "form": form,
        "template": template,
        "kinds": KINDS,
        "macros": wording.macros_of(template.kind),
        "as_default": wording.is_default(template),
    }
    return render(visit.request, "admin/templates/edit.html", context, status=status)


def _id(visit: Console) -> UUID:
    found_id: UUID = visit.request.path_params["id"]
    return found_id
