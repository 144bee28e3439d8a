"""The install page is written for the Mac in front of it: browser, macOS, trust, and where it stays behind."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from otae.app import make_app
from otae.authority import serving
from otae.paths import CONSOLE_SIGN_IN, INSTALL, LOGIN, PROFILE, ROOT
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, EnrollmentSession, Event, Invitation
from tests.web.conftest import Browser, Invite, Site
from tests.web.test_install import PART, mark_in, signed_in

pytestmark = pytest.mark.anyio

SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605"
)
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:146.0) Gecko/20100101 Firefox/146.0"
GENERAL, PRIVACY = "General, then Device Management", "Privacy & Security, then Profiles"
PREFERENCES = "open System Preferences, then Profiles"
NOTICE, FILE = "Your Mac says that a profile was downloaded.", "Open the file “enroll.mobileconfig”"


def chromium(version: str, user_agent: str = CHROME) -> dict[str, str]:
    return {
        "User-Agent": user_agent,
        "Sec-CH-UA-Platform": '"macOS"',
        "Sec-CH-UA-Platform-Version": f'"{version}"',
    }


@pytest.fixture
async def routed(desk: Desk) -> AsyncIterator[Site]:
    """Give the application behind a router, whose certificate browsers know."""
    behind = replace(desk, settings=desk.settings.model_copy(update={"port": 5000}))
    app = make_app(behind)
    transport = httpx2.ASGITransport(app, client=("203.0.113.9", 40_000))
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": desk.settings.public_url}
    async with Browser(transport=transport, base_url=desk.settings.public_url, headers=headers) as client:
        yield Site(app, behind, client, transport)


def step(page: str, name: str) -> str:
    """Return one step of the page."""
    found = re.search(
        rf'<li class="\w+" id="step-{name}".*?(?=<li class="\w+" id="step-|Time left|\Z)', page, re.DOTALL
    )
    assert found, name
    return found[0]


@pytest.mark.parametrize(
    ("headers", "said", "unsaid"),
    [
        ({"User-Agent": SAFARI}, [NOTICE, "search for “Profiles”", GENERAL, PRIVACY, "choose Allow"], [FILE]),
        ({"User-Agent": FIREFOX}, [FILE, "downloads in Firefox", "search for “Profiles”", GENERAL], [NOTICE]),
        (chromium("15.1.0"), [FILE, "downloads in Chrome", GENERAL], [NOTICE, PRIVACY, "search for"]),
        (chromium("26.0.1", f"{CHROME} Edg/143.0"), [FILE, "downloads in Edge", GENERAL], [PRIVACY]),
        (chromium("14.7.2"), [PRIVACY], [GENERAL]),
        (chromium("13.0.0"), [PRIVACY], [GENERAL]),
        (chromium("12.6.0"), [PREFERENCES, "Open the profiles in System Preferences"], ["System Settings", PRIVACY]),
        (chromium("10.0.0") | {"Sec-CH-UA-Platform": '"Windows"'}, [GENERAL, PRIVACY], []),
        (chromium("no version"), [GENERAL, PRIVACY], []),
        ({"User-Agent": "something else"}, ["If your Mac does not say", GENERAL, PRIVACY], [NOTICE, FILE]),
    ],
)
async def test_the_step_is_written_for_browser_and_macos(
    routed: Site, invite: Invite, headers: dict[str, str], said: list[str], unsaid: list[str]
) -> None:
    await signed_in(routed, invite)
    allow = (await routed.client.get(INSTALL, headers=headers)).text
    await routed.client.get(PROFILE)
    page = step((await routed.client.get(INSTALL, headers=headers)).text, "install")
    assert [words for words in said if words not in page and words not in step(allow, "download")] == []
    assert [words for words in unsaid if words in page] == []
    assert page.index("x-apple.systempreferences:") < page.index("Or by hand")
    assert "“otae enrollment”" in page
    order = ["Continue", "Install", "Enroll", "password of an administrator"]
    dialogs = page[page.index("one question after another") :]
    assert [dialogs.index(words) for words in order] == sorted(dialogs.index(words) for words in order)


async def test_what_the_mac_itself_says_counts_more_than_the_browser(site: Site, invite: Invite) -> None:
    session = await signed_in(site, invite)
    await EnrollmentSession.filter(id=session.id).update(status="enrolled", build="22G74")
    page = (await site.client.get(INSTALL, headers=chromium("15.1.0"))).text
    assert "System Settings, Privacy & Security, Profiles" in page


async def test_only_the_portal_asks_browsers_for_the_version_of_macos(site: Site) -> None:
    assert (await site.client.get(LOGIN)).headers["accept-ch"] == "Sec-CH-UA-Platform-Version"
    assert "accept-ch" not in (await site.client.get(CONSOLE_SIGN_IN)).headers


async def test_trust_comes_first_where_the_certificate_is_our_own(site: Site, invite: Invite) -> None:
    await signed_in(site, invite)
    first = await site.client.get(INSTALL, headers={"User-Agent": SAFARI})
    shown = step(first.text, "trust")
    root = await Certificate.get(purpose="root", active=True)
    assert root.sha256
    digits = root.sha256.upper()
    assert " ".join(digits[at : at + 4] for at in range(0, 64, 4)) in shown, "as the mail groups them"
    assert "otae issues the certificate of this server itself" in shown
    assert f"trust {site.desk.settings.public_host}" in shown
    assert "if this Mac trusts the server already" in step(first.text, "download")
    await site.client.get(ROOT)
    part = await site.client.get(f"{INSTALL}?seen={mark_in(first.text)}", headers=PART)
    assert "Double-click “otae certificate”" in step(part.text, "trust")
    assert "<noscript>" not in step(part.text, "trust")
    assert 'class="btn btn-primary w-100 mt-2" href="/zdm/macos/otae/profile' in step(part.text, "download")
    await site.client.get(PROFILE)
    page = (await site.client.get(INSTALL)).text
    assert '<li class="done" id="step-trust">' in page
    assert "My Mac does not trust this server" in step(page, "trust")


async def test_elsewhere_the_root_is_offered_as_what_makes_profiles_verified(routed: Site, invite: Invite) -> None:
    assert "My Mac does not trust this server" not in (await routed.client.get(LOGIN)).text
    await signed_in(routed, invite)
    await routed.client.get(PROFILE)
    page = (await routed.client.get(INSTALL)).text
    assert 'id="step-trust"' not in page
    assert "How to make it say “Verified”" in step(page, "install")
    # With an uploaded signer there is nothing to be gained.
    await Certificate.filter(purpose="profile-signer").update(issuer_id=None)
    page = (await routed.client.get(INSTALL)).text
    assert "How to make it say" not in page
    assert "If it does not, stop and ask your IT department." in step(page, "install")
    assert await serving.server_certificate(routed.desk) is serving.ServerCertificate.ROUTER


async def test_without_script_everything_is_said_at_once(site: Site, invite: Invite) -> None:
    await signed_in(site, invite)
    page = (await site.client.get(INSTALL)).text
    for name, words in (("trust", "Double-click “otae certificate”"), ("install", "Double-click “otae enrollment”")):
        assert words in step(page, name).partition("<noscript>")[2]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "Nothing was downloaded yet."),
        ({"fetched": "root"}, "The certificate probably still waits in the list of profiles"),
        ({"fetched": "profile"}, "The profile probably still waits in the list of profiles"),
        ({"status": "identified"}, "has not fetched its certificate"),
        ({"status": "configured"}, "has not reported yet"),
    ],
)
async def test_after_two_minutes_of_nothing_each_step_says_what_waits(
    site: Site, invite: Invite, columns: dict[str, str], words: str
) -> None:
    session = await signed_in(site, invite)
    if path := {"root": ROOT, "profile": PROFILE}.get(columns.get("fetched", "")):
        await site.client.get(path)
    if "status" in columns:
        await EnrollmentSession.filter(id=session.id).update(**columns)
    page = (await site.client.get(INSTALL)).text
    assert "Nothing has happened" not in page
    await Event.filter(session_id=session.id).update(at=await database.now() - timedelta(minutes=2))
    part = await site.client.get(f"{INSTALL}?seen={mark_in(page)}", headers=PART)
    assert part.status_code == 200
    assert words in part.text
    assert part.text.count("Nothing has happened") == 1


async def test_the_time_left_is_told_in_seconds_that_need_no_clock(site: Site, invite: Invite) -> None:
    await signed_in(site, invite)
    found = re.search(r'data-left="(\d+)">([^<]*)<', (await site.client.get(INSTALL)).text)
    assert found
    assert 3500 < int(found[1]) <= 3600
    assert found[2] in {"59 min", "60 min", "1 h"}


@pytest.mark.parametrize(
    ("ownership", "words"),
    [("employee", "leave at any time by removing the profile"), ("corporate", "This Mac belongs to")],
)
async def test_the_end_has_its_own_heading_and_says_what_now(
    site: Site, invite: Invite, ownership: str, words: str
) -> None:
    session = await signed_in(site, invite)
    page = (await site.client.get(INSTALL)).text
    await EnrollmentSession.filter(id=session.id).update(ownership=ownership, status="enrolled")
    part = (await site.client.get(f"{INSTALL}?seen={mark_in(page)}", headers=PART)).text
    assert '<h1 id="heading" hx-swap-oob="true">This Mac is enrolled</h1>' in part
    assert "<title>This Mac is enrolled</title>" in part
    last = (await site.client.get(INSTALL)).text
    assert "Enroll this Mac" not in last
    assert "data-left" not in last
    part, last = (text.partition('id="rights"')[0] for text in (part, last))
    for said in (words, "can close this page", "What changes", "How to leave"):
        assert said in part
        assert said in last


async def test_whose_invitation_enrolled_a_mac_elsewhere_did_not_sign_in_again(site: Site, invite: Invite) -> None:
    session = await signed_in(site, invite)
    now = await database.now()
    await EnrollmentSession.filter(id=session.id).update(status="expired", closed_at=now)
    assert "You signed in again somewhere else." in (await site.client.get(INSTALL)).text
    await Invitation.filter(id=session.invitation_id).update(status="redeemed")
    page = (await site.client.get(INSTALL)).text
    assert "This invitation has been used already" in page
    assert "You signed in again somewhere else." not in page


@pytest.mark.parametrize(("code", "again"), [("mac-too-old", True), ("model-refused", False)])
async def test_whose_macos_was_too_old_signs_in_again_after_updating_it(
    site: Site, invite: Invite, code: str, *, again: bool
) -> None:
    session = await signed_in(site, invite)
    now = await database.now()
    await EnrollmentSession.filter(id=session.id).update(status="refused", refusal=code, closed_at=now)
    page = (await site.client.get(INSTALL)).text
    assert "This Mac was not enrolled" in page
    assert ('id="again"' in page) is again
    assert ("Please ask your IT department." in page.partition("otae-steps")[0]) is not again


async def test_every_drawing_is_labelled_and_the_page_stays_small(site: Site, invite: Invite) -> None:
    await signed_in(site, invite)
    for headers in ({"User-Agent": SAFARI}, chromium("12.1.0"), chromium("14.1.0"), chromium("15.1.0")):
        page = (await site.client.get(INSTALL, headers=headers)).text
        drawings = re.findall(r'<svg class="otae-drawing"([^>]*)>', page)
        assert len(drawings) == 8
        assert all(re.search(r'role="img" aria-label="Drawing: [^"]+"', each) for each in drawings)
        assert len(page.encode()) < 24_000
