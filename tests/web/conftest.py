"""The whole application on a real database, asked as a browser asks; only the sockets are left out."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import httpx2
import pytest
import structlog
from starlette.applications import Starlette

from otae.app import make_app
from otae.directory.local import people
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.settings import Settings
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person
from otae.web.pages import REFUSED_COOKIE
from tests.web import weight

PASSWORD = "ben's own password"


class Browser(httpx2.AsyncClient):
    """Follows the redirect of a refused form by itself, to the page that says what was wrong; no other redirect."""

    async def post(self, *args: Any, **sent: Any) -> httpx2.Response:  # noqa: ANN401 - handed on as they come
        answer = await super().post(*args, **sent)
        if REFUSED_COOKIE not in answer.cookies:
            return answer
        return await self.get(answer.headers["location"], follow_redirects=True)


@dataclass
class Site:
    """The application of one desk. ``client`` sends what a browser on one of our pages sends."""

    app: Starlette
    desk: Desk
    client: Browser
    transport: httpx2.ASGITransport = field(repr=False)

    @property
    def origin(self) -> str:
        return self.desk.settings.public_url

    def stranger(self, **headers: str | bytes) -> Browser:
        """Give a client without cookies, that sends no header but ``headers``."""
        sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
        raw = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in sent]
        return Browser(
            transport=self.transport,
            base_url=self.origin,
            headers=raw,
            event_hooks={"response": [weight.watcher(self.transport, self.origin)]},
        )


@pytest.fixture(autouse=True)
def plain_log() -> None:
    """Keep tracebacks short: drawn with every local variable they take seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(),
        ]
    )


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """Pages are the same on every database, and the rooms below are tested on both: one is enough for each run."""
    made: Settings = request.getfixturevalue(f"{request.config.getoption('--pages-on')}_settings")
    return made


@pytest.fixture
async def site(desk: Desk) -> AsyncIterator[Site]:
    """Give the application and a browser."""
    app = make_app(desk)
    transport = httpx2.ASGITransport(app, client=("203.0.113.9", 40_000))
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": desk.settings.public_url}
    hooks = {"response": [weight.watcher(transport, desk.settings.public_url)]}
    async with Browser(
        transport=transport, base_url=desk.settings.public_url, headers=headers, event_hooks=hooks
    ) as client:
        yield Site(app, desk, client, transport)


@pytest.fixture
async def now(desk: Desk) -> datetime:
    """Give the time of the database."""
    return await database.now()


@pytest.fixture
async def ben(desk: Desk, now: datetime) -> Person:
    """Add Ben, who may be invited."""
    return await people.add_person(
        desk, name="ben", display_name="Ben Okafor", email="ben@example.test", password=PASSWORD, now=now, actor="ada"
    )


def shown_code(page: str) -> str:
    """Return the one support code that a page shows, without the space within."""
    (code,) = re.findall(r'otae-code">([A-Z2-9 ]+)<', page)
    return str(code).replace(" ", "")


class Invite(Protocol):
    """Invites Ben."""

    async def __call__(self, mode: str, *, way: str | None = None) -> lifecycle.Created: ...


@pytest.fixture
def invite(desk: Desk, ben: Person, now: datetime) -> Invite:
    """Give a function that invites Ben; his invitation comes back as its maker sees it, with link and PIN."""

    async def order(mode: str, *, way: str | None = None) -> lifecycle.Created:
        asked = InvitationOrder(ben.name, InvitationTerms(mode=mode, send=False, way=way), show_pin=True)
        return await lifecycle.create(desk, asked, now=now, actor="ada")

    return order
