"""The way in: setup link, sign in, sign out, and nothing without them."""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
import pytest

from otae.accounts import administrators, notice_addresses
from otae.store import database, passwords
from otae.store.models import Counter
from otae.web.guards import CONSOLE_COOKIE
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

GOOD = {"name": "ada", "password": ADA_PASSWORD, "again": ADA_PASSWORD}
ID = UUID("8a1d5d52-7b5e-4f0e-9d1c-3b7f0c2a9e11")  # nobody's
PAGES = [
    ("GET", "/admin"),
    ("POST", "/admin/rehearsal"),
    ("GET", "/admin/invitations"),
    ("GET", "/admin/invitations/add"),
    ("POST", "/admin/invitations/add"),
    ("GET", "/admin/invitations/people"),
    ("GET", f"/admin/invitations/{ID}"),
    ("POST", f"/admin/invitations/{ID}/resend"),
    ("POST", f"/admin/invitations/{ID}/extend"),
    ("POST", f"/admin/invitations/{ID}/link"),
    ("POST", f"/admin/invitations/{ID}/revoke"),
]


@pytest.fixture
async def link(site: Site, now: datetime) -> str:
    """Give the path of a setup link, as the first start prints it."""
    parts = urlsplit(await administrators.new_setup_link(site.desk, now=now))
    return f"{parts.path}?{parts.query}"


async def test_the_setup_link_makes_an_administrator_and_signs_in(site: Site, link: str) -> None:
    page = await site.client.get(link)
    assert page.status_code == 200
    assert 'type="password"' in page.text
    answer = await site.client.post(link, data=GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    assert "ada" in (await site.client.get("/admin")).text


async def test_the_setup_link_may_say_where_notices_go(site: Site, link: str) -> None:
    for odd in (
        "ada at home",
        "a" * 10_000,
        "ada@example.test\r\nBcc: eve@example.test",
        "ada@example.test,eve@a.test",
    ):
        refused = await site.client.post(link, data=GOOD | {"email": odd})
        assert refused.status_code == 422
        assert 'id="email-errors"' in refused.text
    assert (await site.client.post(link, data=GOOD | {"email": "ada@example.test"})).status_code == 303
    assert await notice_addresses.address_of("ada") == "ada@example.test"


async def test_the_setup_link_works_once(site: Site, link: str) -> None:
    await site.client.post(link, data=GOOD)
    for answer in (await site.client.get(link), await site.client.post(link, data=GOOD | {"name": "cleo"})):
        assert answer.status_code == 404
        assert "no longer works" in answer.text


@pytest.mark.parametrize("query", ["", "?s=", "?s=made-up"])
async def test_a_made_up_setup_link_is_nothing(site: Site, query: str) -> None:
    assert (await site.client.get(f"/admin/setup{query}")).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "beside"),
    [
        ({"password": "short", "again": "short"}, "password-errors"),
        ({"password": "passwordpassword", "again": "passwordpassword"}, "password-errors"),
        ({"again": "something else entirely"}, "again-errors"),
        ({"name": "a name with spaces"}, "name-errors"),
        ({"name": ""}, "name-errors"),
    ],
)
async def test_a_refused_entry_is_shown_beside_its_field_and_the_link_stays_good(
    site: Site, link: str, wrong: dict[str, str], beside: str
) -> None:
    answer = await site.client.post(link, data=GOOD | wrong)
    assert answer.status_code == 422
    assert f'id="{beside}"' in answer.text
    assert 'id="summary"' in answer.text
    assert CONSOLE_COOKIE not in answer.cookies
    assert ADA_PASSWORD not in answer.text
    assert (await site.client.post(link, data=GOOD)).status_code == 303


async def test_a_wrong_name_and_a_wrong_password_look_alike(site: Site, ada: None) -> None:
    name = await site.client.post("/admin/sign-in", data={"name": "cleo", "password": ADA_PASSWORD})
    password = await site.client.post("/admin/sign-in", data={"name": "ada", "password": "something else entirely"})
    assert (name.status_code, password.status_code) == (422, 422)
    assert name.text.replace("cleo", "ada") == password.text
    assert not name.cookies
    assert not password.cookies


async def test_guessing_is_slowed_down(site: Site, ada: None) -> None:
    entry = {"name": "ada", "password": "guess"}
    answers = [await site.client.post("/admin/sign-in", data=entry) for _ in range(6)]
    answer = answers[-1]
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


async def test_signing_in_gives_a_secret_that_the_browser_did_not_bring(
    site: Site, console: httpx2.AsyncClient
) -> None:
    before = console.cookies[CONSOLE_COOKIE]
    answer = await console.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    set_cookie = answer.headers["set-cookie"]
    assert all(word in set_cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert console.cookies[CONSOLE_COOKIE] != before
    old = site.stranger(Cookie=f"{CONSOLE_COOKIE}={before}")
    assert (await old.get("/admin")).headers["location"].startswith("/admin/sign-in")


async def test_who_is_signed_in_need_not_do_it_again(console: httpx2.AsyncClient) -> None:
    answer = await console.get("/admin/sign-in")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")


async def test_signing_out_ends_the_session_on_the_server(site: Site, console: httpx2.AsyncClient) -> None:
    secret = console.cookies[CONSOLE_COOKIE]
    answer = await console.post("/admin/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/sign-in")
    assert "You are signed out" in (await console.get("/admin/sign-in")).text
    old = site.stranger(Cookie=f"{CONSOLE_COOKIE}={secret}")
    assert (await old.get("/admin")).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/admin/invitations", "/admin/invitations"),
        ("/admin/invitations?status=stuck&q=ben", "/admin/invitations?status=stuck&q=ben"),
        ("https://evil.test/", "/admin"),
        ("//evil.test/admin", "/admin"),
        ("/admin//evil.test", "/admin"),
        ("/admin/../zdm/su", "/admin"),
        ("/admin\\@evil.test", "/admin"),
        ("/admin\r\nX-Header: 1", "/admin"),
        ("/administrator", "/admin"),
        ("/zdm/macos/otae/login", "/admin"),
        ("/admin/sign-in", "/admin"),
        ("", "/admin"),
    ],
)
async def test_after_signing_in_one_goes_to_a_console_page_only(
    site: Site, ada: None, wanted: str, reached: str
) -> None:
    entry = {"name": "ada", "password": ADA_PASSWORD}
    answer = await site.client.post("/admin/sign-in", params={"next": wanted}, data=entry)
    assert re.sub(r"[?&]cookies=1$", "", answer.headers["location"]) == reached


@pytest.mark.parametrize("typed", ["\ufeffada", " ada\u00a0", "a\u200bda", "ａｄａ", "ada\u200e"])
async def test_name_and_link_count_by_what_can_be_seen(site: Site, link: str, typed: str) -> None:
    assert (await site.client.post(f"{link}%E2%80%8B", data=GOOD | {"name": typed})).status_code == 303
    browser = site.stranger(**{"Sec-Fetch-Site": "same-origin"})
    answer = await browser.post("/admin/sign-in", data={"name": typed, "password": ADA_PASSWORD})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/admin")


async def test_a_browser_that_keeps_no_cookies_is_told(site: Site, ada: None) -> None:
    answer = await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    told = await site.stranger().get(answer.headers["location"])
    assert (told.status_code, "Please allow cookies" in told.text) == (400, True)
    kept = await site.client.get(answer.headers["location"], follow_redirects=True)
    assert (kept.status_code, kept.request.url.path, kept.request.url.query) == (200, "/admin", b"")


@pytest.mark.parametrize(("method", "path"), PAGES)
async def test_nobody_gets_in_without_signing_in(site: Site, ada: None, method: str, path: str) -> None:
    answer = await site.client.request(method, path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/admin/sign-in")
    part = await site.client.request(method, path, headers={"HX-Request": "true"})
    assert part.headers["hx-redirect"].startswith("/admin/sign-in")


async def test_the_first_start_says_where_the_setup_link_is(site: Site) -> None:
    assert "setup-link" in (await site.client.get("/admin/sign-in")).text


@pytest.mark.usefixtures("ada")
async def test_who_found_a_console_open_guesses_its_password_no_faster(
    site: Site, count_calls: Callable[[object, str], list[tuple[object, ...]]]
) -> None:
    """The page that asks for the password again is no other way in: it shares the counter of the sign-in page."""
    assert (await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})).status_code == 303
    hashes = count_calls(passwords, "verify_secret")
    answers = await asyncio.gather(
        *(site.client.post("/admin/confirm", data={"password_again": "guess"}) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["set-cookie"] for answer in answers}) == 1, (
        "what was looked at is not told from what was not"
    )
    assert len(hashes) == 3
    await Counter.all().update(blocked_until=await database.now() + timedelta(minutes=1))
    right = await site.client.post("/admin/confirm", data={"password_again": ADA_PASSWORD})
    assert right.headers["location"] == "/admin/confirm?next=%2Fadmin", "the right one has to wait as well"
    elsewhere = await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    assert elsewhere.status_code in {422, 429}
    assert len(hashes) == 3


async def test_an_address_of_the_console_that_does_not_exist_stays_in_the_console(
    site: Site, console: httpx2.AsyncClient
) -> None:
    for path in ("/admin/nothing", "/admin/users/nobody/at/all", "/admin/invitations/nothing"):
        answer = await console.get(path)
        assert answer.status_code == 404, path
        for shown in ("There is nothing at this address.", "To the dashboard", 'href="/admin/invitations"', "Sign out"):
            assert shown in answer.text, path
    for path, page in (("/admin/account/password", "/admin/account"), ("/admin/sign-out", "/admin")):
        assert (await console.get(path)).headers["location"] == page, (
            "an address that takes forms alone leads to its page"
        )
    for path, page in (("/admin/", "/admin"), ("/admin/users/?q=ben%2F", "/admin/users?q=ben%2F")):
        assert (await console.get(path)).headers["location"] == page, "a slash at the end leads to the page without"
    assert (await console.post("/admin/users/add/")).status_code == 404
    assert (await console.post("/admin/nothing")).status_code == 404
    wrong = await console.post("/admin/audit")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD")
    assert 'href="/admin/invitations"' in wrong.text
    async with site.stranger() as stranger:
        answer = await stranger.get("/admin/nothing")
        assert answer.headers["location"] == "/admin/sign-in?next=%2Fadmin%2Fnothing"
