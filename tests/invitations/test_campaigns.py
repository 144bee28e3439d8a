"""What a campaign is made of: its plan, its hours, and who sees it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from otae.directory.reach import Reach
from otae.errors import InputRefused, StaleState
from otae.invitations import campaign_moves, campaigns, groups
from otae.invitations.campaigns import Plan
from otae.invitations.groups import GroupOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Campaign, GroupInvitation
from tests.invitations.crowds import crowd
from tests.invitations.following import DAY, again, planned, started

pytestmark = pytest.mark.anyio

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 101}),
        ("name", {"name": "two\nlines"}),
        ("name", {"name": "turned \u202e"}),
        ("target", {"target": date(2020, 1, 1)}),
        ("target", {"target": date(2199, 1, 1)}),
        ("wave_hours", {"wave_hours": (24,)}),
        ("wave_hours", {"wave_size": 10}),
        ("wave_size", {"wave_hours": (9,), "wave_size": -1}),
        ("remind_days", {"remind_days": 91}),
        ("remind_most", {"remind_most": 0}),
        ("tell_manager", {"tell_manager": True}),
        ("former_mdm", {"former_mdm": "x" * 4001}),
        ("former_mdm", {"former_mdm": "turned \u202e"}),
    ],
)
async def test_a_plan_that_cannot_be_is_refused_with_its_field(desk: Desk, field: str, change: dict[str, Any]) -> None:
    await crowd(1)
    with pytest.raises(InputRefused) as caught:
        await planned(desk, replace(Plan("Autumn"), **change))
    assert set(caught.value.fields) == {field}
    assert not await GroupInvitation.exists()


async def test_everything_that_is_wrong_is_said_at_once(desk: Desk) -> None:
    with pytest.raises(InputRefused) as caught:
        await planned(desk, Plan(""), "nobody")
    assert set(caught.value.fields) == {"name", "group"}


async def test_the_same_form_sent_twice_is_one_campaign(desk: Desk) -> None:
    await crowd(1)
    rows = [await planned(desk, key="once") for _ in range(2)]
    assert rows[0].id == rows[1].id
    assert await Campaign.all().count() == await GroupInvitation.all().count() == 1


async def test_the_key_of_a_plain_order_is_refused(desk: Desk) -> None:
    await crowd(1)
    order = GroupOrder("sales", InvitationTerms(mode="username_pin", send=False), key="used")
    await groups.order(desk, order, now=await database.now(), actor="ada")
    with pytest.raises(InputRefused) as caught:
        await planned(desk, key="used")
    assert set(caught.value.fields) == {"key"}


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        ((), datetime(2026, 12, 1, tzinfo=UTC), None),
        ((9,), datetime(2026, 12, 1, 7, 59, tzinfo=UTC), datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ((9,), datetime(2026, 12, 1, 8, tzinfo=UTC), datetime(2026, 12, 2, 8, tzinfo=UTC)),
        ((14, 9), datetime(2026, 12, 1, 8, tzinfo=UTC), datetime(2026, 12, 1, 13, tzinfo=UTC)),
        # The night in which summer begins has no half past two, and that in which it ends has it twice.
        ((2,), datetime(2027, 3, 28, 0, tzinfo=UTC), datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ((3,), datetime(2027, 3, 28, 0, tzinfo=UTC), datetime(2027, 3, 28, 1, tzinfo=UTC)),
        ((2,), datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 0, tzinfo=UTC)),
        ((2,), datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, tzinfo=UTC)),
    ],
)
def test_the_next_wave_is_at_the_next_of_its_hours(
    hours: tuple[int, ...], now: datetime, expected: datetime | None
) -> None:
    assert campaigns.next_wave(hours, BERLIN, now) == expected


def test_a_wave_of_weekdays_waits_for_monday() -> None:
    friday = datetime(2026, 12, 4, 12, tzinfo=UTC)
    assert campaigns.next_wave((9,), BERLIN, friday, weekdays_only=True) == datetime(2026, 12, 7, 8, tzinfo=UTC)


async def test_changing_the_hours_moves_the_next_wave(desk: Desk) -> None:
    await crowd(1)
    now = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
    row = await started(desk, Plan("Autumn", wave_hours=(9,)), now=now)
    await campaigns.change(row, Plan("Winter", wave_hours=(20,), wave_size=5), now=now, actor="ada")
    row = await again(row)
    assert (row.name, row.wave_size, row.next_wave_at) == ("Winter", 5, datetime(2026, 12, 1, 20, tzinfo=UTC))


async def test_a_target_that_is_past_may_stay(desk: Desk) -> None:
    await crowd(1)
    now = await database.now()
    plan = Plan("Autumn", target=(now + 3 * DAY).date())
    row = await started(desk, plan, now=now)
    await campaigns.change(row, replace(plan, name="Winter"), now=now + 10 * DAY, actor="ada")
    with pytest.raises(InputRefused):
        await campaigns.change(
            row, replace(plan, target=(now + timedelta(days=2)).date()), now=now + 10 * DAY, actor="ada"
        )


async def test_what_has_ended_is_not_changed(desk: Desk) -> None:
    await crowd(1)
    row, now = await started(desk), await database.now()
    await campaign_moves.end(row, now=now, actor="ada")
    with pytest.raises(StaleState):
        await campaigns.change(row, Plan("Winter"), now=now, actor="ada")


async def test_an_administrator_sees_campaigns_of_groups_within_reach(desk: Desk) -> None:
    await crowd(1)
    row = await planned(desk)
    near = Reach(frozenset(), frozenset({("local", "sales")}))
    far = Reach(frozenset(), frozenset({("local", "north")}))
    nowhere = Reach(frozenset(), frozenset())
    for reach, seen in ((near, [row.id]), (far, []), (nowhere, [])):
        assert [each.id for each in await campaigns.list_campaigns(reach=reach)] == seen
        assert (await campaigns.find(row.id, reach) is not None) == bool(seen)
