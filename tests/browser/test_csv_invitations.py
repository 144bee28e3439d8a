"""Two hundred people are invited from a file in four clicks; the pages on the way are usable by everybody."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from otae.store.models import GroupInvitation, Invitation
from tests.browser.conftest import Served
from tests.browser.test_console import check, nothing_is_blocked
from tests.invitations.crowds import work

pytestmark = pytest.mark.anyio
__all__ = ["nothing_is_blocked"]

LINES = "".join(f"u{at:03};User {at};u{at:03}@example.test;SERIAL{at:04}\n" for at in range(200))


async def test_two_hundred_people_of_a_file_are_invited_in_four_clicks(
    served: Served, console: Page, tmp_path: Path
) -> None:
    file = tmp_path / "macs.csv"
    file.write_text(f"Benutzername;Name;E-Mail;Seriennummer\n{LINES}")
    await console.goto(f"{served.origin}/admin/group-invitations/csv/upload")
    await console.set_input_files("#file", file)  # a drop, no click
    await console.get_by_label("User name + PIN").check()
    clicks = 1
    for button in ("Check the columns", "Start the dry run"):
        await console.get_by_role("button", name=button).click()
        clicks += 1
        if button == "Check the columns":
            await console.wait_for_url("**/columns")
            await expect(console.locator("#preview")).to_contain_text("SERIAL0004")
            await check(console, "light")
            await console.get_by_label("Serial number").select_option("")
            await expect(console.locator("#preview")).not_to_contain_text("SERIAL0004")
            await console.get_by_label("Serial number").select_option(label="Seriennummer")
            await expect(console.locator("#preview")).to_contain_text("SERIAL0004")
            await console.get_by_label("Add people who are not here yet").check()
            clicks += 1
    row = await GroupInvitation.get()
    await work(served.desk, row)
    await expect(console.locator("#news")).to_contain_text("200 people will be invited")
    await check(console, "dark")
    await console.get_by_role("button", name="Invite 200 people").click()
    clicks += 1
    await work(served.desk, row)
    assert await Invitation.filter(serial__startswith="SERIAL").count() == 200
    assert clicks <= 5
