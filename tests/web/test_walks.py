"""Every route is walked: headers, foreign pages, foreign names, sizes, methods, a dead database, twisted paths."""

import re
from collections.abc import AsyncIterator
from urllib.parse import unquote, urlencode

import pytest
from starlette.routing import Route
from starlette.types import Message, Scope

from otae.web import routes
from otae.web.callers import Caller, body_cap, caller
from otae.web.static_files import static
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

UNSAFE = ("POST", "PUT", "DELETE", "PATCH")
ID = "8a1d5d52-7b5e-4f0e-9d1c-3b7f0c2a9e11"
#: What an administrator needs before being signed in.
OPEN = {"/admin/setup", "/admin/sign-in", "/admin/sign-in/passkey", "/admin/sign-in/second", "/admin/sign-out"}


def address(route: Route) -> str:
    """Put something harmless where the route has a parameter."""
    return re.sub(r"\{[^}]+\}", lambda found: "1" if found.group().endswith(":int}") else ID, route.path)


ROUTES = [route for route in routes.routes() if isinstance(route, Route)]
WAYS = [(address(route), method) for route in ROUTES for method in sorted(route.methods or ())]
PAGES = [way for way in WAYS if caller(way[0]) in {Caller.PORTAL, Caller.CONSOLE}]
MACHINES = [way for way in WAYS if caller(way[0]) in {Caller.DEVICE, Caller.PROBE}]


def test_there_is_something_to_walk() -> None:
    assert len(PAGES) > 8
    assert len(MACHINES) > 8


async def test_every_answer_carries_the_headers(site: Site) -> None:
    for path, method in WAYS:
        answer = await site.client.request(method, path)
        assert answer.status_code < 500, (path, method)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        if method != "HEAD":
            assert answer.headers["referrer-policy"] == ("same-origin" if "<form" in answer.text else "no-referrer")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://localhost:8443"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8443"},
        {"Origin": "https://localhost:8444"},
    ],
    ids=str,
)
async def test_a_form_of_another_page_is_refused(site: Site, headers: dict[str, str]) -> None:
    async with site.stranger(**headers) as stranger:
        for path, method in PAGES:
            if method in UNSAFE:
                assert ((await stranger.request(method, path)).status_code, path) == (403, path)


async def test_a_form_of_ours_is_taken_by_origin_alone(site: Site) -> None:
    async with site.stranger(Origin=site.origin) as ours:
        for path, method in PAGES:
            if method in UNSAFE:
                assert "another page" not in (await ours.request(method, path)).text, path


@pytest.mark.parametrize(
    "host", ["evil.test", "localhost", "localhost:8444", "127.0.0.1:8443", "localhost:8443.evil.test"]
)
async def test_pages_answer_under_their_own_name_only(site: Site, host: str) -> None:
    for path, method in PAGES:
        answer = await site.client.request(method, path, headers={"Host": host, "X-Forwarded-Host": "localhost:8443"})
        assert (answer.status_code, path) == (421, path)
        assert "evil" not in answer.text
        assert method == "HEAD" or site.origin in answer.text, "whoever meant us learns where we are"
    style = await site.client.get(static("otae.css"), headers={"Host": host})
    assert style.status_code == 200, "the page that says so is no bare text"


async def test_machines_may_call_by_any_name(site: Site) -> None:
    async with site.stranger(Host="192.0.2.7") as machine:
        for path, method in MACHINES:
            answer = await machine.request(method, path)
            assert answer.status_code not in {403, 421}, path
            assert "192.0.2.7" not in answer.text


async def test_nobody_sees_the_console_without_signing_in(site: Site) -> None:
    for path, method in PAGES:
        if caller(path) is Caller.CONSOLE and path not in OPEN:
            answer = await site.client.request(method, path)
            location, _, wanted = answer.headers.get("location", "").partition("?")
            assert (answer.status_code, location, path) == (303, "/admin/sign-in", path)
            assert wanted == ("" if method != "GET" or path == "/admin" else urlencode({"next": path}))


async def pieces(size: int) -> AsyncIterator[bytes]:
    """Send ``size`` bytes without telling how many."""
    for _ in range(size // 4096 + 1):
        yield b"x" * 4096


async def test_a_body_over_its_cap_is_refused(site: Site) -> None:
    for path, method in WAYS:
        if method in UNSAFE:
            told = await site.client.request(method, path, content=b"x" * (body_cap(path) + 1))
            assert (told.status_code, path) == (413, path)


@pytest.mark.parametrize(
    "path",
    ["/scep", "/mdm/checkin", "/mdm/connect", "/zdm/macos/otae/device", "/zdm/macos/otae/login", "/admin/sign-in"],
)
async def test_a_body_that_hides_its_size_is_refused_too(site: Site, path: str) -> None:
    method = "PUT" if path.startswith("/mdm/") else "POST"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await site.client.request(method, path, content=pieces(body_cap(path)), headers=kind)
    assert answer.status_code == 413


async def test_other_methods_are_refused(site: Site) -> None:
    for path in {path for path, _ in WAYS}:
        for method in UNSAFE:
            if (path, method) not in WAYS:
                answer = await site.client.request(method, path)
                if method == "POST" and path.startswith("/admin/"):
                    assert (answer.headers["location"], path) == ("/admin/sign-in", path)
                    continue  # the console tells more to who is signed in: tests/web/admin/test_sign_in.py
                assert (answer.status_code, path) == (405, path)
                assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/mdm/checkin", "/mdm/connect"])
async def test_macs_check_in_by_put_alone(site: Site, path: str) -> None:
    for method in ("GET", "POST"):
        assert (await site.client.request(method, path)).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "//admin",
        "/admin;x",
        "/admin;/",
        "/%2e/admin",
        "/admin%2f..",
        "/./admin",
        "/../admin",
        "/admin//",
        "/admin/users//",
        "/admin/users%2f",
        "/mifs/.;/admin",
        "/admin%00",
        "/admin/%2e%2e/zdm/macos/otae/login",
        "//admin/",
        "/static/otae.js/",
        "/static/../routes.py",
        "/static/%2e%2e/routes.py",
        "/static/..%2froutes.py",
        "/.git/config",
        "/admin\\x",
    ],
)
async def test_a_twisted_path_leads_nowhere(site: Site, path: str) -> None:
    assert await status_of(site, path) == 404


async def status_of(site: Site, path: str) -> int:
    """Ask for exactly these bytes, as a server hands them over; a client library would straighten them first."""
    statuses: list[int] = []
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", site.origin.removeprefix("https://").encode())],
        "client": ("203.0.113.9", 1),
    }

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

    await site.app(scope, receive, send)
    return statuses[0]
