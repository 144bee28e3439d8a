"""The way in: the setup link of the first administrator, signing in, signing out."""

import re
from typing import Final
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from otae.accounts import administrators, browsers, console_sign_in, directory_sign_in, password_strength
from otae.contacts import LONGEST, shown_address
from otae.errors import Busy, DirectoryUnavailable, InputRefused, SetupLinkUnknown, SigninFailed, SlowDown
from otae.text import identifier, link_value
from otae.web import cookie_check, guards, password_again, refused_forms
from otae.web.failures import Failure, NotFound, WrongMethod
from otae.web.forms import Form, InputRequired, Length, PasswordField, StringField
from otae.web.guards import Console, Visit
from otae.web.pages import go, render
from otae.web.paths import CONSOLE, CONSOLE_CONFIRM, CONSOLE_SIGN_IN
from otae.words import gettext as _

#: The console's own addresses, with or without a query: the only places to go after signing in.
OWN: Final = re.compile(r"/admin(?:/[\w~@-][\w.~@-]*)*(?:\?[\w=&%+.~-]*)?", re.ASCII)

#: A directory's name and a user name in it, with what stands between them.
LONGEST_NAME: Final = 201


class SignInForm(Form):
    """Name and password."""

    name = StringField(_("Name"), [InputRequired(_("Enter your name.")), Length(max=LONGEST_NAME)])
    password = PasswordField(
        _("Password"), [InputRequired(_("Enter your password.")), Length(max=password_strength.LONGEST)]
    )


class ConfirmForm(Form):
    """The password of whoever is signed in."""

    password_again = PasswordField(
        _("Your password"), [InputRequired(_("Enter your password.")), Length(max=password_strength.LONGEST)]
    )


class SetupForm(Form):
    """Who the new administrator is. ``again``: the password a second time."""

    name = StringField(_("Name"), [InputRequired(_("Choose a name.")), Length(max=100)])
    email = StringField(_("Mail address"), [Length(max=LONGEST)], filters=[shown_address])
    password = PasswordField(_("Password"), [InputRequired(_("Choose a password."))])
    again = PasswordField(_("The same password again"), [InputRequired(_("Enter the password a second time."))])


async def blank(visit: Visit) -> Response:
    """Ask for name and password; who is signed in already goes on."""
    refused = await refused_forms.take(visit, SignInForm)
    came_with = _came_with(visit) or ""
    if not refused and await browsers.find_browser(came_with, browsers.CONSOLE, now=visit.now, touch=False):
        return RedirectResponse(after(visit), 303)
    return await _ask(visit, refused or SignInForm())


async def enter(visit: Visit) -> Response:
    """Sign in: a new secret for the browser, whatever it came with."""
    form = await SignInForm.read(visit.request)
    if not form.validate():
        return await refused_forms.send_back(visit, form)
    try:
        arrival = await console_sign_in.sign_in(
            visit.desk,
            identifier(form.name.data),
            form.password.data,
            guards.browser_of(visit),
            now=visit.now,
        )
    except SigninFailed:
        form.form_errors.append(_("Name and password do not match."))
        return await refused_forms.send_back(visit, form)
    except DirectoryUnavailable as refusal:
        form.form_errors.append(_(refusal.words))
        return await refused_forms.send_back(visit, form, status=503)
    except Busy as refusal:
        form.form_errors.append(_(refusal.words))
        return await refused_forms.send_back(visit, form, status=503, retry_after=refusal.seconds)
    except SlowDown as refusal:
        form.form_errors.append(_("Too many attempts. Try again in %d s.") % refusal.seconds)
        return await refused_forms.send_back(visit, form, status=429, retry_after=refusal.seconds)
    return guards.let_in(arrival, cookie_check.lead(visit.request, after(visit)))


async def ask_again(visit: Console) -> Response:
    """Ask for the password once more, before something that cannot be undone."""
    return await _confirm(visit, ConfirmForm())


async def confirm(visit: Console) -> Response:
    """Take the password, give the browser a new secret, and go on."""
    form = await ConfirmForm.read(visit.request)
    if not form.validate():
        return await _confirm(visit, form, status=422)
    arrival, words = await password_again.sign_in(visit, form.password_again.data, guards.browser_of(visit))
    if arrival is None:
        return go(f"{CONSOLE_CONFIRM}?{urlencode({'next': after(visit)})}", "danger", words)
    note = _("Thank you. Go on here: nothing has been done yet.")
    return guards.let_in(arrival, go(after(visit), "info", note))


async def elsewhere(visit: Console) -> Response:
    """Lead an address that only takes forms to the page which shows the form; for any other there is nothing."""
    match = guards.match_of(visit.request, visit.request.url.path)
    if match is Match.NONE:
        raise NotFound
    if visit.request.method == "POST":
        raise WrongMethod({"Allow": "GET, HEAD"})
    return RedirectResponse(guards.page_of(visit.request), 303)


async def leave(visit: Visit) -> Response:
    """Sign out: the row goes, and the cookie with it."""
    await browsers.close_browser(visit.request.cookies.get(guards.CONSOLE_COOKIE, ""))
    response = go(CONSOLE_SIGN_IN, "success", _("You are signed out."))
    guards.drop_cookie(response, guards.CONSOLE_COOKIE)
    return response


async def welcome(visit: Visit) -> Response:
    """Show what a setup link is for."""
    fixed = await _fixed_name(visit)
    return _offer(visit, await refused_forms.take(visit, SetupForm) or SetupForm(), fixed)


async def set_up(visit: Visit) -> Response:
    """Make the administrator of the setup link and sign the browser in."""
    await _fixed_name(visit)
    form = await SetupForm.read(visit.request)
    if form.validate() and form.password.data != form.again.data:
        form.again.errors = [_("The two passwords differ.")]
    if form.all_errors:
        return await refused_forms.send_back(visit, form)
    try:
        arrival = await console_sign_in.use_setup_link(
            visit.desk,
            _token(visit),
            identifier(form.name.data),
            form.password.data,
            guards.browser_of(visit),
            email=form.email.data or "",
            now=visit.now,
        )
    except InputRefused as refusal:
        form.refuse(refusal)
        return await refused_forms.send_back(visit, form)
    except DirectoryUnavailable as refusal:
        form.form_errors.append(_(refusal.words))
        return await refused_forms.send_back(visit, form, status=503)
    except SetupLinkUnknown as refusal:
        raise _unknown(refusal) from None
    response = go(CONSOLE, "success", _("Welcome, %s. You are signed in.") % arrival.name)
    return guards.let_in(arrival, response)


def after(visit: Visit) -> str:
    """Return where to go after signing in: what ``next`` asks for when it is a console page, else the dashboard."""
    wanted = visit.request.query_params.get("next", "")
    return wanted if OWN.fullmatch(wanted) and not wanted.startswith(CONSOLE_SIGN_IN) else CONSOLE


def _came_with(visit: Visit) -> str | None:
    return visit.request.cookies.get(guards.CONSOLE_COOKIE)


async def _ask(visit: Visit, form: SignInForm) -> Response:
    context = {"form": form, "first": not await administrators.any_administrator()}
    context["directories"] = await directory_sign_in.any_assignment()
    return render(visit.request, "admin/account/sign-in.html", context, status=form.status, headers=form.headers)


async def _confirm(visit: Console, form: ConfirmForm, *, status: int = 200) -> Response:
    context = {"form": form, "kept": await password_again.kept(visit, _came_with(visit) or ""), "back": after(visit)}
    return render(visit.request, "admin/confirm.html", context, status=status)


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
