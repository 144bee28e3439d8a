"""ASGI middleware, outermost first: `stack` lists the order in which each request passes it.

`AbsoluteTargets` (absolute request targets) · `RequestLog` (request id, access log, metrics) · `SecurityHeaders` ·
`PageLanguage` (language) · `ErrorResponses` (exceptions) · `RequestChecks` (paths, Host, cross-site requests) ·
`BodyLimits` (size and time).
"""

import asyncio
import re
import secrets
import time
from urllib.parse import unquote

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from otae import paths
from otae.errors import TooLarge
from otae.settings import Settings
from otae.web.callers import Caller, body_cap, caller
from otae.web.client_address import client_address, network_of
from otae.web.failures import ErrorResponses, Failure, NotFound
from otae.web.page_language import PageLanguage
from otae.words import gettext as _

log = structlog.get_logger("otae.access")

REQUESTS = Counter("otae_http_requests", "Answered requests", ["caller", "method", "status"])
REFUSALS = Counter("otae_refusals", "Refused requests", ["caller", "code"])
SECONDS = Histogram("otae_http_request_seconds", "Time to answer", ["caller"])
#: The log context that a refusal sets for its request (`store.records.bind_refusal`).
REFUSED = ("refusal", "support_code", "refusal_detail")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})

#: The form of all our paths, with dots only inside names; anything else could be read as two different paths.
PLAIN_PATH = re.compile(rb"/|(?:/[A-Za-z0-9_~@-][A-Za-z0-9_~@.-]*)+")
WHOLE_ADDRESS = re.compile(rb"https?://([^/]*)(/.*)?", re.IGNORECASE)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Seconds in which a whole body has to arrive.
BODY_SECONDS = 15

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
#: How addresses begin that carry the hash of what they answer.
HASHED = (f"{paths.STATIC}/", paths.LOGO.partition("{")[0])
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def stack(settings: Settings) -> list[Middleware]:
    """Return the middleware between server and routes, outermost first."""
    return [
        Middleware(AbsoluteTargets),
        Middleware(RequestLog, settings=settings),
        Middleware(SecurityHeaders, settings=settings),
        Middleware(PageLanguage),
        Middleware(ErrorResponses),
        Middleware(RequestChecks, settings=settings),
        Middleware(BodyLimits),
    ]


class AbsoluteTargets:
    """ASGI middleware that rewrites an absolute request target to its path and its Host (RFC 9112 §3.2.2).

    Proxies send such requests. The Host header beside it is dropped, so that no two readers can differ.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path."""
        whole = WHOLE_ADDRESS.fullmatch(scope.get("raw_path") or b"") if scope["type"] == "http" else None
        if whole is not None:
            path = whole[2] or b"/"
            headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope = {
                **scope,
                "path": unquote(path.decode("ascii", "replace")),
                "raw_path": path,
                "headers": [(b"host", whole[1]), *headers],
            }
        await self.app(scope, receive, send)


class RequestLog:
    """ASGI middleware that gives each request an id and a client address, and logs and counts its answer.

    It sets ``request.state.client`` and ``.network``. It logs method, path, status, time and network, and for a refusal
    its code, support code and detail: no query, no cookie, no body, no full client address.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log how it was answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = secrets.token_hex(8)
        state["client"] = client_address(scope, self.settings.trusted_hops)
        state["network"] = network_of(state["client"])
        structlog.contextvars.unbind_contextvars(*REFUSED)
        status, began = 0, time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = state["request_id"]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=state["request_id"]):
            try:
                await self.app(scope, receive, watch)
            finally:
                self.record(scope, status, time.perf_counter() - began)

    def record(self, scope: Scope, status: int, seconds: float) -> None:
        """Log the request and update the metrics."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        who = caller(scope["path"])
        REQUESTS.labels(who, method, str(status)).inc()
        SECONDS.labels(who).observe(seconds)
        context = structlog.contextvars.get_contextvars()
        refused = {name: context[name] for name in REFUSED if name in context}
        if refused:
            REFUSALS.labels(who, refused["refusal"]).inc()
        log.info(
            "request",
            method=method,
            path=scope["path"][:200],
            status=status,
            milliseconds=round(seconds * 1000, 1),
            network=scope["state"]["network"],
            **refused,
        )


class SecurityHeaders:
    """ASGI middleware that sets the headers against framing, sniffing, caching and leaking referrers."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)  # a page that needs another policy says so itself
                headers["Cache-Control"] = self.cache_control(scope, message["status"])
                if not self.settings.trial:  # on localhost it would bind every other server there to TLS
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        await self.app(scope, receive, add_headers)

    def cache_control(self, scope: Scope, status: int) -> str:
        """Return the Cache-Control of an answer: what is cached for good has an address that carries its hash."""
        is_content = status in {200, 206, 304} and scope["path"].startswith(HASHED)
        return "public, max-age=31536000, immutable" if is_content else "no-store"


class RequestChecks:
    """ASGI middleware that refuses ambiguous paths, foreign Hosts and cross-site requests.

    A page's path with a trailing slash, as people type it, is redirected to the one without.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.public_url = app, settings.public_url
        self.own_origin = _origin("https", settings.public_url.removeprefix("https://"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or raise Failure."""
        app = self.app
        if scope["type"] == "http":
            path = scope.get("raw_path") or scope["path"].encode()
            if PLAIN_PATH.fullmatch(path) is None:
                app = RedirectResponse(without_slash(scope, path), 303)
            if caller(scope["path"]) not in {Caller.DEVICE, Caller.PROBE}:
                headers = RequestHeaders(scope=scope)
                if caller(scope["path"]) is not Caller.STATIC:  # the page that says "not this name" needs them as well
                    self.check_host(headers)
                if scope["method"] not in SAFE_METHODS:
                    self.check_site(headers)
        await app(scope, receive, send)

    def check_host(self, headers: RequestHeaders) -> None:
        """Raise Failure 421 unless there is one Host and it is PUBLIC_URL's."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _origin("https", hosts[0]) != self.own_origin:
            words = _("This server does not answer under this name. Its address is %s.") % self.public_url
            raise Failure(421, words, "wrong-host")

    def check_site(self, headers: RequestHeaders) -> None:
        """Raise Failure 403 unless a page of ours sent this request (by Fetch Metadata, else by Origin)."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            is_same_site = site == "same-origin"
        else:
            scheme, _separator, rest = (origin or "").partition("://")
            is_same_site = _origin(scheme, rest) == self.own_origin
        if not is_same_site:
            raise Failure(
                403, _("This request came from another page. Open the page here and try again."), "cross-site"
            )


def without_slash(scope: Scope, path: bytes) -> str:
    """Return ``path`` and query without one trailing slash; NotFound when that is no plain page path."""
    asked = scope["method"] in {"GET", "HEAD"} and caller(scope["path"]) in {Caller.CONSOLE, Caller.PORTAL}
    if not asked or PLAIN_PATH.fullmatch(path.removesuffix(b"/")) is None:
        raise NotFound
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    return path.removesuffix(b"/").decode("ascii") + query


class BodyLimits:
    """ASGI middleware that refuses a body over its size limit, before or while reading, or slower than BODY_SECONDS."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a bounded body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        cap = body_cap(scope["path"])
        length = RequestHeaders(scope=scope).get("content-length", "0")
        if not length.isdecimal():
            raise Failure(400, _("The request could not be read."), "unreadable")
        if len(length) > 18 or int(length) > cap:
            raise TooLarge
        taken, until = 0, asyncio.get_running_loop().time() + BODY_SECONDS
        whole = False

        async def bounded() -> Message:
            nonlocal taken, whole
            if whole:  # from now on only "disconnect" comes, which may take as long as it likes
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise Failure(408, _("The request took too long to arrive."), "too-slow") from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if taken > cap:
                raise TooLarge
            return message

        await self.app(scope, bounded, send)


def _origin(scheme: str, netloc: str) -> tuple[str, str]:
    return scheme.lower(), netloc.lower().removesuffix(":443")
