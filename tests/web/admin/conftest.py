"""Ada, signed in to the console."""

from datetime import datetime

import httpx2
import pytest

from otae.accounts.administrators import create_administrator
from otae.delivery.texts import templates
from otae.store.models import NotificationTemplate
from tests.web.conftest import Site

ADA_PASSWORD = "four quiet words here"


@pytest.fixture
async def ada(site: Site, now: datetime) -> None:
    """Ada may use the console."""
    await create_administrator(site.desk, name="ada", password=ADA_PASSWORD, now=now, actor="command line")


@pytest.fixture
async def console(site: Site, ada: None) -> httpx2.AsyncClient:
    """Give Ada's browser, signed in the way people do."""
    answer = await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    assert answer.status_code == 303
    return site.client


@pytest.fixture
async def pin_mail(console: httpx2.AsyncClient) -> NotificationTemplate:
    """The default template of the PIN mail."""
    return await templates.default_template("pin")
