"""The documentation at /admin/docs."""

import re

import httpx2
import pytest

from otae.store.models import Administrator
from otae.web.admin import docs
from otae.web.help import HELP, help_for

pytestmark = pytest.mark.anyio


async def test_every_document_is_listed_and_shown(console: httpx2.AsyncClient) -> None:
    listed = re.findall(r'href="(/admin/docs/[^"#]+)"', (await console.get("/admin/docs")).text)
    assert {"/admin/docs/operations", "/admin/docs/glossary", "/admin/docs/adr/0001-the-house"} <= set(listed)
    for href in listed:
        answer = await console.get(href)
        assert answer.status_code == 200, href
        assert "<h2" in answer.text, href
        assert not re.search(r"<[^>]+\sstyle=", answer.text), href


async def test_links_between_documents_lead_to_pages_and_anchors_of_ours(console: httpx2.AsyncClient) -> None:
    seen = 0
    for name in docs.files():
        for href in re.findall(r'href="(/admin/docs[^"]*|#[^"]+)"', str(docs.document(name).html)):
            page, _hash, anchor = href.partition("#")
            if page == "/admin/docs":
                continue
            target = page.removeprefix("/admin/docs/") or name
            if anchor:
                assert f'id="{anchor}"' in docs.document(target).html, f"{name}: {href}"
            seen += 1
    assert seen > 20


@pytest.mark.parametrize("name", ["../../pyproject", "nowhere", "adr", "operations.md", "%2e%2e/README", "<b>"])
async def test_nothing_else_of_the_disk_is_shown(console: httpx2.AsyncClient, name: str) -> None:
    assert (await console.get(f"/admin/docs/{name}")).status_code in {400, 404}


async def test_a_page_of_settings_leads_to_its_section(console: httpx2.AsyncClient) -> None:
    assert 'href="/admin/docs/operations#mail"' in (await console.get("/admin/notification-servers")).text
    assert 'href="/admin/docs/operations#server-properties"' in (await console.get("/admin/properties/mac.sha1")).text
    assert help_for("/admin/account") == ""


def test_every_section_that_helps_with_a_page_exists() -> None:
    for where in HELP.values():
        name, _hash, anchor = where.partition("#")
        assert not anchor or f'id="{anchor}"' in docs.document(name).html, where


async def test_every_role_may_read_it(console: httpx2.AsyncClient) -> None:
    await Administrator.filter(name="ada").update(role="SUPPORT")
    assert (await console.get("/admin/docs/operations")).status_code == 200


async def test_the_pictures_of_a_document_are_there(console: httpx2.AsyncClient) -> None:
    page = (await console.get("/admin/docs/operations")).text
    pictures = re.findall(r'<img src="([^"]+)"', page.partition("<main")[2])
    assert "/admin/docs/images/console-campaign.png" in pictures
    for each in pictures:
        answer = await console.get(each)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), each
    assert (await console.get("/admin/docs/images/none.png")).status_code == 404
    assert (await console.get("/admin/docs/images/..%2f..%2fpyproject.toml")).status_code == 404
