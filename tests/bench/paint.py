"""When the portal shows something on a slow line, and what a first visit fetches: ``python -m tests.bench.paint``."""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from otae import paths
from otae.accounts.administrators import create_administrator
from otae.authority import serving
from otae.directory.local import people
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database, keyring
from otae.store.desk import Desk, SilentBell
from otae.words import configure_logging
from tests.desks import make_settings, prepare
from tests.first_visit import first_visit
from tests.flow.house import serving_tls
from tests.servers.browser import ARGUMENTS, find_chromium
from tests.servers.ports import free_port

ROUNDS = 5
PASSWORD = "four quiet words here"


async def invite(desk: Desk) -> lifecycle.Created:
    """Invite Ben, and make Ada an administrator."""
    now = await database.now()
    await create_administrator(desk, name="ada", password=PASSWORD, now=now, actor="command line")
    await people.add_person(desk, name="ben", display_name="Ben Okafor", email="ben@example.test", now=now, actor="ada")
    order = InvitationOrder("ben", InvitationTerms(mode="username_pin", send=False), show_pin=True)
    return await lifecycle.create(desk, order, now=now, actor="ada")


async def signed_in(browser: Browser, url: str, **entered: str) -> Any:  # noqa: ANN401 - Playwright's storage state
    """Return the cookies of a browser after it signed in at ``url``."""
    context = await browser.new_context(ignore_https_errors=True)
    page = await context.new_page()
    await page.goto(url)
    for name, value in entered.items():
        await page.fill(f"[name={name}]", value)
    await page.locator("main form button[type=submit]").click()
    await page.wait_for_load_state()
    state = await context.storage_state()
    await context.close()
    return state


async def measure(browser: Browser, name: str, url: str, state: Any = None) -> str:  # noqa: ANN401 - see above
    """Return the line of a page."""
    visits = [await first_visit(browser, url, state=state, slow=True) for _ in range(ROUNDS)]
    paints = sorted(visit.paint_ms / 1000 for visit in visits)
    one = visits[0]
    spread = f"{statistics.median(paints):.2f} s ({paints[0]:.2f} to {paints[-1]:.2f})"
    return f"| {name} | {len(one.requests)} | {one.redirects} | {one.bytes / 1000:.1f} kB | {spread} |\n"


async def main() -> None:
    """Print the table."""
    configure_logging("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder), PUBLIC_URL=f"https://localhost:{free_port()}")
        await prepare(settings)
        async with database.connected(settings):
            desk = Desk(settings, await keyring.open_vault(settings), SilentBell())
            await serving.renew_leaf(desk, now=await database.now())
            made, origin = await invite(desk), settings.public_url
            async with serving_tls(desk), async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
                console = await signed_in(browser, origin + paths.CONSOLE_SIGN_IN, name="ada", password=PASSWORD)
                sys.stdout.write(
                    "| page | requests | redirects | bytes | first paint, median (spread) |\n|---|---|---|---|---|\n"
                )
                for row in (
                    ("portal, the clean page", origin + paths.LOGIN),
                    ("portal, from the mailed link", made.url),
                ):
                    sys.stdout.write(await measure(browser, *row))
                enrolling = await signed_in(browser, made.url, pin=made.pin or "")
                sys.stdout.write(
                    await measure(browser, "portal, the page that follows the Mac", origin + paths.INSTALL, enrolling)
                )
                sys.stdout.write(await measure(browser, "console, dashboard", origin + paths.CONSOLE, console))
                await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
