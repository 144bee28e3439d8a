"""Every page of the portal fits a narrow window in both directions of writing, shows where one is, and passes axe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from otae import paths
from otae.accounts import password_links
from otae.directory.reach import EVERYBODY
from otae.invitations import identity_confirmations, lifecycle
from otae.store import database
from otae.store.models import Invitation, Person
from tests.browser.conftest import Served
from tests.web.test_portal_browser import without_violations

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1"
#: Whether the focused element is drawn otherwise than it is without focus: by an outline or a shadow.
FOCUSED = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return [element.outerHTML.slice(0, 120), outlined || style.boxShadow !== "none"];
}"""


@asynccontextmanager
async def opened(browser: Browser, *, dark: bool, script: bool, agent: str | None = None) -> AsyncIterator[Page]:
    context = await browser.new_context(
        user_agent=agent,
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
    # unfolded, it lies over what a test clicks next
    await page.evaluate("for (const menu of document.querySelectorAll('.otae-languages')) menu.open = false")


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


@pytest.mark.parametrize("dark", [False, True])
async def test_every_end_of_an_invitation_can_be_read_and_used(
    served: Served, browser: Browser, invited: lifecycle.Created, *, dark: bool
) -> None:
    number, now = invited.invitation.id, await database.now()
    await identity_confirmations.confirm(served.desk, number, reach=EVERYBODY, by="ada", by_id=uuid4(), now=now)
    row = await Invitation.get(id=number)
    token = served.desk.vault.open(row.objection_sealed or b"", number, identity_confirmations.SEAL).decode()
    async with opened(browser, dark=dark, script=True) as page:
        await page.goto(invited.url)
        for path in (paths.NOT_YOU, f"{paths.OBJECTION}?t={token}", f"{paths.OBJECTION}?t=x"):
            await page.goto(served.origin + path)
            await look(page, path, axe=True)
        for status in ("expired", "failed", "revoked", "redeemed"):
            await Invitation.filter(id=number).update(status=status)
            await page.goto(invited.url)
            await look(page, f"the link of an invitation that is {status}", axe=True)
    await Invitation.filter(id=number).update(status="pending")
    async with opened(browser, dark=dark, script=True, agent=PHONE) as page:
        await page.goto(invited.url)
        await look(page, "the link on a phone", axe=True)
        await page.get_by_role("button", name="Show me a code").click()
        await expect(page.locator(".otae-code").first).to_be_visible()
        await look(page, "the code on a phone", axe=True)


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
