"""Settings → All settings: every page with its present state."""

import re
from datetime import datetime, timedelta

import httpx2
import pytest

from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store.models import Administrator, Certificate, Delivery, Person, Role
from otae.store.properties import write
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

PAGE = "/admin/settings"


def state(page: str, href: str) -> str:
    """Return what a card says."""
    found = re.search(rf'href="{href}">(.*?)</a>', page.partition('class="otae-settings"')[2], re.DOTALL)
    assert found, href
    return " ".join(re.sub(r"<[^>]+>", " ", found.group(1)).split())


async def test_every_page_of_settings_says_how_it_stands(console: httpx2.AsyncClient) -> None:
    await write("organization.name", "<b>Example</b>")
    page = (await console.get(PAGE)).text
    assert state(page, "/admin/notification-servers").endswith("no mail server is active: mails go to the mail catcher")
    assert state(page, "/admin/push") == "Push certificate none: Macs get a generated topic"
    assert state(page, "/admin/properties") == "Server properties 1 changed"
    assert state(page, "/admin/administrators") == "Administrators 1 administrator"
    assert "&lt;b&gt;Example" in page
    assert re.search(r"\d of \d on, default ", state(page, "/admin/enrollment-modes"))
    assert re.search(r"expires in \d+ days", state(page, "/admin/certificates"))


async def test_the_last_message_and_the_nearest_end_are_told(
    console: httpx2.AsyncClient, site: Site, ben: Person, now: datetime
) -> None:
    await console.post(
        "/admin/notification-servers/add",
        data={"name": "relay", "host": "127.0.0.1", "port": "25", "security": "none", "from_name": "IT",
              "from_email": "it@example.test", "timeout": "30", "retries": "5", "connections": "4", "rate": "0",
              "standby": "0"},
    )  # fmt: skip
    assert state((await console.get(PAGE)).text, "/admin/notification-servers").endswith("1 server, nothing sent yet")
    order = InvitationOrder(ben.name, InvitationTerms(mode="username_pin"))
    await lifecycle.create(site.desk, order, now=now, actor="ada")
    await Delivery.all().update(status="sent", sent_at=now - timedelta(minutes=3))
    assert "3 min ago" in state((await console.get(PAGE)).text, "/admin/notification-servers")
    await Certificate.filter(purpose="tls", active=True).update(not_after=now + timedelta(days=5, hours=1))
    assert state((await console.get(PAGE)).text, "/admin/certificates").endswith("expires in 5 days")


async def test_only_pages_that_the_role_may_see_are_shown(console: httpx2.AsyncClient, now: datetime) -> None:
    await Role(name="few", permissions=["setting.see"], created_at=now).save(force_create=True)
    await Administrator.filter(name="ada").update(role="few")
    page = (await console.get(PAGE)).text
    assert 'href="/admin/properties"' in page
    for hidden in ("/admin/audit", "/admin/administrators", "/admin/certificates", "/admin/directories", "/admin/mail"):
        assert f'href="{hidden}"' not in page
    await Administrator.filter(name="ada").update(role="SUPPORT")
    assert (await console.get(PAGE)).status_code == 403
