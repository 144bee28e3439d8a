"""Messages of a whole group are queued like single ones: a row and an event for each."""

import pytest

from otae.delivery.queue import outbox
from otae.delivery.queue.bulk_enqueue import enqueue_all
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, Event
from tests.delivery.conftest import NOW, Invite
from tests.delivery.queued import invite_many

pytestmark = pytest.mark.anyio


async def test_each_is_queued_as_if_it_were_alone(desk: Desk, invite: Invite) -> None:
    people = await invite_many(invite, 3, "url")
    given = [(one.invitation, f"+49151000{number}") for number, one in enumerate(people)]
    async with transaction():
        rows = await enqueue_all(given, "pin", now=NOW, channel="sms")
        single = await outbox.enqueue(people[0].invitation, "reminder-1", 1, "+491510000", now=NOW, channel="sms")
    assert [(row.invitation_id, row.recipient) for row in rows] == [(each.id, to) for each, to in given]
    alike = ("generation", "channel", "status", "attempt", "next_try_at", "lease_until", "created_at")
    alone = await Delivery.get(id=single.id)
    for row in await Delivery.filter(kind="pin"):
        assert {name: getattr(row, name) for name in alike} == {name: getattr(alone, name) for name in alike}
        assert row.message_id == f"{row.id}.1"
    for one in people:
        assert ("delivery.queued", "pin") in await one.events()
    assert {row.id for row in rows} <= set(await outbox.sweep(NOW))


async def test_nobody_is_nothing(desk: Desk) -> None:
    assert await enqueue_all([], "url", now=NOW) == []
    assert await Event.all().count() == await Delivery.all().count() == 0
