"""Invitations with messages that wait, on a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from otae.delivery.mail import deliverability
from otae.delivery.queue import outbox
from otae.delivery.queue.worker import DeliveryWorker
from otae.delivery.servers import ServerEntry, add_server
from otae.delivery.sms.servers import add_sms_server
from otae.settings import Settings
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Invitation, NotificationServer, Person, Pin
from tests.delivery.name_server import NameServer
from tests.delivery.texting import UseGateway, entry
from tests.servers.sms import Provider
from tests.servers.smtp import SMTPServer

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TOKEN = "ep-0f8fad5b-d9cb-469f-a165-70867728950e"
PIN = "40719362"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Let notification servers be on this machine, on PostgreSQL too."""
    return settings.model_copy(update={"allow_private": True})


@dataclass
class Invited:
    """An invitation of Ben's and its deliveries by kind."""

    person: Person
    invitation: Invitation
    deliveries: dict[str, Delivery]

    async def reload(self, kind: str = "url") -> Delivery:
        return await Delivery.get(id=self.deliveries[kind].id)

    async def events(self) -> list[tuple[str, str]]:
        rows = await Event.filter(invitation_id=self.invitation.id).order_by("id")
        return [(row.kind, row.detail) for row in rows]

    async def sealed_pin(self) -> bytes | None:
        return (await Pin.get(invitation_id=self.invitation.id)).pin_sealed


def worker_running(desk: Desk) -> AbstractAsyncContextManager[None]:
    """Be a worker during the block: connections stay open, and each server has its limit."""
    return desk.resources.get(DeliveryWorker).run(desk)


Invite = Callable[..., Awaitable[Invited]]


@pytest.fixture
def invite(desk: Desk) -> Invite:
    """Invite Ben: gives a function from kinds of messages to his invitation, with those messages queued."""

    async def make(
        *kinds: str,
        display_name: str = "Ben Example",
        email: str = "ben@example.test",
        valid_for: timedelta | None = timedelta(hours=24),
        rehearsal: bool = False,
        name: str = "ben",
    ) -> Invited:
        person = Person(name=name, display_name=display_name, email=email, created_at=NOW)
        invitation = Invitation(
            person_id=person.id,
            mode="two_factor",
            ownership="corporate",
            token_hash=name,
            valid_until=NOW + valid_for if valid_for else None,
            rehearsal=rehearsal,
            created_by="ada",
            created_at=NOW,
        )
        invitation.token_sealed = desk.vault.seal(TOKEN.encode(), invitation.id, "invitation.token")
        if "identity" in kinds:
            invitation.objection_sealed = desk.vault.seal(TOKEN.encode(), invitation.id, "objection token")
        pin = Pin(invitation_id=invitation.id, generation=1, pin_hash="not needed here", created_at=NOW)
        pin.pin_sealed = desk.vault.seal(PIN.encode(), pin.id, "pin")
        async with transaction():
            for row in (person, invitation, pin):
                await row.save(force_create=True)
            deliveries = {kind: await outbox.enqueue(invitation, kind, 1, email, now=NOW) for kind in kinds or ("url",)}
        return Invited(person, invitation, deliveries)

    return make


UseServer = Callable[..., Awaitable[NotificationServer]]


@pytest.fixture
def use_server(desk: Desk) -> UseServer:
    """Give a function that lets mail go out through a server from now on."""

    async def use(smtp: SMTPServer, **entered: object) -> NotificationServer:
        values: dict[str, object] = {
            "name": "House mail",
            "host": "127.0.0.1",
            "port": smtp.port,
            "security": smtp.security,
            "from_name": "Example GmbH",
            "from_email": "it@example.test",
        }
        entry = ServerEntry(**(values | entered))  # type: ignore[arg-type]  # one dictionary for fields of many types
        return await add_server(desk, entry, now=NOW, actor="ada")

    return use


@pytest.fixture
def use_gateway(desk: Desk) -> UseGateway:
    """Give a function that lets text messages go out through a provider from now on."""

    async def use(provider: Provider, **changes: Any) -> NotificationServer:  # noqa: ANN401 - as `entry` takes them
        return await add_sms_server(desk, entry(provider, **changes), now=NOW, actor="ada")

    return use


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> AsyncIterator[NameServer]:
    """Run a name server that this house asks from now on."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(deliverability, "DNS_TIMEOUT", 1)
    monkeypatch.setattr(dns.asyncresolver, "Resolver", lambda: resolver)
    yield server
    transport.close()
    await asyncio.sleep(0.05)  # its socket closes in the loop's next turns


@pytest.fixture
async def sent(desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer) -> Invited:
    """Send Ben his link, from a return address of this house."""
    await properties.write("mail.bounce.domain", "bounce.example.test")
    await use_server(smtp_server)
    ben = await invite("url")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    return ben
