"""The first day of an administrator: ten tasks from the dashboard on, and how many clicks each may take."""

import re
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, Page, expect

from otae.invitations import lifecycle
from otae.mdm import current
from otae.store.models import AuditEntry, Delivery, Device, Invitation, NotificationServer, Person
from tests.browser.conftest import Served
from tests.browser.test_console import nothing_is_blocked
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio
__all__ = ["nothing_is_blocked"]


@dataclass
class Walk:
    """A task: it begins on the dashboard. Typing costs nothing, each click and each Enter counts."""

    page: Page
    clicks: int = 0

    async def click(self, what: Locator) -> None:
        self.clicks += 1
        await what.click()

    async def press(self, button: str) -> None:
        await self.click(self.page.get_by_role("button", name=button, exact=True))

    async def choose(self, menu: str, entry: str) -> None:
        """Open a page by its menu."""
        await self.click(self.page.locator(f"nav summary:has-text('{menu}')"))
        await self.click(self.page.locator("nav").get_by_role("link", name=entry, exact=True))

    async def confirm(self, button: str) -> None:
        """Say yes in the dialog that asks."""
        await self.click(self.page.locator("#dialog[open]").get_by_role("button", name=button))

    async def find(self, text: str) -> None:
        """Find something by the search, and open the first thing found."""
        await self.page.keyboard.press("/")
        await self.page.keyboard.type(text)
        await expect(self.page.locator("#find [aria-selected=true]")).to_be_visible()
        self.clicks += 1
        await self.page.keyboard.press("Enter")


async def begin(served: Served, page: Page) -> Walk:
    await page.goto(f"{served.origin}/admin")
    return Walk(page)


async def test_a_mail_server_is_set_up_in_four_clicks(served: Served, console: Page) -> None:
    walk = await begin(served, console)
    await walk.choose("Settings", "Notification servers")
    await walk.click(console.get_by_role("link", name=re.compile("Add SMTP server")).first)
    for name, value in (("name", "mail"), ("host", "mail.example.test"), ("from_name", "Example IT")):
        await console.fill(f"#{name}", value)
    await console.fill("#from_email", "desk@example.test")
    await walk.press("Save")
    await expect(console.get_by_role("button", name="Send test mail")).to_be_visible()
    assert (await NotificationServer.get()).active
    assert walk.clicks <= 4


async def test_somebody_is_invited_in_three_clicks_and_their_link_copied_in_one(
    served: Served, console: Page, ben: Person
) -> None:
    await console.context.grant_permissions(["clipboard-read", "clipboard-write"])
    walk = await begin(served, console)
    await walk.click(console.get_by_role("link", name="Add invitation"))
    await console.fill("#recipient", "ben")
    await walk.click(console.locator("form[action$='/invitations/add'] button[type=submit].btn-primary"))
    await console.wait_for_url(re.compile(r"/admin/invitations/[0-9a-f-]{36}"))
    assert walk.clicks <= 3

    copying = Walk(console)
    await copying.click(console.locator("#copy-link"))
    await expect(console.locator("#copy-link")).to_have_text("Copied")
    assert copying.clicks == 1


async def test_why_one_is_stuck_stands_on_the_dashboard_and_is_mended_in_three_clicks(
    served: Served, console: Page, invited: lifecycle.Created
) -> None:
    row = invited.invitation
    await lifecycle.resend(served.desk, row, now=row.created_at, actor="ada")
    await Delivery.filter(invitation_id=row.id).update(status="failed", answer="550 no such user")
    walk = await begin(served, console)
    await expect(console.get_by_text("550 no such user")).to_be_visible()
    await walk.click(console.locator("#needs-now").get_by_role("button", name="Send again"))
    await expect(console.get_by_text("The invitation is being sent again.")).to_be_visible()
    assert (await Invitation.get(id=row.id)).generation == 3
    assert walk.clicks <= 3


async def test_an_invitation_is_sent_again_extended_and_revoked_in_three_clicks_each(
    served: Served, console: Page, invited: lifecycle.Created
) -> None:
    number = invited.invitation.id

    async def open_it() -> Walk:
        walk = await begin(served, console)
        await walk.find(invited.invitation.support_code or "")
        await console.wait_for_url(f"**/admin/invitations/{number}")
        return walk

    walk = await open_it()
    await walk.click(console.locator("#resend"))
    await walk.confirm("Send again")
    await expect(console.get_by_text("The invitation is being sent again.")).to_be_visible()
    assert (await Invitation.get(id=number)).generation == 2
    assert walk.clicks <= 3

    walk, before = await open_it(), await Invitation.get(id=number)
    await walk.click(console.locator("#extend"))
    await console.fill("#until", f"{before.created_at.year + 1}-01-15T12:00")
    await walk.press("Extend")
    await expect(console.get_by_text(re.compile("The invitation works until"))).to_be_visible()
    assert (await Invitation.get(id=number)).valid_until != before.valid_until
    assert walk.clicks <= 3

    walk = await open_it()
    await walk.click(console.locator("#revoke"))
    await walk.confirm("Revoke the invitation")
    await expect(console.get_by_text("Revoked by ada")).to_be_visible()
    assert (await Invitation.get(id=number)).status == "revoked"
    assert walk.clicks <= 3


async def test_a_mac_is_found_by_its_serial_number_with_one_key(served: Served, console: Page, ben: Person) -> None:
    mac, now = LabMac(), ben.created_at
    session = await lab.signed_in(served.desk, now, "cleo", way="profile")
    topic = await mac.install_profile(served.desk, session, now)
    await mac.authenticate(served.desk, now, topic)
    device = await Device.get()
    await current.keep(device.id)
    walk = await begin(served, console)
    await walk.find(device.serial.lower())
    await console.wait_for_url(f"**/admin/devices/{device.udid}")
    assert walk.clicks == 1


async def test_who_did_what_is_two_clicks_away(served: Served, console: Page, invited: lifecycle.Created) -> None:
    walk = await begin(served, console)
    await walk.choose("Settings", "Audit log")
    await console.wait_for_url("**/admin/audit")
    await expect(console.locator("main table")).to_contain_text("ada")
    assert await AuditEntry.filter(actor="ada").exists()
    assert walk.clicks == 2


async def test_a_list_is_exported_in_three_clicks(served: Served, console: Page, invited: lifecycle.Created) -> None:
    walk = await begin(served, console)
    await walk.choose("Manage", "Enrollment invitations")
    async with console.expect_download() as downloading:
        await walk.click(console.get_by_role("link", name="Download as CSV"))
    content = (await (await downloading.value).path()).read_text()
    assert "ben@example.test" in content
    assert walk.clicks == 3
