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
    await expect(console.locator("#pin_channel")).to_have_count(0)
    await expect(console.locator("#of-all")).to_contain_text("until it is used or revoked")
    assert await console.input_value("#note") == "Bring your charger"
