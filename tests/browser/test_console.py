"""The console in Chromium: live without navigation, focus kept, usable by everybody, no complaint of the policy."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # ships no types
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from otae.accounts import administrators
from otae.enrollment import sessions
from otae.errors import DeviceMismatch
from otae.invitations import lifecycle
from otae.invitations.campaigns import Plan
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Invitation, Person
from otae.store.records import about, note, note_refusal
from tests.browser.conftest import ADA_PASSWORD, Served
from tests.invitations.crowds import crowd, join
from tests.invitations.following import DAY, leave, look, planned, started
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio

Theme = Literal["light", "dark"]
WIDTHS = (1280, 390)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WCAG = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 3


@pytest.fixture(autouse=True)
async def nothing_is_blocked(served: Served, page: Page) -> AsyncIterator[None]:
    """See that no page breaks the content security policy or throws."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            complaints.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield
    assert not complaints


async def refused_session(served: Served, invited: lifecycle.Created, ben: Person, now: datetime) -> None:
    """Let Ben sign in and his Mac be refused."""
    row = invited.invitation
    session = await sessions.open_session(person=ben, invitation=row, mode=row.mode, ownership=row.ownership, now=now)
    await note("profile.fetched", now=now, about=about(session))
    await note_refusal(DeviceMismatch("another serial number"), now=now, about=about(session))


async def violations(page: Page) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what axe finds on a page."""
    found: Any = await Axe().run(page, options=WCAG)
    return [
        (each["id"], [(node["html"][:160], node["failureSummary"][:300]) for node in each["nodes"]])
        for each in found.response["violations"]
    ]


async def check(page: Page, theme: Theme) -> None:
    """Look at a page in one theme with axe, and see that nothing sticks out at both widths."""
    await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        await page.reload()
        told = await violations(page)
        assert not told, f"{page.url} {theme} {width}: {told}"
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{page.url} is {wide} wide at {width}"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_console_is_usable_by_everybody(
    served: Served, console: Page, invited: lifecycle.Created, ben: Person, now: datetime, theme: Theme
) -> None:
    await Person.filter(id=ben.id).update(display_name=LONG)
    await refused_session(served, invited, ben, now)
    for path in (
        "/admin",
        "/admin/invitations",
        "/admin/invitations?q=nobody",
        "/admin/invitations/add",
        f"/admin/invitations/{invited.invitation.id}",
        "/admin/desk?q=ben",
    ):
        await console.goto(f"{served.origin}{path}")
        await check(console, theme)


async def test_the_pages_of_campaigns_are_usable_by_everybody(served: Served, console: Page) -> None:
    await crowd(20)
    now = await database.now()
    plan = Plan(LONG[:100], target=(now + 30 * DAY).date(), remind_days=2, former_mdm="1. Open Settings\n2. Leave")
    row = await started(served.desk, plan, now=now)
    await join([await add_person(served.desk, name) for name in ("cleo", "dan", "eve")])
    await leave("p0001")
    for _ in range(2):
        await look(served.desk, row, now)
    draft = await planned(served.desk)
    here = f"/admin/campaigns/{row.id}"
    pages: list[tuple[str, Theme]] = [
        ("/admin/campaigns", "dark"),
        ("/admin/campaigns/add", "light"),
        (here, "light"),
        (here, "dark"),
        (f"/admin/campaigns/{draft.id}", "light"),
        (f"{here}/edit", "dark"),
        (f"/admin/group-invitations/{row.group_invitation_id}", "light"),
    ]
    for path, theme in pages:
        await console.goto(f"{served.origin}{path}")
        await check(console, theme)


async def test_the_next_person_at_the_desk_is_two_clicks_away(
    served: Served, console: Page, invited: lifecycle.Created, ben: Person
) -> None:
    await console.set_viewport_size({"width": 1024, "height": 768})
    await console.goto(f"{served.origin}/admin/desk")
    for _ in range(2):
        await console.get_by_role("searchbox").fill(ben.name)
        await console.get_by_role("button", name="Find").click()
        buttons = console.get_by_role("button", name="I know it is them: show the code")
        box = await buttons.first.bounding_box()
        assert box
        assert box["height"] >= 44, "for fingers"
        await buttons.first.click()
        await expect(console.locator("#address")).to_have_text(f"{served.origin}/go")
        assert len((await console.locator("#code").inner_text()).replace(" ", "")) == 8
    await check(console, "light")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_way_in_is_usable_by_everybody(served: Served, page: Page, now: datetime, theme: Theme) -> None:
    await page.goto(f"{served.origin}/admin/sign-in")
    await check(page, theme)
    await page.goto(await administrators.new_setup_link(served.desk, now=now))
    await check(page, theme)


async def test_the_first_administrator_comes_in_by_the_setup_link(served: Served, page: Page, now: datetime) -> None:
    await page.goto(await administrators.new_setup_link(served.desk, now=now))
    await page.fill("#name", "ada")
    await page.fill("#password", ADA_PASSWORD)
    await page.fill("#again", "not the same at all")
    await page.click("button:has-text('Create')")
    await expect(page.locator("#summary")).to_be_focused()
    await page.fill("#password", ADA_PASSWORD)
    await page.fill("#again", ADA_PASSWORD)
    await page.click("button:has-text('Create')")
    await page.wait_for_url("**/admin")
    await expect(page.get_by_text("First steps")).to_be_visible()


async def test_the_link_is_copied_at_once_and_nothing_asks_where_nothing_is_selected(
    served: Served, console: Page, invited: lifecycle.Created
) -> None:
    await console.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await console.goto(f"{served.origin}/admin/invitations/{invited.invitation.id}")
    await console.click("#copy-link")
    await expect(console.locator("#copy-link")).to_have_text("Copied")
    assert await console.evaluate("navigator.clipboard.readText()") == invited.url
    await expect(console.get_by_text("Link copied by ada")).to_be_visible()

    await console.goto(f"{served.origin}/admin/invitations")
    await console.click("button[value=revoke]")
    await expect(console.get_by_text("Nothing was selected.")).to_be_visible()
    await console.check("input[name=id]")
    for button, words in (("resend", "Send 1 invitation again"), ("revoke", "Revoke 1 invitation")):
        await console.click(f"button[value={button}]")
        await expect(console.get_by_role("dialog").get_by_role("button", name=words)).to_be_visible()
        await console.keyboard.press("Escape")
        await expect(console.get_by_role("dialog")).to_have_count(0)
        await expect(console.locator(f"button[value={button}]")).to_be_focused()
    assert (await Invitation.get(id=invited.invitation.id)).generation == 1


async def test_a_step_appears_by_itself_and_focus_stays(
    served: Served, console: Page, invited: lifecycle.Created, ben: Person, now: datetime
) -> None:
    await console.goto(f"{served.origin}/admin/invitations/{invited.invitation.id}")
    await console.locator("#copy-link").evaluate("button => button.form.submit()")  # as without script: it is shown
    await console.wait_for_url("**/link")
    await console.evaluate("window.neverLeft = true")
    field = console.locator("#link")
    await expect(field).to_be_focused()
    await field.evaluate("field => field.setSelectionRange(3, 12)")
    await lifecycle.record_link_opened(invited.invitation, now=now, browser="Safari on macOS")
    await expect(console.get_by_text("Link opened in Safari on macOS")).to_be_visible()
    await expect(field).to_be_focused()
    assert await field.evaluate("field => [field.selectionStart, field.selectionEnd]") == [3, 12]

    await console.focus("#extend")  # inside the part that changes
    await refused_session(served, invited, ben, now)
    await expect(console.locator("#timeline").get_by_text("This enrollment belongs to another Mac.")).to_be_visible()
    await expect(console.locator("#extend")).to_be_focused()
    assert await console.evaluate("window.neverLeft")


async def test_when_nothing_follows_the_page_asks_no_more(
    served: Served, console: Page, invited: lifecycle.Created, now: datetime
) -> None:
    await console.goto(f"{served.origin}/admin/invitations/{invited.invitation.id}")
    await lifecycle.revoke(served.desk, invited.invitation, now=now, actor="ada")
    await expect(console.get_by_text("Revoked by ada")).to_be_visible()
    assert await console.locator("#progress").get_attribute("hx-trigger") is None
    asked: list[str] = []
    console.on("request", lambda request: asked.append(request.url))
    await console.wait_for_timeout(4500)
    assert not asked


async def test_revoking_asks_and_names_what_is_lost(served: Served, console: Page, invited: lifecycle.Created) -> None:
    await console.goto(f"{served.origin}/admin/invitations/{invited.invitation.id}")
    await console.click("#revoke")
    dialog = console.get_by_role("dialog")
    await expect(dialog).to_contain_text("Revoke the invitation of Ben Okafor? Link and PIN stop working")
    assert not await violations(console)
    await dialog.get_by_role("link", name="Cancel").click()
    await expect(dialog).to_have_count(0)
    await expect(console.locator("#revoke")).to_be_focused()
    assert (await Invitation.get(id=invited.invitation.id)).status == "pending"
    await console.click("#revoke")
    await dialog.get_by_role("button", name="Revoke the invitation").click()
    await expect(console.get_by_text("Revoked by ada")).to_be_visible()
    await expect(console.locator("#said")).not_to_be_empty()


async def test_without_an_answer_the_server_says_what_is_wrong(
    served: Served, console: Page, invited: lifecycle.Created
) -> None:
    # What the page asks for itself would lead to the sign-in before anything is pressed.
    await console.route("**/*seen=*", lambda route: route.abort())
    await console.goto(f"{served.origin}/admin/invitations/{invited.invitation.id}", wait_until="networkidle")
    await console.context.clear_cookies()
    await console.click("#revoke")
    await console.wait_for_url("**/admin/sign-in*")
    assert (await Invitation.get(id=invited.invitation.id)).status == "pending"


async def test_a_password_is_shown_and_hidden_by_keyboard(served: Served, page: Page) -> None:
    await page.goto(f"{served.origin}/admin/sign-in")
    await page.fill("#password", ADA_PASSWORD)
    await page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Show what is typed")
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#password")).to_have_attribute("type", "text")
    await page.get_by_role("button", name="Hide what is typed").press("Enter")
    await expect(page.locator("#password")).to_have_attribute("type", "password")


async def test_people_are_offered_while_one_types_and_a_refused_form_keeps_what_was_typed(
    served: Served, console: Page, ben: Person
) -> None:
    await console.goto(f"{served.origin}/admin/invitations/add")
    await console.locator("#recipient").press_sequentially("oka", delay=20)
    await expect(console.locator("#people option")).to_have_count(1)
    await expect(console.locator("#people option")).to_have_attribute("value", "ben")
    await expect(console.locator("#recipient")).to_be_focused()
    await console.fill("#serial", "C02XK1ZZJGH5")
    await console.click("button:has-text('Invite')")
    await expect(console.locator("#summary")).to_be_focused()
    await expect(console.locator("#recipient")).to_have_value("oka")
    await expect(console.locator("#serial")).to_have_value("C02XK1ZZJGH5")
    await console.fill("#recipient", "ben")
    await console.check("#show_pin")
    await console.click("button:has-text('Invite')")
    await expect(console.locator("#pin")).to_have_text(re.compile(r"^\d{8}$"))


async def test_everything_works_without_script(
    desk: Desk, served: Served, browser: Browser, invited: lifecycle.Created, now: datetime
) -> None:
    await administrators.create_administrator(desk, name="ada", password=ADA_PASSWORD, now=now, actor="test")
    context = await browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{served.origin}/admin/sign-in")
    await page.fill("#name", "ada")
    await page.fill("#password", ADA_PASSWORD)
    await page.click("button:has-text('Sign in')")
    await page.goto(f"{served.origin}/admin/invitations")
    await page.fill("#q", "okafor")
    await page.click("button:has-text('Search')")
    await page.click("a:has-text('Ben Okafor')")
    await page.click("#copy-link")
    await expect(page.locator("#link")).to_have_value(invited.url)
    await page.goto(f"{served.origin}/admin/invitations/add")
    await page.fill("#recipient", "ben")
    await page.click("button:has-text('Invite')")
    await expect(page.get_by_text("has an invitation that works already")).to_be_visible()
    await page.click("button:has-text('Invite anyway')")
    await expect(page.get_by_text("The invitation was created.")).to_be_visible()
    await page.click("#revoke")
    await page.click("a:has-text('Cancel')")
    await page.click("#revoke")
    await page.click("button:has-text('Revoke the invitation')")
    await expect(page.get_by_text("Revoked by ada")).to_be_visible()
    await page.click("summary:has-text('ada')")
    await page.click("button:has-text('Sign out')")
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await context.close()


async def test_the_list_is_filtered_in_place(served: Served, console: Page, invited: lifecycle.Created) -> None:
    await console.goto(f"{served.origin}/admin/invitations")
    await console.evaluate("window.neverLeft = true")
    await console.click("text=Filters and columns")
    await console.select_option("#filter-mode", "two_factor")
    await expect(console.get_by_text("No invitation fits")).to_be_visible()
    assert "mode=two_factor" in console.url
    await console.select_option("#filter-mode", "")
    await expect(console.get_by_text("Ben Okafor")).to_be_visible()
    assert await console.evaluate("window.neverLeft")
