"""Passkeys in a real browser, whose authenticator is virtual: they are made, sign in, and confirm."""

import re
from datetime import timedelta

import pyotp
import pytest
from playwright.async_api import CDPSession, Page

from otae.accounts import browsers, totp
from otae.store import database
from otae.store.models import Administrator, AuditEntry, BrowserSession, Passkey
from tests.browser.conftest import ADA_PASSWORD, Served
from tests.browser.test_console import check, violations

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def with_authenticator(page: Page) -> CDPSession:
    """Give the page's browser an authenticator, as a Mac's Touch ID is one; it says yes by itself."""
    cdp = await page.context.new_cdp_session(page)
    await cdp.send("WebAuthn.enable")
    await cdp.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return cdp


async def test_a_passkey_is_made_signs_in_alone_as_second_step_and_confirms(console: Page, served: Served) -> None:
    page, where = console, served.origin
    await with_authenticator(page)
    await page.goto(f"{where}/admin/account/second-factor/passkeys")
    await page.fill("#name", "MacBook")
    await page.click("[data-passkey]")
    await page.wait_for_selector(".otae-codes")
    assert (await Passkey.get()).name == "MacBook"
    codes = await page.locator(".otae-codes li").all_inner_texts()
    assert len(codes) == 10
    await page.evaluate("() => { window.print = () => { document.title = 'printed'; }; }")
    await page.click("[data-print]")
    assert await page.title() == "printed"
    async with page.expect_download() as waiting:
        await page.click("a[download]")
    assert codes[0] in (await (await waiting.value).path()).read_text()

    await page.context.clear_cookies()
    await page.goto(f"{where}/admin/sign-in?next=/admin/users")
    await page.click("[data-passkey]")
    await page.wait_for_url(f"{where}/admin/users")

    await page.context.clear_cookies()
    await page.goto(f"{where}/admin/sign-in")
    await page.fill("#name", "ada")
    await page.fill("#password", ADA_PASSWORD)
    await page.press("#password", "Enter")
    await page.wait_for_url("**/admin/sign-in/second")  # the page before has such a button, too
    await page.click("[data-passkey]")
    await page.wait_for_url(f"{where}/admin")

    long_ago = await database.now() - browsers.PASSWORD_FRESH_FOR - timedelta(seconds=1)
    await BrowserSession.all().update(created_at=long_ago, second_factor_at=long_ago)
    await page.goto(f"{where}/admin/administrators")
    await page.fill("#name", "eve")
    await page.press("#name", "Enter")
    await page.click("[data-passkey]")
    await page.wait_for_selector("#link")
    entries = await AuditEntry.filter(action="administrator.signed-in", detail__contains="passkey MacBook")
    assert len(entries) == 3


async def test_without_an_answer_the_page_says_so_and_an_app_is_set_up_instead(console: Page, served: Served) -> None:
    page, where = console, served.origin
    await page.goto(f"{where}/admin/account/second-factor/passkeys")
    await page.fill("#name", "MacBook")
    await page.evaluate("() => { navigator.credentials.create = () => Promise.reject(new Error('no')); }")
    await page.click("[data-passkey]")
    await page.wait_for_selector("#credential-problem")
    await page.goto(f"{where}/admin/account/second-factor/app")
    await page.click("details.mb-3 summary")
    key = re.sub(r"\s", "", await page.locator("details.mb-3 p").inner_text())
    await page.fill("#code", pyotp.TOTP(key).at(await database.now()))
    await page.press("#code", "Enter")
    await page.wait_for_selector(".otae-codes")


async def test_the_pages_of_second_factors_are_usable_by_everybody(console: Page, served: Served) -> None:
    page, where = console, served.origin
    await with_authenticator(page)
    await page.goto(f"{where}/admin/account/second-factor/passkeys")
    await page.fill("#name", "M" * 60)
    await page.click("[data-passkey]")
    await page.wait_for_selector(".otae-codes")
    assert not await violations(page)
    await Administrator.all().update(
        totp_sealed=served.desk.vault.seal(b"JBSWY3DP", (await Administrator.get()).id, totp.SEAL)
    )
    for path in ("", "/second-factor", "/second-factor/app"):
        await page.goto(f"{where}/admin/account{path}")
        await check(page, "light")
    await check(page, "dark")
    await page.goto(f"{where}/admin/confirm?factor=1")
    await check(page, "light")
    await page.context.clear_cookies()
    await page.goto(f"{where}/admin/sign-in")
    await check(page, "light")
    await page.fill("#name", "ada")
    await page.fill("#password", ADA_PASSWORD)
    await page.press("#password", "Enter")
    await page.wait_for_url("**/admin/sign-in/second")
    await check(page, "light")
