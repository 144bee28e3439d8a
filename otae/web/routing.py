"""How an address is listed: what a door is, and the guards that stand before every page.

A console page is listed so:

    console("/admin/things", "thing.see", GET=things.index)                                   one leaf for every method
    console("/admin/things/{id:uuid}", "thing.see", changes="thing.edit", GET=…, POST=…)       another for all but GET
    console("/admin/users", "person.see", within=True, GET=users.index)                       keeps to `visit.reach`

Leaves stand in otae/accounts/permissions.py; a name that does not, or none, keeps the server from starting. A page is
closed to roles that are limited to some groups until it says `within=True`, and it may say so once everything it
shows and takes goes through room functions that were handed `visit.reach` (a row out of reach is NotFound). In a
template `may("thing.edit")` tells whether to draw a button; the server asks again in any case.
A page answers a refused form as if it were shown at once; `refused_pages` makes a redirect of it.
`fresh=True`: what takes more than seeing asks for the password again when it was entered more than ten minutes ago.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from otae.accounts.permissions import ENTER, PERMISSIONS
from otae.errors import CannotStart
from otae.web import guards
from otae.web.guards import Console, Endpoint, Portal, Visit

Answer = Callable[[Request], Awaitable[Response]]


class ConsoleRoute(Route):
    """A page of the console. ``needed``: the permission by method; ``within``: it keeps to the reach of who asks."""

    def __init__(
        self, path: str, endpoint: Endpoint, methods: list[str], needed: dict[str, str], *, within: bool
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.needed, self.within = needed, within


def door(path: str, **answers: Answer) -> Route:
    """Route a machine's address; ``answers`` by method."""
    return Route(path, by_method(answers), methods=list(answers))


def anyone(path: str, **pages: Callable[[Visit], Awaitable[Response]]) -> Route:
    """Route a page that everybody may see; ``pages`` by method."""
    return Route(path, by_method({method: guards.anybody(page) for method, page in pages.items()}), methods=list(pages))


def portal(path: str, **pages: Callable[[Portal], Awaitable[Response]]) -> Route:
    """Route a page for somebody who has signed in to enroll; ``pages`` by method."""
    guarded = {method: guards.enrolling(page) for method, page in pages.items()}
    return Route(path, by_method(guarded), methods=list(pages))


def console(
    path: str,
    permission: str,
    *,
    changes: str | None = None,
    within: bool = False,
    fresh: bool = False,
    **pages: Callable[[Console], Awaitable[Response]],
) -> Route:
    """Route a page for administrators whose role has ``permission``; ``pages`` by method. See above."""
    needed = {method: permission if method == "GET" else changes or permission for method in pages}
    for leaf in (permission, changes or permission):
        if leaf != ENTER and leaf not in PERMISSIONS:
            raise CannotStart(f"the console page {path} names the permission {leaf!r}, which does not exist")
    guarded = {
        method: guards.administrators(
            page, needed[method], within=within, fresh=fresh and not needed[method].endswith(".see")
        )
        for method, page in pages.items()
    }
    return ConsoleRoute(path, by_method(guarded), list(pages), needed, within=within)


def by_method(answers: dict[str, Endpoint]) -> Endpoint:
    """Return the endpoint that asks the answer of the request's method; HEAD is answered as GET."""

    async def endpoint(request: Request) -> Response:
        return await answers["GET" if request.method == "HEAD" else request.method](request)

    return endpoint
