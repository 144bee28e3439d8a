"""Builds routes: a plain one for machine endpoints, a guarded one for every page.

A console page is listed so:

    console(paths.THINGS, "thing.see", GET=things.index)                             one permission for all
    console(paths.THING, "thing.see", changes="thing.edit", GET=…, POST=…)            another for all but GET
    console(paths.USERS, "person.see", within=True, GET=users.index)                 keeps to `visit.reach`

Permissions are listed in otae/accounts/permissions.py; with an unknown one, the server does not start. A page is closed
to roles that are limited to some groups until it says `within=True`, and it may say so once everything it shows and
takes goes through room functions that take `visit.reach` (a row out of reach is NotFound). In a template
`may("thing.edit")` decides whether to draw a button; the server checks the permission in any case.
A page answers a refused form directly; `refused_pages` makes a redirect of it.
`compressed=True`: what GET shows is compressed (docs/adr/0033-what-is-compressed.md).
`fresh=True`: methods that need more than a "see" permission ask for the password again after ten minutes.
`factor=True`: they ask for a second factor, if the administrator has one.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from otae.accounts.permissions import ENTER, PERMISSIONS
from otae.errors import CannotStart
from otae.web import compression, guards
from otae.web.guards import Endpoint
from otae.web.visits import Console, Portal, SelfService, Visit


class ConsoleRoute(Route):
    """A page of the console.

    ``needed`` is the permission by method; ``within`` says whether it keeps to the administrator's reach.
    """

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        methods: list[str],
        needed: dict[str, str],
        *,
        within: bool,
        compressed: bool,
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.needed, self.within, self.compressed = needed, within, compressed


def machine(path: str, **answers: Endpoint) -> Route:
    """Return the route of a machine endpoint; ``answers`` by method."""
    return Route(path, by_method(answers), methods=list(answers))


def anyone(path: str, **pages: Callable[[Visit], Awaitable[Response]]) -> Route:
    """Return the route of a page that is open to everybody; ``pages`` by method."""
    return Route(path, by_method({method: guards.anybody(page) for method, page in pages.items()}), methods=list(pages))


def portal(path: str, **pages: Callable[[Portal], Awaitable[Response]]) -> Route:
    """Return the route of a page for somebody who has signed in to enroll; ``pages`` by method."""
    guarded = {method: guards.enrolling(page) for method, page in pages.items()}
    return Route(path, by_method(guarded), methods=list(pages))


def self_service(path: str, **pages: Callable[[SelfService], Awaitable[Response]]) -> Route:
    """Return the route of a page for somebody who has signed in to their own page; ``pages`` by method."""
    return Route(path, by_method({method: guards.people(page) for method, page in pages.items()}), methods=list(pages))


def console(
    path: str,
    permission: str,
    *,
    changes: str | None = None,
    within: bool = False,
    fresh: bool = False,
    factor: bool = False,
    without_factor: bool = False,
    compressed: bool = False,
    **pages: Callable[[Console], Awaitable[Response]],
) -> Route:
    """Return the route of a page for administrators with ``permission``; ``pages`` by method.

    Args:
        changes: The permission for all methods but GET; by default the same.
        within: See `guards.administrators`; ``fresh``, ``factor`` and ``without_factor`` likewise.
        compressed: Whether what GET shows may be compressed: only where it shows the same to everybody who may see it,
            nothing of a person, no secret, and nothing out of the request.
    """
    needed = {method: permission if method == "GET" else changes or permission for method in pages}
    for name in (permission, changes or permission):
        if name != ENTER and name not in PERMISSIONS:
            raise CannotStart(f"the console page {path} names the permission {name!r}, which does not exist")
    if compressed:
        pages["GET"] = compression.compressed(pages["GET"])
    guarded = {
        method: guards.administrators(
            page,
            needed[method],
            within=within,
            fresh=fresh and not needed[method].endswith(".see"),
            factor=factor,
            without_factor=without_factor,
        )
        for method, page in pages.items()
    }
    return ConsoleRoute(path, by_method(guarded), list(pages), needed, within=within, compressed=compressed)


def by_method(answers: dict[str, Endpoint]) -> Endpoint:
    """Return an endpoint that calls the answer of the request's method; HEAD is answered as GET."""

    async def endpoint(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return endpoint
