"""A campaign follows its group: who joins is invited, who left loses the link, and nothing happens by mistake."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from otae.directory import whole_group
from otae.invitations import campaign_moves, campaign_run, campaigns, lifecycle
from otae.invitations.campaigns import Plan
from otae.store import database, leases, properties
from otae.store.desk import Desk
from otae.store.models import (
    Campaign,
    CampaignDay,
    EnrollmentSession,
    Group,
    GroupInvitee,
    Invitation,
    Membership,
    Person,
)
from tests.invitations.crowds import crowd, join, rows_of
from tests.invitations.following import DAY, HOUR, again, go_on, leave, links, look, started, work
from tests.invitations.guests import add_person
from tests.pauses import Pauses

pytestmark = pytest.mark.anyio


async def all_may(*, people: int = 1000, percent: int = 100) -> None:
    """Let a look change so many people before it asks."""
    await properties.write("campaign.ask.people", str(people))
    await properties.write("campaign.ask.percent", str(percent))


async def test_everybody_is_invited_once_started_and_whoever_joins_is_invited_later(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    assert (row.status, row.group_invitation.status) == ("running", "ready")
    assert await links(row.id) == {f"p{at:04}": "pending" for at in range(1, 21)}
    await join([await add_person(desk, "cleo")])
    await go_on(desk, row, now + HOUR / 2)
    assert await Invitation.all().count() == 20
    row = await go_on(desk, row, now + 2 * HOUR)
    assert (await links(row.id))["cleo"] == "pending"
    assert await Invitation.all().count() == 21
    assert (row.trouble, row.group_invitation.found, row.group_invitation.status) == ("", 21, "ready")


async def test_whoever_left_loses_the_link_after_two_complete_looks(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await leave("p0003")
    await look(desk, row, now + HOUR)
    assert (await links(row.id))["p0003"] == "pending"
    assert (await GroupInvitee.get(name="p0003")).missing_since is not None
    await look(desk, row, now + 2 * HOUR)
    assert (await links(row.id))["p0003"] == "revoked"
    assert (await rows_of(row.group_invitation_id))["p0003"] == ("left", "")
    assert await Invitation.filter(status="pending").count() == 19


async def test_looks_that_somebody_asks_for_within_minutes_are_one_look(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await leave("p0003")
    for minutes in (0, 1, 5, 9):
        await look(desk, row, now + HOUR + timedelta(minutes=minutes))
        assert (await links(row.id))["p0003"] == "pending"
    await look(desk, row, now + HOUR + timedelta(minutes=11))
    assert (await links(row.id))["p0003"] == "revoked"


async def test_whoever_is_back_in_the_second_look_keeps_the_link(desk: Desk) -> None:
    people = await crowd(20)
    row, now = await started(desk), await database.now()
    await leave("p0003")
    await look(desk, row, now + HOUR)
    await join([people[2]])
    await look(desk, row, now + 2 * HOUR)
    await leave("p0003")
    await look(desk, row, now + 3 * HOUR)
    assert (await links(row.id))["p0003"] == "pending"


async def test_whoever_comes_back_later_is_invited_again(desk: Desk) -> None:
    people = await crowd(20)
    row, now = await started(desk), await database.now()
    await leave("p0003")
    await look(desk, row, now + HOUR)
    await look(desk, row, now + 2 * HOUR)
    await join([people[2]])
    await look(desk, row, now + 3 * HOUR)
    mine = await Invitation.filter(person_id=people[2].id).order_by("created_at")
    assert [each.status for each in mine] == ["revoked", "pending"]


@pytest.mark.parametrize("status", ["expired", "failed"])
async def test_whoever_left_cannot_ask_for_a_new_link_either(desk: Desk, status: str) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await Invitation.filter(person__name="p0003").update(status=status)
    await leave("p0003")
    await look(desk, row, now + HOUR)
    await look(desk, row, now + 2 * HOUR)
    assert (await links(row.id))["p0003"] == "revoked"


async def test_an_enrollment_under_way_is_left_alone_until_it_ends(desk: Desk) -> None:
    people = await crowd(20)
    row, now = await started(desk), await database.now()
    invitation = await Invitation.get(person_id=people[2].id)
    session = EnrollmentSession(
        person_id=people[2].id, invitation_id=invitation.id, mode="username_password", ownership="corporate", way="ota"
    )
    session.opened_at, session.expires_at = now, now + HOUR
    await session.save(force_create=True)
    await leave("p0003")
    await look(desk, row, now + HOUR)
    await look(desk, row, now + 2 * HOUR)
    assert (await links(row.id))["p0003"] == "pending"
    await EnrollmentSession.filter(id=session.id).update(status="expired")
    await go_on(desk, row, now + 2 * HOUR + timedelta(minutes=1))
    assert (await links(row.id))["p0003"] == "revoked"


async def test_whoever_has_enrolled_keeps_the_invitation_as_it_is(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await Invitation.filter(person__name="p0003").update(status="redeemed")
    await leave("p0003")
    await look(desk, row, now + HOUR)
    await look(desk, row, now + 2 * HOUR)
    assert (await links(row.id))["p0003"] == "redeemed"


async def test_a_group_that_vanished_or_is_empty_changes_nothing_and_says_so(desk: Desk) -> None:
    await crowd(5)
    row, now = await started(desk), await database.now()
    await Membership.all().delete()
    for hours in (1, 2, 3):
        row = await look(desk, row, now + hours * HOUR)
        assert (row.status, row.trouble) == ("running", "empty")
    await Group.all().delete()
    for hours in (4, 5, 6):
        row = await look(desk, row, now + hours * HOUR)
        assert (row.status, row.trouble) == ("running", "gone")
    assert set((await links(row.id)).values()) == {"pending"}
    assert not await GroupInvitee.filter(missing_since__not_isnull=True).exists()


async def test_more_than_fifty_people_or_a_tenth_are_asked_about_first(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await join([await add_person(desk, name) for name in ("cleo", "dan", "eve")])
    row = await look(desk, row, now + HOUR)
    assert (row.status, row.joining, row.leaving) == ("asking", 3, 0)
    assert row.asked_at is not None
    await go_on(desk, row, now + 2 * DAY)
    assert await Invitation.all().count() == 20
    assert (await rows_of(row.group_invitation_id))["cleo"] == ("held", "")
    await properties.write("campaign.ask.percent", "20")
    row = await look(desk, row, now + 3 * DAY)
    assert (row.status, row.joining, row.asked_at) == ("running", 0, None)
    assert await Invitation.all().count() == 23
    await properties.write("campaign.ask.people", "2")
    await join([await add_person(desk, name) for name in ("fay", "gus", "hal")])
    row = await look(desk, row, now + 4 * DAY)
    assert (row.status, row.joining) == ("asking", 3)


async def test_one_person_of_a_small_group_is_nothing_to_ask_about(desk: Desk) -> None:
    await crowd(2)
    row, now = await started(desk), await database.now()
    await join([await add_person(desk, "cleo")])
    row = await look(desk, row, now + HOUR)
    assert (row.status, (await links(row.id))["cleo"]) == ("running", "pending")


async def test_a_question_that_answers_itself_is_asked_no_more(desk: Desk) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await join([await add_person(desk, name) for name in ("cleo", "dan", "eve")])
    await look(desk, row, now + HOUR)
    await leave("cleo", "dan", "eve")
    row = await look(desk, row, now + 2 * HOUR)
    assert (row.status, row.joining) == ("running", 0)
    assert "cleo" not in await rows_of(row.group_invitation_id)
    assert await Invitation.all().count() == 20


async def test_a_group_that_grows_by_hundreds_overnight_asks_first_and_is_invited_whole_then(desk: Desk) -> None:
    await crowd(3)
    row, now = await started(desk), await database.now()
    people = [Person(name=f"q{at:04}", display_name="", email="q@example.test", created_at=now) for at in range(700)]
    await Person.bulk_create(people)
    await join(people)
    row = await look(desk, row, now + HOUR)
    assert (row.status, row.joining) == ("asking", 700)
    await campaign_moves.agree(row, 700, 0, now=now + HOUR, actor="ada")
    await go_on(desk, row, now + HOUR)
    assert await Invitation.all().count() == 703
    numbers = [each.number for each in await GroupInvitee.all().order_by("number")]
    assert numbers == list(range(1, 704))


async def test_waves_come_at_their_hours_and_of_their_size(desk: Desk) -> None:
    await properties.write("organization.timezone", "Europe/Berlin")
    await crowd(5)
    begun = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
    row = await started(desk, Plan("Autumn", wave_hours=(9, 14), wave_size=2), now=begun)
    assert not await Invitation.exists()
    assert row.next_wave_at == datetime(2026, 12, 1, 8, tzinfo=UTC)
    row = await go_on(desk, row, begun + timedelta(minutes=31))
    assert await Invitation.all().count() == 2
    assert row.next_wave_at == datetime(2026, 12, 1, 13, tzinfo=UTC)
    await go_on(desk, row, begun + timedelta(minutes=40))
    assert await Invitation.all().count() == 2
    row = await go_on(desk, row, begun + timedelta(hours=6))
    row = await go_on(desk, row, begun + timedelta(days=1))
    assert sorted(await links(row.id)) == ["p0001", "p0002", "p0003", "p0004"]
    await go_on(desk, row, begun + timedelta(days=5))
    assert await Invitation.all().count() == 5


async def test_a_wave_is_released_once_by_two_clocks(desk: Desk) -> None:
    await crowd(4)
    now = await database.now()
    row = await started(desk, Plan("Autumn", wave_hours=tuple(range(24)), wave_size=1), now=now)
    due = now + HOUR
    rows = [await again(row) for _ in range(4)]
    await asyncio.gather(*(campaign_run.release(desk, each, now=due) for each in rows))
    await asyncio.gather(*(campaign_run.step(desk, row.id, now=due) for _ in range(4)))
    await work(desk, row, due)
    assert await Invitation.all().count() == 1


async def test_two_clocks_at_once_follow_once(desk: Desk) -> None:
    await crowd(20)
    await all_may()
    row, now = await started(desk), await database.now()
    await join([await add_person(desk, name) for name in ("cleo", "dan")])
    await leave("p0001")
    for hours in (1, 2):
        await campaign_moves.look_now(row)
        await asyncio.gather(*(campaign_run.step(desk, row.id, now=now + hours * HOUR) for _ in range(4)))
        await work(desk, row, now + hours * HOUR)
    assert await GroupInvitee.all().count() == 22
    found = await links(row.id)
    assert len(found) == 22
    assert found["p0001"] == "revoked"


async def test_a_clock_that_was_paused_past_its_lease_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crowd(20)
    row, now = await started(desk), await database.now()
    await campaign_moves.look_now(row)
    pauses = Pauses(monkeypatch, whole_group, "read")
    late = await pauses.begin(campaign_run.step(desk, row.id, now=now + HOUR))
    await join([await add_person(desk, "cleo")])
    later = now + HOUR + leases.LEASE + timedelta(seconds=1)
    other = await pauses.begin(campaign_run.step(desk, row.id, now=later))
    pauses.calls[1].set()
    await other
    pauses.calls[0].set()
    await late
    assert await GroupInvitee.all().count() == 21
    assert ((await again(row)).looked_at or now) >= later
    await work(desk, row, later)
    assert len(await links(row.id)) == 21


async def killed(
    desk: Desk, row: Campaign, at: datetime, monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    """Let a clock die where it calls a function, with its lease still held."""

    async def die(*_args: object, **_named: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        patch.setattr(leases, "give_back", die)
        with pytest.raises(asyncio.CancelledError):
            await campaign_run.step(desk, row.id, now=at)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (whole_group, "read"),
        (campaign_run, "_follow"),
        (campaign_run, "_add"),
        (campaign_run, "_end_look"),
        (campaign_run, "release"),
        (lifecycle, "revoke"),
        (campaign_run, "_count"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_a_clock_that_dies_anywhere_loses_and_doubles_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    await crowd(20)
    await all_may()
    row, now = await started(desk), await database.now()
    await join([await add_person(desk, "cleo")])
    await leave("p0001", "p0002")
    await look(desk, row, now + HOUR)
    await join([await add_person(desk, "dan")])
    at = now + 2 * HOUR
    await campaign_moves.look_now(row)
    await killed(desk, row, at, monkeypatch, module, name)
    assert (await go_on(desk, row, at)).lease_until is not None
    after = at + leases.LEASE + timedelta(seconds=1)
    row = await go_on(desk, row, after)
    row = await go_on(desk, row, after + timedelta(minutes=1))
    found = await links(row.id)
    assert len(found) == await Invitation.all().count() == 22
    assert {each for each, status in found.items() if status == "revoked"} == {"p0001", "p0002"}
    assert (row.status, row.lease_until) == ("running", None)


async def test_whoever_could_not_be_invited_is_once_they_can(desk: Desk) -> None:
    people = await crowd(20)
    await Person.filter(id=people[0].id).update(email=None)
    row, now = await started(desk, send=True), await database.now()
    assert (await rows_of(row.group_invitation_id))["p0001"] == ("skipped", "no-email")
    await Person.filter(id=people[0].id).update(email="p0001@example.test")
    row = await look(desk, row, now + HOUR)
    row = await go_on(desk, row, now + HOUR + timedelta(minutes=1))
    assert (await links(row.id))["p0001"] == "pending"


async def test_each_day_is_counted_once(desk: Desk) -> None:
    await crowd(4)
    now = datetime(2026, 12, 1, 12, tzinfo=UTC)
    row = await started(desk, now=now)
    await Invitation.filter(person__name="p0001").update(status="redeemed")
    await go_on(desk, row, now + HOUR)
    await go_on(desk, row, now + DAY)
    shown = [(each.day, each.people, each.invited, each.enrolled) for each in await campaigns.days(row)]
    assert shown == [("2026-12-01", 4, 4, 1), ("2026-12-02", 4, 4, 1)]
    assert await CampaignDay.all().count() == 2
