"""Access control: every page is guarded here by its own endpoint, never by what its path looks like.

A guarded endpoint takes one argument: `Visit` (anybody), `Console` (a signed-in administrator), `Portal` (somebody who
has signed in to enroll) or `SelfService` (somebody who has signed in to their own page); see `visits`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from otae import paths
from otae.accounts import browsers, console_sign_in, roles, second_factors
from otae.accounts.browsers import AdministratorRow
from otae.accounts.roles import Powers
from otae.errors import OtaeError, SelfServiceOff
from otae.store import properties
from otae.store.database import now as database_now
from otae.web import cookie_check, password_again, questions, refused_pages, whom_to_ask
from otae.web.client_address import browser_at
from otae.web.failures import Failure, SignInFirst, error_response
from otae.web.page_language import use_account, use_default_language, use_person_language
from otae.web.pages import address_of, form_page_of, is_fragment_request
from otae.web.visits import Console, Portal, SelfService, Visit
from otae.words import gettext as _

CONSOLE_COOKIE: Final = "__Host-otae-console"
PORTAL_COOKIE: Final = "__Host-otae-portal"
SELF_SERVICE_COOKIE: Final = "__Host-otae-me"
#: Says that the password was right, until the second factor is entered.
SECOND_STEP_COOKIE: Final = "__Host-otae-second-step"


Endpoint = Callable[[Request], Awaitable[Response]]


async def visit(request: Request) -> Visit:
    """Return the request as a visit, at the database's time."""
    request.state.now = await database_now()
    await use_default_language(request)
    return Visit(request, request.app.state.desk, request.state.now)


def anybody(page: Callable[[Visit], Awaitable[Response]]) -> Endpoint:
    """Return the endpoint of a page that is open to everybody."""

    async def endpoint(request: Request) -> Response:
        if answer := cookie_check.check_return(request):
            return answer
        visited = await visit(request)
        await whom_to_ask.read(request)
        return await page(visited)

    return endpoint


def administrators(
    page: Callable[[Console], Awaitable[Response]],
    permission: str,
    *,
    within: bool = False,
    fresh: bool = False,
    factor: bool = False,
    without_factor: bool = False,
) -> Endpoint:
    """Return the endpoint of a page for signed-in administrators whose role has ``permission``.

    Who is not signed in is sent to the sign-in page; a role without the permission is refused.

    Args:
        within: The page shows only rows within the administrator's reach. Without it, a role limited to some groups is
            refused as well.
        fresh: Whoever signed in more than ten minutes ago enters the password or a second factor again first.
        factor: As ``fresh``; whoever has a second factor enters that again, and the password alone will not do.
        without_factor: The page is open to an administrator who still has to set a second factor up.
    """

    async def endpoint(request: Request) -> Response:
        if answer := cookie_check.check_return(request):
            return answer
        visited = await visit(request)
        secret, touch = request.cookies.get(CONSOLE_COOKIE, ""), is_user_action(request)
        browser = await browsers.find_browser(secret, browsers.CONSOLE, now=visited.now, touch=touch)
        if browser is None or browser.administrator is None:
            raise SignInFirst(sign_in_for(request))
        request.state.administrator = administrator = browser.administrator
        use_account(request, administrator.language, administrator.time_zone)
        request.state.powers = powers = await roles.powers_of(administrator.role, now=visited.now)
        if not without_factor:
            await check_second_factor(request, administrator, powers)
        if request.method == "GET" and touch and (refused := await refused_pages.take(visited, secret, powers)):
            return refused
        if not powers.may(permission) or (powers.reach.limited and not within):
            raise wrong_role()
        console = Console(visited.request, visited.desk, visited.now, administrator, powers)
        if request.method == "POST" and (question := await questions.asked_by_button(console)):
            return await refused_pages.redirect_once(console, question, _address_of_form(request), secret)
        has_factor = factor and administrator.second_factor_at is not None
        is_fresh = browsers.has_fresh_factor if has_factor else browsers.has_fresh_password
        if (fresh or factor) and not is_fresh(browser, now=visited.now):
            return await _call_confirmed(page, console, factor=has_factor)
        return await _call_page(page, console, secret)

    return endpoint


async def _call_confirmed(
    page: Callable[[Console], Awaitable[Response]], console: Console, *, factor: bool
) -> Response:
    """Return the page's answer once the password is entered again; until then a redirect to where it is asked for.

    Args:
        factor: A second factor is asked for, not the password.

    Raises:
        SignInFirst: the page was asked for, and no form sent.
    """
    request = console.request
    if request.method != "POST":
        raise SignInFirst(confirm_for(request, factor=factor))
    result = await password_again.confirm(console, form_page_of(request), browser_of(console), factor=factor)
    if isinstance(result, Response):
        return result
    return set_console_cookie(result, await _call_page(page, console, result.secret))


async def check_second_factor(request: Request, administrator: AdministratorRow, powers: Powers) -> None:
    """Let nobody on who needs a second factor and has none.

    Raises:
        SignInFirst: a page was asked for; leads to where it is set up.
        Failure: 403, a form was sent.
    """
    if administrator.second_factor_at is not None or not await second_factors.is_required(powers):
        return
    if request.method in {"GET", "HEAD"}:
        raise SignInFirst(paths.ACCOUNT_FACTORS)
    raise Failure(403, _("You need a second factor: set it up before anything else."), "second-factor-missing")


def secret_of(visit: Console) -> str:
    """Return the secret of the browser that is signed in now, which confirming may have replaced in this request."""
    secret: str = visit.request.state.console_secret
    return secret


def browser_of(visit: Visit) -> console_sign_in.Browser:
    """Return the requesting browser, with the secret of its console cookie."""
    request = visit.request
    return console_sign_in.Browser(request.state.network, browser_at(request), request.cookies.get(CONSOLE_COOKIE))


async def _call_page(page: Callable[[Console], Awaitable[Response]], console: Console, secret: str) -> Response:
    """Return the page's answer; when a form was refused or asks a question, a redirect to the page that shows it.

    A form is refused by an answer with an error status or by an exception.

    Args:
        secret: Of the browser that is signed in now.
    """
    request = console.request
    request.state.console_secret = secret
    if request.method != "POST":
        return await page(console)
    try:
        answered = await page(console)
    except OtaeError as error:
        answered = error_response(request, error)
    return await refused_pages.redirect_once(console, answered, _address_of_form(request), secret)


def _address_of_form(request: Request) -> str:
    """Return path and query of the page with the form that was sent."""
    return f"{form_page_of(request)}?{request.url.query}" if request.url.query else form_page_of(request)


def set_console_cookie(signed_in: console_sign_in.SignInResult, response: Response) -> Response:
    """Set the cookie of the browser that signed in, and return ``response``."""
    set_cookie(response, CONSOLE_COOKIE, signed_in.secret, seconds=int(browsers.LIFE.total_seconds()))
    return response


def wrong_role() -> Failure:
    """Return the failure for an administrator whose role does not allow this."""
    return Failure(403, _("Your role does not allow this."), "wrong-role")


def enrolling(page: Callable[[Portal], Awaitable[Response]]) -> Endpoint:
    """Return the endpoint of a page for people who have signed in to enroll; others are sent to sign in.

    The page stays open for a while after the session ended.
    """

    async def endpoint(request: Request) -> Response:
        if answer := cookie_check.check_return(request):
            return answer
        visited = await visit(request)
        secret, touch = request.cookies.get(PORTAL_COOKIE, ""), is_user_action(request)
        browser = await browsers.find_browser(secret, browsers.PORTAL, now=visited.now, touch=touch)
        if browser is None or browser.session is None:
            # a page that asks for its part was signed in once, and so was a browser that still has the cookie
            raise SignInFirst(paths.LOGIN(ended=1 if secret or not touch else ""))
        session = browser.session
        await whom_to_ask.read(request)
        if session.invitation:
            request.state.support_code = session.invitation.support_code
        use_person_language(request, session.invitation.language if session.invitation else "", session.person.language)
        return await page(Portal(visited.request, visited.desk, visited.now, session))

    return endpoint


def people(page: Callable[[SelfService], Awaitable[Response]]) -> Endpoint:
    """Return the endpoint of the self-service page; who is not signed in to it is sent to sign in."""

    async def endpoint(request: Request) -> Response:
        if answer := cookie_check.check_return(request):
            return answer
        visited = await visit(request)
        await whom_to_ask.read(request)
        await check_self_service()
        secret = request.cookies.get(SELF_SERVICE_COOKIE, "")
        found = await browsers.find_person(visited.desk, secret, now=visited.now) if secret else None
        if found is None:
            raise SignInFirst(paths.ME_SIGN_IN(ended=1 if secret else ""))
        person, browser = found
        use_person_language(request, person.language)
        fresh = browsers.has_fresh_password(browser, now=visited.now)
        return await page(SelfService(request, visited.desk, visited.now, person, fresh))

    return endpoint


async def check_self_service() -> None:
    """Raise SelfServiceOff where the self-service page is not offered."""
    if not await properties.flag("selfservice.enable"):
        raise SelfServiceOff


def sign_in_for(request: Request) -> str:
    """Return the address of the console's sign-in page, which leads back when a page was only to be read."""
    if request.method != "GET" or is_fragment_request(request) or request.url.path == paths.CONSOLE:
        return paths.CONSOLE_SIGN_IN
    return paths.CONSOLE_SIGN_IN(next=address_of(request))


def confirm_for(request: Request, *, factor: bool) -> str:
    """Return the address of the page that asks for the password again and leads back to the requested page.

    ``factor``: it asks for a second factor.
    """
    return paths.CONSOLE_CONFIRM(next=request.url.path, factor="1" if factor else "")


def is_user_action(request: Request) -> bool:
    """Return whether a person made this request; a page's own polling does not keep a browser signed in."""
    return not is_fragment_request(request)


def set_cookie(response: Response, name: str, value: str, *, seconds: int) -> None:
    """Set a cookie for this host's TLS pages alone, which no script reads and no other site's request carries."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response, name: str) -> None:
    """Delete a cookie."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
