"""Pages of the settings in Chromium: axe finds nothing, and nothing sticks out of any width."""

import pytest
from playwright.async_api import Page

from otae import paths
from tests.browser.conftest import Served
from tests.browser.test_console import Theme, nothing_is_blocked, violations  # noqa: F401 - for every test here too

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PAGES = (
    paths.SETTINGS,
    f"{paths.PROPERTIES}/identity.days",
    paths.SMTP_SERVER_ADD,
    paths.DIRECTORY_ADD,
    f"{paths.MODES}/two_factor",
    paths.ROLE_ADD,
    paths.PUSH,
    paths.DOCS,
    f"{paths.DOCS}/threats",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_page_is_usable_by_everybody_at_every_width(served: Served, console: Page, theme: Theme) -> None:
    await console.emulate_media(color_scheme=theme, reduced_motion="reduce")
    wrong = list[str]()
    for path in PAGES:
        await console.set_viewport_size({"width": 1440, "height": 900})
        await console.goto(f"{served.origin}{path}")
        wrong += [f"{path}: {each}" for each in await violations(console)]
        for width in (1440, 1024, 390):
            await console.set_viewport_size({"width": width, "height": 900})
            wide = await console.evaluate("document.documentElement.scrollWidth")
            wrong += [f"{path} is {wide} wide at {width}"] if wide > width else []
    assert not wrong, "\n".join(wrong)
