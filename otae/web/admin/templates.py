"""Settings → Notification Templates: what the messages say."""

from dataclasses import asdict
from typing import Final, Protocol
from uuid import UUID

from starlette.responses import HTMLResponse, Response

from otae.delivery import drafts, templates, wording
from otae.errors import InputRefused, SlowDown
from otae.web.admin.entries import NamedForm, found
from otae.web.admin.mail import POLICY
from otae.web.forms import StringField, TextAreaField
from otae.web.guards import Console
from otae.web.pages import go, render, wants_part
from otae.words import gettext as _

TEMPLATES: Final = "/admin/templates"
KINDS: Final = {"url": _("Invitation"), "pin": _("PIN"), "confirmation": _("Confirmation")}
#: Begins the names of the fields of the form that clones: another form on the page has the same.
COPY: Final = "copy-"


class Template(Protocol):
    """What the page shows of a template."""

    id: UUID
    kind: str
    name: str
    system: bool
    subject: str
    text: str
    html: str


class TemplateForm(NamedForm):
    """What a message says: ``text`` and ``html`` are the same message twice; ``recipient`` gets it to look at."""

    subject = StringField(_("Subject"))
    text = TextAreaField(_("Text"))
    html = TextAreaField(_("HTML"))
    recipient = StringField(_("Mail address"))

    def wording(self) -> wording.Wording:
        """Return what was written, as the room takes it."""
        return wording.Wording.of(*(part.data or "" for part in (self.subject, self.text, self.html)))


class NameForm(NamedForm):
    """What a template is called."""

    name = StringField(_("Name"))


class CopyForm(NamedForm):
    """What a clone is called."""

    name = StringField(_("Name of the clone"))


async def index(visit: Console) -> Response:
    """List the templates."""
    listed = [(template, wording.is_default(template)) for template in await templates.list_templates()]
    return render(visit.request, "admin/templates/index.html", {"templates": listed, "kinds": KINDS})


async def show(visit: Console) -> Response:
    """Show one template as a form."""
    return await _page(visit, await _stored(visit))


async def change(visit: Console) -> Response:
    """Let a template say something else."""
    template = found(await wording.template_of(_id(visit)))
    form = await TemplateForm.read(visit.request)
    try:
        texts = asdict(form.wording())
        await wording.reword(visit.desk, template, **texts, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, form, status=422)
    return go(TEMPLATES, "success", _("%s was saved.") % template.name)


async def preview(visit: Console) -> Response:
    """Show what is written here, saved or not, with values put in: the whole page, or its block while one types."""
    template = found(await wording.template_of(_id(visit)))
    form = await TemplateForm.read(visit.request)
    try:
        wording.check_wording(template.kind, form.wording())
    except InputRefused as refusal:
        form.refuse(refusal)
    return await _page(visit, form, block="preview" if wants_part(visit.request) else None)


async def saved_html(visit: Console) -> Response:
    """Give the HTML as it is saved, with values put in, for the frame on the page."""
    return await _framed(visit, await _stored(visit))


async def preview_html(visit: Console) -> Response:
    """Give the HTML as it is written, with values put in, for the frame on the page."""
    found(await wording.template_of(_id(visit)))
    return await _framed(visit, await TemplateForm.read(visit.request))


async def send(visit: Console) -> Response:
    """Order the message, as it is written here, to be sent to an address; the page follows it."""
    template = found(await wording.template_of(_id(visit)))
    form = await TemplateForm.read(visit.request)
    block = "sent" if wants_part(visit.request) else None
    try:
        given = (form.wording(), form.recipient.data or "")
        job = await drafts.enqueue_draft(visit.desk, template, *given, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, form, status=422, block=block)
    except SlowDown:
        form.recipient.errors = [_("enough was sent in this hour: wait a little")]
        return await _page(visit, form, status=422, block=block)
    return await _page(visit, form, sent=await drafts.sent_draft(template.id, job.id), block=block)


async def sent(visit: Console) -> Response:
    """Tell how far sending is: the page with what is saved, or the block when it asks for news."""
    form = await _stored(visit)
    going = found(await drafts.sent_draft(_id(visit), visit.request.path_params["job"]))
    if not wants_part(visit.request):
        return await _page(visit, form, sent=going)
    if visit.request.query_params.get("seen") == going.status:
        return Response(status_code=204)
    return await _page(visit, form, sent=going, block="sent")


async def restore(visit: Console) -> Response:
    """Let a template say again what it says by default."""
    template = found(await wording.template_of(_id(visit)))
    await wording.restore(visit.desk, template, now=visit.now, actor=visit.actor)
    return go(TEMPLATES, "success", _("%s says again what it says by default.") % template.name)


async def clone(visit: Console) -> Response:
    """Store what is saved a second time, under another name."""
    template = found(await wording.template_of(_id(visit)))
    form = await CopyForm.read(visit.request, prefix=COPY)
    try:
        copy = await wording.clone(visit.desk, template, form.name.data or "", now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, await _stored(visit), copy=form, status=422)
    return go(f"{TEMPLATES}/{copy.id}", "success", _("%s was added.") % copy.name)


async def rename(visit: Console) -> Response:
    """Call a template of one's own otherwise."""
    template = found(await wording.template_of(_id(visit)))
    form = await NameForm.read(visit.request)
    try:
        await wording.rename(visit.desk, template, form.name.data or "", now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, await _stored(visit), name=form, status=422)
    return go(f"{TEMPLATES}/{template.id}", "success", _("%s was saved.") % template.name)


async def remove(visit: Console) -> Response:
    """Forget a template of one's own."""
    template = found(await wording.template_of(_id(visit)))
    try:
        await wording.remove(visit.desk, template, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form = await _stored(visit)
        form.refuse(refusal)
        return await _page(visit, form, status=422)
    return go(TEMPLATES, "success", _("%s was removed.") % template.name)


async def _stored(visit: Console) -> TemplateForm:
    template = found(await wording.template_of(_id(visit)))
    return TemplateForm(data={"subject": template.subject, "text": template.text, "html": template.html})


async def _framed(visit: Console, form: TemplateForm) -> Response:
    template = found(await wording.template_of(_id(visit)))
    draft = await drafts.preview(visit.desk, template.kind, form.wording(), now=visit.now)
    return HTMLResponse(draft.html, headers={"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN"})


async def _page(
    visit: Console,
    form: TemplateForm,
    *,
    status: int = 200,
    block: str | None = None,
    sent: drafts.DraftSent | None = None,
    copy: CopyForm | None = None,
    name: NameForm | None = None,
) -> Response:
    row = found(await wording.template_of(_id(visit)))
    template: Template = row
    context = {
        "form": form,
        "copy": copy or CopyForm(prefix=COPY, data={"name": _("Copy of %s") % template.name}),
        "name": name or NameForm(data={"name": template.name}),
        "template": template,
        "here": f"{TEMPLATES}/{template.id}",
        "kinds": KINDS,
        "macros": wording.macros_of(template.kind),
        "as_default": wording.is_default(row),
        "written": form.wording() != wording.Wording.of(row.subject, row.text, row.html),
        "part": block is not None,
        "draft": await drafts.preview(visit.desk, template.kind, form.wording(), now=visit.now),
        "sent": sent,
    }
    return render(visit.request, "admin/templates/edit.html", context, block=block, status=status)


def _id(visit: Console) -> UUID:
    found_id: UUID = visit.request.path_params["id"]
    return found_id
