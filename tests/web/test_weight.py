"""Every page of the portal that tests look at is weighed (tests/web/weight.py); here that this notices something."""

from html import unescape

import pytest

from otae.branding import logos, pictures, portal_texts
from otae.paths import CONSOLE_SIGN_IN, LOGIN
from otae.store import database, properties
from otae.store.models import Logo
from tests.first_visit import PORTAL_BYTES, PORTAL_REQUESTS
from tests.web import weight
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("what", "limit", "said"), [("PORTAL_BYTES", 9000, "weighs"), ("PORTAL_REQUESTS", 3, "makes 4 requests")]
)
async def test_a_page_of_the_portal_that_grows_past_its_budget_is_noticed(
    site: Site, monkeypatch: pytest.MonkeyPatch, what: str, limit: int, said: str
) -> None:
    await site.client.get(LOGIN)
    monkeypatch.setattr(weight, what, limit)
    with pytest.raises(AssertionError, match=f"GET {LOGIN} {said}"):
        await site.client.get(LOGIN)
    assert (await site.client.get(CONSOLE_SIGN_IN)).status_code == 200, "the console has another budget"


async def test_the_largest_branding_keeps_to_the_budget(site: Site, invite: Invite) -> None:
    now = await database.now()
    for kind, longest in portal_texts.LONGEST.items():
        await portal_texts.save(kind, "en", "x" * longest * 1024, now=now, actor="ada")
    await properties.write("branding.accent", "#5a00ff")
    image = bytes(pictures.LARGEST_PICTURE)
    for theme in logos.THEMES:
        sha256 = theme[0] * 64
        await Logo(theme=theme, image=image, sha256=sha256, width=480, height=120).save(force_create=True)
    made = await invite("username_pin")
    page = await site.client.get(made.url, follow_redirects=True)  # weighed as every page, without the logo
    assert 'name="terms_of_use"' in page.text
    parts = len(set(weight.PART.findall(page.text))) + 2 + page.text.count(" data-opened=")
    assert parts <= PORTAL_REQUESTS
    total = len(page.content) + len(image) + sum([await size_of(site, each) for each in weight.PART.findall(page.text)])
    assert total + parts * weight.HEAD_BYTES <= PORTAL_BYTES


async def size_of(site: Site, address: str) -> int:
    answer = await site.client.head(unescape(address), headers={"Accept-Encoding": "br"})
    return int(answer.headers["content-length"])
