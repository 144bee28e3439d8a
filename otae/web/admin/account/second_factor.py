"""The administrator's own second factors: an app with one-time codes, passkeys, recovery codes."""

from urllib.parse import quote

from starlette.responses import Response

from otae import paths
from otae.accounts import passkeys, second_factors
from otae.accounts.passkeys import Question
from otae.accounts.second_factors import NewKey
from otae.errors import InputRefused, StaleState
from otae.translatable import N_
from otae.web import guards
from otae.web.admin.account.second_step import PasskeyForm
from otae.web.admin.manage.pin_card import qr_code
from otae.web.admin.page_parts import row_id
from otae.web.forms import Form, HiddenField, InputRequired, Length, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _


class AppForm(Form):
    """The app's present code; ``key`` is the sealed key that the page showed."""

    key = HiddenField(N_("Key"), [Length(max=1000)])
    code = StringField(N_("The code that the app shows"), [InputRequired(N_("enter the code")), Length(max=20)])


class NewPasskeyForm(PasskeyForm):
    """The name of a new passkey, and what the browser answered."""

    name = StringField(N_("Name"), [InputRequired(N_("enter a name")), Length(max=second_factors.LONGEST_NAME)])


async def show(visit: Console) -> Response:
    """Show which second factors there are, and what to add."""
    factors = await second_factors.factors_of(visit.administrator.id)
    context = {
        "factors": factors,
        "offers_passkeys": bool(passkeys.relying_party(visit.desk)),
        "required": await second_factors.is_required(visit.powers),
    }
    return render(visit.request, "admin/account/second-factor.html", context)


async def blank_app(visit: Console) -> Response:
    """Show a new key for an app."""
    return _app_page(visit, await _new_key(visit), AppForm())


async def add_app(visit: Console) -> Response:
    """Take the app's codes from now on; the first time, show recovery codes."""
    form, who = await AppForm.read(visit.request), visit.administrator
    shown = await second_factors.open_key(visit.desk, who.id, who.name, form.key.data or "", now=visit.now)
    if shown is None:
        form.form_errors.append(
            _("This page was open for too long. Here is another key: remove the entry in your app.")
        )
        return _app_page(visit, await _new_key(visit), form, status=422)
    if form.validate():
        this, code = guards.secret_of(visit), form.code.data
        with form.refusals():
            codes = await second_factors.add_app(visit.desk, who.id, shown.key, code, this=this, now=visit.now)
            return _added(visit, codes, _("The codes of your app are asked for from now on."))
    return _app_page(visit, shown, form, status=422)


async def blank_passkey(visit: Console) -> Response:
    """Show the form for a new passkey."""
    if not passkeys.relying_party(visit.desk):
        return redirect(paths.ACCOUNT_FACTORS)
    return _passkey_page(visit, await _question(visit), NewPasskeyForm())


async def add_passkey(visit: Console) -> Response:
    """Register a passkey; the first time, show recovery codes."""
    if not passkeys.relying_party(visit.desk):
        return redirect(paths.ACCOUNT_FACTORS)
    form, whose = await NewPasskeyForm.read(visit.request), visit.administrator.id
    if form.validate():
        with form.refusals():
            given = (form.name.data, form.answer)
            codes = await second_factors.add_passkey(
                visit.desk, whose, *given, this=guards.secret_of(visit), now=visit.now
            )
            return _added(visit, codes, _("The passkey was added: it signs you in from now on."))
    return _passkey_page(visit, await _question(visit), form, status=422)


async def remove_app(visit: Console) -> Response:
    """Take no codes of the app any more."""
    try:
        removed = await second_factors.remove_app(visit.administrator.id, now=visit.now)
    except InputRefused as refusal:
        return redirect(paths.ACCOUNT_FACTORS, "danger", _first(refusal))
    if not removed:
        return redirect(paths.ACCOUNT_FACTORS, "info", _("There is no app any more."))
    return redirect(paths.ACCOUNT_FACTORS, "success", _("Codes of the app are not taken any more."))


async def remove_passkey(visit: Console) -> Response:
    """Remove a passkey."""
    try:
        removed = await second_factors.remove_passkey(visit.administrator.id, row_id(visit.request), now=visit.now)
    except InputRefused as refusal:
        return redirect(paths.ACCOUNT_FACTORS, "danger", _first(refusal))
    if not removed:
        return redirect(paths.ACCOUNT_FACTORS, "info", _("There is no such passkey any more."))
    return redirect(paths.ACCOUNT_FACTORS, "success", _("The passkey was removed. Remove it on your device as well."))


async def new_codes(visit: Console) -> Response:
    """Make new recovery codes: they are in this answer and nowhere else."""
    try:
        codes = await second_factors.new_recovery_codes(visit.desk, visit.administrator.id, now=visit.now)
    except StaleState:
        return redirect(paths.ACCOUNT_FACTORS, "info", _("Set up a second factor first: codes stand in for it."))
    return _codes_page(visit, codes)


def _added(visit: Console, codes: list[str], note: str) -> Response:
    return _codes_page(visit, codes) if codes else redirect(paths.ACCOUNT_FACTORS, "success", note)


def _codes_page(visit: Console, codes: list[str]) -> Response:
    title = _("Recovery codes of %(name)s for %(host)s") % {
        "name": visit.actor,
        "host": visit.desk.settings.public_host,
    }
    text = "\r\n".join([title, "", *codes, ""])
    context = {"codes": codes, "file": f"data:text/plain;charset=utf-8,{quote(text)}"}
    return render(visit.request, "admin/account/recovery-codes.html", context)


async def _new_key(visit: Console) -> NewKey:
    return await second_factors.new_key(visit.desk, visit.administrator.id, visit.actor, now=visit.now)


async def _question(visit: Console) -> Question:
    return await second_factors.ask_for_new_passkey(visit.desk, visit.administrator.id, now=visit.now)


def _app_page(visit: Console, key: NewKey, form: AppForm, *, status: int = 200) -> Response:
    context = {"form": form, "key": key.key, "sealed": key.sealed, "qr_code": qr_code(key.address)}
    return render(visit.request, "admin/account/app.html", context, status=status)


def _passkey_page(visit: Console, question: Question, form: NewPasskeyForm, *, status: int = 200) -> Response:
    context = {"form": form, "question": question}
    return render(visit.request, "admin/account/passkey.html", context, status=status)


def _first(refusal: InputRefused) -> str:
    return _(next(iter(refusal.fields.values())))
