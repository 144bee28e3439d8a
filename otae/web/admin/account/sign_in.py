"""Signing in to the console and out, confirming with the password, and the setup link of a new administrator."""

import re
from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from otae import paths
from otae.accounts import (
    administrators,
    browsers,
    console_sign_in,
    directory_sign_in,
    display_names,
    passkeys,
    password_strength,
    second_factors,
)
from otae.contacts import LONGEST_ADDRESS, shown_address
from otae.errors import DirectoryUnavailable, InputRefused, SetupLinkUnknown, SigninFailed, SlowDown
from otae.text import identifier, link_value
from otae.translatable import N_
from otae.web import cookie_check, guards, password_again, refused_forms
from otae.web.failures import Failure, NotFound, WrongMethod, page_status
from otae.web.forms import Form, HiddenField, InputRequired, Length, PasswordField, StringField
from otae.web.pages import form_page_of, match_of, redirect, render
from otae.web.visits import Console, Visit
from otae.words import gettext as _

#: The console's own addresses, with or without a query: the only places to go after signing in.
OWN: Final = re.compile(paths.CONSOLE + r"(?:/[\w~@-][\w.~@-]*)*(?:\?[\w=&%+.~-]*)?", re.ASCII)

#: A directory's name and a user name in it, with what stands between them.
LONGEST_NAME: Final = 201


class SignInForm(Form):
    """Name and password."""

    name = StringField(N_("Name"), [InputRequired(N_("Enter your name.")), Length(max=LONGEST_NAME)])
    password = PasswordField(
        N_("Password"), [InputRequired(N_("Enter your password.")), Length(max=password_strength.LONGEST)]
    )


class ConfirmForm(Form):
    """The signed-in administrator's password or second factor."""

    password_again = PasswordField(N_("Your password"), [Length(max=password_strength.LONGEST)])
    code_again = StringField(N_("One-time code"), [Length(max=100)])
    passkey_again = HiddenField(N_("Passkey"), [Length(max=passkeys.LONGEST_ANSWER)])
    challenge_again = HiddenField(N_("Challenge"), [Length(max=1000)])


class SetupForm(Form):
    """The new administrator's account; ``again`` is the password a second time."""

    name = StringField(N_("Name"), [InputRequired(N_("Choose a name.")), Length(max=100)])
    display_name = StringField(N_("Full name"), [Length(max=display_names.LONGEST)])
    email = StringField(N_("Mail address"), [Length(max=LONGEST_ADDRESS)], filters=[shown_address])
    password = PasswordField(N_("Password"), [InputRequired(N_("Choose a password."))])
    again = PasswordField(N_("The same password again"), [InputRequired(N_("Enter the password a second time."))])


async def blank(visit: Visit) -> Response:
    """Show the sign-in form; a browser that is signed in already is redirected onward."""
    refused = await refused_forms.take(visit, SignInForm)
    secret = _current_secret(visit) or ""
    if not refused and await browsers.find_browser(secret, browsers.CONSOLE, now=visit.now, touch=False):
        return RedirectResponse(next_page(visit), 303)
    return await _ask(visit, refused or SignInForm())


async def submit(visit: Visit) -> Response:
    """Sign in; the browser gets a new secret, whatever cookie it sent."""
    form = await SignInForm.read(visit.request)
    if not form.validate():
        return await refused_forms.redirect_back(visit, form)
    try:
        signed_in = await console_sign_in.sign_in(
            visit.desk,
            identifier(form.name.data),
            form.password.data,
            guards.browser_of(visit),
            now=visit.now,
        )
        if isinstance(signed_in, console_sign_in.SecondStep):
            after = next_page(visit)
            where = paths.CONSOLE_SECOND_STEP(next=after if after != paths.CONSOLE else "")
            response = cookie_check.redirect(visit.request, where)
            seconds = int(console_sign_in.SECOND_STEP_LIFE.total_seconds())
            guards.set_cookie(response, guards.SECOND_STEP_COOKIE, signed_in.sealed, seconds=seconds)
            return response
    except SigninFailed:
        form.form_errors.append(_("Name and password do not match."))
        return await refused_forms.redirect_back(visit, form)
    except DirectoryUnavailable as refusal:
        form.form_errors.append(_(refusal.words))
        return await refused_forms.redirect_back(visit, form, status=503)
    except SlowDown as refusal:
        form.form_errors.append(_(refusal.words))
        return await refused_forms.redirect_back(visit, form, status=page_status(refusal), retry_after=refusal.seconds)
    return guards.set_console_cookie(signed_in, cookie_check.redirect(visit.request, next_page(visit)))


async def ask_again(visit: Console) -> Response:
    """Ask for the password or a second factor again before a critical action."""
    return await _confirm(visit, ConfirmForm())


async def confirm(visit: Console) -> Response:
    """Check the password or second factor, give the browser a new secret, and redirect onward."""
    form, factor = await ConfirmForm.read(visit.request), _wants_factor(visit)
    entered = password_again.entered_in(form.sent, factor=factor)
    if form.validate() and entered is None:
        (form.code_again if factor else form.password_again).errors = [
            _("Enter a code, or use a passkey.") if factor else _("Enter your password.")
        ]
    if entered is None or form.all_errors:
        return await _confirm(visit, form, status=422)
    signed_in, words = await password_again.sign_in(visit, entered, guards.browser_of(visit))
    if signed_in is None:
        again = paths.CONSOLE_CONFIRM(next=next_page(visit), factor="1" if factor else "")
        return redirect(again, "danger", words)
    note = _("Thank you. Go on here: nothing has been done yet.")
    return guards.set_console_cookie(signed_in, redirect(next_page(visit), "info", note))


async def redirect_to_form_page(visit: Console) -> Response:
    """Redirect an address that takes only forms to the page with the form; any other unknown address is NotFound."""
    match = match_of(visit.request, visit.request.url.path)
    if match is Match.NONE:
        raise NotFound
    if visit.request.method == "POST":
        raise WrongMethod({"Allow": "GET, HEAD"})
    return RedirectResponse(form_page_of(visit.request), 303)


async def sign_out(visit: Visit) -> Response:
    """Sign out: delete the browser's row and its cookie."""
    await browsers.close_browser(visit.request.cookies.get(guards.CONSOLE_COOKIE, ""))
    response = redirect(paths.CONSOLE_SIGN_IN, "success", _("You are signed out."))
    guards.drop_cookie(response, guards.CONSOLE_COOKIE)
    return response


async def show_setup(visit: Visit) -> Response:
    """Show the form of a setup link."""
    fixed = await _fixed_name(visit)
    return _offer(visit, await refused_forms.take(visit, SetupForm) or SetupForm(), fixed)


async def set_up(visit: Visit) -> Response:
    """Create the administrator of the setup link and sign the browser in."""
    await _fixed_name(visit)
    form = await SetupForm.read(visit.request)
    if form.validate() and form.password.data != form.again.data:
        form.again.errors = [_("The two passwords differ.")]
    if form.all_errors:
        return await refused_forms.redirect_back(visit, form)
    try:
        signed_in = await console_sign_in.use_setup_link(
            visit.desk,
            _token(visit),
            identifier(form.name.data),
            form.password.data,
            guards.browser_of(visit),
            email=form.email.data or "",
            display_name=form.display_name.data or "",
            now=visit.now,
        )
    except InputRefused as refusal:
        form.refuse(refusal)
        return await refused_forms.redirect_back(visit, form)
    except DirectoryUnavailable as refusal:
        form.form_errors.append(_(refusal.words))
        return await refused_forms.redirect_back(visit, form, status=503)
    except SetupLinkUnknown as refusal:
        raise _unknown(refusal) from None
    response = redirect(paths.CONSOLE, "success", _("Welcome, %s. You are signed in.") % signed_in.name)
    return guards.set_console_cookie(signed_in, response)


def next_page(visit: Visit) -> str:
    """Return where to go after signing in: the console page in ``next``, else the dashboard."""
    target = visit.request.query_params.get("next", "")
    return target if OWN.fullmatch(target) and not target.startswith(paths.CONSOLE_SIGN_IN) else paths.CONSOLE


def _current_secret(visit: Visit) -> str | None:
    return visit.request.cookies.get(guards.CONSOLE_COOKIE)


async def _ask(visit: Visit, form: SignInForm) -> Response:
    context = {
        "form": form,
        "first": not await administrators.any_administrator(),
        "directories": await directory_sign_in.any_assignment(),
        "question": await passkeys.ask_anybody(visit.desk, now=visit.now),
        "after": next_page(visit) if next_page(visit) != paths.CONSOLE else "",
    }
    return render(visit.request, "admin/account/sign-in.html", context, status=form.status, headers=form.headers)


async def _confirm(visit: Console, form: ConfirmForm, *, status: int = 200) -> Response:
    whose, factor = visit.administrator, _wants_factor(visit)
    context = {
        "form": form,
        "factor": factor,
        "factors": await second_factors.factors_of(whose.id),
        "question": await second_factors.ask(visit.desk, whose.id, console_sign_in.AGAIN, now=visit.now),
        "kept": await password_again.kept(visit, _current_secret(visit) or ""),
        "back": next_page(visit),
    }
    return render(visit.request, "admin/confirm.html", context, status=status)


def _wants_factor(visit: Console) -> bool:
    """Return whether a second factor has to be entered: the page asks for one, and the administrator has one."""
    return bool(visit.request.query_params.get("factor")) and visit.administrator.second_factor_at is not None


def _token(visit: Visit) -> str:
    return link_value(visit.request.query_params.get("s", ""))


async def _fixed_name(visit: Visit) -> str | None:
    try:
        return await console_sign_in.name_of_setup_link(_token(visit), now=visit.now)
    except SetupLinkUnknown as refusal:
        raise _unknown(refusal) from None


def _unknown(refusal: SetupLinkUnknown) -> Failure:
    return Failure(404, f"{_(refusal.words)} {_(refusal.advice)}", refusal.code)


def _offer(visit: Visit, form: SetupForm, fixed: str | None) -> Response:
    context = {"form": form, "fixed": fixed, "shortest": password_strength.SHORTEST}
    return render(visit.request, "admin/account/setup.html", context, status=form.status)
