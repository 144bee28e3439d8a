"""The browser of the tests opens pages."""

import pytest
from playwright.async_api import Page

pytestmark = pytest.mark.anyio


async def test_a_page_is_rendered(page: Page) -> None:
    await page.set_content("<h1>Enroll this Mac</h1>")
    assert await page.get_by_role("heading").inner_text() == "Enroll this Mac"
