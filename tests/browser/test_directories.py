"""Connecting a directory in Chromium: its test ticks without navigation, and everybody can use its pages."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from playwright.async_api import Browser, Page, expect

from otae.directory.ldap import servers
from otae.store import database, jobs
from otae.store.models import DirectoryServer, Job, Person
from tests.browser.conftest import ADA_PASSWORD, Served
from tests.browser.test_console import Theme, check
from tests.servers import ldap_trees, slapd
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

LIST = "/admin/directories"
#: As long as each field takes.
LONG = "w" * 100
LONG_DN = f"cn={'Wolfeschlegelsteinhausenbergerdorff' * 13},dc=example,dc=test"[:500]
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def ldap() -> Iterator[LdapServer]:
    """Run a server with a few people for the tests of this module; nobody changes it."""
    with slapd.running() as server:
        yield server


async def fill(page: Page, server: LdapServer) -> None:
    """Fill the form in as Ada does."""
    await page.fill("#domain", "example.test")
    await page.fill("#primary_host", "localhost")
    await page.fill("#port", str(server.port))
    await page.click("summary:has-text('Certificate authority')")
    await page.fill("#ca_pem", server.ca_pem)
    await page.fill("#bind_name", ldap_trees.SERVICE)
    await page.fill("#password", ldap_trees.PASSWORD)
    await page.fill("#user_base", ldap_trees.PEOPLE)
    await page.fill("#group_base", ldap_trees.GROUPS)


async def claimed() -> Job:
    """Take the test that was ordered, as a worker does."""
    job = await jobs.claim((await Job.get(kind=servers.TEST_JOB)).id, await database.now())
    assert job is not None
    return job


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_its_pages_are_usable_by_everybody_whatever_stands_in_them(
    served: Served, console: Page, ben: Person, now: datetime, theme: Theme
) -> None:
    await console.goto(f"{served.origin}{LIST}")
    await check(console, theme)
    row = DirectoryServer(
        domain=LONG, alias=LONG[:-1], kind="active-directory", primary_host="h" * 253, secondary_host="s" * 253,
        port=636, security="ldaps", bind_name=LONG_DN, user_base=LONG_DN, group_base=HOSTILE, search_by="mail",
        is_default=True, created_at=now,
    )  # fmt: skip
    await row.save(force_create=True)
    await Person.filter(id=ben.id).update(domain=LONG, directory_id="0af1")
    await servers.enqueue_test(served.desk, row, now=now, actor="ada")
    job = await claimed()
    steps: list[dict[str, object]] = [
        {"step": "resolve", "ok": True, "words": LONG_DN},
        {"step": "connect", "ok": False, "words": HOSTILE},
        {"step": f"resolve ({'s' * 253})", "ok": False, "words": LONG_DN},
    ]
    await jobs.finish(job, {"ok": False, "steps": steps}, now=now, failed=True)
    for path in (LIST, f"{LIST}/{row.id}", "/admin/invitations/add"):
        await console.goto(f"{served.origin}{path}")
        await check(console, theme)


async def test_a_directory_is_connected_and_each_step_ticks_without_navigation(
    served: Served, console: Page, ldap: LdapServer
) -> None:
    await console.goto(f"{served.origin}{LIST}")
    await console.click("text=Connect LDAP")
    await expect(console.locator(".otae-catalog")).to_be_hidden()
    await console.select_option("#security", "none")
    await expect(console.locator(".otae-clear")).to_be_visible()
    await console.select_option("#security", "starttls")
    await expect(console.locator(".otae-clear")).to_be_hidden()
    await fill(console, ldap)
    await console.fill("#user_base", "people")
    await console.click("button:has-text('Save and test')")
    await expect(console.locator("#summary")).to_be_focused()
    await expect(console.locator("#user_base-errors")).to_be_visible()
    await expect(console.locator("#ca_pem")).to_have_value(ldap.ca_pem)
    await console.fill("#user_base", ldap_trees.PEOPLE)
    await console.fill("#password", ldap_trees.PASSWORD)
    await console.click("button:has-text('Save and test')")
    await expect(console.locator("#test")).to_contain_text("Waiting for its turn")
    await servers.run_test(served.desk, await claimed(), now=await database.now())
    await expect(console.locator("#test")).to_contain_text("Everything works")
    await expect(console.locator("#test li.done")).to_have_count(7)


async def test_whom_one_means_is_found_in_a_directory_and_said(
    served: Served, console: Page, ldap: LdapServer, ben: Person
) -> None:
    await console.goto(f"{served.origin}{LIST}/add/upload")
    await fill(console, ldap)
    await console.click("button:text-is('Save')")
    await console.goto(f"{served.origin}/admin/invitations/add")
    await console.locator("#recipient").press_sequentially("ben", delay=20)
    await expect(console.locator("#people option")).to_have_count(2)
    await expect(console.locator("#found")).to_contain_text("Ben Okafor · ben@example.test")
    await console.select_option("#domain", "example.test")
    await expect(console.locator("#people option")).to_have_count(1)
    await expect(console.locator("#found")).to_contain_text("Ben Example · ben@example.test · example.test")
    await console.goto(f"{served.origin}/admin/group-invitations/add")
    await console.locator("#group").press_sequentially("nested-3", delay=20)
    await expect(console.locator("#groups option")).to_have_attribute("value", "example.test/nested-3")


async def test_it_works_without_script(served: Served, console: Page, browser: Browser, ldap: LdapServer) -> None:
    context = await browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{served.origin}/admin/sign-in")
    await page.fill("#name", "ada")
    await page.fill("#password", ADA_PASSWORD)
    await page.click("button:has-text('Sign in')")
    await page.goto(f"{served.origin}{LIST}/add/upload")
    await fill(page, ldap)
    await page.click("button:has-text('Save and test')")
    await servers.run_test(served.desk, await claimed(), now=await database.now())
    await page.click("text=Check again")
    assert "Everything works" in await page.content()
    await page.click("button:has-text('Remove')")
    await page.click("text=Cancel")
    assert "Everything works" in await page.content()
    await page.click("button:has-text('Remove')")
    await page.click("button:has-text('Remove')")
    assert await DirectoryServer.all().count() == 0
    await context.close()
