"""What an attacker tries at the pages: telling names apart, other hosts' names, made-up networks, old sessions, ids."""

import json
import re
from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from otae.accounts import browsers
from otae.accounts.administrators import create_administrator
from otae.app import make_app
from otae.delivery.catcher import read_caught
from otae.delivery.queue import outbox
from otae.directory.local.people import add_person
from otae.paths import INSTALL, LOGIN, PROFILE
from otae.store import database, passwords
from otae.store.desk import Desk
from otae.store.models import BrowserSession, CaughtMail, Delivery, EnrollmentSession, Invitation, Person
from otae.web.guards import CONSOLE_COOKIE, PORTAL_COOKIE
from tests.desks import make_settings
from tests.web.conftest import PASSWORD, Browser, Invite, Site
from tests.web.test_walks import status_of

pytestmark = pytest.mark.anyio

ADA_PASSWORD = "four quiet words here"


@pytest.fixture
async def console(site: Site) -> httpx2.AsyncClient:
    """Give Ada's browser, signed in."""
    now = await database.now()
    await create_administrator(site.desk, name="ada", password=ADA_PASSWORD, now=now, actor="command line")
    answer = await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    assert answer.status_code == 303
    return site.client


async def people(desk: Desk) -> tuple[str, ...]:
    """Everybody whom the bare page must not tell apart: invited, not invited, disabled, unknown."""
    now = await database.now()
    for name in ("cleo", "dora"):
        await add_person(desk, name=name, password=PASSWORD, now=now, actor="ada")
    await Person.filter(name="dora").update(disabled=True)
    return ("ben", "cleo", "dora", "nobody")


# Row 14
@pytest.mark.parametrize(("entries", "hashes"), [({"password": "x"}, 1), ({"pin": "12345678"}, 5), ({}, 0)])
async def test_the_bare_page_tells_nobody_apart(
    site: Site, invite: Invite, monkeypatch: pytest.MonkeyPatch, entries: dict[str, str], hashes: int
) -> None:
    await invite("username_pin")
    counted: list[object] = []
    verify = passwords._verify  # noqa: SLF001 - the hash itself, however it is reached

    def counting(secret: bytes, hashed: str) -> bool:
        counted.append(hashed)
        return verify(secret, hashed)

    monkeypatch.setattr(passwords, "_verify", counting)
    pages = set()
    for name in await people(site.desk):
        counted.clear()
        # In a browser of its own: a cookie tells no one apart either.
        async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as browser:
            answer = await browser.post(LOGIN, data={"name": name, **entries})
        page = re.sub(r'otae-code">[A-Z2-9]{5}<', "", answer.text).replace(f'value="{name}"', "")
        headers = {key: value for key, value in answer.headers.items() if key not in {"x-request-id", "content-length"}}
        headers["set-cookie"] = re.sub("expires=[^;]+", "", headers["set-cookie"])  # when the page was answered
        pages.add((answer.status_code, page, str(sorted(headers.items())), len(counted)))
    assert len(pages) == 1
    assert pages.pop()[3] == hashes


# Row 18
async def test_a_foreign_host_gets_into_no_link_no_mail_and_no_profile(
    site: Site, console: httpx2.AsyncClient, ben: Person
) -> None:
    evil = {"X-Forwarded-Host": "evil.test", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.test"}
    blank = await console.get("/admin/invitations/add", headers=evil)
    form = dict(re.findall(r'name="(\w+)"[^>]*\bvalue="([^"]*)"', blank.text))
    del form["show_pin"]
    form |= {"recipient": "ben", "mode": "two_factor", "ownership": "corporate", "platform": "macos", "send": "y"}
    form |= dict(re.findall(r'name="(\w+_template)"><option value="([^"]+)"', blank.text))
    foreign = await console.post("/admin/invitations/add", data=form, headers={"Host": "evil.test"})
    assert (foreign.status_code, await Invitation.all().count()) == (421, 0)
    answer = await console.post("/admin/invitations/add", data=form, headers=evil)
    assert answer.status_code == 303, answer.text
    assert "evil" not in answer.headers["location"]
    for row in await Delivery.all():
        await outbox.deliver(site.desk, row.id, now=await database.now())
    mails = [
        await read_caught(site.desk, row.id, now=await database.now(), actor="ada") for row in await CaughtMail.all()
    ]
    assert len(mails) == 2
    words = "".join(f"{mail.headers} {mail.text} {mail.html}" for mail in mails if mail)
    assert "evil" not in words
    assert f"{site.origin}/zdm/su?e=ep-" in words
    root = await site.client.get("/zdm/macos/otae/root", headers=evil)
    assert b"evil" not in root.content


# Row 19
async def test_behind_a_proxy_a_made_up_leftmost_address_does_not_help_guessing(site: Site, ben: Person) -> None:
    settings = make_settings(site.desk.settings.home, PUBLIC_URL=site.origin, OTAE_TRUSTED_HOPS="1")
    transport = httpx2.ASGITransport(make_app(Desk(settings, site.desk.vault, site.desk.bell)), client=("10.0.0.1", 1))
    statuses = []
    async with Browser(transport=transport, base_url=site.origin) as client:
        for n in range(50):
            headers = {"X-Forwarded-For": f"{n}.51.100.{n}, 203.0.113.9", "Sec-Fetch-Site": "same-origin"}
            statuses.append(
                (await client.post(LOGIN, data={"name": "ben", "password": "no"}, headers=headers)).status_code
            )
        other = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "Sec-Fetch-Site": "same-origin"}
        elsewhere = await client.post(LOGIN, data={"name": "ben", "password": PASSWORD}, headers=other)
    assert statuses.count(422) <= 5
    assert statuses.count(429) >= 45
    assert elsewhere.status_code == 303, "somebody in another network goes on undisturbed"


# Row 30
async def test_a_session_given_to_somebody_beforehand_is_worth_nothing(site: Site, console: httpx2.AsyncClient) -> None:
    old = console.cookies[CONSOLE_COOKIE]
    again = await console.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    assert again.status_code == 303
    new = console.cookies[CONSOLE_COOKIE]
    assert new != old
    assert (await BrowserSession.all().count(), len(new) >= 43) == (1, True)
    async with site.stranger(Cookie=f"{CONSOLE_COOKIE}={old}") as thief:
        assert (await thief.get("/admin/users")).status_code == 303
    async with site.stranger(Cookie=f"{CONSOLE_COOKIE}={new}") as ada:
        assert (await ada.get("/admin/users")).status_code == 200
    await console.post("/admin/sign-out")
    async with site.stranger(Cookie=f"{CONSOLE_COOKIE}={new}") as late:
        assert (await late.get("/admin/users")).status_code == 303


@pytest.mark.parametrize("given", ["chosen-by-the-attacker", "A" * 43])
async def test_a_cookie_that_the_server_never_gave_is_not_taken_over(site: Site, invite: Invite, given: str) -> None:
    await invite("username_password")
    cookies = f"{PORTAL_COOKIE}={given}; {CONSOLE_COOKIE}={given}"
    async with site.stranger(Cookie=cookies, **{"Sec-Fetch-Site": "same-origin"}) as browser:
        answer = await browser.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    assert answer.status_code == 303
    assert given not in answer.headers["set-cookie"]
    async with site.stranger(Cookie=cookies) as attacker:
        for path in (INSTALL, PROFILE, "/admin"):
            assert (await attacker.get(path)).status_code == 303


async def test_a_console_left_alone_or_used_all_day_asks_to_sign_in_again(
    site: Site, console: httpx2.AsyncClient
) -> None:
    now = await database.now()
    for changes in (
        {"seen_at": now - browsers.IDLE, "expires_at": now + browsers.LIFE},
        {"seen_at": now, "expires_at": now},
    ):
        await BrowserSession.all().update(**changes)
        assert (await console.get("/admin/users")).status_code == 303
        assert (await console.post("/admin/users/add", data={"name": "x"})).status_code == 303
    await BrowserSession.all().update(
        seen_at=now - browsers.IDLE + timedelta(minutes=1), expires_at=now + browsers.LIFE
    )
    assert (await console.get("/admin/users")).status_code == 200


async def test_a_portal_cookie_opens_no_console_and_the_reverse(
    site: Site, console: httpx2.AsyncClient, invite: Invite
) -> None:
    await invite("username_password")
    assert (await console.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 303
    portal, admin = console.cookies[PORTAL_COOKIE], console.cookies[CONSOLE_COOKIE]
    async with site.stranger(Cookie=f"{CONSOLE_COOKIE}={portal}; {PORTAL_COOKIE}={admin}") as crossed:
        assert (await crossed.get("/admin/users")).status_code == 303
        assert (await crossed.get(INSTALL)).status_code == 303


# Rows 34 and 35
@pytest.mark.parametrize(
    "path",
    [
        "/admin/users/../../etc/passwd",
        "/admin/users/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/admin/devices/..%2f..%2fetc%2fpasswd",
        "/admin/devices/....//....//etc/passwd",
        "/admin/properties/..%5c..%5cwin.ini",
        "/admin/mail/%00",
        "/crl/../otae.sqlite3",
        "/crl/..%2fotae.sqlite3.crl",
        "/crl/%2e%2e%2f%2e%2e%2fetc%2fpasswd%00.crl",
        "/static//etc/passwd",
        "/static/%5c..%5c..%5cpages.py",
        "/static/.htaccess",
        "/ADMIN",
        "/admin%20",
        "/admin.",
        "/admin..;/users",
        "/zdm/macos/otae/%2e%2e/%2e%2e/%2e%2e/admin/users",
        "/zdm;a=b/macos/otae/install",
        "/%61dmin%2fusers",
        "/healthz/../admin/users",
        "/mdm/checkin/..;/admin",
    ],
)
async def test_a_path_that_could_be_read_in_two_ways_shows_nothing(site: Site, path: str) -> None:
    assert await status_of(site, path) in {303, 404}


@pytest.mark.slow
async def test_what_a_parameter_names_never_reaches_the_disk(site: Site, console: httpx2.AsyncClient) -> None:
    for hostile in (
        "../../../../etc/passwd",
        "..%2f..%2fotae.sqlite3",
        "/etc/passwd",
        "file:///etc/passwd",
        "\0",
        "%00",
    ):
        for path in ("/zdm/macos/otae/root", LOGIN, "/admin/invitations", "/admin/users", "/admin/mail", "/scep"):
            for name in ("format", "e", "after", "search", "next", "s", "operation", "message"):
                answer = await console.get(path, params={name: hostile})
                assert answer.status_code < 500, (path, name, hostile)
                assert b"root:x:" not in answer.content
                assert b"SQLite format" not in answer.content


# Row 36
async def test_a_line_break_in_what_is_asked_for_makes_no_line_of_its_own(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = json.dumps({"event": "request", "path": "/forged", "status": 200})
    for agent in (f"x\r\n{forged}", f"x\n{forged}", f"x\u2028{forged}"):
        await site.client.post(LOGIN, data={"name": f"ben\n{forged}", "password": f"x\n{forged}"})
        async with site.stranger(**{"User-Agent": agent.encode()}) as stranger:
            await stranger.get(f"/nowhere/{uuid4()}")
    lines = [line for line in "".join(capsys.readouterr()).splitlines() if line]
    assert len(lines) == 12, "each form by way of two redirects"
    assert "forged" not in "".join(lines)


# Row 39
async def test_ids_are_random_and_their_neighbours_are_nowhere(
    site: Site, console: httpx2.AsyncClient, invite: Invite
) -> None:
    made = await invite("two_factor")
    number = UUID(made.token.removeprefix("ep-")).int
    for step in (-2, -1, 1, 2, 1 << 64, 1 << 127):
        near = f"ep-{UUID(int=(number + step) % (1 << 128))}"
        answer = await site.client.get(LOGIN, params={"e": near})
        assert answer.status_code == 404
    for near in (
        "ep-1",
        "1",
        "ep-" + "0" * 32,
        made.token.upper(),
        made.token[:-1],
        f"{made.token}0",
    ):
        assert (await site.client.get(LOGIN, params={"e": near})).status_code == 404
    ids = [UUID(made.token.removeprefix("ep-")).bytes for made in [await invite("username_pin") for _ in range(8)]]
    for position in range(16):
        assert len({one[position] for one in ids}) > 1, "no byte stands still"


async def test_a_profile_needs_the_session_that_it_is_for(site: Site, invite: Invite) -> None:
    await invite("username_password")
    assert (await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 303
    session = await EnrollmentSession.get()
    async with site.stranger() as stranger:
        for path in (
            PROFILE,
            f"{PROFILE}?session={session.id}",
            f"{PROFILE}?id={session.id}",
            f"{PROFILE}/{session.id}",
        ):
            answer = await stranger.get(path)
            assert answer.status_code in {303, 404}, path
            assert b"Challenge" not in answer.content
