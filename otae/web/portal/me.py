"""The self-service page: a person's own Macs and invitations, after signing in with user name and password.

Whoever is signed in sees and changes what is theirs, and nothing else; no page shows a link or a PIN. Signing in is
counted as at the login page.
"""

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.accounts import browsers
from otae.enrollment import rights, signin
from otae.enrollment.signin import SignInEntry
from otae.errors import InputRefused, ModeOff, NotAllowed, Refusal, SigninFailed, SlowDown, StaleState
from otae.invitations import self_made, self_service
from otae.mdm.devices import devices_of
from otae.store import properties
from otae.text import identifier
from otae.translatable import N_
from otae.web import cookie_check, guards, refused_forms
from otae.web.failures import page_status
from otae.web.forms import Form, InputRequired, Length, PasswordField, StringField, sent_fields
from otae.web.guards import SELF_SERVICE_COOKIE, drop_cookie, set_cookie
from otae.web.pages import redirect, render
from otae.web.portal import other_device
from otae.web.portal.login import LONGEST, shown_terms, sign_browser_in
from otae.web.visits import SelfService, Visit
from otae.words import gettext as _


class OwnSignInForm(Form):
    """User name and password."""

    name = StringField(N_("User name"), [InputRequired(N_("Please enter your user name.")), Length(max=LONGEST)])
    password = PasswordField(N_("Password"), [InputRequired(N_("Please enter your password.")), Length(max=LONGEST)])


class StartForm(Form):
    """What starting to enroll this Mac asks for, apart from the password; as in `login.SignInForm`."""

    terms_of_use = StringField(N_("Terms of use"), [Length(max=LONGEST)])


async def blank(visit: Visit) -> Response:
    """Show the sign-in form."""
    await guards.check_self_service()
    form = await refused_forms.take(visit, OwnSignInForm) or OwnSignInForm()
    query = visit.request.query_params
    context = {"form": form, "ended": "ended" in query, "again": "again" in query}
    return render(visit.request, "portal/me-sign-in.html", context, status=form.status, headers=form.headers)


async def sign_in(visit: Visit) -> Response:
    """Sign in; the browser gets a new secret, whatever cookie it sent."""
    await guards.check_self_service()
    form = await OwnSignInForm.read(visit.request)
    if not form.validate():
        return await refused_forms.redirect_back(visit, form)
    network, now = visit.request.state.network, visit.now
    entry = SignInEntry(identifier(form.name.data), form.password.data, network=network)
    try:
        person, changed = await signin.check_password(visit.desk, entry, now=now)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await refused_forms.redirect_back(visit, form)
    except NotAllowed as refusal:
        form.form_errors.append(_(refusal.words))
        status = 422 if isinstance(refusal, SigninFailed) else page_status(refusal)
        wait = refusal.seconds if isinstance(refusal, SlowDown) else 0
        return await refused_forms.redirect_back(
            visit, form, status=status, code=refusal.support_code, retry_after=wait
        )
    before = visit.request.cookies.get(SELF_SERVICE_COOKIE)
    kind = browsers.SELF_SERVICE
    secret = await browsers.open_browser(kind, person, now=now, replacing=before, password_changed=changed)
    response = cookie_check.redirect(visit.request, paths.ME)
    set_cookie(response, SELF_SERVICE_COOKIE, secret, seconds=int(browsers.LIFE.total_seconds()))
    return response


async def sign_out(visit: Visit) -> Response:
    """Sign out: delete the browser's row and its cookie."""
    await browsers.close_browser(visit.request.cookies.get(SELF_SERVICE_COOKIE, ""))
    response = redirect(paths.ME_SIGN_IN, "success", _("You are signed out."))
    drop_cookie(response, SELF_SERVICE_COOKIE)
    return response


async def show(visit: SelfService) -> Response:
    """Show the person's Macs and invitations, and what they may do."""
    person, now = visit.person, visit.now
    macs = await devices_of(person.id, limit=self_service.MAX_ROWS)
    form = await refused_forms.take(visit, StartForm) or StartForm()
    context = {
        "form": form,
        "terms_of_use": await shown_terms(visit),
        "person": person,
        "macs": macs,
        "rights": {mac.id: rights.summary(mac.access_rights, mac.ownership) for mac in macs},
        "invitations": await self_service.own_invitations(person, now=now),
        "modes": await self_service.modes_for(person),
        "may_invite": await self_made.count_live(person.id, now=now) < self_made.MAX_LIVE,
        "may_start": await signin.may_start(person, now=now),
        "invitation_only": not await properties.flag("macos.otae.enable"),
        "elsewhere": other_device.is_other(visit.request),
    }
    return render(visit.request, "portal/me.html", context, status=form.status)


async def invite(visit: SelfService) -> Response:
    """Send the person an invitation to the address on file."""
    mode = str((await sent_fields(visit.request)).get("mode", ""))
    try:
        await self_service.create(visit.desk, visit.person, mode, now=visit.now)
    except (Refusal, StaleState) as refusal:
        return _refused(refusal)
    return redirect(paths.ME, "success", _("The invitation is on its way to your mail address."))


async def start(visit: SelfService) -> Response:
    """Start to enroll this Mac; a password entered too long ago is asked for again."""
    if not visit.fresh:
        return RedirectResponse(paths.ME_SIGN_IN(again=1), 303)
    form = await StartForm.read(visit.request)
    try:
        session = await signin.start(visit.desk, visit.person, form.terms_of_use.data or "", now=visit.now)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await refused_forms.redirect_back(visit, form, where=paths.ME)
    except NotAllowed as refusal:
        return _refused(refusal)
    return await sign_browser_in(visit, session, None)


async def resend(visit: SelfService) -> Response:
    """Send an invitation again, to the address on file."""
    invitation_id = visit.request.path_params["id"]
    try:
        sent = await self_service.resend(visit.desk, visit.person, invitation_id, now=visit.now)
    except (Refusal, StaleState) as refusal:
        return _refused(refusal)
    if not sent:
        return redirect(paths.ME, "warning", _("This invitation cannot be sent again. Please ask your IT department."))
    text = _("It is on its way to your mail address once more. If it has a PIN, only the newest works.")
    return redirect(paths.ME, "success", text)


async def withdraw(visit: SelfService) -> Response:
    """Withdraw an invitation."""
    invitation_id = visit.request.path_params["id"]
    withdrawn = await self_service.withdraw(visit.desk, visit.person, invitation_id, now=visit.now)
    text = _("The invitation is withdrawn.") if withdrawn else _("This invitation has ended already.")
    return redirect(paths.ME, "success" if withdrawn else "warning", text)


def _refused(refusal: Refusal | StaleState) -> Response:
    """Return to the page, which says why nothing was done."""
    if isinstance(refusal, InputRefused | ModeOff | StaleState):  # these speak to administrators
        text = _("That is not possible at the moment. Please ask your IT department.")
    else:
        text = _(refusal.words)
    return redirect(paths.ME, "warning", text)
