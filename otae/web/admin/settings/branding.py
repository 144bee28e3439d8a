"""Settings → Branding: what the portal and its messages show of the organization."""

from dataclasses import replace
from typing import Final

from starlette.responses import HTMLResponse, Response

from otae import paths
from otae.branding import logos, look, portal_texts
from otae.branding.logos import DARK, LIGHT
from otae.branding.portal_texts import HELP, TERMS_OF_USE
from otae.delivery.texts import template_preview
from otae.delivery.texts.compose import USUAL_ACCENT, load_organization
from otae.delivery.texts.languages import LANGUAGES
from otae.delivery.texts.templates import default_template, wording_for
from otae.text import whole_number
from otae.translatable import N_
from otae.web import whom_to_ask
from otae.web.admin.page_parts import or_not_found
from otae.web.admin.settings.catcher import POLICY
from otae.web.callers import UPLOAD_CAP
from otae.web.forms import FileField, Form, HiddenField, InputRequired, StringField, TextAreaField, upload
from otae.web.pages import redirect, render
from otae.web.portal import login
from otae.web.visits import Console
from otae.words import PEOPLE_LANGUAGES, language
from otae.words import gettext as _

#: Kind of text → its title and what it is for.
KINDS: Final = {
    HELP: (N_("Help text"), N_("Shown below every page of the portal: opening hours, a number to call.")),
    TERMS_OF_USE: (
        N_("Terms of use"),
        N_("People accept them with a tick when they sign in to enroll; what they accepted stays recorded."),
    ),
}
_REQUIRED: Final = InputRequired(N_("enter a value"))


#: Theme of a logo → its title.
LOGOS: Final = {LIGHT: N_("Logo for light pages"), DARK: N_("Logo for dark pages")}
#: For the framed preview: it runs and sends nothing.
PREVIEW_POLICY: Final = (
    "sandbox allow-same-origin; default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; "
    "frame-ancestors 'self'"
)


class LookForm(Form):
    """What the organization is called, whom people are told to ask, and its colour."""

    name = StringField(N_("Name"), [_REQUIRED])
    contact = StringField(N_("Contact"), [_REQUIRED])
    accent = StringField(N_("Colour"))


class LogoForm(Form):
    """A picture; a prefix names the theme of the logo, because the page has a form for each."""

    file = FileField(N_("Picture"))


class TextForm(Form):
    """A text in one language. ``replacing``: the version that it was written from, 0 for none."""

    text = TextAreaField(N_("Text"))
    replacing = HiddenField()


async def index(visit: Console) -> Response:
    """Show what is set."""
    return await _page(visit, LookForm(obj=await look.read()))


async def change(visit: Console) -> Response:
    """Set name, contact and colour."""
    form = await LookForm.read(visit.request)
    if form.validate():
        with form.refusals():
            await look.change(form.values(), now=visit.now, actor=visit.actor)
            return redirect(paths.BRANDING, "success", _("Branding was saved."))
    return await _page(visit, form, status=422)


async def replace_logo(visit: Console) -> Response:
    """Take an uploaded picture as the logo of a theme."""
    theme = _theme(visit)
    async with visit.request.form(max_files=1, max_fields=10, max_part_size=UPLOAD_CAP):  # what follows reads from it
        form = await LogoForm.read(visit.request, prefix=theme)
        data = await upload(visit.request, form.file.name)
    with form.refusals():
        await logos.replace(theme, data, now=visit.now, actor=visit.actor)
        return redirect(paths.BRANDING, "success", _("%s was saved.") % _(LOGOS[theme]))
    return await _page(visit, LookForm(obj=await look.read()), logo=form, status=422)


async def remove_logo(visit: Console) -> Response:
    """Show no logo of a theme any more."""
    theme = _theme(visit)
    await logos.remove(theme, now=visit.now, actor=visit.actor)
    return redirect(paths.BRANDING, "success", _("%s was removed.") % _(LOGOS[theme]))


async def preview(visit: Console) -> Response:
    """Show the sign-in page or the invitation mail with what is entered, saved or not, for the frame on the page."""
    query = visit.request.query_params
    branding = await look.preview({field: query.get(field, "") for field in look.PROPERTIES})
    if query.get("part") == "mail":
        return await _mail_preview(visit, branding)
    whom_to_ask.keep(visit.request, branding)
    page = await login.render_page(visit, login.SignInForm(), None)
    page.headers.update({"Content-Security-Policy": PREVIEW_POLICY, "X-Frame-Options": "SAMEORIGIN"})
    return page


async def show_text(visit: Console) -> Response:
    """Show a text in one language with its versions."""
    kind, language = _which(visit)
    current = (await portal_texts.shown(kind)).get(language)
    values = {"text": current.text, "replacing": current.version} if current else {"replacing": 0}
    return await _text_page(visit, TextForm(data=values))


async def change_text(visit: Console) -> Response:
    """Show the entered text from now on, or none when it is empty."""
    kind, language = _which(visit)
    form = await TextForm.read(visit.request)
    with form.refusals():
        replacing = whole_number(form.replacing.data or "") or 0
        saved = await portal_texts.save(
            kind, language, form.text.data or "", now=visit.now, actor=visit.actor, replacing=replacing
        )
        text = _("Version %s is shown from now on.") % saved.version if saved else _("No text is shown any more.")
        return redirect(paths.BRANDING, "success", f"{_(KINDS[kind][0])} ({LANGUAGES[language]}): {text}")
    return await _text_page(visit, form, status=422)


def _which(visit: Console) -> tuple[str, str]:
    """Return kind and language of the address; NotFound when there is no such kind or language."""
    kind, language = (visit.request.path_params[name] for name in ("kind", "language"))
    return or_not_found((kind, language) if kind in KINDS and language in PEOPLE_LANGUAGES else None)


async def _mail_preview(visit: Console, branding: look.Branding) -> Response:
    """Return the invitation mail as a mail program shows it, in the language of the console."""
    organization = await load_organization(visit.desk)
    accent = branding.accent or USUAL_ACCENT
    organization = replace(organization, name=branding.name, support=branding.contact, accent=accent)
    wording = (await wording_for(await default_template("url"), language()))[0]
    draft = await template_preview.preview(
        visit.desk, "url", wording, now=visit.now, language=language(), organization=organization
    )
    return HTMLResponse(draft.page, headers={"Content-Security-Policy": POLICY, "X-Frame-Options": "SAMEORIGIN"})


def _theme(visit: Console) -> str:
    """Return the theme of the address; NotFound when there is no such theme."""
    theme: str = visit.request.path_params["theme"]
    return or_not_found(theme if theme in LOGOS else None)


async def _page(visit: Console, form: LookForm, *, logo: LogoForm | None = None, status: int = 200) -> Response:
    forms = {theme: LogoForm(prefix=theme) for theme in LOGOS}
    if logo:
        forms[_theme(visit)] = logo
    context = {
        "form": form,
        "logo_forms": forms,
        "logos": await logos.stored(),
        "logo_titles": LOGOS,
        "refused_logo": logo,
        "kinds": KINDS,
        "texts": {kind: await portal_texts.shown(kind) for kind in KINDS},
        "languages": {tag: LANGUAGES[tag] for tag in PEOPLE_LANGUAGES},
    }
    return render(visit.request, "admin/settings/branding/index.html", context, status=status)


async def _text_page(visit: Console, form: TextForm, *, status: int = 200) -> Response:
    kind, language = _which(visit)
    title, purpose = KINDS[kind]
    context = {
        "form": form,
        "kind": kind,
        "title": title,
        "purpose": purpose,
        "language": language,
        "language_name": LANGUAGES[language],
        "longest": portal_texts.LONGEST[kind],
        "versions": await portal_texts.history(kind, language),
    }
    return render(visit.request, "admin/settings/branding/text.html", context, status=status)
