"""A whole installation as its people meet it: real pages over real TLS, a worker and a clock, a real mail server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import uvicorn
from cryptography import x509

from otae.app import make_app
from otae.authority import issuers, serving
from otae.delivery import servers
from otae.directory.local import people
from otae.enrollment import ota, sessions
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.rehearsal.connection import MacConnection, ServerResponse
from otae.rehearsal.hardware import DeviceFacts, MessageFormat, make_device_ca
from otae.rehearsal.mac import Mac, build_hardware
from otae.rehearsal.report import StepRecorder
from otae.rehearsal.safari import Safari
from otae.settings import Settings
from otae.signing.certificates import Keyed, pem
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Event, Invitation, Person
from otae.tasks import runtime
from otae.web.connections import tls_protocol_factory
from tests import desks
from tests.servers.ports import free_port
from tests.servers.smtp import SMTPServer

PASSWORD = "correct horse battery"
PROFILE_TYPE = "application/x-apple-aspen-config"
MAIL_SECONDS = 30


@dataclass
class House:
    """One running installation. ``maker``: a lab's maker of Macs, believed by settings."""

    desk: Desk
    root: x509.Certificate
    maker: Keyed
    smtp: SMTPServer

    @property
    def url(self) -> str:
        return self.desk.settings.public_url

    def line(self) -> MacConnection:
        return MacConnection(self.url, [self.root])

    async def person(self, name: str) -> Person:
        return await people.add_person(
            self.desk,
            name=name,
            display_name=name.title(),
            email=f"{name}@example.test",
            password=PASSWORD,
            now=await database.now(),
            actor="ada",
        )

    async def invite(
        self, name: str, mode: str, *, send: bool = True, way: str | None = None, serial: str | None = None
    ) -> lifecycle.Created:
        wanted = InvitationOrder(name, InvitationTerms(mode=mode, send=send, way=way, serial=serial))
        return await lifecycle.create(self.desk, wanted, now=await database.now(), actor="ada")

    async def mail(self, to: str, holds: str) -> str:
        """Wait for a message whose words match ``holds`` and return the match."""
        for _ in range(MAIL_SECONDS * 20):
            for received in self.smtp.to(to):
                body = received.message.get_body(("plain",))
                if body and (found := re.search(holds, body.get_content())):
                    return found.group()
            await asyncio.sleep(0.05)
        raise TimeoutError(f"no mail to {to} holds {holds}")

    async def link_from_mail(self, to: str) -> str:
        return await self.mail(to, rf"{re.escape(self.url)}/zdm/su\?e=ep-[\w-]+")

    async def pin_from_mail(self, to: str) -> str:
        return await self.mail(to, r"(?<![\w-])\d{8}(?![\w-])")

    async def mac(
        self, line: MacConnection, *, shape: MessageFormat | None = None, facts: DeviceFacts | None = None
    ) -> Mac:
        hardware = await build_hardware(self.maker, datetime.now(UTC))
        return Mac(
            line, [self.root], hardware, facts or DeviceFacts.invented(), message_format=shape, recorder=StepRecorder()
        )

    async def signed_in(self, person: Person, invitation: Invitation | None, way: str = "ota") -> EnrollmentSession:
        """Open a session as signing in does, without the pages: for tests that begin behind them."""
        if invitation is not None:
            await Invitation.filter(id=invitation.id).update(way=way)
            await invitation.refresh_from_db()
        return await sessions.open_session(
            person=person,
            invitation=invitation,
            mode=invitation.mode if invitation else "username_password",
            ownership="corporate",
            now=await database.now(),
        )

    async def download(self, session: EnrollmentSession) -> ServerResponse:
        content = await ota.download(self.desk, session, now=await database.now())
        return ServerResponse(200, PROFILE_TYPE, content, f"{self.url}/zdm/macos/otae/profile", {})

    async def kinds(self, invitation_id: UUID) -> list[str]:
        """Give the invitation's timeline as kinds of events."""
        return [row.kind for row in await Event.filter(invitation_id=invitation_id).order_by("id")]

    async def last_refusal(self) -> Event:
        found = await Event.filter(kind="refused").order_by("-id").first()
        assert found is not None, "no refusal was recorded"
        return found


async def browse(
    house: House, line: MacConnection, link: str, *, name: str, password: str | None = None, pin: str | None = None
) -> ServerResponse:
    """From the link to the downloaded profile, as a person does it in Safari."""
    safari = Safari(line)
    page = await safari.open(link, name="link")
    assert page.answer.status == 200, page.text
    assert page.path == "/zdm/macos/otae/login"
    page = await safari.sign_in(page, name=name, password=password, pin=pin)
    assert (page.answer.status, page.path) == (200, "/zdm/macos/otae/install"), page.text
    return await safari.download(page, "/profile", name="profile")


@asynccontextmanager
async def serving_tls(desk: Desk) -> AsyncIterator[None]:
    """Serve the pages on PUBLIC_URL's port until the block ends."""
    context = await serving.tls_context(desk)
    port = desk.settings.public_port
    config = uvicorn.Config(
        make_app(desk),
        port=port,
        http=tls_protocol_factory(context, bounded=True),
        proxy_headers=False,
        access_log=False,
        log_config=None,
        lifespan="off",
    )
    async with serving_by(config):
        yield


@asynccontextmanager
async def serving_plain(desk: Desk) -> AsyncIterator[str]:
    """Serve the same in clear, for clients that bring their own trust; gives the base URL."""
    port = free_port()
    config = uvicorn.Config(make_app(desk), port=port, proxy_headers=False, log_config=None, lifespan="off")
    async with serving_by(config):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def serving_by(config: uvicorn.Config) -> AsyncIterator[None]:
    """Run a server of this configuration until the block ends."""
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def running(settings: Settings, maker: Keyed, smtp: SMTPServer) -> AsyncIterator[House]:
    """Run an installation that was prepared, as `serve` does, with ``smtp`` as its notification server."""
    async with runtime.bell_for(settings) as bell, desks.opened(settings, bell) as desk:
        entry = servers.ServerEntry(
            name="mail", host=smtp.host, port=smtp.port, from_name="Example IT", from_email="desk@example.test"
        )
        await servers.add_server(desk, entry, now=await database.now(), actor="ada")
        async with runtime.embedded(desk), serving_tls(desk):
            yield House(desk, await issuers.root(), maker, smtp)


def write_maker(folder: Path) -> tuple[Keyed, Path]:
    """Make a lab's maker of Macs and the file that settings name."""
    maker, file = make_device_ca(datetime.now(UTC)), folder / "makers.pem"
    file.write_bytes(pem(maker.certificate))
    return maker, file
