"""Every page of the portal fits a narrow window in both directions of writing, shows where one is, and passes axe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, expect

from otae import paths
from otae.accounts import password_links
from otae.invitations import lifecycle
from otae.store import database
from otae.store.models import Person
from tests.browser.conftest import Served
from tests.web.test_portal_browser import without_violations

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

#: Whether the focused element is drawn otherwise than it is without focus: by an outline or a shadow.
FOCUSED = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [element.outerHTML.slice(0, 120), outlined || style.boxShadow !== "none"];
}"""


@asynccontextmanager
async def opened(browser: Browser, *, dark: bool, script: bool) -> AsyncIterator[Page]:
    context = await browser.new_context(
        ignore_https_errors=True,
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
        viewport={"width": 390, "height": 844},
    )
    yield await context.new_page()
    await context.close()


async def look(page: Page, what: str, *, axe: bool) -> None:
    """Look at a page with everything unfolded, in both directions of writing, and walk through it by keyboard."""
    await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    if axe:  # which waits for ever where scripts are off
        await without_violations(page)
    for direction in ("rtl", "ltr"):
        await page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{what} is {wide} px wide ({direction})"
    seen = set[str]()
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(FOCUSED)
        if focused is None or focused[0] in seen:
            break
        assert focused[1], f"{what}: nothing shows that this has the focus: {focused[0]}"
        seen.add(focused[0])
    assert seen, what


@pytest.mark.parametrize(("dark", "script"), [(False, True), (True, True), (True, False)])
async def test_every_page_of_the_portal_can_be_read_and_used(
    served: Served, browser: Browser, ben: Person, invited: lifecycle.Created, *, dark: bool, script: bool
) -> None:
    now = await database.now()
    password = await password_links.make(served.desk, ben, now=now, actor="ada")
    async with opened(browser, dark=dark, script=script) as page:
        for path in (
            paths.LOGIN,
            f"{paths.LOGIN}?e=ep-00000000-0000-0000-0000-000000000000",
            paths.NEW_LINK,
            paths.ME_SIGN_IN,
            paths.GO,
            f"{paths.LOGIN}/nothing",
            password.removeprefix(served.origin),
        ):
            await page.goto(served.origin + path)
            await look(page, path, axe=script)
        await page.goto(f"{served.origin}{paths.ME_SIGN_IN}")
        await page.get_by_label("User name").fill("ben")
        await page.get_by_label("Password", exact=True).fill("ben has a password")
        await page.locator("main form button[type=submit]").click()
        await page.wait_for_url(f"**{paths.ME}")
        await look(page, paths.ME, axe=script)
        await page.goto(invited.url)
        await look(page, "the page of the link", axe=script)
        await page.get_by_label("PIN", exact=True).fill("00000000")
        await page.locator("main form button[type=submit]").last.click()
        await look(page, "the page of the link after a wrong entry", axe=script)
        await page.get_by_label("PIN", exact=True).fill(invited.pin or "")
        await page.locator("main form button[type=submit]").last.click()
        await page.wait_for_url(f"**{paths.INSTALL}")
        await look(page, paths.INSTALL, axe=script)


async def test_the_console_shows_where_the_focus_is(served: Served, console: Page) -> None:
    await console.set_viewport_size({"width": 390, "height": 844})
    for path in (paths.CONSOLE, paths.INVITATION_ADD, paths.PROPERTIES):
        await console.goto(served.origin + path)
        for _ in range(25):
            await console.keyboard.press("Tab")
            focused = await console.evaluate(FOCUSED)
            assert focused is None or focused[1], (path, focused[0])


async def test_the_menu_of_languages_closes_by_escape_and_by_a_click_elsewhere(served: Served, page: Page) -> None:
    await page.goto(served.origin + paths.LOGIN)
    summary, menu = page.locator(".otae-languages > summary"), page.locator(".otae-languages")
    await summary.click()
    await expect(menu).to_have_attribute("open", "")
    await page.keyboard.press("Escape")
    await expect(menu).not_to_have_attribute("open", "")
    await expect(summary).to_be_focused()
    await summary.click()
    await page.get_by_role("heading", level=1).click()
    await expect(menu).not_to_have_attribute("open", "")
