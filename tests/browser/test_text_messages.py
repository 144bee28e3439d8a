"""Text messages in Chromium: pages everybody can use, a test followed without navigation, and a card to be printed."""

import pytest
from playwright.async_api import Page, expect

from otae.delivery import servers
from otae.delivery.catcher import TextCatcher
from otae.delivery.sms.servers import SmsEntry, add_sms_server
from otae.store import database, jobs
from otae.store.models import CaughtMail, Job, Person
from tests.browser.conftest import Served
from tests.browser.test_console import LONG, Theme, check, nothing_is_blocked  # noqa: F401 - for every test here too

pytestmark = pytest.mark.anyio

SMS = "/admin/notification-servers/sms"


async def nothing() -> None:
    """Nobody has to know."""


async def gateway(served: Served) -> str:
    """Add a gateway that nothing answers for, and return the address of its page."""
    values = {"api_key": "k" * 200, "api_secret": "s3cr3t", "sender": "Example"}
    entry = SmsEntry(name=LONG[:100], gateway="vonage", values=values)
    row = await add_sms_server(served.desk, entry, now=await database.now(), actor="ada")
    return f"{SMS}/{row.id}"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_its_pages_are_usable_by_everybody(served: Served, console: Page, theme: Theme) -> None:
    now = await database.now()
    await TextCatcher(served.desk, now).send(LONG * 3, "+4915112345678", nothing)
    here, caught = await gateway(served), (await CaughtMail.get()).id
    for path in (
        "/admin/notification-servers",
        f"{SMS}/add",
        f"{SMS}/add/generic",
        here,
        "/admin/notification-servers/carriers",
        "/admin/enrollment-modes",
        "/admin/mail",
        f"/admin/mail/{caught}",
    ):
        await console.goto(f"{served.origin}{path}")
        await check(console, theme)


async def test_a_test_is_followed_without_navigation(served: Served, console: Page) -> None:
    here = await gateway(served)
    await console.goto(f"{served.origin}{here}")
    await console.fill("#recipient", "+49 151 12345678")
    await console.click("text=Send test message")
    await expect(console.locator("#test")).to_contain_text("Waiting for its turn")
    job, now = await Job.get(), await database.now()
    claimed = await jobs.claim(job.id, now)
    assert claimed is not None
    words = {"ok": False, "words": "status 4 Bad Credentials", "said": ["> POST https://x", "< 200"]}
    await jobs.finish(claimed, words, now=now, failed=True)
    await expect(console.locator("#test")).to_contain_text("Bad Credentials")
    assert await console.locator("#test details[open]").count() == 1
    assert [row.name for row in await servers.list_servers("sms")] == [LONG[:100]]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_card_is_black_on_white_and_prints_alone(
    served: Served, console: Page, ben: Person, theme: Theme
) -> None:
    await console.emulate_media(color_scheme=theme)
    await console.goto(f"{served.origin}/admin/invitations/add")
    await console.fill("#recipient", ben.name)
    await console.select_option("#pin_channel", "card")
    await console.click("button:text-is('Invite')")
    card = console.locator(".otae-handout")
    assert len((await card.locator("#pin").inner_text()).strip()) == 8
    assert await card.locator("svg").count() == 1
    assert await card.evaluate("card => getComputedStyle(card).backgroundColor") == "rgb(255, 255, 255)"
    await console.emulate_media(media="print")
    for hidden in ("header.navbar", ".page-header"):
        assert not await console.locator(hidden).is_visible()
    assert await card.is_visible()
