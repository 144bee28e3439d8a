"""Approval in a browser: the person waits, the manager or an administrator decides, and the page goes on by itself."""

from datetime import datetime

import pytest
from playwright.async_api import Browser, Page, expect

from otae import paths
from otae.delivery.texts.compose import load_message_data
from otae.invitations import mode_values
from otae.invitations.mode_values import ModeValues
from otae.store import database
from otae.store.models import Approval, Delivery, Person
from tests.browser.conftest import Served
from tests.browser.test_console import Theme, check
from tests.browser.test_portal_pages import look, opened

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def waits(served: Served, page: Page, ben: Person, by: str) -> None:
    """Let Ben sign in at the login page, where somebody has to approve."""
    now = await database.now()
    await Person.filter(id=ben.id).update(properties={"manager": "mia@example.test"})
    await mode_values.set_values("username_password", ModeValues(approval=by), now=now, actor="ada")
    await page.goto(served.origin + paths.LOGIN)
    await page.get_by_label("User name").fill("ben")
    await page.get_by_label("Password", exact=True).fill("ben has a password")
    await page.locator("main form button[type=submit]").last.click()
    await page.wait_for_url(f"**{paths.INSTALL}*")


async def manager_link(served: Served) -> str:
    """Give the address in the manager's mail."""
    row = await Delivery.get(kind="approval").prefetch_related("invitation__person")
    data = await load_message_data(served.desk, [(row, row.invitation)], await database.now())
    return data._approval_page(row)  # noqa: SLF001 - what the mail says


@pytest.mark.parametrize(("dark", "script"), [(False, True), (True, False)])
async def test_the_page_of_who_waits_goes_on_when_the_manager_approves(
    served: Served, browser: Browser, ben: Person, *, dark: bool, script: bool
) -> None:
    async with opened(browser, dark=dark, script=script) as person, opened(browser, dark=dark, script=script) as mia:
        await waits(served, person, ben, "manager")
        await expect(person.get_by_text("Your manager was asked.")).to_be_visible()
        await look(person, "the page of who waits", axe=script)
        await mia.goto(await manager_link(served))
        await look(mia, "the page of who decides", axe=script)
        assert (await Approval.get()).status == "waiting"
        await mia.get_by_role("button", name="Approve").click()
        await expect(mia.get_by_role("heading", name="You approved it")).to_be_visible()
        if not script:
            await person.get_by_role("link", name="Check again").click()
        await expect(person.locator("#step-download")).to_be_visible()


async def test_the_page_of_who_waits_says_when_it_is_declined(served: Served, browser: Browser, ben: Person) -> None:
    async with opened(browser, dark=False, script=True) as person, opened(browser, dark=False, script=True) as mia:
        await waits(served, person, ben, "manager")
        await mia.goto(await manager_link(served))
        await mia.get_by_role("button", name="Decline").click()
        await expect(person.get_by_text("Your enrollment was declined.")).to_be_visible()
        await look(person, "the page of who was declined", axe=True)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_administrators_decide_on_a_page_of_their_own(
    served: Served, console: Page, browser: Browser, ben: Person, now: datetime, theme: Theme
) -> None:
    async with opened(browser, dark=False, script=True) as person:
        await waits(served, person, ben, "administrator")
        await console.goto(served.origin + paths.CONSOLE)
        await check(console, theme)
        await console.get_by_role("link", name="Approve or decline").click()
        await check(console, theme)
        await console.get_by_role("button", name="Approve: Ben Okafor").click()
        await expect(console.get_by_text("Ben Okafor may enroll a Mac now, and is mailed.")).to_be_visible()
        await check(console, theme)
        await expect(person.locator("#step-download")).to_be_visible()
