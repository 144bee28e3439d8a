"""The furthest step of every invitation, and the counts of steps by day."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from otae.delivery.queue import outcomes
from otae.delivery.queue.outcomes import Accepted, Claimed
from otae.delivery.transport import Receipt
from otae.errors import StaleState
from otae.invitations import lifecycle
from otae.store import database, rollout
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Delivery, EnrollmentSession, Invitation, RolloutCount, RolloutEntry
from otae.store.records import about, note
from otae.store.rollout import ALL, BUCKETS, ENROLLMENTS, NO_TIME, Step
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)


async def step_of(invitation: Invitation) -> int:
    return int((await Invitation.get(id=invitation.id)).furthest_step)


async def counted() -> dict[int, int]:
    """Count what is in the log; return the number of all invitations at each step."""
    while await rollout.count_entries():
        pass
    numbers: dict[int, int] = {}
    for row in await RolloutCount.filter(campaign_id=ALL):
        numbers[row.step] = numbers.get(row.step, 0) + row.number
    return numbers


async def sent(desk: Desk, invitation: Invitation, now: datetime) -> None:
    """Let a mail server accept the link."""
    row = await Delivery.get(invitation_id=invitation.id, kind="url", status="queued")
    row.status, row.attempt = "sending", 1
    await row.save()
    [error] = await outcomes.record_sent([Accepted(Claimed(row, invitation), Receipt(words="250 ok"), "House")], now)
    assert error is None


async def test_every_step_of_an_enrollment_over_the_air_is_reached_in_turn(desk: Desk, tmp_path: Path) -> None:
    desk, now, mac = lab.with_lab_maker(desk, tmp_path), await database.now(), LabMac()
    row = (await invite(desk, "two_factor", now=now)).invitation
    reached = [await step_of(row)]
    await sent(desk, row, now + 2 * SECOND)
    reached.append(await step_of(row))
    await lifecycle.record_link_opened(row, now=now + 60 * SECOND, browser="Safari on macOS")
    reached.append(await step_of(row))
    session = await lab.signed_in(desk, now + 100 * SECOND, of=row)
    reached.append(await step_of(row))
    topic = await mac.install_over_the_air(desk, session, now + 200 * SECOND)
    reached.append(await step_of(row))
    await mac.authenticate(desk, now + 300 * SECOND, topic)
    await mac.token_update(desk, now + 300 * SECOND, topic)
    reached.append(await step_of(row))
    assert reached == [
        Step.INVITED, Step.ACCEPTED, Step.OPENED, Step.SIGNED_IN, Step.CERTIFIED, Step.ENROLLED,
    ]  # fmt: skip
    assert await counted() == {**dict.fromkeys(map(int, Step), 1), ENROLLMENTS: 1}
    times = {row.step: row.bucket for row in await RolloutCount.all()}
    assert BUCKETS[times[Step.ACCEPTED]] == 2
    assert BUCKETS[times[Step.OPENED]] == 60
    assert BUCKETS[times[Step.ENROLLED]] == 120
    assert times[Step.INVITED] == times[ENROLLMENTS] == NO_TIME


async def test_the_single_profile_implies_that_the_mac_answered(desk: Desk) -> None:
    now, mac = await database.now(), LabMac()
    session = await lab.signed_in(desk, now, of=(await invite(desk, now=now)).invitation, way="profile")
    await mac.install_profile(desk, session, now + 30 * SECOND)
    row = await Invitation.get(id=session.invitation_id)
    assert row.furthest_step == Step.CERTIFIED
    assert await counted() == dict.fromkeys([int(step) for step in Step if step <= Step.CERTIFIED], 1)
    [answered] = await RolloutCount.filter(step=Step.MAC_ANSWERED)
    assert answered.bucket == NO_TIME


async def test_no_step_goes_back(desk: Desk) -> None:
    now = await database.now()
    row = (await invite(desk, now=now)).invitation
    await lab.signed_in(desk, now, of=row)
    await lifecycle.record_link_opened(row, now=now, browser="Safari")
    await sent(desk, row, now)
    assert await step_of(row) == Step.SIGNED_IN
    assert [entry.step for entry in await RolloutEntry.all().order_by("id")] == [Step.INVITED, Step.SIGNED_IN]


async def test_a_step_that_is_rolled_back_with_its_event_was_not_reached(desk: Desk) -> None:
    now = await database.now()
    row = (await invite(desk, now=now)).invitation

    async def open_and_fail() -> None:
        async with transaction():
            await note("link.opened", now=now, about=about(row))
            raise StaleState("another step was quicker")

    with pytest.raises(StaleState):
        await open_and_fail()
    assert await step_of(row) == Step.INVITED
    assert await counted() == {Step.INVITED: 1}


async def test_a_message_that_another_worker_took_over_is_not_accepted(desk: Desk) -> None:
    row = (await invite(desk)).invitation
    message = await Delivery.get(invitation_id=row.id, kind="url")
    accepted = Accepted(Claimed(message, row), Receipt(words="250 ok"), "House")
    message.status, message.attempt = "sending", 2  # the row is still queued
    [error] = await outcomes.record_sent([accepted], await database.now())
    assert isinstance(error, StaleState)
    assert await step_of(row) == Step.INVITED


async def test_the_same_step_at_the_same_moment_counts_once(desk: Desk) -> None:
    now = await database.now()
    row = (await invite(desk, now=now)).invitation
    await asyncio.gather(*(note("link.opened", now=now, about=about(row)) for _ in range(8)))
    assert await counted() == {Step.INVITED: 1, Step.ACCEPTED: 1, Step.OPENED: 1}


async def test_two_clocks_count_nothing_twice(desk: Desk) -> None:
    now = await database.now()
    entries = [RolloutEntry(invited_at=now, previous=0, step=Step.INVITED, at=now) for _ in range(2500)]
    await RolloutEntry.bulk_create(entries)
    while any(await asyncio.gather(*(rollout.count_entries() for _ in range(3)))):
        pass
    assert await counted() == {Step.INVITED: 2500}
    assert not await RolloutEntry.exists()


async def test_a_count_that_fails_leaves_the_log_as_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await invite(desk)
    add = rollout._add  # noqa: SLF001 - cut off between adding and deleting

    async def cut_off(counts: Counter[tuple[UUID, str, int, int]]) -> None:
        await add(counts)
        raise OSError("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(rollout, "_add", cut_off)
        with pytest.raises(OSError, match="cut off"):
            await rollout.count_entries()
    assert await counted() == {Step.INVITED: 1}


async def test_a_rehearsal_is_not_counted(desk: Desk) -> None:
    now = await database.now()
    row = await lab.invitation(now, rehearsal=True)
    session = await lab.signed_in(desk, now, of=row)
    await LabMac().install_profile(desk, await lab.signed_in(desk, now, of=row, way="profile"), now)
    assert session.rehearsal
    assert await counted() == {}


async def test_a_mac_without_an_invitation_counts_among_the_enrollments_of_the_day(desk: Desk) -> None:
    now = await database.now()
    session = EnrollmentSession(person_id=(await lab.person(now)).id, mode="username_password")
    await note("session.enrolled", now=now, about=about(session))
    assert await counted() == {ENROLLMENTS: 1}


async def test_a_campaign_is_counted_apart_and_among_all(desk: Desk) -> None:
    now, campaign = await database.now(), uuid4()
    who = (("ben", campaign), ("cleo", None))
    rows = [await lab.invitation(now, name, campaign_id=of, **rollout.first_step(now)) for name, of in who]
    await rollout.add_invited(rows)
    await note("link.opened", now=now, about=about(rows[0]))
    assert (await counted())[Step.INVITED] == 2
    of_campaign = {row.step: row.number for row in await RolloutCount.filter(campaign_id=campaign)}
    assert of_campaign[Step.OPENED] == 1


async def test_each_day_is_counted_by_itself(desk: Desk) -> None:
    now = datetime.fromisoformat("2026-03-01T23:59:59+00:00")
    rows = [await lab.invitation(now + number * SECOND, str(number), **rollout.first_step(now)) for number in range(2)]
    await rollout.add_invited(rows)
    await counted()
    days = [row.day for row in await RolloutCount.filter(campaign_id=ALL).order_by("day")]
    assert days == ["2026-03-01", "2026-03-02"]


async def test_invitations_of_an_older_release_are_looked_up(desk: Desk) -> None:
    now = await database.now()
    rows = {name: await lab.invitation(now, name) for name in ("made", "sent", "opened", "signed", "bound", "done")}
    await lab.invitation(now, "rehearsed", rehearsal=True)
    for name in ("sent", "opened"):
        await Delivery(
            invitation_id=rows[name].id, kind="url", status="sent", recipient="a@example.test", message_id=name,
            created_at=now,
        ).save()  # fmt: skip
    await note("link.opened", now=now, about=about(rows["opened"]))
    await lab.signed_in(desk, now, "signed", of=rows["signed"])
    bound = await lab.signed_in(desk, now, "bound", of=rows["bound"])
    await EnrollmentSession.filter(id=bound.id).update(udid="U-1", status="expired")
    await Invitation.filter(id=rows["done"].id).update(status="redeemed", redeemed_at=now)
    await Invitation.all().update(furthest_step=0, furthest_at=None)
    await RolloutEntry.all().delete()
    assert await rollout.look_up_steps() == len(rows)
    assert await rollout.look_up_steps() == 0
    assert {name: await step_of(row) for name, row in rows.items()} == {
        "made": Step.INVITED,
        "sent": Step.ACCEPTED,
        "opened": Step.OPENED,
        "signed": Step.SIGNED_IN,
        "bound": Step.MAC_ANSWERED,
        "done": Step.ENROLLED,
    }
    numbers = await counted()
    assert [numbers[step] for step in (*Step, ENROLLMENTS)] == [6, 5, 4, 3, 2, 2, 2, 1, 1, 1]
