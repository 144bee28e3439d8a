"""The funnel of a rollout: what is counted, for whom, and the median of what is kept in buckets."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from otae.directory.reach import EVERYBODY, Reach
from otae.overview import funnel
from otae.overview.funnel import Funnel, median, read_funnel
from otae.store import database, rollout
from otae.store.desk import Desk
from otae.store.models import Campaign, Group, GroupInvitation, Invitation, Membership
from otae.store.records import about, note
from otae.store.rollout import BUCKETS, Step
from tests.enrollment import lab

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


async def reached(step: Step, at: datetime = NOW, who: str = "ben", campaign: UUID | None = None) -> Invitation:
    """Invite somebody who gets as far as ``step``, a minute after the invitation."""
    row = await lab.invitation(at, who, campaign_id=campaign, **rollout.first_step(at))
    await rollout.add_invited([row])
    await rollout.reach(step, [row.id], now=at + timedelta(minutes=1))
    if step is Step.ENROLLED:
        await Invitation.filter(id=row.id).update(status="redeemed", redeemed_at=at + timedelta(minutes=1))
    while await rollout.count_entries():
        pass
    return row


def numbers(shown: Funnel) -> list[int]:
    return [each.number for each in shown.steps]


async def of_sales(*people: UUID) -> Reach:
    now = await database.now()
    group = Group(name="Sales", created_at=now)
    await group.save()
    await Membership.bulk_create([Membership(group_id=group.id, person_id=person) for person in people])
    return Reach(frozenset({group.id}), frozenset({("local", "Sales")}))


async def test_without_invitations_every_step_is_nought(desk: Desk) -> None:
    shown = await read_funnel(7, now=NOW)
    assert numbers(shown) == [0] * (len(Step) - 1)
    assert [day for day, _ in shown.enrollments] == [date(2026, 3, 25) + timedelta(days=day) for day in range(7)]
    assert not any(number for _, number in shown.enrollments)
    assert all(each.median is None for each in shown.steps)


async def test_each_step_counts_who_came_that_far_and_who_stopped_before(desk: Desk) -> None:
    for who, step in (("ada", Step.INVITED), ("ben", Step.OPENED), ("cleo", Step.SIGNED_IN), ("dora", Step.ENROLLED)):
        await reached(step, who=who)
    shown = await read_funnel(7, now=NOW)
    assert numbers(shown) == [4, 3, 3, 2, 1, 1, 1, 1]
    assert [each.left for each in shown.steps] == [0, 1, 0, 1, 1, 0, 0, 0]
    assert shown.enrollments[-1] == (date(2026, 3, 31), 1)
    shown_steps = [step for step in Step if step is not Step.LEFT_MDM]
    assert [each.before for each in shown.steps] == [Step.INVITED, *shown_steps[:-1]]


async def test_who_leaves_another_mdm_first_has_a_step_for_it(desk: Desk) -> None:
    for who, step in (("ada", Step.SIGNED_IN), ("ben", Step.LEFT_MDM), ("cleo", Step.PROFILE_FETCHED)):
        await reached(step, who=who)
    shown = await read_funnel(7, now=NOW, former_mdm=True)
    assert [(each.number, each.left) for each in shown.steps if each.step in {Step.LEFT_MDM, Step.PROFILE_FETCHED}] == [
        (2, 1),
        (1, 1),
    ]


async def test_a_period_holds_its_days_and_no_other(desk: Desk) -> None:
    await reached(Step.OPENED, NOW - timedelta(days=6), "ben")
    await reached(Step.OPENED, NOW - timedelta(days=7), "cleo")
    assert [(await read_funnel(days, now=NOW)).steps[0].number for days in (7, 30)] == [1, 2]


async def test_a_campaign_is_shown_by_itself(desk: Desk) -> None:
    campaign = uuid4()
    await reached(Step.SIGNED_IN, who="ben", campaign=campaign)
    await reached(Step.INVITED, who="cleo")
    assert [numbers(await read_funnel(7, which, now=NOW))[0] for which in (None, campaign, uuid4())] == [2, 1, 0]


async def test_a_limited_reach_counts_its_people_and_says_nothing_of_others(desk: Desk) -> None:
    ben = await reached(Step.ENROLLED, who="ben")
    await reached(Step.ENROLLED, who="cleo")
    await reached(Step.ENROLLED, NOW - timedelta(days=20), who="ben")
    shown = await read_funnel(7, now=NOW, reach=await of_sales(ben.person_id))
    assert (numbers(shown), shown.enrollments[-1][1], shown.capped) == ([1] * (len(Step) - 1), 1, False)
    assert all(each.median is None for each in shown.steps)
    nobody = await read_funnel(7, now=NOW, reach=Reach(frozenset()))
    assert (numbers(nobody), sum(number for _, number in nobody.enrollments)) == ([0] * (len(Step) - 1), 0)
    assert numbers(await read_funnel(7, now=NOW)) == [2] * (len(Step) - 1)


async def test_a_limited_reach_counts_to_a_limit_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [await reached(Step.OPENED, NOW + timedelta(seconds=number)) for number in range(3)]
    reach = await of_sales(rows[0].person_id)
    monkeypatch.setattr(funnel, "COUNT_LIMIT", 2)
    shown = await read_funnel(7, now=NOW, reach=reach)
    assert (shown.steps[0].number, shown.capped) == (2, True)


async def test_the_median_is_that_of_the_step(desk: Desk) -> None:
    row = await reached(Step.OPENED)
    await rollout.reach(Step.SIGNED_IN, [row.id], now=NOW + timedelta(hours=3))
    await rollout.count_entries()
    times = {each.step: each.median for each in (await read_funnel(7, now=NOW)).steps}
    opened, signed_in = times[Step.OPENED], times[Step.SIGNED_IN]
    assert opened is not None
    assert signed_in is not None
    assert timedelta(seconds=30) < opened <= timedelta(minutes=1)
    assert timedelta(hours=2) < signed_in <= timedelta(hours=4)
    assert times[Step.ACCEPTED] is None, "it was skipped"


def test_a_median_lies_in_the_bucket_that_holds_it() -> None:
    assert median({}) is None
    assert median({0: 4}) == timedelta(seconds=0.5)
    assert median({0: 1, 10: 98, 19: 1}) == timedelta(seconds=2700)
    assert median({len(BUCKETS): 3}) == timedelta(days=14)


async def test_campaigns_are_offered_within_reach(desk: Desk) -> None:
    for name in ("Sales", "IT"):
        order = GroupInvitation(
            key=name, name=name, mode="two_factor", ownership="corporate", created_by="ada", created_at=NOW
        )
        await order.save()
        await Campaign(group_invitation=order, name=f"All of {name}", created_by="ada", created_at=NOW).save()
    assert {row.name for row in (await funnel.newest_campaigns(reach=EVERYBODY)).values()} == {
        "All of Sales",
        "All of IT",
    }
    assert [row.name for row in (await funnel.newest_campaigns(reach=await of_sales())).values()] == ["All of Sales"]


async def test_what_happens_shows_when_it_is_counted(desk: Desk) -> None:
    row = await reached(Step.INVITED)
    await note("link.opened", now=NOW, about=about(row))
    assert numbers(await read_funnel(7, now=NOW))[2] == 0
    await rollout.count_entries()
    assert numbers(await read_funnel(7, now=NOW))[2] == 1
