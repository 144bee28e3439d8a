"""Rendering: a template, or one block of it when htmx asks for the part; and the note that survives one redirect."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment
from jinja2_fragments import render_block
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from otae.web.paths import STATIC
from otae.words import environment

STATIC_FOLDER: Final = Path(__file__).parent / "static"
FLASH_COOKIE: Final = "__Host-otae-flash"
#: What `refused_forms` keeps for one page, or the id of what `refused_pages` does.
REFUSED_COOKIE: Final = "__Host-otae-refused"
KINDS: Final = frozenset({"success", "warning", "danger", "info"})


@cache
def static(name: str) -> str:
    """Return the address of a file of ours or a vendor's, with its content's mark: browsers keep it for good."""
    mark = hashlib.sha256((STATIC_FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{STATIC}/{name}?v={mark}"


@cache
def templates() -> Environment:
    """Return the environment with what pages may call."""
    return environment({"static": static})


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

    Templates always have ``path`` (of the request), ``now`` (when the guard read one), ``administrator`` (in the
    console), ``flash`` (kind and text of a note left by the page before, or None), ``trial``, ``may(leaf)``: whether
    the administrator's role allows something, ``limited``: whether it is limited to the people of some groups, and
    ``organization`` (whose portal this is, when the page read it). A page with a form sends its own origin along, which
    browsers without Fetch Metadata (Safari before 16.4) would otherwise write as "null" (see `middleware.Gate`).
    """
    desk, powers = getattr(request.app.state, "desk", None), getattr(request.state, "powers", None)
    values: dict[str, object] = {
        "path": request.url.path,
        "now": getattr(request.state, "now", None),
        "administrator": getattr(request.state, "administrator", None),
        "may": powers.may if powers else _nothing,
        "limited": powers is not None and powers.reach.limited,
        "trial": desk is not None and desk.settings.trial,
        "organization": getattr(request.state, "organization", ""),
        "flash": None if block else take_flash(request),
        **(context or {}),
    }
    text = render_block(templates(), name, block, values) if block else templates().get_template(name).render(values)
    response = HTMLResponse(text, status, headers)
    if "<form" in text:
        response.headers.setdefault("Referrer-Policy", "same-origin")
    shown = {FLASH_COOKIE: bool(values["flash"]), REFUSED_COOKIE: getattr(request.state, "refused_form_shown", False)}
    for cookie in (name for name, once in shown.items() if once):
        response.delete_cookie(cookie, path="/", secure=True, httponly=True, samesite="lax")
    return response


def _nothing(_leaf: str) -> bool:
    """Allow nothing to whoever is not signed in to the console."""
    return False


def wants_part(request: Request) -> bool:
    """Tell whether htmx asks for a part of the page rather than a person for the page."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-request-type") != "full"


def address_of(request: Request) -> str:
    """Return path and query of a request."""
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


def go(where: str, kind: str = "", text: str = "", *, link: tuple[str, str] | None = None) -> Response:
    """Answer a form that did its work: 303 to ``where``, with a note to show there.

    ``where``: a path of ours. ``kind``: "success", "warning", "danger" or "info". ``text``: never a secret. ``link``: a
    path of the console that helps, and what it is called.
    """
    response = RedirectResponse(where, 303)
    if text:
        note = base64.urlsafe_b64encode(json.dumps([kind, text[:500], *(link or ("", ""))]).encode()).decode()
        response.set_cookie(FLASH_COOKIE, note, max_age=60, path="/", secure=True, httponly=True, samesite="lax")
    return response


def take_flash(request: Request) -> dict[str, str] | None:
    """Return the note that the page before left, if it can be read."""
    try:
        kind, text, href, words = map(str, json.loads(base64.urlsafe_b64decode(request.cookies.get(FLASH_COOKIE, ""))))
    except (binascii.Error, ValueError, TypeError):
        return None
    link = {"href": href, "words": words} if href.startswith("/admin/") else {}
    return {"kind": kind, "text": text, **link} if kind in KINDS else None
