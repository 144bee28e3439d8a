"""Turns exceptions into responses: a line of text for a Mac, a page for a person, internals for neither.

Exceptions are caught here and nowhere else. Every refusal gets the status that docs/operations.md lists; an unforeseen
exception becomes a plain page with a support code, and the log has the rest under that code.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otae import paths
from otae.errors import (
    Busy,
    DatabaseAway,
    DirectoryUnavailable,
    GoCodeUnknown,
    InputRefused,
    InvitationExpired,
    InvitationFailed,
    InvitationRedeemed,
    InvitationReplaced,
    InvitationRevoked,
    InvitationUnknown,
    NotOffered,
    NotReady,
    OtaeError,
    Refusal,
    SlowDown,
    StaleState,
    TooLarge,
    Unreadable,
)
from otae.store.records import bind_refusal
from otae.store.support_codes import new_refusal_code
from otae.web import whom_to_ask
from otae.web.callers import Caller, caller
from otae.web.pages import render
from otae.words import gettext as _

log = structlog.get_logger("otae.web")

#: Seconds after which a browser or Mac may ask again when the database is away.
RETRY_SECONDS = "5"


class Failure(OtaeError):
    """The request cannot be answered.

    ``status`` is the HTTP status, ``words`` one sentence for the caller, ``reason`` a stable code.
    """

    def __init__(
        self, status: int, words: str, reason: str = "refused", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(words)
        self.status, self.words, self.reason, self.headers = status, words, reason, dict(headers or {})


class NotFound(Failure):
    """No such page or row."""

    def __init__(self) -> None:
        super().__init__(404, _("There is nothing at this address."), "not-found")


class WrongMethod(Failure):
    """The address takes other methods; ``headers`` names them in Allow."""

    def __init__(self, headers: Mapping[str, str] | None) -> None:
        super().__init__(405, _("This address does not take this kind of request."), "wrong-method", headers)


class SignInFirst(OtaeError):
    """The page is for signed-in people; ``where`` is the page on which they sign in."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


#: First match decides. InputRefused never gets here from a form: the form shows it.
PAGE_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (TooLarge, 413),
    (Unreadable, 400),
    (Busy, 503),
    (SlowDown, 429),
    (InvitationUnknown, 404),
    (GoCodeUnknown, 422),
    (InvitationExpired, 410),
    (InvitationReplaced, 410),
    (InvitationRedeemed, 410),
    (InvitationRevoked, 410),
    (InvitationFailed, 410),
    (NotReady, 503),
    (DirectoryUnavailable, 503),
    (InputRefused, 422),
    (Refusal, 403),
)


def handlers() -> dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
    """Return the exception handlers for what Starlette's router raises: no such address, or wrong method."""
    return {HTTPException: answer_error}


class ErrorResponses:
    """ASGI middleware that answers every exception raised below it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and answer an exception, unless a response has begun."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            return  # there is nobody left to answer
        except Exception as error:
            if started:
                raise
            response = await answer_error(Request(scope), error)
            await response(scope, receive, send)


async def answer_error(request: Request, error: Exception) -> Response:
    """Return the response for ``error``; a page of the portal says whom to ask, if the database can."""
    known = hasattr(request.state, "support_contact") or caller(request.url.path) is not Caller.PORTAL
    if not known and isinstance(error, OtaeError | HTTPException) and not isinstance(error, DatabaseAway):
        with suppress(DatabaseAway):
            await whom_to_ask.read(request)
    return error_response(request, error)


def error_response(request: Request, error: Exception) -> Response:
    """Return the response for ``error``; an unforeseen one is logged."""
    if isinstance(error, SignInFirst):
        return sign_in_first(request, error.where)
    if isinstance(error, HTTPException):
        error = failure_of(error)
    if isinstance(error, Refusal):
        return refusal_response(request, error)
    if isinstance(error, DatabaseAway):
        log.error("database away", path=request.url.path, reason=str(error))
        error = Failure(
            503, _("The service is busy for a moment. Please try again."), "unavailable", {"Retry-After": RETRY_SECONDS}
        )
    elif isinstance(error, StaleState):
        error = Failure(409, _("Somebody else changed this meanwhile. Look at it again."), "changed-meanwhile")
    elif isinstance(error, NotOffered):
        error = Failure(404, _("This is not offered here."), "not-offered")
    if isinstance(error, Failure):
        return failure_response(request, error.status, error.reason, error.words, headers=error.headers)
    code = getattr(request.state, "support_code", "") or new_refusal_code()
    log.error("unforeseen", path=request.url.path, support_code=code, exc_info=error)
    return failure_response(
        request, 500, "internal", _("Something went wrong here. Please tell your IT department."), code=code
    )


def failure_of(error: HTTPException) -> Failure:
    """Return the Failure for an error of the router or the form parser."""
    if error.status_code == 404:
        return NotFound()
    if error.status_code == 405:
        return WrongMethod(error.headers)
    return Failure(error.status_code, _("The request could not be read."), "unreadable", error.headers)


def refusal_response(request: Request, refusal: Refusal) -> Response:
    """Return the response for a refusal: the contract's status for a Mac, that of PAGE_STATUS for a browser."""
    headers = {"Retry-After": str(refusal.seconds)} if isinstance(refusal, SlowDown) else {}
    bind_refusal(refusal.code, support_code(refusal))
    if caller(request.url.path) is Caller.DEVICE:
        return PlainTextResponse(f"{refusal.code} {refusal.words}\n", device_status(request.url.path, refusal), headers)
    status = page_status(refusal)
    words = _(refusal.reasons) if isinstance(refusal, InputRefused) else _(refusal.words)
    return failure_response(request, status, refusal.code, words, headers=headers, code=support_code(refusal))


def page_status(refusal: Refusal) -> int:
    """Return the status of a page that shows ``refusal``."""
    return next(status for kind, status in PAGE_STATUS if isinstance(refusal, kind))


def device_status(path: str, refusal: Refusal) -> int:
    """Return the status of a refusal to a Mac: 413 over the cap; OTA 400 unreadable, 403 refused; else 400."""
    if isinstance(refusal, TooLarge):
        return 413
    if isinstance(refusal, Unreadable) or path != paths.OTA:
        return 400
    return 403


def support_code(refusal: Refusal) -> str:
    """Return the support code under which the room recorded ``refusal``, "" without one."""
    return str(getattr(refusal, "support_code", ""))


def failure_response(
    request: Request, status: int, reason: str, words: str, *, headers: Mapping[str, str] | None = None, code: str = ""
) -> Response:
    """Return ``words`` as a line of text for machines, as a page for people.

    ``reason``: the stable code of the refusal; ``code``: its support code, "" for none.
    """
    bind_refusal(reason, code)
    who = caller(request.url.path)
    if who in {Caller.DEVICE, Caller.PROBE, Caller.STATIC}:
        text = f"{reason} {words}" + (f" ({code})" if code else "")
        return PlainTextResponse(text + "\n", status, headers)
    folder = "admin" if who is Caller.CONSOLE and hasattr(request.state, "administrator") else "portal"
    context = {
        "words": words,
        "reason": reason,
        "status": status,
        "support_code": getattr(request.state, "support_code", "") or code,
        "console": who is Caller.CONSOLE,
        "link": getattr(request.state, "link", None),
    }
    return render(request, f"{folder}/failure.html", context, status=status, headers=headers)


def sign_in_first(request: Request, where: str) -> Response:
    """Redirect a browser to the sign-in page; for a fragment request, htmx loads it as a whole page."""
    if "hx-request" in request.headers:
        response = Response(status_code=403)
        MutableHeaders(scope=None, raw=response.raw_headers)["HX-Redirect"] = where
        return response
    return RedirectResponse(where, 303)
