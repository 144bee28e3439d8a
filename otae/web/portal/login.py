"""The portal's sign-in, from the mailed link on. GET and HEAD change no row: opening or scanning a link has no effect.

The link's invitation token moves into a sealed cookie at once, so that it stands in no address that is shown, stored or
sent along. The form carries it too and so names its invitation, whatever link was opened meanwhile. The page's script,
or the form, reports that somebody opened the link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.accounts import browsers
from otae.authority import push
from otae.branding import portal_texts
from otae.branding.portal_texts import TERMS_OF_USE, PortalTextRow
from otae.enrollment import link_cookie, link_page
from otae.enrollment.credentials import entered_name
from otae.enrollment.link_cookie import Purpose
from otae.enrollment.link_page import LinkPage
from otae.enrollment.progress import SessionRow
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import InputRefused, InvitationOnly, InvitationUnknown, Refusal, SigninFailed
from otae.invitations import lifecycle
from otae.invitations.details import InvitationRow
from otae.invitations.listing import find_invitation
from otae.store import properties
from otae.text import identifier, letters_and_digits, link_value
from otae.translatable import N_
from otae.web import cookie_check, refused_forms
from otae.web.client_address import browser_of
from otae.web.failures import page_status
from otae.web.forms import Form, HiddenField, InputRequired, Length, PasswordField, StringField
from otae.web.guards import PORTAL_COOKIE, drop_cookie, set_cookie
from otae.web.page_language import use_person_language
from otae.web.pages import render
from otae.web.portal import other_device
from otae.web.portal.trust import trust_context
from otae.web.visits import Visit
from otae.words import gettext as _
from otae.words import language, ngettext

LINK_COOKIE: Final = "__Host-otae-link"
#: Leads from a session back to the form of its invitation; expires with the session's cookie.
SESSION_LINK_COOKIE: Final = "__Host-otae-session-link"
#: Stands before an invitation's id where a code opened it, in the place of its token.
BY_CODE: Final = "go-"
#: Longer than any accepted name or password; bounds what is shown again.
LONGEST: Final = 256


class SignInForm(Form):
    """The credentials; the mode decides which are asked for.

    ``terms_of_use`` is the SHA-256 of the terms that were accepted; ``link`` is the sealed token of the invitation.
    """

    never_kept = frozenset({"pin", "link"})
    name = StringField(N_("User name"), [InputRequired(N_("Please enter your user name.")), Length(max=LONGEST)])
    password = PasswordField(N_("Password"), [Length(max=LONGEST)])
    pin = StringField(N_("PIN"), [Length(max=LONGEST)])
    terms_of_use = StringField(N_("Terms of use"), [Length(max=LONGEST)])
    link = HiddenField()


@dataclass(frozen=True)
class Link:
    """An opened link. ``page`` is what its page shows; ``sealed`` is the token for a form of that page.

    ``by_code``: a code opened the invitation, not its link; its page shows the user name alone.
    """

    token: str
    page: LinkPage
    sealed: str
    by_code: bool = False


async def start(visit: Visit) -> Response:
    """Redirect the bare address to the portal."""
    del visit
    return RedirectResponse(paths.LOGIN, 303)


async def redirect_short_link(visit: Visit) -> Response:
    """Redirect the short link of a mail to the login page."""
    token = visit.request.query_params.get("e", "")
    return RedirectResponse(paths.LOGIN(e=token), 302)


async def show(visit: Visit) -> Response:
    """Show the login page, after moving an invitation token from the address into a cookie."""
    query = visit.request.query_params
    if answer := other_device.said(visit.request):
        return answer
    if "e" in query:
        token = link_value(query["e"])
        if await lifecycle.find_by_token(token) is None:
            await lifecycle.refuse_replaced(token)
            raise InvitationUnknown
        return await set_link_cookies(visit, cookie_check.redirect(visit.request, paths.LOGIN), token)
    if "bare" in query:
        return await set_link_cookies(visit, RedirectResponse(paths.LOGIN, 303), None)
    if "again" in query:
        back_to = await token_of_session(visit)
        # The page was open until the cookies that lead back expired; say so, since the bare form would not.
        over = back_to is None and PORTAL_COOKIE not in visit.request.cookies
        return await set_link_cookies(visit, RedirectResponse(paths.LOGIN(ended=over), 303), back_to)
    form = await refused_forms.take(visit, SignInForm) or SignInForm()
    link = await find_link(visit, await token_of_cookie(visit))
    if link is not None and link.page.refusal is not None:
        raise link.page.refusal
    await push.topic(visit.desk, rehearsal=link is not None and link.page.rehearsal)
    if link is None and not await properties.flag("macos.otae.enable"):
        raise InvitationOnly
    if other_device.is_other(visit.request):
        return await other_device.render_page(visit, *((link.page, link.sealed) if link and not link.by_code else ()))
    return await render_page(visit, form, link)


async def not_you(visit: Visit) -> Response:
    """Show what to do for somebody who received a link that was meant for another person."""
    may_start = await properties.flag("macos.otae.enable")
    return render(visit.request, "portal/not-you.html", {"may_start": may_start})


async def record_opened(visit: Visit) -> Response:
    """Record that a browser shows the page of the link."""
    await note_opened(visit, await token_of_cookie(visit))
    return Response(status_code=204)


async def submit(visit: Visit) -> Response:
    """Sign in; a refusal is shown on the page that the browser is redirected to."""
    form = await SignInForm.read(visit.request)
    token = await token_sent(visit, form.sent)
    if form.link.data and token is None:
        text = _("This page was open too long. Please open the link in your invitation mail again.")
        form.form_errors.append(text)
        return await redirect_to_form(visit, form, None, 410)
    await note_opened(visit, token)
    try:
        if not form.validate():
            return await redirect_to_form(visit, form, token, 422)
        return await open_session(visit, form, token)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await redirect_to_form(visit, form, token, 422)
    except Refusal as refusal:
        field, text = await refusal_text(visit, token, refusal)
        form.refuse(InputRefused({field: text}))
        status = 422 if isinstance(refusal, SigninFailed) else page_status(refusal)
        return await redirect_to_form(visit, form, token, status, refusal)


async def open_session(visit: Visit, form: SignInForm, token: str | None) -> Response:
    """Open the enrollment session and sign the browser in."""
    by_code = await find_by_code(token)
    invitation = await lifecycle.find_by_token(token) if token else None
    if token and invitation is None and by_code is None:
        await lifecycle.refuse_replaced(token)
        raise InvitationUnknown
    typed = form.name.data or ""
    entry = SignInEntry(
        # the page of a link shows the name as we have it, and sends it back
        name=typed if invitation and typed == invitation.person.name else identifier(typed),
        password=form.password.data or "",
        pin=letters_and_digits(form.pin.data or ""),
        invitation=invitation,
        by_code=by_code,
        network=visit.request.state.network,
        terms_of_use=form.terms_of_use.data or "",
    )
    return await sign_browser_in(visit, await sign_in(visit.desk, entry, now=visit.now), token)


async def sign_browser_in(visit: Visit, session: SessionRow, token: str | None) -> Response:
    """Sign the browser in for ``session``, and redirect to the page that shows its progress.

    ``token``: the invitation token of that session, None when it was opened without a link.
    """
    before = visit.request.cookies.get(PORTAL_COOKIE)
    secret = await browsers.open_browser(browsers.PORTAL, session, now=visit.now, replacing=before)
    response = cookie_check.redirect(visit.request, paths.INSTALL)
    until = session.expires_at + browsers.RESULT_SHOWN_FOR
    set_cookie(response, PORTAL_COOKIE, secret, seconds=int((until - visit.now).total_seconds()))
    return await set_link_cookies(visit, response, token, until=until)


async def refusal_text(visit: Visit, token: str | None, refusal: Refusal) -> tuple[str, str]:
    """Return the field that ``refusal`` is about, "" when it does not say, and its text.

    Only the page of a link whose mode asks for one secret names it; a PIN there also says how many tries it has left.
    """
    link = await find_link(visit, token) if isinstance(refusal, SigninFailed) else None
    mode = link.page.mode if link and not link.by_code else None
    if link is None or mode is None or mode.authentication == mode.secret:
        return "", _(refusal.words)
    left = link.page.tries_left
    words = _(refusal.words)
    if left:
        tries = ngettext("%d try is left.", "%d tries are left.", left) % left
        words = f"{words} {tries}"
    return "pin" if mode.secret else "password", words


async def redirect_to_form(
    visit: Visit, form: SignInForm, token: str | None, status: int, refusal: Refusal | None = None
) -> Response:
    """Redirect to the login page of the invitation for which the form was refused."""
    wait = getattr(refusal, "seconds", 0)
    code = refusal.support_code if refusal and not token else ""  # a link's page shows its invitation's code
    response = await refused_forms.redirect_back(
        visit, form, status=status, code=code, retry_after=wait, where=paths.LOGIN
    )
    return await set_link_cookies(visit, response, token)


async def render_page(visit: Visit, form: SignInForm, link: Link | None) -> Response:
    """Render the login page: for the link's mode, or without a link with all fields."""
    if link and link.by_code and not form.all_errors:
        form.name.data = entered_name(link.page.invitation.person)
    context = {
        "form": form,
        "link": link.page if link and not link.by_code else None,
        "sealed": link.sealed if link else "",
        "mode": link.page.mode if link else None,
        "rights": link.page.rights if link else None,
        "ended": "ended" in visit.request.query_params,
        "terms_of_use": await shown_terms(visit),
        "self_service": await properties.flag("selfservice.enable"),
        **await trust_context(visit),
        "may_be_ipad": other_device.may_be_ipad(visit.request),
    }
    return render(visit.request, "portal/login.html", context, status=form.status, headers=form.headers)


async def shown_terms(visit: Visit) -> PortalTextRow | None:
    """Return the terms of use in the page's language, or in another that there are some in."""
    fallback = visit.request.state.branding.language
    return portal_texts.choose(await portal_texts.shown(TERMS_OF_USE), language(), fallback)


async def token_sent(visit: Visit, sent: Mapping[str, object]) -> str | None:
    """Return the invitation token that a form names; for a form without the hidden field, the one in the cookie."""
    return await token_of_form(visit, str(sent["link"])) if "link" in sent else await token_of_cookie(visit)


async def token_of_cookie(visit: Visit) -> str | None:
    """Return the invitation token in the browser's cookie."""
    value = visit.request.cookies.get(LINK_COOKIE)
    return await link_cookie.open_sealed(visit.desk, value, now=visit.now) if value else None


async def token_of_form(visit: Visit, sealed: str | None) -> str | None:
    """Return the invitation token in a form; None when the form is for no link, or has expired."""
    return await link_cookie.open_sealed(visit.desk, sealed, now=visit.now, purpose=Purpose.FORM) if sealed else None


async def token_of_session(visit: Visit) -> str | None:
    """Return the token of the invitation of the browser's session; None when it was opened without a link."""
    value = visit.request.cookies.get(SESSION_LINK_COOKIE)
    return await link_cookie.open_sealed(visit.desk, value, now=visit.now, purpose=Purpose.SESSION) if value else None


async def set_link_cookies(
    visit: Visit, response: Response, token: str | None, *, until: datetime | None = None
) -> Response:
    """Set the cookies with the link's token, or delete them when there is none.

    Args:
        until: The end of the session that was opened; until then the browser is led back to this invitation.
    """
    lasting = [(LINK_COOKIE, Purpose.COOKIE)] + ([(SESSION_LINK_COOKIE, Purpose.SESSION)] if until else [])
    end = until or visit.now + link_cookie.LIFETIME
    for cookie, purpose in lasting:
        if token:
            sealed = await link_cookie.seal(visit.desk, token, now=visit.now, purpose=purpose, until=end)
            set_cookie(response, cookie, sealed, seconds=int((end - visit.now).total_seconds()))
        elif cookie in visit.request.cookies:
            drop_cookie(response, cookie)
    return response


async def find_link(visit: Visit, token: str | None) -> Link | None:
    """Return the link of ``token``; None without a token, or when no invitation ever had it.

    The request keeps the link for the page that says why it cannot be used.

    Raises:
        InvitationReplaced, InvitationRevoked, InvitationRedeemed: It is an earlier token of an invitation.
    """
    by_code = await find_by_code(token)
    invitation = by_code or (await lifecycle.find_by_token(token) if token else None)
    if token and invitation is None:
        await lifecycle.refuse_replaced(token)
    if token is None or invitation is None:
        return None
    sealed = await link_cookie.seal(visit.desk, token, now=visit.now, purpose=Purpose.FORM)
    use_person_language(visit.request, invitation.language, invitation.person.language)
    visit.request.state.support_code = invitation.support_code
    page = await link_page.read(invitation, now=visit.now)
    link = Link(token, page, sealed, by_code=by_code is not None)
    visit.request.state.link = None if link.by_code else link
    return link


async def find_by_code(token: str | None) -> InvitationRow | None:
    """Return the invitation that a code opened in this browser, its person fetched; None for any other token."""
    return await find_invitation(token.removeprefix(BY_CODE)) if token and token.startswith(BY_CODE) else None


async def note_opened(visit: Visit, token: str | None) -> None:
    """Record that a browser shows the page of the link of ``token``."""
    if token and (invitation := await lifecycle.find_by_token(token)):
        use_person_language(visit.request, invitation.language, invitation.person.language)
        await lifecycle.record_link_opened(invitation, now=visit.now, browser=browser_of(user_agent(visit)))


def user_agent(visit: Visit) -> str:
    """Return the browser's User-Agent, cut to 400 characters."""
    return visit.request.headers.get("user-agent", "")[:400]
