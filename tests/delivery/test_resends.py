"""Sent again and again while messages are on their way: one PIN works, and it is the one in the last mail."""

import asyncio
import re

import pytest

from otae.delivery.queue import outbox
from otae.directory.local import people
from otae.errors import Refusal, StaleState
from otae.invitations import lifecycle, pins
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation, Pin
from tests.delivery.conftest import UseServer
from tests.ledger import check_ledger
from tests.servers.smtp import Received, SMTPServer

pytestmark = pytest.mark.anyio


def pin_in(mail: Received) -> str | None:
    body = mail.message.get_body(("plain",))
    found = re.search(r"\b\d{8}\b", body.get_content()) if body else None
    return found[0] if found else None


async def test_however_often_it_is_sent_again_the_last_pin_works_and_no_other(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    now = await database.now()
    await people.add_person(desk, name="ben", email="ben@example.test", now=now, actor="ada")
    made = await lifecycle.create(
        desk, InvitationOrder("ben", InvitationTerms(mode="username_pin")), now=now, actor="ada"
    )

    async def send_again() -> None:
        try:
            invitation = await Invitation.get(id=made.invitation.id)
            await lifecycle.resend(desk, invitation, now=await database.now(), actor="ada")
        except (StaleState, Refusal):
            await asyncio.sleep(0)  # somebody else did the same just before

    async def deliver_all() -> None:
        for row in await Delivery.filter(status="queued"):
            await outbox.deliver(desk, row.id, now=await database.now())

    for _ in range(4):
        await asyncio.gather(*(send_again() for _ in range(5)), deliver_all())
    await deliver_all()

    [active] = await Pin.filter(invitation_id=made.invitation.id, active=True)
    mailed = [pin for mail in smtp_server.messages if (pin := pin_in(mail))]
    assert await pins.verify(desk, active, mailed[-1])
    assert not [pin for pin in set(mailed[:-1]) - {mailed[-1]} if await pins.verify(desk, active, pin)]
    assert active.pin_sealed is None
    await check_ledger([smtp_server], recipients=await Delivery.all().count())
