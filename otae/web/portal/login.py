"""From the mailed link to being signed in. GET and HEAD write no row: looking at a link or scanning it changes nothing.

The link's invitation token goes into a sealed cookie at once, so that it stands in no address that is shown, kept or
sent along; the page's own script, or the form, then tells that somebody opened it.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from otae.accounts import browsers
from otae.authority import push
from otae.enrollment import links
from otae.enrollment.signin import Entry, sign_in
from otae.errors import (
    DirectoryUnavailable,
    InputRefused,
    InvitationOnly,
    InvitationUnknown,
    NotAllowed,
    Refusal,
    SigninFailed,
    SlowDown,
)
from otae.invitations import lifecycle, new_links
from otae.invitations.modes import known_mode
from otae.store import properties
from otae.store.records import About, note_refusal
from otae.web.addresses import INSTALL, LOGIN
from otae.web.clients import browser_of, system_of
from otae.web.failures import Failure
from otae.web.forms import Form, InputRequired, Length, PasswordField, StringField
from otae.web.guards import PORTAL_COOKIE, Visit, drop_cookie, set_cookie
from otae.web.pages import render
from otae.web.portal.trust import fingerprint
from otae.words import gettext as _

LINK_COOKIE: Final = "__Host-otae-link"
#: Longer than any name or password that is taken; keeps what is shown again small.
LONGEST: Final = 256


class SignInForm(Form):
    """What one may have to enter; the mode decides what is asked."""

    name = StringField(_("User name"), [InputRequired(_("Please enter your user name.")), Length(max=LONGEST)])
    password = PasswordField(_("Password"), [Length(max=LONGEST)])
    pin = StringField(_("PIN"), [Length(max=40)])


@dataclass(frozen=True)
class Link:
    """The invitation whose link was followed, as the page needs it. ``refusal``: why it can not be used, if so."""

    about: About
    name: str
    mode: str
    rehearsal: bool
    refusal: NotAllowed | None


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
        if await lifecycle.by_token(query["e"]) is None:
            await lifecycle.refuse_replaced(query["e"])
            raise InvitationUnknown
        response: Response = RedirectResponse(LOGIN, 303)
        sealed = await links.seal(visit.desk, query["e"], now=visit.now)
        set_cookie(response, LINK_COOKIE, sealed, seconds=int(links.GOOD_FOR.total_seconds()))
        return response
    if "bare" in query:
        response = RedirectResponse(LOGIN, 303)
        drop_cookie(response, LINK_COOKIE)
        return response
    link = await followed(visit)
    if link is not None:
        check(link)
    await push.topic(visit.desk, rehearsal=link is not None and link.rehearsal)
    if link is None and not await properties.flag("macos.otae.enable"):
        raise InvitationOnly
    return await page(visit, SignInForm(data={"name": link.name if link else ""}), link)


async def opened(visit: Visit) -> Response:
    """Take note that the page behind the link is shown in somebody's browser."""
    if token := await carried(visit):
        invitation = await lifecycle.by_token(token)
        if invitation is not None:
            await lifecycle.link_opened(invitation, now=visit.now, browser=browser_of(user_agent(visit)))
    return Response(status_code=204)


async def enter(visit: Visit) -> Response:
    """Sign in; what was wrong is said on the same page."""
    form = await SignInForm.read(visit.request)
    await name_the_house(visit)
    link = await followed(visit)
    if link is None and visit.request.query_params.get("by") == "link":
        raise Failure(410, _("This page was open too long. Please open the link in your invitation mail again."))
    try:
        if link is not None:
            await opened(visit)
            check(link)
        if not form.validate():
            return await page(visit, form, link, status=422)
        return await let_in(visit, form)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await page(visit, form, link, status=422)
    except (DirectoryUnavailable, SigninFailed, SlowDown) as refusal:
        return await said_no(visit, form, link, refusal)
    except NotAllowed as refusal:
        if link is not None and not refusal.support_code:
            refusal.support_code = await note_refusal(refusal, now=visit.now, about=link.about)
        raise


async def name_the_house(visit: Visit) -> None:
    """Let the page say whose portal this is, also where it turns into a refusal."""
    visit.request.state.organization = await properties.word("organization.name")


def check(link: Link) -> None:
    """Raise why the link can not be used, if it can not."""
    if link.refusal is not None:
        raise link.refusal


async def let_in(visit: Visit, form: SignInForm) -> Response:
    """Open the session and sign the browser in."""
    token = await carried(visit)
    entry = Entry(
        name=form.name.data or "",
        password=form.password.data or "",
        pin="".join(letter for letter in form.pin.data or "" if letter not in " -–"),
        invitation=await lifecycle.by_token(token) if token else None,
        network=visit.request.state.network,
    )
    session = await sign_in(visit.desk, entry, now=visit.now)
    before = visit.request.cookies.get(PORTAL_COOKIE)
    secret = await browsers.open_browser(browsers.PORTAL, session, now=visit.now, replacing=before)
    response = RedirectResponse(INSTALL, 303)
    life = session.expires_at - visit.now + browsers.AFTERGLOW
    set_cookie(response, PORTAL_COOKIE, secret, seconds=int(life.total_seconds()))
    return response


async def said_no(visit: Visit, form: SignInForm, link: Link | None, refusal: Refusal) -> Response:
    """Show the form again with the refusal above it, telling a script when to come back."""
    form.form_errors.append(_(refusal.words))
    if isinstance(refusal, SlowDown):
        headers = {"Retry-After": str(refusal.seconds)}
        return await page(visit, form, link, status=429, code=refusal.support_code, headers=headers)
    status = 503 if isinstance(refusal, DirectoryUnavailable) else 422
    return await page(visit, form, link, status=status, code=refusal.support_code)


async def page(
    visit: Visit,
    form: SignInForm,
    link: Link | None,
    *,
    status: int = 200,
    code: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    """Render the login page for what the mode asks, or for all that can be entered without a link."""
    context = {
        "form": form,
        "link": link,
        "mode": await known_mode(link.mode) if link else None,
        "code": code,
        "fingerprint": await fingerprint(),
        "elsewhere": system_of(user_agent(visit)) not in {"macOS", ""},
    }
    return render(visit.request, "portal/login.html", context, status=status, headers=headers)


async def carried(visit: Visit) -> str | None:
    """Return the invitation token in the browser's cookie."""
    value = visit.request.cookies.get(LINK_COOKIE)
    return await links.open_sealed(visit.desk, value, now=visit.now) if value else None


async def followed(visit: Visit) -> Link | None:
    """Return whose link the browser followed, if it carries one that is known.

    Where it can not be used, the request keeps whether its page may offer a new one. Raises as
    `lifecycle.refuse_replaced`.
    """
    token = await carried(visit)
    invitation = await lifecycle.by_token(token) if token else None
    if token and invitation is None:
        await lifecycle.refuse_replaced(token)
    if invitation is None:
        return None
    refusal = None
    try:
        lifecycle.check_usable(invitation, now=visit.now)
        await known_mode(invitation.mode)
    except NotAllowed as found:
        refusal = found
        visit.request.state.new_link = await new_links.is_offered(invitation, now=visit.now)
    about = About(invitation_id=invitation.id, person_id=invitation.person_id, rehearsal=invitation.rehearsal)
    return Link(about, invitation.person.name, invitation.mode, invitation.rehearsal, refusal)


def user_agent(visit: Visit) -> str:
    """Return what the browser calls itself."""
    return visit.request.headers.get("user-agent", "")[:400]
