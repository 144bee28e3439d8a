"""What goes wrong at the portal without anybody's intent: each has a page that helps, and spends nothing.

| case | shown by |
|---|---|
| cookies off | tests/web/test_two_tabs: a browser that keeps no cookies is told |
| script off | tests/web/test_portal_browser: everything works without script; test_every_mode |
| two tabs with two people | tests/web/test_two_tabs: each tab has its own invitation, session and download |
| a scanner opens the link ten times | tests/web/test_login (GET, HEAD), test_approval, test_objection; below |
| yesterday's session | tests/web/test_two_tabs: after sixty minutes, and much later |
| a clock wrong by days | below, in the browser; tests/flow/test_enrolling, in the Mac |
| the back button after the end | below |
| the same link on a second Mac | below; tests/flow/test_races: two Macs at once bind one |
| a logo that is a bomb or a script | tests/branding/test_pictures; tests/web/admin/test_branding |
| terms changed while somebody reads them | tests/web/test_terms_of_use; tests/enrollment/test_terms_of_use |
| codes of /go guessed in parallel | tests/enrollment/test_code_entry: codes guessed at once; tests/web/test_go |
| an approver who is the person | test_approvals in tests/enrollment and tests/web/admin; tests/web/test_approval |
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from otae import paths
from otae.invitations import lifecycle
from otae.store import database
from otae.store.models import EnrollmentSession, Event, Invitation, Pin
from otae.store.records import advance
from tests.browser.conftest import Served

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@asynccontextmanager
async def mac(browser: Browser) -> AsyncIterator[Page]:
    """Open a fresh profile, as another Mac has it."""
    context = await browser.new_context(ignore_https_errors=True, locale="en-GB", service_workers="block")
    yield await context.new_page()
    await context.close()


async def sign_in(page: Page, invited: lifecycle.Created) -> None:
    await page.goto(invited.url)
    await type_pin(page, invited)
    await page.wait_for_url(f"**{paths.INSTALL}")


async def type_pin(page: Page, invited: lifecycle.Created) -> None:
    await page.get_by_label("PIN", exact=True).fill(invited.pin or "")
    await page.get_by_role("button", name="Sign in").click()


async def enroll(invited: lifecycle.Created) -> None:
    """Let the Mac do the rest: the session and the invitation end as they do at TokenUpdate."""
    now = await database.now()
    session = await EnrollmentSession.get(invitation_id=invited.invitation.id, status="opened")
    for to in ("identified", "certified", "configured", "enrolled"):
        await advance(session, to, event=f"session.{to}", now=now)
    await lifecycle.redeem(await Invitation.get(id=invited.invitation.id), now=now)


async def test_a_scanner_that_runs_scripts_spends_nothing(
    served: Served, browser: Browser, invited: lifecycle.Created
) -> None:
    for _ in range(10):
        async with mac(browser) as scanner, scanner.expect_response(f"**{paths.OPENED}"):
            await scanner.goto(invited.url)
    assert await Event.filter(kind="link.opened").count() == 1
    assert not await EnrollmentSession.exists()
    assert (await Pin.get(invitation_id=invited.invitation.id)).link_tries == 0
    async with mac(browser) as page:
        await sign_in(page, invited)


@pytest.mark.parametrize("days", [-5, 5])
async def test_a_browser_whose_clock_is_wrong_by_days(
    served: Served, browser: Browser, invited: lifecycle.Created, days: int
) -> None:
    async with mac(browser) as page:
        await page.clock.install(time=datetime.now(UTC) + timedelta(days=days))
        await sign_in(page, invited)
        await expect(page.get_by_role("timer")).to_have_text(re.compile("(59|60) min|1 h"))
        await enroll(invited)
        await page.clock.run_for(3000)
        await expect(page.get_by_role("heading", name="This Mac is enrolled", level=1)).to_be_visible()


async def test_the_back_button_after_the_end(served: Served, browser: Browser, invited: lifecycle.Created) -> None:
    async with mac(browser) as page:
        await sign_in(page, invited)
        await enroll(invited)
        end = page.get_by_role("heading", name="This Mac is enrolled", level=1)
        await expect(end).to_be_visible()
        await page.go_back()
        await expect(page.get_by_text("has been used already").first).to_be_visible()
        await expect(page.get_by_text("Need help?")).to_be_visible()
        await expect(page.get_by_label("PIN", exact=True)).to_have_count(0)
        await page.go_forward()
        await expect(end).to_be_visible()


async def test_the_same_link_on_a_second_mac(served: Served, browser: Browser, invited: lifecycle.Created) -> None:
    async with mac(browser) as first, mac(browser) as second, mac(browser) as third:
        await sign_in(first, invited)
        await sign_in(second, invited)
        await expect(first.get_by_text("You signed in again somewhere else.")).to_be_visible()
        await third.goto(invited.url)
        await enroll(invited)
        await first.get_by_role("link", name="Sign in again").click()
        await expect(first.get_by_text("has been used already").first).to_be_visible()
        await type_pin(third, invited)  # the form was open before
        await expect(third.get_by_text("has been used already").first).to_be_visible()
        answer = await third.goto(invited.url)
        assert answer is not None
        assert answer.status == 410
        await expect(third.get_by_text("Need help?")).to_be_visible()
    assert await EnrollmentSession.filter(status="enrolled").count() == 1
    assert await Event.filter(kind="signin.failed").count() == 0
