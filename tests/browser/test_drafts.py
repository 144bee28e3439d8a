"""The form that invites in Chromium: what it would send stands beside it, and fields that the mode does not use go."""

import pytest
from playwright.async_api import Page, expect

from otae.store.models import Person
from tests.browser.conftest import Served
from tests.browser.test_console import nothing_is_blocked

pytestmark = pytest.mark.anyio
__all__ = ["nothing_is_blocked"]


async def test_the_mail_and_the_fields_follow_what_is_entered(served: Served, console: Page, ben: Person) -> None:
    await console.goto(f"{served.origin}/admin/invitations/add?recipient=ben")
    await console.fill("#note", "Bring your charger")
    await expect(console.frame_locator("iframe[name=draft-mail]").locator("body")).to_contain_text("Bring your charger")
    await console.get_by_label("User name + Password").check()
    await expect(console.locator("#pin_channel")).to_be_hidden()
    await expect(console.locator("#of-all")).to_contain_text("until it is used or revoked")
    assert await console.input_value("#note") == "Bring your charger"


async def test_fields_that_no_mode_uses_are_hidden_wherever_people_are_invited(served: Served, console: Page) -> None:
    for path in ("group-invitations/add", "group-invitations/csv/upload", "campaigns/add"):
        await console.goto(f"{served.origin}/admin/{path}")
        for mode, uses_pin in (("username_password", False), ("username_pin", True)):
            await console.check(f"[name=mode][value={mode}]")
            for field in ("#pin_channel", "#pin_template"):
                await expect(console.locator(field)).to_be_visible(visible=uses_pin)
            await expect(console.locator("#url_template")).to_be_visible()
