"""What browsers say of themselves at the portal is a claim: whatever it is, the page is shown and nothing is stored."""

import pytest

from otae.store.models import Event
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

LOGIN = "/zdm/macos/otae/login"
LONG = "9" * 8000
HEADERS = {
    "sec-ch-ua-platform-version": ("", '"', '""', '"15"', '"99999999999999999999"', '"15.x"', "15.0", "٣", LONG),
    "sec-ch-ua-platform": ('"macOS"', '"Windows"', "macOS", LONG),
    "user-agent": ("", "Mozilla/5.0 (iPhone", "\x7f", "<script>alert(1)</script>", LONG),
    "accept-language": ("xx", "de;q=9", "de;q=-1", ";;;", ",".join(["de"] * 2000), LONG),
    "accept-encoding": ("", "br;q=2", "*;q=0", "br;q=0, gzip;q=0, identity;q=0", LONG),
    "cookie": ("__Host-otae-mac=x", "__Host-otae-code=x", "__Host-otae-me=x", "__Host-otae-language=xx", f"a={LONG}"),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HEADERS.items() for value in values])
async def test_an_odd_header_changes_nothing_but_the_page(site: Site, invite: Invite, name: str, value: str) -> None:
    made = await invite("two_factor")
    before = await Event.all().count()
    for path in (LOGIN, f"/zdm/su?e={made.token}", "/go", "/zdm/macos/otae/me/sign-in"):
        async with site.stranger() as stranger:
            answer = await stranger.get(path, headers={name.encode(): value.encode()}, follow_redirects=True)
        assert answer.status_code == 200, path
        assert "alert(1)" not in answer.text
    assert await Event.all().count() == before
