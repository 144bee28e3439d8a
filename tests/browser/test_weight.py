"""A first visit is small: bytes and requests of the portal's pages and of the console, as Chromium counts them."""

import io

import pytest
from PIL import Image
from playwright.async_api import Browser, Page

from otae import paths
from otae.branding import logos, look
from otae.invitations import lifecycle
from otae.store import database
from tests.browser.conftest import Served
from tests.first_visit import CONSOLE_BYTES, PORTAL_BYTES, PORTAL_REQUESTS, FirstVisit, first_visit

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def assert_light(visit: FirstVisit) -> None:
    assert visit.bytes <= PORTAL_BYTES
    assert len(visit.requests) <= PORTAL_REQUESTS, visit.requests


async def brand() -> None:
    """Give the portal a colour, and logos as heavy as they get."""
    now = await database.now()
    noise = Image.effect_noise((400, 200), 80).convert("RGB")
    file = io.BytesIO()
    noise.save(file, "PNG")
    for theme in logos.THEMES:
        await logos.replace(theme, file.getvalue(), now=now, actor="ada")
    values = {"name": "Example", "contact": "it@example.test", "accent": "#7a1f5c"}
    await look.change(values, now=now, actor="ada")


async def test_a_first_visit_of_the_portal(served: Served, browser: Browser, invited: lifecycle.Created) -> None:
    assert_light(await first_visit(browser, served.origin + paths.LOGIN))
    assert_light(await first_visit(browser, f"{served.origin}{paths.LOGIN}?e=ep-00000000-0000-0000-0000-000000000000"))
    mailed = await first_visit(browser, invited.url)
    assert_light(mailed)
    assert mailed.redirects <= 3, "the short address, the token that moves into a cookie, and whether cookies are kept"


async def test_a_first_visit_of_the_portal_with_logos_and_of_the_page_that_follows_the_mac(
    served: Served, browser: Browser, page: Page, invited: lifecycle.Created
) -> None:
    await brand()
    mailed = await first_visit(browser, invited.url)
    assert_light(mailed)
    assert mailed.bytes > 20_000, "the logo is there"
    await page.goto(invited.url)
    await page.get_by_label("PIN", exact=True).fill(invited.pin or "")
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_url(f"**{paths.INSTALL}")
    visit = await first_visit(browser, served.origin + paths.INSTALL, state=await page.context.storage_state())
    assert_light(visit)
    assert any("htmx" in each for each in visit.requests)


async def test_a_first_visit_of_the_console(served: Served, browser: Browser, console: Page) -> None:
    state = await console.context.storage_state()
    for path in (paths.CONSOLE_SIGN_IN, paths.CONSOLE, paths.INVITATIONS, paths.TEMPLATES):
        visit = await first_visit(browser, served.origin + path, state=state)
        assert visit.bytes <= CONSOLE_BYTES, path
        assert visit.bytes > PORTAL_BYTES, "it is the console"
