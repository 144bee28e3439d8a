"""What administrators do with a campaign, and what two of them do at once."""

import asyncio

import pytest

from otae.errors import StaleState
from otae.invitations import campaign_moves
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import (
    AuditEntry,
    Invitation,
)
from tests.invitations.crowds import crowd, join
from tests.invitations.following import DAY, HOUR, again, go_on, leave, links, look, planned, started, work
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def test_nobody_is_invited_before_a_campaign_is_started(desk: Desk) -> None:
    await crowd(3)
    row, now = await planned(desk), await database.now()
    assert (row.status, row.group_invitation.status, row.group_invitation.found) == ("draft", "ready", 3)
    await go_on(desk, row, now + DAY)
    assert not await Invitation.exists()


async def test_what_was_asked_is_done_once_somebody_agrees(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await join([await add_person(desk, name) for name in ("cleo", "dan", "eve")])
    await leave("p0001", "p0002")
    await look(desk, row, now + HOUR)
    row = await look(desk, row, now + 2 * HOUR)
    assert (row.status, row.joining, row.leaving) == ("asking", 3, 2)
    assert set((await links(row.id)).values()) == {"pending"}
    with pytest.raises(StaleState):
        await campaign_moves.agree(row, 3, 1, now=now + 2 * HOUR, actor="ada")
    both = [await again(row) for _ in range(2)]
    came = await asyncio.gather(
        *(campaign_moves.agree(each, 3, 2, now=now + 2 * HOUR, actor="ada") for each in both), return_exceptions=True
    )
    assert [type(each) for each in came if each] == [StaleState]
    row = await go_on(desk, row, now + 2 * HOUR)
    found = await links(row.id)
    assert {name for name, status in found.items() if status == "revoked"} == {"p0001", "p0002"}
    assert {"cleo", "dan", "eve"} <= {name for name, status in found.items() if status == "pending"}
    assert (
        await AuditEntry.filter(
            action="campaign.agreed", actor="ada", detail="Autumn, 3 to invite, 2 to revoke"
        ).count()
        == 1
    )
    row = await look(desk, row, now + 3 * HOUR)
    assert (row.status, await Invitation.all().count()) == ("running", 23)


async def test_a_campaign_that_is_paused_does_nothing_until_it_is_resumed(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await join([await add_person(desk, "cleo")])
    await campaign_moves.pause(row, now=now, actor="ada")
    row = await go_on(desk, row, now + DAY)
    assert (row.status, await Invitation.all().count()) == ("paused", 20)
    await campaign_moves.resume(desk, row, now=now + DAY, actor="ada")
    row = await go_on(desk, row, now + DAY)
    assert (row.status, await Invitation.all().count()) == ("running", 21)


async def test_a_pause_stops_a_wave_in_the_middle(desk: Desk) -> None:
    await crowd(3)
    row, now = await planned(desk), await database.now()
    await campaign_moves.start(desk, row, now=now, actor="ada")
    row = await again(row)
    assert row.group_invitation.status == "expanding"
    await campaign_moves.pause(row, now=now, actor="ada")
    await work(desk, row, now)
    assert not await Invitation.exists()
    await campaign_moves.resume(desk, await again(row), now=now, actor="ada")
    await work(desk, row, now)
    assert await Invitation.all().count() == 3


async def test_a_campaign_that_ended_follows_no_more_and_its_links_stay(desk: Desk) -> None:
    await crowd(3)
    row, now = await started(desk), await database.now()
    await campaign_moves.end(row, now=now, actor="ada")
    await join([await add_person(desk, "cleo")])
    await leave("p0001")
    for days in (1, 2):
        row = await go_on(desk, row, now + days * DAY)
    assert (row.status, row.group_invitation.status) == ("ended", "done")
    assert await links(row.id) == {f"p{at:04}": "pending" for at in (1, 2, 3)}
    with pytest.raises(StaleState):
        await campaign_moves.resume(desk, row, now=now, actor="ada")


async def test_a_campaign_that_ends_before_its_start_invites_nobody(desk: Desk) -> None:
    await crowd(3)
    row, now = await planned(desk), await database.now()
    await campaign_moves.end(row, now=now, actor="ada")
    row = await again(row)
    assert (row.status, row.group_invitation.status) == ("ended", "cancelled")


async def test_two_administrators_press_start_at_once(desk: Desk) -> None:
    await crowd(3)
    row, now = await planned(desk), await database.now()
    both = [row, await again(row)]
    came = await asyncio.gather(
        *(campaign_moves.start(desk, each, now=now, actor="ada") for each in both), return_exceptions=True
    )
    assert [type(each) for each in came if each] == [StaleState]
    await go_on(desk, row, now)
    assert await Invitation.all().count() == 3
