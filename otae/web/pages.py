"""Rendering a template or one of its blocks for htmx, and the note that survives one redirect."""

import base64
import binascii
import json
from collections.abc import Mapping
from functools import cache
from typing import Final

from jinja2 import Environment
from jinja2_fragments import render_block
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match

from otae import paths, time_zones, words
from otae.contacts import shown_address
from otae.delivery.texts.languages import LANGUAGES
from otae.invitations import self_made
from otae.web.help import help_for
from otae.web.page_language import language_headers
from otae.web.static_files import static, static_data
from otae.words import environment, language, locale, translated
from otae.words import gettext as _

FLASH_COOKIE: Final = "__Host-otae-flash"
#: What `refused_forms` keeps for one page, or the id of what `refused_pages` does.
REFUSED_COOKIE: Final = "__Host-otae-refused"
#: Chromium tells the version of macOS when asked to; every browser's User-Agent says 10.15 (see portal/this_mac.py).
MACOS_HINT: Final = "Sec-CH-UA-Platform-Version"
KINDS: Final = frozenset({"success", "warning", "danger", "info"})


@cache
def templates() -> Environment:
    """Return the template environment with the functions that pages call."""
    made = environment(
        {
            "static": static,
            "static_data": static_data,
            "paths": paths,
            "people_languages": people_languages,
            "zone_name": zone_name,
            "asks": asks,
        }
    )
    made.filters |= {"mail": shown_address, "maker": maker}
    return made


def asks(question: str, words: str) -> Markup:
    """Return the attributes of a button whose form is done after a question (`questions`).

    Args:
        words: The words of the button that goes on: what it does.
    """
    return Markup('name="ask" value="{}\n{}"').format(question, words)


def maker(name: str) -> str:
    """Return who made or changed an invitation, as a page shows it.

    ``name``: the stored one, of an administrator, or `self_made.ACTOR` for the invited person.
    """
    return _("the invited person") if name == self_made.ACTOR else name


def render(
    request: Request,
    name: str,
    context: Mapping[str, object] | None = None,
    *,
    block: str | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Render template ``name``, or only its ``block``.

    Every template has ``path`` (of the request), ``help`` (the address of what the documentation says about the page),
    ``by_get`` (whether the page was asked for by GET),
    ``now`` (the visit's time), ``administrator`` (in the console), ``flash`` (the note left before a redirect, or
    None), ``trial``, ``may(permission)`` (whether the role has it), ``limited`` (whether the role is limited to some
    groups), ``branding``, ``organization`` and ``support_contact`` (whose portal it is and whom to ask, see
    `whom_to_ask`), ``support_code`` (of the invitation that the page is about), ``lang`` and ``dir`` (its language and
    the direction of its script). A page with a form sends its own origin along, which browsers without Fetch Metadata
    (Safari before 16.4) would otherwise write as "null" (see `middleware.RequestChecks`).
    """
    desk, powers = getattr(request.app.state, "desk", None), getattr(request.state, "powers", None)
    branding = getattr(request.state, "branding", None)
    values: dict[str, object] = {
        "path": request.url.path,
        "help": help_for(request.url.path),
        "by_get": request.method in {"GET", "HEAD"},
        "now": getattr(request.state, "now", None),
        "administrator": getattr(request.state, "administrator", None),
        "may": powers.may if powers else _allow_nothing,
        "limited": powers is not None and powers.reach.limited,
        "trial": desk is not None and desk.settings.trial,
        "branding": branding,
        "organization": branding.name if branding else "",
        "support_contact": getattr(request.state, "support_contact", ()),
        "support_code": getattr(request.state, "support_code", ""),
        "lang": language(),
        "dir": locale().text_direction,
        "flash": None if block else take_flash(request),
        **(context or {}),
    }
    text = render_block(templates(), name, block, values) if block else templates().get_template(name).render(values)
    response = HTMLResponse(text, status, {**language_headers(request), **(headers or {})})
    if name.startswith("portal/"):
        response.headers["Accept-CH"] = MACOS_HINT
    if "<form" in text:
        response.headers.setdefault("Referrer-Policy", "same-origin")
    shown = {FLASH_COOKIE: bool(values["flash"]), REFUSED_COOKIE: getattr(request.state, "refused_form_shown", False)}
    for cookie in (name for name, once in shown.items() if once):
        response.delete_cookie(cookie, path="/", secure=True, httponly=True, samesite="lax")
    return response


def people_languages() -> dict[str, str]:
    """Return the names of the portal's languages, each in that language, by tag."""
    return {tag: LANGUAGES[tag] for tag in words.PEOPLE_LANGUAGES}


def zone_name() -> str:
    """Return the name of the time zone in which the page shows times."""
    return time_zones.zone().key


def _allow_nothing(_leaf: str) -> bool:
    """Return False: the permission check for visitors who are not signed in to the console."""
    return False


def is_fragment_request(request: Request) -> bool:
    """Return whether htmx asks for a part of the page, rather than a person for the page."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-request-type") != "full"


def address_of(request: Request) -> str:
    """Return path and query of a request."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def form_page_of(request: Request) -> str:
    """Return the path of the page with the form that was sent to the address of ``request``."""
    path = request.url.path
    while path != paths.CONSOLE and match_of(request, path) is not Match.FULL:
        path = path.rpartition("/")[0]
    return path


def match_of(request: Request, path: str) -> Match:
    """Return whether ``path`` is a page (FULL), takes only forms (PARTIAL), or is no address of ours (NONE)."""
    routes = (route for route in request.app.routes if getattr(route, "path", "") != paths.CONSOLE_ELSEWHERE)
    matches: list[Match] = [route.matches(_get_scope(path))[0] for route in routes]
    return max(matches, key=lambda match: match.value)


def _get_scope(path: str) -> dict[str, object]:
    """Return the ASGI scope of a GET request for ``path``."""
    return {"type": "http", "method": "GET", "path": path, "root_path": ""}


def redirect(
    where: str,
    kind: str = "",
    text: str = "",
    *,
    link: tuple[str, str] | None = None,
    undo: tuple[str, str] | None = None,
) -> Response:
    """Return 303 to ``where``, with a note to show there: the answer to a form that was accepted.

    Args:
        where: A path of ours.
        kind: "success", "warning", "danger" or "info".
        text: The note; never a secret.
        link: A path of the console that helps, and its title.
        undo: A path of the console that a button beside the note posts to, and its title.
    """
    response = RedirectResponse(where, 303)
    if text:
        more = map(translated, (*(link or ("", "")), *(undo or ("", ""))))
        note = base64.urlsafe_b64encode(json.dumps([kind, translated(text)[:500], *more]).encode()).decode()
        response.set_cookie(FLASH_COOKIE, note, max_age=60, path="/", secure=True, httponly=True, samesite="lax")
    return response


def take_flash(request: Request) -> dict[str, str] | None:
    """Return the note left before a redirect; None without a readable one."""
    try:
        kept = json.loads(base64.urlsafe_b64decode(request.cookies.get(FLASH_COOKIE, "")))
        kind, text, href, words, undo, undo_words = map(str, kept)
    except (binascii.Error, ValueError, TypeError):
        return None
    link = {"href": href, "words": words} if href.startswith(f"{paths.CONSOLE}/") else {}
    if undo.startswith(f"{paths.CONSOLE}/"):
        link |= {"undo": undo, "undo_words": undo_words}
    return {"kind": kind, "text": text, **link} if kind in KINDS else None
