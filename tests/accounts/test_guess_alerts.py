"""Alerts about guessing: what raises one, how often, and how it goes off the dashboard."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from otae.accounts import guess_alerts, throttle
from otae.accounts.guess_alerts import MANY_NAMES
from otae.enrollment.signin import BUDGET, SignInEntry, sign_in
from otae.errors import SigninFailed, SlowDown
from otae.invitations.lifecycle import Created
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Counter, Event, Invitation, Notice
from tests.invitations.guests import add_person, invite

pytestmark = pytest.mark.anyio


async def fail(desk: Desk, name: str = "ben", network: str = "203.0.113.9", created: Created | None = None) -> None:
    invitation = await Invitation.get(id=created.invitation.id) if created else None
    entry = SignInEntry(name, "wrong horse battery", "00000000", invitation, network)
    with pytest.raises((SigninFailed, SlowDown)):
        await sign_in(desk, entry, now=await database.now())


async def kinds() -> list[str]:
    return [alert.kind for alert in await guess_alerts.unseen()]


async def test_several_networks_that_fail_on_one_invitation_are_one_alert_an_hour(desk: Desk) -> None:
    created = await invite(desk, "high_security")
    for number in range(2):
        await fail(desk, network=f"203.0.113.{number}", created=created)
    assert await kinds() == []
    await fail(desk, network="198.51.100.1", created=created)
    [alert] = await guess_alerts.unseen()
    assert (alert.kind, alert.invitation_id, alert.subject) == ("networks", created.invitation.id, "ben")
    event = await Event.get(kind="guessing.networks")
    assert (event.invitation_id, event.detail) == (created.invitation.id, "failures from 3 networks within an hour")
    now = await database.now()
    await asyncio.gather(*(guess_alerts.look_at_invitation(created.invitation, now=now) for _ in range(5)))
    assert await Event.filter(kind="guessing.networks").count() == 1
    notice = await Notice.get()
    assert (notice.kind, notice.detail, notice.invitation_id) == ("guessing", "networks", created.invitation.id)


async def test_one_network_that_fails_often_is_no_alert(desk: Desk) -> None:
    created = await invite(desk, "high_security")
    for _ in range(3):
        await fail(desk, created=created)
    assert await kinds() == []


async def test_a_budget_that_is_used_up_is_an_alert(desk: Desk) -> None:
    await properties.write("enrollment.guess.budget", "10")
    for number in range(11):
        await fail(desk, f"nobody{number}", f"203.0.113.{number}")
    [alert] = await guess_alerts.unseen()
    assert (alert.kind, alert.key, alert.subject) == ("budget", f"guessing:budget:{BUDGET}", "")
    assert (await Event.get(kind="guessing.budget")).detail == "all 10 failures of an hour are used up"


async def test_many_names_from_one_network_are_an_alert_whether_they_exist_or_not(desk: Desk) -> None:
    await add_person(desk)
    before = REGISTRY.get_sample_value("otae_guess_alerts_total", {"kind": "names"}) or 0
    for number in range(MANY_NAMES - 1):
        await fail(desk, f"nobody{number}")
    assert await kinds() == []
    await fail(desk, "ben")
    assert [(alert.kind, alert.subject) for alert in await guess_alerts.unseen()] == [("names", "203.0.113.9")]
    assert REGISTRY.get_sample_value("otae_guess_alerts_total", {"kind": "names"}) == before + 1
    await fail(desk, "another", "198.51.100.1")
    assert await Event.filter(kind="guessing.names").count() == 1


async def test_what_was_seen_comes_back_after_an_hour_when_it_goes_on(desk: Desk) -> None:
    for number in range(MANY_NAMES):
        await fail(desk, f"nobody{number}")
    now = await database.now()
    [alert] = await guess_alerts.unseen()
    assert await guess_alerts.mark_seen(alert.key, now=now, actor="ada")
    assert not await guess_alerts.mark_seen(alert.key, now=now, actor="ada")
    assert not await guess_alerts.mark_seen("share:bare:203.0.113.9", now=now, actor="ada")
    assert (await AuditEntry.get(action="guessing.seen")).subject == "names:203.0.113.9"
    await guess_alerts.look_at_names(throttle.FAILURES, "203.0.113.9", now=now)
    assert await kinds() == []
    later = now + timedelta(hours=1, seconds=1)
    await Counter.filter(key__startswith="password:").update(window_start=later)
    await guess_alerts.look_at_names(throttle.FAILURES, "203.0.113.9", now=later)
    assert await kinds() == ["names"]


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "in 1 second."), (90, "in 90 seconds."), (91, "in 2 minutes."), (900, "in 15 minutes.")]
)
def test_a_wait_says_how_long_it_is(seconds: int, words: str) -> None:
    assert SlowDown(seconds).words == f"Too many attempts. Please try again {words}"
