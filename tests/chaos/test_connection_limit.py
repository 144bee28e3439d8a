"""Twenty connections for two web processes, two workers, a clock and a command, with all of them busy at once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tortoise.connection import get_connection

from otae.accounts.administrators import create_administrator
from otae.invitations.groups import Status
from otae.rehearsal.connection import MacConnection
from otae.rehearsal.safari import Safari
from otae.settings import Settings
from otae.signing.bundles import read_bundle
from otae.store import database
from otae.store.models import Delivery, GroupInvitation
from tests.chaos.house import ADA_PASSWORD, House, opened
from tests.flow.processes import link_in, pin_in
from tests.invitations.crowds import crowd
from tests.ledger import check_ledger
from tests.servers.ports import free_port, listens, wait_until
from tests.servers.postgres import PostgresServer
from tests.servers.router import TLSRouter
from tests.servers.router import running as running_router
from tests.servers.smtp import SMTPServer
from tests.tasks.conftest import eventually
from tests.web.page_forms import form_of

pytestmark = pytest.mark.anyio

MOST = 20
PEOPLE, CONSOLES, PORTALS = 60, 10, 10
#: Seconds that somebody looks at a page: the machine is to serve the bulk as well.
PAUSE = 0.2
GROUPS = "/admin/group-invitations"
PAGES = ("/admin", "/admin/invitations", "/admin/users", "/admin/mail", GROUPS, "/admin/audit", "/readyz")
LOGIN, INSTALL = "/zdm/macos/otae/login", "/zdm/macos/otae/install"


@dataclass
class Browsers:
    """Administrators', and those of people invited. ``over``: everything is done; ``answers``: what came."""

    router: TLSRouter
    smtp: SMTPServer
    over: asyncio.Event = field(default_factory=asyncio.Event)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    @asynccontextmanager
    async def console(self, name: str) -> AsyncIterator[httpx2.AsyncClient]:
        """Give an administrator's browser, signed in; every answer is noted."""

        async def note(answer: httpx2.Response) -> None:
            self.answers[f"{answer.request.method} {answer.request.url.path}", answer.status_code] += 1

        headers = {"Sec-Fetch-Site": "same-origin", "Origin": self.router.url}
        trust = self.router.identity.client_context()
        async with httpx2.AsyncClient(
            base_url=self.router.url, verify=trust, headers=headers, timeout=60, event_hooks={"response": [note]}
        ) as client:
            answer = await client.post("/admin/sign-in", data={"name": name, "password": ADA_PASSWORD})
            where = answer.headers["location"].partition("?")[0]
            assert (answer.status_code, where) == (303, "/admin"), "a refused one leads back to its form"
            yield client

    async def look_around(self, name: str) -> None:
        """Open one page of the console after the other."""
        async with self.console(name) as client:
            while not self.over.is_set():
                for page in PAGES:
                    await client.get(page)
                    await asyncio.sleep(PAUSE)

    async def come_by_mail(self, name: str) -> None:
        """Look at the bare page until link and PIN are there, sign in with them, take the profile, and stay."""
        async with MacConnection(self.router.url, read_bundle(self.router.ca_file.read_bytes()).certificates) as line:
            safari = Safari(line)

            async def see(url: str) -> None:
                page = await safari.open(url)
                self.answers[f"GET {page.path}", page.answer.status] += 1
                await asyncio.sleep(PAUSE)

            while len(mails := self.smtp.to(f"{name}@example.test")) < 2:
                await see(f"{self.router.url}{LOGIN}")
            bodies = [mail.message.get_body(("plain",)) for mail in mails]
            words = "\n".join(body.get_content() for body in bodies if body)
            page = await safari.sign_in(await safari.open(link_in(words)), name=name, pin=pin_in(words))
            assert (page.answer.status, page.path) == (200, INSTALL), page.text
            assert (await safari.download(page, "/profile", name="profile")).status == 200
            while not self.over.is_set():
                await see(page.url)

    async def invite_everybody(self) -> None:
        """Invite the group as Ada does: the form, its dry run, and Start."""
        async with self.console("ada") as client:
            page = await client.get(f"{GROUPS}/add?group=sales")
            assert page.status_code == 200, page.text
            form = form_of(page.text, f"{GROUPS}/add").sent | {"mode": ["username_pin"]}
            where = (await client.post(f"{GROUPS}/add", data=form)).headers["location"]

            async def ready() -> bool:
                return await GroupInvitation.filter(status=Status.READY).exists()

            await eventually(ready)
            assert (await client.post(f"{where}/start")).status_code == 303


@dataclass
class Looks:
    """Counts the role's connections again and again; ``most``: as many as were ever seen."""

    role: str
    most: int = 0

    async def go_on(self) -> None:
        """Look until cancelled."""
        count = f"SELECT count(*) AS open FROM pg_stat_activity WHERE usename = '{self.role}'"  # noqa: S608 - our own name
        while True:
            (row,) = await get_connection("default").execute_query_dict(count)
            self.most = max(self.most, row["open"])
            await asyncio.sleep(0.05)


@pytest.fixture
async def house(
    shared_settings: Settings, postgres: PostgresServer, smtp_server: SMTPServer, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[House]:
    """Open an installation whose processes, unlike the test itself, come as a role of few connections."""
    async with opened(shared_settings, smtp_server, tmp_path) as house:
        with postgres.limited(house.environ["DATABASE_URL"], MOST) as url:
            house.environ["DATABASE_URL"] = url
            yield house
            for process in house.processes:
                process.tell()
            assert {await asyncio.to_thread(process.end) for process in house.processes} == {0}


async def command(house: House, *arguments: str) -> str:
    """Run a command beside everything else and return what it says."""
    process = house.start(*arguments, first="")
    assert await asyncio.to_thread(process.end, 120) == 0, process.log.read_text()
    return process.log.read_text()


async def test_twenty_are_enough_for_all_at_once(house: House) -> None:
    await crowd(PEOPLE)
    await house.add_people(1)
    now = await database.now()
    names = ["ada", *(f"ada{at}" for at in range(CONSOLES))]
    for name in names:
        await create_administrator(house.desk, name=name, password=ADA_PASSWORD, now=now, actor="command line")
    ports = [free_port(), free_port()]
    looks = Looks(house.environ["DATABASE_URL"].partition("//")[2].partition(":")[0])
    looking = asyncio.create_task(looks.go_on())
    with running_router(*ports) as router:
        house.environ |= {"PUBLIC_URL": router.url, "SSL_CERT_FILE": str(router.ca_file), "PORT": str(ports[0])}
        for port in ports:
            house.start("serve", first="", PORT=str(port))
        for role in ("worker", "worker", "clock"):
            house.start(role, first="")
        await asyncio.to_thread(wait_until, lambda: all(listens(port) for port in ports), "the pages", 60)
        browsers = Browsers(router, house.smtp)
        async with asyncio.TaskGroup() as group:
            for name in names[1:]:
                group.create_task(browsers.look_around(name))
            for at in range(1, PORTALS + 1):
                group.create_task(browsers.come_by_mail(f"p{at:04}"))
            inviting = group.create_task(browsers.invite_everybody())
            await command(house, "invite", "--user", "ben0", "--mode", "username_pin")
            await inviting
            checks = json.loads(await command(house, "doctor", "--json"))
            await eventually(all_sent)
            browsers.over.set()
    looking.cancel()
    assert {status for what, status in browsers.answers if what.startswith("GET")} == {200}, browsers.answers
    assert router.timeouts == 0
    assert not [check for check in checks if check["state"] == "failed"]
    assert not await Delivery.exclude(attempt=1).exists(), "none was left for the sweep to find again"
    await check_ledger([house.smtp], recipients=2 * (PEOPLE + 1), desk=house.desk)
    assert 1 < looks.most <= MOST
    said = "".join(process.log.read_text() for process in house.processes)
    assert "database is away" not in said
    assert "Traceback" not in said


async def all_sent() -> bool:
    """Tell whether everybody got both messages."""
    return await Delivery.filter(status="sent").count() == 2 * (PEOPLE + 1)
