"""A real browser: the system's Chromium, driven through Playwright's asynchronous interface.

Not the synchronous one: it leaves an event loop running in the thread of the tests, and every other async test fails.
"""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

#: What Chrome says on a Mac: the portal's forms are for Macs.
ON_A_MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
#: No sandbox: it needs rights that neither root in a container nor a build machine gives. The pages are our own.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--user-agent={ON_A_MAC}"]


def find_chromium() -> Path | None:
    """Find Chromium: OTAE_CHROMIUM when set, else the usual names on PATH."""
    named = os.environ.get("OTAE_CHROMIUM")
    if named:
        return Path(named)
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return Path(found)
    return None


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Give the path of the browser; skips where none is installed."""
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium installed")
    return found


@pytest.fixture(scope="module")
async def browser(chromium: Path, anyio_backend: str) -> AsyncIterator[Browser]:
    """Run one headless browser for the tests of a module."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        await started.close()


@pytest.fixture
async def browser_context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Open a fresh profile (no cookies) that accepts certificates of authorities it does not know.

    Without service workers: after one was refused, Chromium now and then refuses such a certificate for downloads too.
    """
    context = await browser.new_context(
        ignore_https_errors=True, locale="en-GB", timezone_id="UTC", service_workers="block"
    )
    yield context
    await context.close()


@pytest.fixture
async def page(browser_context: BrowserContext) -> Page:
    """Open one page in a fresh profile."""
    return await browser_context.new_page()
