"""Who may see a page: every route is guarded here, by its own endpoint and never by the look of its path.

A guarded endpoint takes one argument: `Visit` (anybody), `Console` (a signed-in administrator) or `Portal` (somebody
who has signed in to enroll). Each carries the request, the desk and the one time of this request.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from otae.accounts import browsers, console_sign_in, roles
from otae.accounts.roles import Grantor, Powers
from otae.directory.reach import Reach
from otae.enrollment.progress import Session
from otae.errors import OtaeError
from otae.store.database import now as database_now
from otae.store.desk import Desk
from otae.web import cookie_check, password_again, refused_pages
from otae.web.client_address import browser_at
from otae.web.failures import Failure, SignInFirst, answer
from otae.web.pages import address_of, wants_part
from otae.web.paths import CONSOLE, CONSOLE_CONFIRM, CONSOLE_ELSEWHERE, CONSOLE_SIGN_IN, LOGIN
from otae.words import gettext as _

CONSOLE_COOKIE: Final = "__Host-otae-console"
PORTAL_COOKIE: Final = "__Host-otae-portal"


class Administrator(Protocol):
    """What pages know of the signed-in administrator."""

    id: UUID
    name: str
    domain: str
    role: str


@dataclass(frozen=True)
class Visit:
    """A request for a page, at one time."""

    request: Request
    desk: Desk
    now: datetime


@dataclass(frozen=True)
class Console(Visit):
    """A signed-in administrator's request. ``powers``: what the role allows, read for this request."""

    administrator: Administrator
    powers: Powers

    @property
    def actor(self) -> str:
        """The name under which rooms record what is done."""
        return self.administrator.name

    @property
    def by(self) -> Grantor:
        """Who changes administrators or roles, and how far that may go."""
        return Grantor(self.administrator.name, self.powers, self.administrator.id)

    @property
    def reach(self) -> Reach:
        """Whose rows this administrator gets to see: hand it to every room function that takes one."""
        return self.powers.reach

    def may(self, leaf: str) -> bool:
        """Tell whether the role allows this."""
        return self.powers.may(leaf)


@dataclass(frozen=True)
class Portal(Visit):
    """The request of somebody who has signed in to enroll; the session's person and invitation are fetched."""

    session: Session


Endpoint = Callable[[Request], Awaitable[Response]]


async def visit(request: Request) -> Visit:
    """Read the time once, for everything this request does."""
    request.state.now = await database_now()
    return Visit(request, request.app.state.desk, request.state.now)


def anybody(page: Callable[[Visit], Awaitable[Response]]) -> Endpoint:
    """Let everybody in."""

    async def endpoint(request: Request) -> Response:
        return cookie_check.arrived(request) or await page(await visit(request))

    return endpoint


def administrators(
    page: Callable[[Console], Awaitable[Response]], permission: str, *, within: bool = False, fresh: bool = False
) -> Endpoint:
    """Let signed-in administrators in whose role has ``permission``; send others to sign in, refuse the wrong role.

    ``within``: the page shows no more than the administrator's reach; without it, a role limited to some groups is
    refused as well. ``fresh``: whoever signed in more than ten minutes ago enters the password again first.
    """

    async def endpoint(request: Request) -> Response:
        if led := cookie_check.arrived(request):
            return led
        entered = await visit(request)
        secret, touch = request.cookies.get(CONSOLE_COOKIE, ""), by_a_person(request)
        browser = await browsers.find_browser(secret, browsers.CONSOLE, now=entered.now, touch=touch)
        if browser is None or browser.administrator is None:
            raise SignInFirst(sign_in_for(request))
        if request.method == "GET" and touch and (refused := await refused_pages.take(entered, secret)):
            return refused
        request.state.administrator = administrator = browser.administrator
        request.state.powers = powers = await roles.powers_of(administrator.role, now=entered.now)
        if not powers.may(permission) or (powers.reach.limited and not within):
            raise wrong_role()
        console = Console(entered.request, entered.desk, entered.now, administrator, powers)
        if not fresh or browsers.has_fresh_password(browser, now=entered.now):
            return await _answered(page, console, secret)
        if request.method != "POST":
            raise SignInFirst(confirm_for(request))
        arrival = await password_again.confirm(console, page_of(request), browser_of(entered))
        if isinstance(arrival, Response):
            return arrival
        return let_in(arrival, await _answered(page, console, arrival.secret))

    return endpoint


def browser_of(visit: Visit) -> console_sign_in.Browser:
    """Return the browser that asks, with the console's secret that it came with."""
    request = visit.request
    return console_sign_in.Browser(request.state.network, browser_at(request), request.cookies.get(CONSOLE_COOKIE))


async def _answered(page: Callable[[Console], Awaitable[Response]], console: Console, secret: str) -> Response:
    """Return the page's answer; of a form that was refused, also by raising, where the page shows it.

    ``secret``: of the browser that is signed in now.
    """
    request = console.request
    if request.method != "POST":
        return await page(console)
    try:
        answered = await page(console)
    except OtaeError as error:
        answered = answer(request, error)
    where = f"{page_of(request)}?{request.url.query}" if request.url.query else page_of(request)
    return await refused_pages.lead_back(console, answered, where, secret)


def let_in(arrival: console_sign_in.SignInResult, response: Response) -> Response:
    """Give the browser the secret of who arrived."""
    set_cookie(response, CONSOLE_COOKIE, arrival.secret, seconds=int(browsers.LIFE.total_seconds()))
    return response


def wrong_role() -> Failure:
    """Return the answer to somebody whose role does not allow this."""
    return Failure(403, _("Your role does not allow this."), "wrong-role")


def enrolling(page: Callable[[Portal], Awaitable[Response]]) -> Endpoint:
    """Let people in who have signed in to enroll, for a while also after that ended; send others to sign in."""

    async def endpoint(request: Request) -> Response:
        if led := cookie_check.arrived(request):
            return led
        entered = await visit(request)
        secret, touch = request.cookies.get(PORTAL_COOKIE, ""), by_a_person(request)
        browser = await browsers.find_browser(secret, browsers.PORTAL, now=entered.now, touch=touch)
        if browser is None or browser.session is None:
            # a page that asks for its part was signed in once, and so was a browser that still has the cookie
            raise SignInFirst(f"{LOGIN}?ended=1" if secret or not touch else LOGIN)
        return await page(Portal(entered.request, entered.desk, entered.now, browser.session))

    return endpoint


def sign_in_for(request: Request) -> str:
    """Return the console's sign-in page, which leads back to a page that was only to be read."""
    if request.method != "GET" or wants_part(request) or request.url.path == CONSOLE:
        return CONSOLE_SIGN_IN
    return f"{CONSOLE_SIGN_IN}?{urlencode({'next': address_of(request)})}"


def confirm_for(request: Request) -> str:
    """Return the page that asks for the password again, and leads back to the page that was asked for."""
    return f"{CONSOLE_CONFIRM}?{urlencode({'next': request.url.path})}"


def page_of(request: Request) -> str:
    """Return the page that shows the form which was sent to the address of ``request``."""
    path = request.url.path
    while path != CONSOLE and match_of(request, path) is not Match.FULL:
        path = path.rpartition("/")[0]
    return path


def match_of(request: Request, path: str) -> Match:
    """Tell whether ``path`` is a page (FULL), takes forms alone (PARTIAL), or is no address of ours (NONE)."""
    routes = (route for route in request.app.routes if getattr(route, "path", "") != CONSOLE_ELSEWHERE)
    matches: list[Match] = [route.matches(_asked_for(path))[0] for route in routes]
    return max(matches, key=lambda match: match.value)


def _asked_for(path: str) -> dict[str, object]:
    """Return how a browser would ask for the page at ``path``."""
    return {"type": "http", "method": "GET", "path": path, "root_path": ""}


def by_a_person(request: Request) -> bool:
    """Tell whether somebody acted; what a page asks for by itself does not keep a browser signed in."""
    return not wants_part(request)


def set_cookie(response: Response, name: str, value: str, *, seconds: int) -> None:
    """Set a cookie that only this host's TLS pages get back, that no script reads and no other site sends along."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def drop_cookie(response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
