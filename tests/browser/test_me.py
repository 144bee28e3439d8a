"""The self-service page in a real browser: every state readable for everybody, also on a phone or without script."""

from typing import Literal

import pytest
from playwright.async_api import Browser, Page

from otae import paths
from otae.invitations.mode_values import ModeValues, set_values
from otae.store import database, properties
from otae.store.models import Device, Enrollment, Invitation, Person
from tests.browser.conftest import Served
from tests.store.furnish import furnish
from tests.web.test_portal_browser import without_violations

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

#: In the furnished house.
PASSWORD = "correct horse battery"


async def look(page: Page, *, script: bool) -> None:
    """Look at the page as it is now, with everything unfolded, wide and narrow; what looks for faults is a script."""
    if not script:
        return
    for summary in await page.locator("main summary").all():
        await summary.click()
    await without_violations(page)
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def sign_in(page: Page, name: str, password: str) -> None:
    await page.get_by_label("User name").fill(name)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_load_state()


@pytest.mark.parametrize(("scheme", "script"), [("light", True), ("dark", True), ("light", False)])
async def test_everybody_can_read_and_use_it(
    served: Served, browser: Browser, scheme: Literal["light", "dark"], *, script: bool
) -> None:
    await furnish(served.desk)
    now = await database.now()
    enrollment = await Enrollment.all().prefetch_related("device").first()
    assert enrollment is not None
    await Device.filter(id=enrollment.device_id).update(
        name="Ben's MacBook Pro with a rather long name", os_version="15"
    )
    ben = await Person.get(id=enrollment.person_id)
    for mode in ("two_factor", "username_pin", "username_password"):
        await set_values(mode, ModeValues(self_service=True), now=now, actor="ada")
    context = await browser.new_context(
        ignore_https_errors=True, color_scheme=scheme, reduced_motion="reduce", java_script_enabled=script
    )
    page = await context.new_page()
    await page.goto(served.origin + paths.ME)
    await look(page, script=script)
    await sign_in(page, ben.name, "a wrong one")
    await look(page, script=script)
    await sign_in(page, ben.name, PASSWORD)
    await look(page, script=script)
    for words in ("on its way", "two open invitations"):
        await page.get_by_role("button", name="Send me an invitation").click()
        assert words in await page.locator("main").inner_text()
    await look(page, script=script)
    await page.locator("summary", has_text="Withdraw").first.click()
    await page.get_by_role("button", name="Withdraw this invitation").locator("visible=true").first.click()
    assert "withdrawn" in await page.locator("main").inner_text()
    await Invitation.all().update(status="expired")
    await properties.write("macos.otae.enable", "false")
    await page.reload()
    await look(page, script=script)
    await properties.write("selfservice.enable", "false")
    await page.reload()
    await look(page, script=script)
    await context.close()
