"""From the setup link that the first start prints to "Enrolled": in a browser, with a real mail server and a Mac."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from otae.rehearsal.connection import MacConnection, ServerResponse
from otae.rehearsal.hardware import DeviceFacts
from otae.rehearsal.mac import Mac, build_hardware
from otae.signing.bundles import read_bundle
from tests.flow.house import PROFILE_TYPE, write_maker
from tests.flow.processes import Processes, environment, link_in, pin_in
from tests.servers.ports import free_port, wait_until
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio

ADA, BEN = "four quiet words here", "ben has a password"


async def set_up(page: Page, otae: Processes, origin: str) -> None:
    """Follow the setup link of the log."""
    wait_until(lambda: "/admin/setup?s=" in otae.said(), "the setup link")
    link = re.search(rf"{re.escape(origin)}/admin/setup\?s=\S+", otae.said())
    assert link
    await page.goto(link.group())
    await page.fill("#name", "ada")
    await page.fill("#password", ADA)
    await page.fill("#again", ADA)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/admin")


async def add_server(page: Page, origin: str, smtp: SMTPServer) -> None:
    """Add a notification server and test it."""
    await page.goto(f"{origin}/admin/notification-servers/add")
    values = {"name": "mail", "host": smtp.host, "port": str(smtp.port), "from_name": "Example IT"}
    for name, value in (values | {"from_email": "desk@example.test"}).items():
        await page.fill(f"#{name}", value)
    await page.keyboard.press("Enter")
    await page.fill("#recipient", "ada@example.test")
    await page.click("button:has-text('Send test mail')")
    await expect(page.get_by_text("Accepted")).to_be_visible(timeout=20_000)


async def add_ben(page: Page, origin: str) -> None:
    """Add Ben, who can sign in with a password."""
    await page.goto(f"{origin}/admin/users/add")
    for name, value in (("name", "ben"), ("password", BEN), ("email", "ben@example.test")):
        await page.fill(f"#{name}", value)
    await page.click("button:has-text('Add user')")


async def invite_ben(page: Page, origin: str) -> None:
    """Invite Ben to enroll with name, password and PIN; ends on the invitation's page."""
    await page.goto(f"{origin}/admin/invitations/add")
    await page.fill("#recipient", "ben")
    await page.get_by_role("radio", name=re.compile("Two Factor")).check()
    await page.locator("form[action*=invitations] button[type=submit]").last.click()
    await page.wait_for_url(re.compile(r"/admin/invitations/[0-9a-f-]{36}"))


async def download(page: Page, words: str, origin: str) -> ServerResponse:
    """Sign in as Ben from the mails' words and download the profile; the install page stays open."""
    await page.goto(link_in(words))
    await page.get_by_label("Password", exact=True).fill(BEN)
    await page.get_by_label("PIN", exact=True).fill(pin_in(words))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/zdm/macos/otae/install")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download profile").click()
    content = (await (await downloading.value).path()).read_bytes()
    return ServerResponse(200, PROFILE_TYPE, content, f"{origin}/zdm/macos/otae/profile", {})


async def test_from_the_setup_link_to_enrolled(page: Page, tmp_path: Path, smtp_server: SMTPServer) -> None:
    maker, maker_file = write_maker(tmp_path)
    origin = f"https://localhost:{(port := free_port())}"
    otae = Processes(environment(tmp_path, PUBLIC_URL=origin, OTAE_EXTRA_DEVICE_CA_FILE=str(maker_file)), tmp_path)
    with otae.started("serve"):
        otae.wait(port)
        await set_up(page, otae, origin)
        await add_server(page, origin, smtp_server)
        await add_ben(page, origin)
        await invite_ben(page, origin)
        await asyncio.to_thread(smtp_server.wait_for, 3, 30)
        bodies = [received.message.get_body(("plain",)) for received in smtp_server.to("ben@example.test")]
        words = "\n".join(body.get_content() for body in bodies if body)
        portal = await page.context.new_page()
        profile = await download(portal, words, origin)
        root = read_bundle((await asyncio.to_thread(otae.run, "ca", "export-root")).encode()).certificates[0]
        async with MacConnection(origin, [root]) as line:
            mac = Mac(line, [root], await build_hardware(maker, datetime.now(UTC)), DeviceFacts.invented())
            await mac.install(profile)
            await mac.check_in()
        await expect(portal.get_by_text("enrolled", exact=False).first).to_be_visible(timeout=10_000)
        await expect(page.get_by_text("Redeemed").first).to_be_visible(timeout=10_000)
        await page.goto(f"{origin}/admin/devices")
        await expect(page.get_by_text(mac.facts.serial)).to_be_visible()
    assert "Traceback" not in otae.said()
