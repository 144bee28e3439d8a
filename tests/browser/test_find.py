"""The search over the page in Chromium: keys alone, what is remembered, and times in the browser's own zone."""

import pytest
from playwright.async_api import Browser, Page, expect

from otae.invitations import lifecycle
from otae.store.models import Person
from tests.browser.conftest import ADA_PASSWORD, Served
from tests.web.test_portal_browser import without_violations

pytestmark = pytest.mark.anyio


async def test_anything_is_found_by_keys_alone(
    served: Served, console: Page, invited: lifecycle.Created, ben: Person
) -> None:
    await console.keyboard.press("/")
    search, options = console.locator("#find [role=combobox]"), console.locator("#find [role=option]")
    await expect(search).to_be_focused()
    await expect(search).to_have_value("")
    await console.keyboard.type("okafor")
    await expect(options).to_have_count(2)
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await expect(console.locator("[data-found]")).to_have_text("2 found")
    await without_violations(console)
    await console.keyboard.press("ArrowDown")
    await expect(search).to_have_attribute("aria-activedescendant", await options.last.get_attribute("id") or "none")
    await console.keyboard.press("ArrowDown")
    await expect(options.first).to_have_attribute("aria-selected", "true")
    await console.keyboard.press("ArrowUp")
    await console.keyboard.press("Enter")
    await console.wait_for_url(f"**/admin/invitations/{invited.invitation.id}")
    # what was opened comes first the next time; the browser holds its id alone
    await console.get_by_role("link", name="Find").click()
    await expect(options).to_have_count(1)
    await expect(options).to_contain_text("Ben Okafor")
    kept = await console.evaluate("localStorage.getItem('otae-finds')")
    assert kept == f'["invitation:{invited.invitation.id}"]'
    await console.keyboard.press("Escape")
    await expect(search).to_be_hidden()
    await expect(console.get_by_role("link", name="Find")).to_be_focused()
    # signing out forgets it
    await console.locator("details:has(form[data-sign-out]) > summary").click()
    await console.get_by_role("button", name="Sign out").click()
    await console.wait_for_url("**/admin/sign-in")
    assert await console.evaluate("localStorage.getItem('otae-finds')") == "[]"


async def test_the_key_types_in_fields_and_can_be_switched_off(served: Served, console: Page) -> None:
    await console.goto(f"{served.origin}/admin/search")
    page_field = console.get_by_role("searchbox")
    await page_field.press("/")
    await expect(page_field).to_have_value("/")
    await console.locator("h1").click()
    await console.keyboard.press("/")
    await console.get_by_role("checkbox", name="Open with the / key").uncheck()
    await console.keyboard.press("Escape")
    await console.reload()
    await console.locator("h1").click()
    await console.keyboard.press("/")
    await expect(console.locator("#find [role=combobox]")).to_be_hidden()
    await console.get_by_role("link", name="Find").click()
    await expect(console.locator("#find [role=combobox]")).to_be_visible()


async def test_without_script_the_button_leads_to_the_page(served: Served, console: Page, browser: Browser) -> None:
    state = await console.context.storage_state()
    context = await browser.new_context(ignore_https_errors=True, java_script_enabled=False, storage_state=state)
    page = await context.new_page()
    await page.goto(f"{served.origin}/admin")
    await page.get_by_role("link", name="Find").click()
    await page.get_by_role("searchbox").fill("audit")
    await page.get_by_role("button", name="Search").click()
    await page.locator("main").get_by_role("link", name="Audit log").click()
    await page.wait_for_url("**/admin/audit")
    await context.close()


async def test_times_are_in_the_zone_of_the_browser_and_exact_at_a_click(
    served: Served, console: Page, invited: lifecycle.Created, browser: Browser
) -> None:
    context = await browser.new_context(ignore_https_errors=True, timezone_id="Asia/Tokyo", locale="en-GB")
    page = await context.new_page()
    await page.goto(f"{served.origin}/admin/sign-in")
    await page.fill("#name", "ada")
    await page.fill("#password", ADA_PASSWORD)
    await page.click("button:has-text('Sign in')")
    await page.wait_for_url("**/admin")
    await page.goto(f"{served.origin}/admin/invitations")
    made = page.locator("tbody time").last
    assert (await made.get_attribute("title") or "").endswith(" JST")
    await page.locator("summary:has-text('ada')").click()
    await page.get_by_role("button", name="Exact times").click()
    shown = "element => getComputedStyle(element, '::after').content"
    assert await made.evaluate(shown) == f'"{await made.get_attribute("title")}"'
    await page.reload()
    assert " JST" in await made.evaluate(shown)
    await context.close()
