"""The product served over TLS, for a real browser: on a free port of this machine, with its own certificate."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Page

from otae.accounts.administrators import create_administrator
from otae.directory.local import people
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.settings import Settings
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person
from tests.desks import make_settings
from tests.flow.house import serving_tls
from tests.servers.ports import free_port

ADA_PASSWORD = "four quiet words here"


@dataclass
class Served:
    """A running installation."""

    desk: Desk

    @property
    def origin(self) -> str:
        return self.desk.settings.public_url


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """Serve on a free port: PUBLIC_URL names it."""
    home: Path = sqlite_settings.home
    return make_settings(home, PUBLIC_URL=f"https://localhost:{free_port()}")


@pytest.fixture
async def served(desk: Desk) -> AsyncIterator[Served]:
    """Serve until the test ends."""
    async with serving_tls(desk):
        yield Served(desk)


@pytest.fixture
async def now(desk: Desk) -> datetime:
    """Give the time of the database."""
    return await database.now()


@pytest.fixture
async def console(desk: Desk, served: Served, page: Page, now: datetime) -> Page:
    """Sign Ada in, the way people do."""
    await create_administrator(desk, name="ada", password=ADA_PASSWORD, now=now, actor="command line")
    await page.goto(f"{served.origin}/admin/sign-in")
    await page.fill("#name", "ada")
    await page.fill("#password", ADA_PASSWORD)
    await page.click("button:has-text('Sign in')")
    await page.wait_for_url("**/admin")
    return page


@pytest.fixture
async def ben(desk: Desk, now: datetime) -> Person:
    """Add Ben, who may be invited."""
    return await people.add_person(
        desk,
        name="ben",
        display_name="Ben Okafor",
        email="ben@example.test",
        password="ben has a password",
        now=now,
        actor="ada",
    )


@pytest.fixture
async def invited(desk: Desk, ben: Person, now: datetime) -> lifecycle.Created:
    """Invite Ben, without a mail."""
    order = InvitationOrder("ben", InvitationTerms(mode="username_pin", send=False), show_pin=True)
    return await lifecycle.create(desk, order, now=now, actor="ada")
