"""The portal in a real browser: nothing the policy forbids, the page follows by itself, and it works without script."""

import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.async_api import Browser, Page, async_playwright, expect

from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.paths import INSTALL, LOGIN
from otae.settings import Settings
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Administrator, EnrollmentSession, Event, Person, Pin
from otae.store.records import advance
from tests.desks import make_settings
from tests.flow.house import serving_tls
from tests.servers.browser import ARGUMENTS
from tests.servers.ports import free_port
from tests.web.conftest import PASSWORD, Invite

pytestmark = pytest.mark.anyio

#: What Safari says on a Mac, and on an iPad that asks for pages as a Mac gets them.
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605"


@pytest.fixture
def settings(pristine_sqlite: Path, tmp_path: Path) -> Settings:
    """An installation that is really reached, on a port of its own."""
    shutil.copy(pristine_sqlite, tmp_path)
    return make_settings(tmp_path, PUBLIC_URL=f"https://localhost:{free_port()}")


@pytest.fixture
async def served(desk: Desk) -> AsyncIterator[str]:
    """Serve it; gives the origin."""
    async with serving_tls(desk):
        yield desk.settings.public_url


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Collect what the browser complains about: the policy, scripts that fail."""
    found: list[str] = []
    page.on("console", lambda line: found.append(line.text) if "Content Security" in line.text else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


async def sign_in(page: Page, invite: Invite) -> EnrollmentSession:
    made = await invite("two_factor")
    assert made.pin
    await page.goto(made.url)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("PIN", exact=True).fill(made.pin)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"**{INSTALL}")
    return await EnrollmentSession.get(invitation_id=made.invitation.id)


async def test_a_form_says_its_origin_and_a_reload_after_a_wrong_entry_counts_nothing(
    page: Page, served: str, invite: Invite, complaints: list[str]
) -> None:
    made = await invite("username_pin")
    await page.goto(made.url)
    await page.get_by_label("PIN", exact=True).fill("00000000")
    async with page.expect_request(lambda request: request.method == "POST" and request.url.endswith(LOGIN)) as sent:
        await page.get_by_role("button", name="Sign in").click()
    assert (await (await sent.value).all_headers())["origin"] == served, "no browser writes null"
    await expect(page.locator("#summary").get_by_text("2 tries are left")).to_be_visible()
    await page.reload()
    await page.reload()
    await expect(page.get_by_label("PIN", exact=True)).to_be_visible()
    assert (await Pin.get(invitation_id=made.invitation.id)).link_tries == 1
    assert not complaints


async def test_from_the_link_to_enrolled_without_leaving_the_page(
    served: str, page: Page, invite: Invite, complaints: list[str]
) -> None:
    session = await sign_in(page, invite)
    assert await Event.filter(kind="link.opened").count() == 1
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download profile").click()
    assert (await download.value).suggested_filename == "enroll.mobileconfig"
    await expect(page.locator("#step-download")).to_have_class("done")
    again = page.get_by_role("link", name="Download again")
    await again.focus()
    await page.evaluate("window.sameDocument = true")
    await session.refresh_from_db()
    session.refusal, session.support_code = "challenge-used", "K7QX2"
    await session.save()
    await expect(page.get_by_text("This profile has been used already.")).to_be_visible()
    await expect(again).to_be_focused()
    for to, step in (("identified", "answer"), ("certified", "identity"), ("configured", "identity")):
        await advance(session, to, event=f"session.{to}", now=await database.now())
        await expect(page.locator(f"#step-{step}")).to_have_class("done")
    await advance(session, "enrolled", event="session.enrolled", now=await database.now())
    await expect(page.get_by_role("heading", name="This Mac is enrolled", level=1)).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    await expect(page).to_have_title("This Mac is enrolled")
    assert await page.evaluate("window.sameDocument")
    assert complaints == []


async def test_the_root_comes_first_and_the_time_counts_down(
    served: str, page: Page, invite: Invite, complaints: list[str]
) -> None:
    session = await sign_in(page, invite)
    await expect(page.locator("#step-trust")).to_have_attribute("aria-current", "step")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download the certificate").click()
    assert (await download.value).suggested_filename == "trust.mobileconfig"
    await expect(page.get_by_text("Double-click “otae certificate”")).to_be_visible()
    button = page.get_by_role("link", name="Open the profiles in System Settings")
    assert (await button.get_attribute("href") or "").startswith("x-apple.systempreferences:")
    # The clock of this machine may be wrong: only how long it is since the page came counts.
    await page.evaluate("Date.now = ((real) => () => real() + 31 * 60_000)(Date.now)")
    await expect(page.get_by_role("timer")).to_have_text(re.compile("2[78] min"))
    await EnrollmentSession.filter(id=session.id).update(expires_at=await database.now())
    await expect(page.get_by_role("heading", name="Your sign-in has ended")).to_be_visible()
    await expect(page.get_by_role("timer")).to_have_count(0)
    assert complaints == []


@pytest.mark.parametrize("known", [True, False])
async def test_a_browser_that_knows_the_certificate_is_not_asked_to_trust_it(
    served: str, chromium: Path, invite: Invite, *, known: bool
) -> None:
    # With the switch the certificate counts as known; a context's option is like a warning that was passed.
    arguments = [*ARGUMENTS, *(["--ignore-certificate-errors"] if known else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = await (await browser.new_context(ignore_https_errors=True)).new_page()
        await sign_in(page, invite)
        await expect(page.get_by_text("knows the certificate of this server already")).to_be_visible(visible=known)
        await expect(page.get_by_role("link", name="Download the certificate")).to_be_visible(visible=not known)
        assert await page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
        await browser.close()


async def test_chrome_tells_its_macos_when_it_is_asked(served: str, page: Page, invite: Invite) -> None:
    line = await page.context.new_cdp_session(page)
    brands = [{"brand": "Chromium", "version": "143"}]
    told = {"platform": "macOS", "platformVersion": "15.1.0", "architecture": "arm", "model": "", "mobile": False}
    agent = MAC.replace("Version/17.0", "Chrome/143.0.0.0")
    claims = {"userAgent": agent, "userAgentMetadata": {"brands": brands, **told}}
    await line.send("Emulation.setUserAgentOverride", claims)
    session = await sign_in(page, invite)
    await EnrollmentSession.filter(id=session.id).update(profile_fetched_at=session.opened_at)
    way = page.locator("#step-install").get_by_text("Or by hand")
    await expect(way).to_have_text("Or by hand: open System Settings, then General, then Device Management.")


async def test_a_page_that_nobody_looks_at_asks_for_nothing(served: str, page: Page, invite: Invite) -> None:
    await page.add_init_script(
        "Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.away === true })"
    )
    await sign_in(page, invite)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "seen=" in request.url else None)
    async with page.expect_request("**seen=*"):
        pass
    await page.evaluate("window.away = true")
    before = len(asked)
    await page.wait_for_timeout(4500)
    assert len(asked) == before
    async with page.expect_request("**seen=*"):
        await page.evaluate("window.away = false")


async def test_wrong_entries_are_read_first(served: str, page: Page, invite: Invite, complaints: list[str]) -> None:
    await page.goto((await invite("username_password")).url)
    await page.get_by_label("Password", exact=True).fill("wrong")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#summary")).to_be_focused()
    await expect(page.locator("#summary")).to_contain_text("That did not match")
    assert complaints == []


async def test_everything_works_without_script(served: str, browser: Browser, invite: Invite) -> None:
    made = await invite("username_pin")
    assert made.pin
    context = await browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{served}{LOGIN}")
    await page.get_by_label("User name").fill("ben")
    await page.get_by_text("I have a PIN").click()
    await page.get_by_label("PIN", exact=True).fill(made.pin)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"**{INSTALL}")
    for step in ("trust", "install"):
        await expect(page.locator(f"#step-{step} noscript > ol > li:last-child")).to_be_visible()
    session = await EnrollmentSession.get(invitation_id=made.invitation.id)
    await advance(session, "identified", event="session.identified", now=await database.now())
    await page.get_by_role("link", name="Check again").click()
    assert await page.locator("#step-answer").get_attribute("class") == "done"
    assert await Event.filter(kind="link.opened").count() == 0
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_and_use_it(
    served: str, browser: Browser, invite: Invite, scheme: Literal["light", "dark"]
) -> None:
    context = await browser.new_context(ignore_https_errors=True, color_scheme=scheme)
    page = await context.new_page()
    await page.goto(f"{served}{LOGIN}")
    for summary in await page.locator("main summary").all():
        await summary.click()
    await without_violations(page)
    await page.goto(f"{served}{LOGIN}?e=ep-00000000-0000-0000-0000-000000000000")
    await without_violations(page)
    await page.goto(f"{served}/go")
    await without_violations(page)
    await page.get_by_label("Code").fill("BCDFGHJK")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("#summary")).to_contain_text("This code does not work.")
    await without_violations(page)
    session = await sign_in(page, invite)
    await without_violations(page)
    fetched = {"profile_fetched_at": session.opened_at, "build": "24A335"}
    for columns in ({}, fetched, {"status": "configured"}, {"status": "enrolled"}):
        await EnrollmentSession.filter(id=session.id).update(**columns or {"ownership": "employee"})
        await Event.filter(session_id=session.id).update(at=session.opened_at - timedelta(minutes=3))
        await page.reload()
        for summary in await page.locator("main summary").all():
            await summary.click()
        await without_violations(page)
    await context.close()


async def test_the_page_of_a_link_is_for_everybody_and_fits_a_phone_whatever_names_are_in_it(
    desk: Desk, served: str, browser: Browser, ben: Person
) -> None:
    now = await database.now()
    await Person.filter(id=ben.id).update(display_name="B" * 200)
    await properties.write("organization.name", "O" * 100)
    await Administrator(name="ada", display_name="A" * 200, password_hash="", created_at=now).save(force_create=True)
    terms = InvitationTerms(mode="two_factor", serial="C" * 64, note="n" * 400 + "\nanother line", send=False)
    made = await lifecycle.create(desk, InvitationOrder(ben.name, terms), now=now, actor="ada")
    context = await browser.new_context(ignore_https_errors=True, viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(made.url)
    for summary in await page.locator("main summary").all():
        await summary.click()
    for link in ("", "Not you?"):
        if link:
            await page.get_by_role("link", name=link).click()
        await without_violations(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), link
    await page.get_by_role("link", name="Back to the invitation").click()
    await expect(page.get_by_label("PIN", exact=True)).to_be_visible()
    await context.close()


async def without_violations(page: Page) -> None:
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("points", "shown"), [(5, True), (0, False)])
async def test_an_ipad_that_calls_itself_a_mac_is_told_by_its_touch_screen(
    served: str, page: Page, invite: Invite, complaints: list[str], points: int, *, shown: bool
) -> None:
    await page.add_init_script(f"Object.defineProperty(navigator, 'maxTouchPoints', {{ get: () => {points} }})")
    await page.route("**/*", lambda route: route.continue_(headers={**route.request.headers, "user-agent": MAC}))
    await page.goto((await invite("username_password")).url)
    if shown:
        await expect(page.get_by_role("heading", name="Continue on your Mac")).to_be_visible()
        await page.get_by_role("button", name="Show me a code").click()
        await expect(page.get_by_text("It works once")).to_be_visible()
        await without_violations(page)
        await page.get_by_role("link", name="I am on a Mac").click()
    await expect(page.get_by_label("Password", exact=True)).to_be_visible()
    assert complaints == []
