"""From the mailed link to being signed in. GET and HEAD write no row: looking at a link or scanning it changes nothing.

The link's invitation token goes into a sealed cookie at once, so that it stands in no address that is shown, kept or
sent along. The form carries it as well, and says by that which invitation it is for, whatever link was followed
meanwhile; the page's own script, or the form, tells that somebody opened it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from otae.accounts import browsers
from otae.authority import push
from otae.enrollment import link_cookie, link_page
from otae.enrollment.link_cookie import Place
from otae.enrollment.link_page import LinkPage
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import InputRefused, InvitationOnly, InvitationUnknown, Refusal, SigninFailed
from otae.invitations import lifecycle
from otae.store import properties
from otae.text import identifier, letters_and_digits, link_value
from otae.web import cookie_check, refused_forms
from otae.web.client_address import browser_of, system_of
from otae.web.failures import page_status
from otae.web.forms import Form, HiddenField, InputRequired, Length, PasswordField, StringField
from otae.web.guards import PORTAL_COOKIE, Visit, drop_cookie, set_cookie
from otae.web.pages import render
from otae.web.paths import INSTALL, LOGIN
from otae.web.portal.trust import fingerprint
from otae.words import gettext as _
from otae.words import ngettext

LINK_COOKIE: Final = "__Host-otae-link"
#: Leads from a session back to the form of its own invitation; as long as the session's cookie.
SESSION_LINK_COOKIE: Final = "__Host-otae-session-link"
#: Longer than any name or password that is taken; keeps what is shown again small.
LONGEST: Final = 256


class SignInForm(Form):
    """What one may have to enter; the mode decides what is asked. ``link``: which invitation it is for, sealed."""

    never_kept = frozenset({"pin", "link"})
    name = StringField(_("User name"), [InputRequired(_("Please enter your user name.")), Length(max=LONGEST)])
    password = PasswordField(_("Password"), [Length(max=LONGEST)])
    pin = StringField(_("PIN"), [Length(max=LONGEST)])
    link = HiddenField()


@dataclass(frozen=True)
class Link:
    """A followed link. ``page``: what its page says; ``sealed``: the token, for a form of that page."""

    token: str
    page: LinkPage
    sealed: str


async def start(visit: Visit) -> Response:
    """Lead whoever opens the bare address to the portal."""
    del visit
    return RedirectResponse(LOGIN, 303)


async def follow(visit: Visit) -> Response:
    """Lead the short link of a mail to the login page."""
    token = visit.request.query_params.get("e", "")
    return RedirectResponse(f"{LOGIN}?e={quote(token, safe='')}" if token else LOGIN, 302)


async def show(visit: Visit) -> Response:
    """Show the login page; take an invitation token out of the address first."""
    query = visit.request.query_params
    await name_the_house(visit)
    if "e" in query:
        token = link_value(query["e"])
        if await lifecycle.find_by_token(token) is None:
            await lifecycle.refuse_replaced(token)
            raise InvitationUnknown
        return await remember(visit, cookie_check.lead(visit.request, LOGIN), token)
    if "bare" in query:
        return await remember(visit, RedirectResponse(LOGIN, 303), None)
    if "again" in query:
        back_to = await of_the_session(visit)
        # A page left open for long: the cookies that lead back are over, and the bare form alone would not say so.
        over = back_to is None and PORTAL_COOKIE not in visit.request.cookies
        return await remember(visit, RedirectResponse(f"{LOGIN}?ended=1" if over else LOGIN, 303), back_to)
    form = await refused_forms.take(visit, SignInForm) or SignInForm()
    link = await known(visit, await carried(visit))
    if link is not None and link.page.refusal is not None:
        link.page.refusal.support_code = form.support_code
        raise link.page.refusal
    await push.topic(visit.desk, rehearsal=link is not None and link.page.rehearsal)
    if link is None and not await properties.flag("macos.otae.enable"):
        raise InvitationOnly
    return await page(visit, form, link)


async def opened(visit: Visit) -> Response:
    """Take note that the page behind the link is shown in somebody's browser."""
    await note_opened(visit, await carried(visit))
    return Response(status_code=204)


async def enter(visit: Visit) -> Response:
    """Sign in; what was wrong is said on the page that the browser is led back to."""
    form = await SignInForm.read(visit.request)
    await name_the_house(visit)
    # A form that says nothing of a link, not even that it is for none, is none of our pages': the cookie decides.
    token = await meant(visit, form.link.data) if "link" in form.sent else await carried(visit)
    if form.link.data and token is None:
        text = _("This page was open too long. Please open the link in your invitation mail again.")
        form.form_errors.append(text)
        return await back(visit, form, None, 410)
    await note_opened(visit, token)
    try:
        if not form.validate():
            return await back(visit, form, token, 422)
        return await let_in(visit, form, token)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await back(visit, form, token, 422)
    except Refusal as refusal:
        form.form_errors.append(await said(visit, token, refusal))
        status = 422 if isinstance(refusal, SigninFailed) else page_status(refusal)
        return await back(visit, form, token, status, refusal)


async def name_the_house(visit: Visit) -> None:
    """Let the page say whose portal this is, also where it turns into a refusal."""
    visit.request.state.organization = await properties.word("organization.name")


async def let_in(visit: Visit, form: SignInForm, token: str | None) -> Response:
    """Open the session and sign the browser in."""
    invitation = await lifecycle.find_by_token(token) if token else None
    if token and invitation is None:
        await lifecycle.refuse_replaced(token)
        raise InvitationUnknown
    typed = form.name.data or ""
    entry = SignInEntry(
        # the page of a link shows the name as we have it, and sends it back
        name=typed if invitation and typed == invitation.person.name else identifier(typed),
        password=form.password.data or "",
        pin=letters_and_digits(form.pin.data or ""),
        invitation=invitation,
        network=visit.request.state.network,
    )
    session = await sign_in(visit.desk, entry, now=visit.now)
    before = visit.request.cookies.get(PORTAL_COOKIE)
    secret = await browsers.open_browser(browsers.PORTAL, session, now=visit.now, replacing=before)
    response = cookie_check.lead(visit.request, INSTALL)
    until = session.expires_at + browsers.RESULT_SHOWN_FOR
    set_cookie(response, PORTAL_COOKIE, secret, seconds=int((until - visit.now).total_seconds()))
    return await remember(visit, response, token, until=until)


async def said(visit: Visit, token: str | None, refusal: Refusal) -> str:
    """Return what is said of ``refusal``: where the PIN is the only secret also how many tries are left."""
    link = await known(visit, token) if isinstance(refusal, SigninFailed) else None
    left = link.page.tries_left if link else None
    if not left:
        return _(refusal.words)
    return f"{_(refusal.words)} {ngettext('%d try is left.', '%d tries are left.', left) % left}"


async def back(
    visit: Visit, form: SignInForm, token: str | None, status: int, refusal: Refusal | None = None
) -> Response:
    """Lead back to the form of the invitation that the refused one was for."""
    code, wait = (refusal.support_code, getattr(refusal, "seconds", 0)) if refusal else ("", 0)
    led = await refused_forms.send_back(visit, form, status=status, code=code, retry_after=wait, where=LOGIN)
    return await remember(visit, led, token)


async def page(visit: Visit, form: SignInForm, link: Link | None) -> Response:
    """Render the login page for what the mode asks, or for all that can be entered without a link."""
    context = {
        "form": form,
        "link": link.page if link else None,
        "sealed": link.sealed if link else "",
        "mode": link.page.mode if link else None,
        "ended": "ended" in visit.request.query_params,
        "fingerprint": await fingerprint(),
        "elsewhere": system_of(user_agent(visit)) not in {"macOS", ""},
    }
    return render(visit.request, "portal/login.html", context, status=form.status, headers=form.headers)


async def carried(visit: Visit) -> str | None:
    """Return the invitation token in the browser's cookie."""
    value = visit.request.cookies.get(LINK_COOKIE)
    return await link_cookie.open_sealed(visit.desk, value, now=visit.now) if value else None


async def meant(visit: Visit, sealed: str | None) -> str | None:
    """Return the invitation token in a form; None when it is for none, or was shown too long ago."""
    return await link_cookie.open_sealed(visit.desk, sealed, now=visit.now, place=Place.FORM) if sealed else None


async def of_the_session(visit: Visit) -> str | None:
    """Return the token of the invitation that the browser's session came from, if it came by a link."""
    value = visit.request.cookies.get(SESSION_LINK_COOKIE)
    return await link_cookie.open_sealed(visit.desk, value, now=visit.now, place=Place.SESSION) if value else None


async def remember(visit: Visit, response: Response, token: str | None, *, until: datetime | None = None) -> Response:
    """Let the browser keep which link it followed, or that it followed none.

    ``until``: it signed in, and is led back to this invitation until then.
    """
    lasting = [(LINK_COOKIE, Place.COOKIE)] + ([(SESSION_LINK_COOKIE, Place.SESSION)] if until else [])
    end = until or visit.now + link_cookie.LIFETIME
    for cookie, place in lasting:
        if token:
            sealed = await link_cookie.seal(visit.desk, token, now=visit.now, place=place, until=end)
            set_cookie(response, cookie, sealed, seconds=int((end - visit.now).total_seconds()))
        elif cookie in visit.request.cookies:
            drop_cookie(response, cookie)
    return response


async def known(visit: Visit, token: str | None) -> Link | None:
    """Return the link of ``token``, None when it is not known (any more). Raises as `lifecycle.refuse_replaced`.

    The request keeps it for a page that says why it can not be used.
    """
    invitation = await lifecycle.find_by_token(token) if token else None
    if token and invitation is None:
        await lifecycle.refuse_replaced(token)
    if token is None or invitation is None:
        return None
    sealed = await link_cookie.seal(visit.desk, token, now=visit.now, place=Place.FORM)
    visit.request.state.link = link = Link(token, await link_page.read(invitation, now=visit.now), sealed)
    return link


async def note_opened(visit: Visit, token: str | None) -> None:
    """Record that the page behind the link of ``token`` is shown in somebody's browser."""
    if token and (invitation := await lifecycle.find_by_token(token)):
        await lifecycle.record_link_opened(invitation, now=visit.now, browser=browser_of(user_agent(visit)))


def user_agent(visit: Visit) -> str:
    """Return what the browser calls itself."""
    return visit.request.headers.get("user-agent", "")[:400]
