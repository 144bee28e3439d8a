"""What a browser that was never here fetches for a page, and when it shows something: measured in Chromium."""

from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, CDPSession

#: A slow line, as Chromium simulates it: 400 ms for each request to be answered, 400 kbit/s both ways.
SLOW_LINE: Final = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
#: What a first visit of a page of the portal may take, redirects not counted as requests.
PORTAL_BYTES: Final = 60_000
PORTAL_REQUESTS: Final = 6
#: What a first visit of the console may take.
CONSOLE_BYTES: Final = 160_000


@dataclass
class FirstVisit:
    """Addresses of all requests but redirects, the bytes of all answers with their headers, and the first paint."""

    requests: list[str] = field(default_factory=list)
    redirects: int = 0
    bytes: int = 0
    paint_ms: float = 0

    async def watch(self, line: CDPSession) -> None:
        """Count from now on."""
        line.on("Network.requestWillBeSent", self.sent)
        line.on("Network.loadingFinished", self.finished)
        await line.send("Network.enable")

    def sent(self, event: dict[str, Any]) -> None:
        """Count a request; a redirect is one of the request before."""
        if "redirectResponse" in event:
            self.redirects += 1
            self.bytes += event["redirectResponse"]["encodedDataLength"]
            self.requests.pop()
        if not event["request"]["url"].startswith("data:"):
            self.requests.append(event["request"]["url"])

    def finished(self, event: dict[str, Any]) -> None:
        """Count the bytes of an answer."""
        self.bytes += event["encodedDataLength"]


async def first_visit(browser: Browser, url: str, *, state: Any = None, slow: bool = False) -> FirstVisit:  # noqa: ANN401 - Playwright's storage state
    """Open ``url`` in a fresh profile.

    Args:
        state: Cookies of somebody who signed in elsewhere.
        slow: On a slow line.
    """
    visit = FirstVisit()
    context = await browser.new_context(ignore_https_errors=True, storage_state=state)
    try:
        page = await context.new_page()
        line = await context.new_cdp_session(page)
        await visit.watch(line)
        if slow:
            await line.send("Network.emulateNetworkConditions", SLOW_LINE)
        await page.goto(url, wait_until="networkidle")
        visit.paint_ms = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    finally:
        await context.close()
    return visit
