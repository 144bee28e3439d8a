"""A portal in an organization's own colours, with its logo and terms, in a real browser, and its settings."""

import hashlib
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from otae.branding import portal_texts
from otae.invitations import lifecycle
from otae.paths import BRANDING, BRANDING_TEXT, INSTALL
from otae.store import database, properties
from otae.store.models import EnrollmentSession, Logo
from otae.web.static_files import FOLDER
from tests.browser.conftest import Served
from tests.browser.test_console import check
from tests.web.test_portal_browser import without_violations

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

#: Any picture will do where it is only shown.
IMAGE = Path(FOLDER, "icon.svg").read_bytes()


async def furnish(accent: str) -> None:
    """Set everything that an organization can set."""
    now = await database.now()
    await properties.write("organization.name", "Größe & Co")
    await properties.write("branding.accent", accent)
    for kind, text in (("terms-of-use", "Be kind.\n\nMore: https://example.test/rules\n" * 20), ("help", "Call 100.")):
        await portal_texts.save(kind, "en", text, now=now, actor="ada")
    sha256 = hashlib.sha256(IMAGE).hexdigest()
    await Logo(theme="light", image=IMAGE, sha256=sha256, width=480, height=120).save(force_create=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("accent", ["#000000", "#767676", "#5a00ff"])
async def test_every_colour_that_is_taken_can_be_read(
    served: Served, browser: Browser, invited: lifecycle.Created, scheme: Literal["light", "dark"], accent: str
) -> None:
    await furnish(accent)
    context = await browser.new_context(
        ignore_https_errors=True, color_scheme=scheme, viewport={"width": 390, "height": 844}
    )
    page = await context.new_page()
    await page.goto(invited.url)
    for summary in await page.locator("main summary").all():
        await summary.click()
    await without_violations(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await context.close()


async def test_terms_are_accepted_without_script(served: Served, browser: Browser, invited: lifecycle.Created) -> None:
    await furnish("#5a00ff")
    context = await browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(invited.url)
    await page.get_by_label("PIN", exact=True).fill(invited.pin or "")
    await portal_texts.save("terms-of-use", "en", "Be very kind.", now=await database.now(), actor="ada")
    await page.get_by_label("I have read the terms of use").check()
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#terms_of_use-errors")).to_contain_text("have changed since you read them")
    await expect(page.get_by_text("Be very kind.")).to_be_visible()
    await page.get_by_label("PIN", exact=True).fill(invited.pin or "")
    await page.get_by_label("I have read the terms of use").check()
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"**{INSTALL}")
    assert (await EnrollmentSession.get()).terms_of_use_version == 2
    await context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_settings_are_usable_by_everybody(
    served: Served, console: Page, theme: Literal["light", "dark"]
) -> None:
    await furnish("#5a00ff")
    for path in (BRANDING, BRANDING_TEXT("terms-of-use", "en")):
        await console.goto(f"{served.origin}{path}")
        await check(console, theme)


async def test_the_preview_follows_what_is_typed(served: Served, console: Page) -> None:
    await console.goto(f"{served.origin}{BRANDING}")
    await console.fill("#name", "Größe & Co")
    shown = console.frame_locator("iframe")
    await expect(shown.locator(".otae-brand")).to_contain_text("Größe & Co")
    await console.get_by_label("The invitation mail").check()
    await expect(shown.locator("h1")).to_contain_text("Enroll your Mac")
    await expect(shown.locator("body")).to_contain_text("Größe & Co")
    assert await properties.word("organization.name") == "otae"
