"""The audit log's page."""

from datetime import datetime

import httpx2
import pytest

from otae.store import audit
from otae.web.admin.audit import PAGE
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


async def test_the_log_shows_who_did_what_newest_first(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    await audit.record("ada", "thing.done", now=now, subject="<b>ben</b>", detail="a detail")
    text = (await console.get("/admin/audit")).text
    assert "&lt;b&gt;ben&lt;/b&gt;" in text
    assert "a detail" in text
    assert text.index("thing.done") < text.index("administrator.signed-in") < text.index("ca.created")


async def test_the_log_is_searched(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    await audit.record("cleo", "thing.done", now=now, subject="ben")
    text = (await console.get("/admin/audit?q=CLEO")).text
    assert "thing.done" in text
    assert "ca.created" not in text
    assert "No entry found" in (await console.get("/admin/audit?q=nobody")).text


async def test_pages_follow_one_another_and_keep_the_search(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    for number in range(PAGE + 1):
        await audit.record("cleo", "thing.done", now=now, subject=f"thing {number}.")
    text = (await console.get("/admin/audit?q=cleo")).text
    assert f"thing {PAGE}." in text
    assert "thing 0." not in text
    first = (await audit.list_entries(search="cleo", limit=PAGE))[-1].id
    assert f"/admin/audit?q=cleo&amp;before={first}" in text
    text = (await console.get(f"/admin/audit?q=cleo&before={first}")).text
    assert "thing 0." in text
    assert "thing 1." not in text
    assert 'href="/admin/audit?q=cleo"' in text
    assert "Nothing here" in (await console.get("/admin/audit?before=1")).text
    assert (await console.get("/admin/audit?before=x")).status_code == 200


async def test_the_log_is_for_administrators(site: Site) -> None:
    answer = await site.client.get("/admin/audit")
    assert answer.status_code == 303
