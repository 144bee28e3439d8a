"""Every page of the console that needs no row, in Chromium: axe finds nothing, and nothing sticks out of any width."""

import pytest
from playwright.async_api import Page

from otae import paths
from otae.invitations import lifecycle
from otae.web import routes
from otae.web.routing import ConsoleRoute
from tests.browser.conftest import Served
from tests.browser.test_console import Theme, nothing_is_blocked, violations  # noqa: F401 - for every test here too

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PAGES = sorted(
    route.path
    for route in routes.routes()
    if isinstance(route, ConsoleRoute)
    and "GET" in route.needed
    and "{" not in route.path
    # Its preview is a frame without scripts, which axe cannot enter: test_branding looks at it.
    and not route.path.startswith(paths.BRANDING)
)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_page_is_usable_by_everybody_at_every_width(
    served: Served, console: Page, invited: lifecycle.Created, theme: Theme
) -> None:
    await console.emulate_media(color_scheme=theme, reduced_motion="reduce")
    wrong, seen = list[str](), 0
    for path in PAGES:
        answer = await console.request.get(f"{served.origin}{path}")
        # A file, or a part of a page.
        if not (await answer.body()).startswith(b"<!doctype"):
            continue
        await console.set_viewport_size({"width": 1440, "height": 900})
        await console.goto(f"{served.origin}{path}")
        wrong += [f"{path}: {each}" for each in await violations(console)]
        for width in (1440, 1024, 390):
            await console.set_viewport_size({"width": width, "height": 900})
            wide = await console.evaluate("document.documentElement.scrollWidth")
            wrong += [f"{path} is {wide} wide at {width}"] if wide > width else []
        seen += 1
    assert not wrong, "\n".join(wrong)
    assert seen > 30
