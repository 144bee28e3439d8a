"""The language in which a page answers, and the time zone in which it shows times.

The portal speaks the language that was chosen on its pages, else that of the person as soon as the page knows who that
is, else the browser's, else that of server property notification.language. The console speaks the administrator's, else
the browser's, of the languages in which it is complete. Its times are in the administrator's zone, else the browser's,
once a script has told it, else in UTC.
"""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from otae import time_zones, words
from otae.store import properties
from otae.web.callers import Caller, caller

DEFAULT: Final = "en"
#: Holds the language that was chosen in this browser on a page of the portal.
LANGUAGE_COOKIE: Final = "__Host-otae-language"
#: Holds the browser's time zone; otae.js sets it.
ZONE_COOKIE: Final = "__Host-otae-zone"


class PageLanguage:
    """ASGI middleware that sets the present language and time zone of a page, and resets them afterwards.

    It sets ``request.state.language_by``: what decides the language, "choice", "browser" or "default"; a page may set
    "person" later.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on in its language and time zone."""
        tag, zone = None, ""
        if scope["type"] == "http":
            offered, request = _offered(scope["path"]), Request(scope)
            tag, by = words.best_language(", ".join(request.headers.getlist("accept-language")), offered), "browser"
            chosen = request.cookies.get(LANGUAGE_COOKIE)
            if chosen in offered and caller(scope["path"]) is Caller.PORTAL:
                tag, by = chosen, "choice"
            scope.setdefault("state", {})["language_by"] = by if tag else "default"
            if caller(scope["path"]) is Caller.CONSOLE:
                zone = request.cookies.get(ZONE_COOKIE, "")
        with words.in_language(tag or DEFAULT), time_zones.in_zone(zone):
            await self.app(scope, receive, send)


def _offered(path: str) -> tuple[str, ...]:
    """Return the languages of the pages at ``path``; Macs and probes get English."""
    pages = {Caller.PORTAL: words.PEOPLE_LANGUAGES, Caller.CONSOLE: words.CONSOLE_LANGUAGES}
    return pages.get(caller(path), ())


def use_person_language(request: Request, *tags: str) -> None:
    """Answer in the first of ``tags`` that the portal is translated into; change nothing when it is in none.

    A language that was chosen on a page stays.

    Args:
        tags: What the invitation and the person want: language tags, or "".
    """
    for tag in tags if getattr(request.state, "language_by", "") != "choice" else ():
        if found := words.best_language(tag, words.PEOPLE_LANGUAGES):
            words.set_language(found)
            request.state.language_by = "person"
            return


def use_account(request: Request, language: str, zone: str) -> None:
    """Answer in the language and with times in the zone that an administrator chose; "" changes nothing.

    What the console no longer has changes nothing either.
    """
    time_zones.set_zone(zone)
    if language in words.CONSOLE_LANGUAGES:
        words.set_language(language)
        request.state.language_by = "person"


async def use_default_language(request: Request) -> None:
    """Answer in the language of server property notification.language, unless the browser or a person decides it.

    Only pages of the portal do so.
    """
    if request.state.language_by == "default" and caller(request.url.path) is Caller.PORTAL:
        wanted = await properties.word("notification.language")
        words.set_language(words.best_language(wanted, words.PEOPLE_LANGUAGES) or DEFAULT)


def language_headers(request: Request) -> dict[str, str]:
    """Return the headers that say in which language a page is, and whether the browser's languages decided it."""
    otherwise = getattr(request.state, "language_by", "") in {"person", "choice"}
    return {"Content-Language": words.language()} | ({} if otherwise else {"Vary": "Accept-Language"})
