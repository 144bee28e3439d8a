"""The editor of what messages say, and the page of an ended invitation, in Chromium."""

import pytest
from playwright.async_api import Page, expect

from otae.delivery.texts import template_editing, templates
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.models import Invitation, Person
from tests.browser.conftest import Served
from tests.browser.test_console import LONG, Theme, check, nothing_is_blocked  # noqa: F401 - for every test here too

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_its_pages_are_usable_by_everybody(served: Served, console: Page, ben: Person, theme: Theme) -> None:
    now, pin = await database.now(), await templates.default_template("pin")
    await template_editing.translate(pin, "ar", now=now, actor="ada")
    mine = await template_editing.clone(pin, LONG[:100], now=now, actor="ada")
    made = await lifecycle.create(
        served.desk, InvitationOrder(ben.name, InvitationTerms(mode="two_factor")), now=now, actor="ada"
    )
    await Invitation.filter(id=made.invitation.id).update(valid_until=now)
    for path in (
        "/admin/templates",
        f"/admin/templates/{mine.id}?language=ar",
        "/admin/account",
        f"/zdm/macos/otae/login?e={made.token}",
        "/zdm/macos/otae/new-link",
    ):
        await console.goto(f"{served.origin}{path}")
        await check(console, theme)


async def test_the_text_message_is_counted_while_one_types(served: Served, console: Page) -> None:
    pin = await templates.default_template("pin")
    await console.goto(f"{served.origin}/admin/templates/{pin.id}")
    length = console.locator("#sms-length")
    await expect(length).to_contain_text("1 part")
    await console.fill("#sms", "${enrollment.pin} " + "ж" * 70)
    await expect(length).to_contain_text("79 characters · 2 parts")
    await expect(length).to_contain_text("because of: ж")
    await expect(console.locator("#sms")).to_be_focused()
    await console.fill("#sms", "PIN: ${enrollment.pin}")
    await expect(length).to_contain_text("13 characters · 1 part")


async def test_a_macro_is_put_where_the_cursor_was_and_an_unknown_one_is_marked(served: Served, console: Page) -> None:
    pin = await templates.default_template("pin")
    await console.goto(f"{served.origin}/admin/templates/{pin.id}")
    await console.fill("#subject", "For , your PIN")
    await console.locator("#subject").evaluate("field => field.setSelectionRange(4, 4)")
    await console.click("summary:has-text('Macros')")
    await console.get_by_role("button", name="${user.displayname}", exact=True).click()
    await expect(console.locator("#subject")).to_have_value("For ${user.displayname}, your PIN")
    await expect(console.locator("#subject")).to_be_focused()
    await console.locator("#subject").press_sequentially(" ${no.such}")
    await expect(console.locator("#preview .otae-problem")).to_contain_text("${no.such}")
