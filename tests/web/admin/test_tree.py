"""Settings → Certificates, and that all of manage and settings is for administrators alone."""

from datetime import datetime, timedelta

import httpx2
import pytest
from starlette.routing import Route

from otae.authority import issuers
from otae.store.models import Certificate
from otae.web import routes
from tests.web.conftest import Site
from tests.web.test_walks import address

pytestmark = pytest.mark.anyio

WAYS = [
    (address(route), method)
    for route in (*routes.manage_routes(), *routes.settings_routes())
    for method in sorted((route.methods or set()) - {"HEAD"})
]


async def test_the_tree_is_shown_with_fingerprints_and_the_root_to_download(
    console: httpx2.AsyncClient, now: datetime
) -> None:
    text = (await console.get("/admin/certificates")).text
    for row in await issuers.tree(now):
        grouped = " ".join(row["sha256"][at : at + 4] for at in range(0, 64, 4)).upper()
        assert grouped in text
    assert 'href="/zdm/macos/otae/root?format=cer"' in text
    assert "Replaced" not in text


async def test_what_ends_soon_and_what_was_replaced_is_told(console: httpx2.AsyncClient, now: datetime) -> None:
    await Certificate.filter(purpose="tls").update(not_after=now + timedelta(days=12, hours=1))
    await Certificate.filter(purpose="ra").update(active=False)
    text = (await console.get("/admin/certificates")).text
    assert "12 days left" in text
    assert "Replaced" in text


def test_there_are_pages_to_walk() -> None:
    assert len(WAYS) > 25
    assert all(isinstance(route, Route) for route in routes.manage_routes())


@pytest.mark.parametrize(("path", "method"), WAYS)
async def test_nobody_gets_in_without_signing_in(site: Site, path: str, method: str) -> None:
    answer = await site.client.request(method, path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/admin/sign-in")
