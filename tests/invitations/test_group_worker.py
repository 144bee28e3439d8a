"""Inviting a batch at a time: everybody once, all of a batch or none, and whatever happens meanwhile."""

import asyncio
from datetime import timedelta

import pytest

from otae.delivery.queue import outbox
from otae.delivery.texts.compose import invitation_url
from otae.directory.local.passwords import password_bytes
from otae.errors import StaleState
from otae.invitations import group_worker, groups, lifecycle, pins, tokens
from otae.invitations.groups import Status
from otae.store import database, leases, passwords
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, GroupInvitation, GroupInvitee, Invitation, Person, Pin
from tests.desks import RecordingBell
from tests.invitations.crowds import crowd, invited, looked_up, ordered, rows_of, work
from tests.invitations.guests import invite
from tests.pauses import Pauses

pytestmark = pytest.mark.anyio


async def test_everybody_gets_an_invitation_with_link_and_pin_and_a_message_of_each(
    desk: Desk, bell: RecordingBell
) -> None:
    await crowd(3)
    row = await invited(desk, ownership="employee", way="profile")
    assert row.status == Status.SENDING
    made = await Invitation.all().prefetch_related("person")
    assert sorted(each.person.name for each in made) == ["p0001", "p0002", "p0003"]
    assert {(each.mode, each.ownership, each.way, each.created_by) for each in made} == {
        ("username_pin", "employee", "profile", "ada")
    }
    assert {each.invitation_id for each in await GroupInvitee.all()} == {each.id for each in made}
    queued = await Delivery.all()
    assert sorted((each.kind, each.recipient) for each in queued) == [
        (kind, f"p000{at}@example.test") for kind in ("pin", "url") for at in (1, 2, 3)
    ]
    assert {("delivery", each.id) for each in queued} <= set(bell.rung)
    kinds = sorted([event.kind for event in await Event.all()])
    assert kinds == ["delivery.queued"] * 6 + ["invitation.created"] * 3


async def test_a_made_invitation_is_one_like_any_other(desk: Desk) -> None:
    await crowd(1)
    row = await looked_up(desk)
    await groups.start(desk, row, now=await database.now(), actor="ada")
    (made,) = await group_worker.invite_batch(desk, row, now=await database.now(), show_pin=True)
    token = tokens.reveal(desk, made.invitation)
    found = await lifecycle.find_by_token(token)
    assert found is not None
    assert invitation_url(desk.settings, token).endswith(token)
    assert await pins.verify(desk, await pins.active_pin(found), made.clear or "")
    assert found.valid_until is not None
    again = await lifecycle.resend(desk, found, now=await database.now(), actor="ada")
    assert again.token == token


async def test_two_workers_with_one_wave_invite_everybody_once(desk: Desk) -> None:
    await crowd(4)
    row, now = await looked_up(desk), await database.now()
    await groups.start(desk, row, now=now, actor="ada")
    both = [await GroupInvitation.get(id=row.id) for _ in range(2)]
    came = await asyncio.gather(
        *(group_worker.invite_batch(desk, each, now=now) for each in both), return_exceptions=True
    )
    assert [len(each) for each in came if not isinstance(each, BaseException)] == [4]
    assert [type(each) for each in came if isinstance(each, BaseException)] == [StaleState]
    assert await Invitation.all().count() == 4
    assert await Pin.all().count() == 4
    assert await Delivery.all().count() == 8


async def test_who_was_invited_since_the_dry_run_is_left_out(desk: Desk) -> None:
    people = await crowd(3)
    row = await looked_up(desk)
    await invite(desk, "username_pin", user="p0001", send=False)
    await Person.filter(id=people[1].id).update(disabled=True)
    await groups.start(desk, row, now=await database.now(), actor="ada")
    await work(desk, row)
    assert await rows_of(row.id) == {
        "p0001": ("skipped", "pending"),
        "p0002": ("skipped", "disabled"),
        "p0003": ("invited", ""),
    }


async def test_who_is_gone_since_the_dry_run_is_left_out(desk: Desk) -> None:
    people = await crowd(2)
    row = await looked_up(desk)
    await Person.filter(id=people[0].id).delete()
    await groups.start(desk, row, now=await database.now(), actor="ada")
    await work(desk, row)
    assert await rows_of(row.id) == {"p0001": ("skipped", "gone"), "p0002": ("invited", "")}


async def test_no_further_wave_while_too_many_messages_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 2)
    monkeypatch.setattr(group_worker, "UNSENT", 4)
    await crowd(6)
    row = await invited(desk)
    assert await Invitation.all().count() == 2
    soon = await database.now() + timedelta(minutes=1)
    await Delivery.all().update(next_try_at=soon)
    assert (await work(desk, row)).status == Status.EXPANDING
    assert await Invitation.all().count() == 4


async def test_it_is_done_when_the_last_message_is_out(desk: Desk) -> None:
    await crowd(2)
    row = await invited(desk)
    now = await database.now()
    for delivery in await Delivery.all():
        assert (await work(desk, row)).status == Status.SENDING
        await outbox.deliver(desk, delivery.id, now=now)
    row = await work(desk, row)
    assert row.status == Status.DONE
    assert row.finished_at is not None


async def test_without_sending_it_is_done_at_once_and_no_pin_is_made(desk: Desk) -> None:
    await crowd(2)
    row = await invited(desk, send=False)
    assert row.status == Status.DONE
    assert await Invitation.all().count() == 2
    assert not await Pin.exists()
    assert not await Delivery.exists()


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.slow
async def test_two_thousand_people_pass_through_in_pages_and_waves(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = Invitation.bulk_create

    async def watched(rows: list[Invitation]) -> None:
        sizes.append(len(rows))
        await real(rows)

    people = await crowd(2000)
    secret = password_bytes("correct horse battery")
    await Person.all().update(password_hash=await passwords.hash_secret(desk.resources, secret))
    monkeypatch.setattr(Invitation, "bulk_create", watched)
    monkeypatch.setattr(group_worker, "UNSENT", 10_000)
    row = await invited(desk, mode="username_password")
    assert sizes == [group_worker.BATCH] * (len(people) // group_worker.BATCH)
    assert await Invitation.all().count() == await Delivery.all().count() == len(people)
    assert row.status == Status.SENDING


async def test_a_paused_workers_end_leaves_the_lease_of_the_one_that_followed_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_worker, "PAGE", 1)
    await crowd(3)
    row, now = await ordered(desk), await database.now()
    later, pauses = now + leases.LEASE + timedelta(seconds=1), Pauses(monkeypatch, group_worker, "look_up")
    first = await pauses.begin(group_worker.step(desk, row.id, now=now))
    second = await pauses.begin(group_worker.step(desk, row.id, now=later))
    pauses.calls[0].set()
    assert await first
    seen = await GroupInvitation.get(id=row.id)
    assert (seen.status, seen.found, seen.lease_until) == (Status.DRY_RUN, 1, later + leases.LEASE)
    assert await groups.claim(row.id, later) is None
    pauses.calls[1].set()
    assert not await second, "the page that it looked up was counted already"
    seen = await GroupInvitation.get(id=row.id)
    assert (seen.status, seen.found, seen.lease_until) == (Status.DRY_RUN, 1, None)


async def test_a_worker_that_was_paused_between_two_waves_makes_no_further_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 1)
    await crowd(4)
    row, now = await looked_up(desk), await database.now()
    await groups.start(desk, row, now=now, actor="ada")
    later, pauses = now + leases.LEASE + timedelta(seconds=1), Pauses(monkeypatch, group_worker, "unsent")
    first = await pauses.begin(group_worker.step(desk, row.id, now=now))
    second = await pauses.begin(group_worker.step(desk, row.id, now=later))
    pauses.calls[0].set()
    assert not await asyncio.wait_for(first, 30)
    assert await Invitation.all().count() == 0
    assert (await GroupInvitation.get(id=row.id)).lease_until == later + leases.LEASE
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert (await GroupInvitation.get(id=row.id)).lease_until is None
