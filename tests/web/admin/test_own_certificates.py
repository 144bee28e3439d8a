"""Settings → Certificates."""

from datetime import datetime, timedelta

import httpx2
import pytest

from otae.authority import issuers
from otae.store.models import Certificate

pytestmark = pytest.mark.anyio


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
