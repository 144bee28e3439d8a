"""The page of one invitation: its timeline, and what can be done."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx2
import pytest

from otae.enrollment import sessions
from otae.errors import ChallengeUsed
from otae.invitations import lifecycle
from otae.invitations.details import EVENTS_PER_PAGE
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store.models import AuditEntry, Delivery, Event, Invitation, Person
from otae.store.records import about, note, note_refusal
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true"}


def asked_next(page: str) -> str:
    """Give the address that the live part asks; "" when it asks no more."""
    return page.partition('id="progress"')[2].partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")


async def test_the_page_tells_what_happened(console: httpx2.AsyncClient, site: Site, invite: Invite) -> None:
    created = await invite("two_factor")
    page = (await console.get(f"/admin/invitations/{created.invitation.id}")).text
    for words in ("Ben Okafor", "Two Factor", "Corporate", "Pending", "valid until", "Created by ada"):
        assert words in page
    assert "Waiting for the link to be opened" in page
    assert created.token not in page


async def test_only_what_is_new_comes_over(
    console: httpx2.AsyncClient, site: Site, invite: Invite, ben: Person, now: datetime
) -> None:
    created = await invite("two_factor")
    address = f"/admin/invitations/{created.invitation.id}"
    following = asked_next((await console.get(address)).text)
    assert following.startswith(address)
    assert (await console.get(following, headers=PART)).status_code == 204

    await lifecycle.record_link_opened(created.invitation, now=now, browser="Safari on macOS")
    part = await console.get(following, headers=PART)
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "Link opened in Safari on macOS" in part.text
    assert asked_next(part.text) != following
    assert (await console.get(asked_next(part.text), headers=PART)).status_code == 204


async def test_a_refusal_is_told_with_reason_code_and_advice(
    console: httpx2.AsyncClient, site: Site, invite: Invite, ben: Person, now: datetime
) -> None:
    created = await invite("two_factor")
    session = await sessions.open_session(
        person=ben, invitation=created.invitation, mode="two_factor", ownership="corporate", now=now
    )
    code = await note_refusal(ChallengeUsed("answered at 10:02"), now=now, about=about(session))
    page = (await console.get(f"/admin/invitations/{created.invitation.id}")).text
    for words in ("This profile has been used already.", "A profile works once.", "answered at 10:02", code):
        assert words in page
    assert str(created.invitation.id) in (await console.get(f"/admin/invitations?q={code}")).text


async def test_a_pin_that_never_went_out_is_not_said_to_work(
    console: httpx2.AsyncClient, site: Site, ben: Person, now: datetime
) -> None:
    order = InvitationOrder(ben.name, InvitationTerms(mode="two_factor"))
    created = await lifecycle.create(site.desk, order, now=now, actor="ada")
    address = f"/admin/invitations/{created.invitation.id}"
    assert "did not reach the person" not in (await console.get(address)).text
    assert await Delivery.filter(kind="pin").update(status="cancelled", answer="the invitation failed") == 1
    assert "did not reach the person" in (await console.get(address)).text


async def test_an_ended_invitation_asks_no_more_and_offers_nothing(
    console: httpx2.AsyncClient, site: Site, invite: Invite, now: datetime
) -> None:
    created = await invite("two_factor")
    address = f"/admin/invitations/{created.invitation.id}"
    following = asked_next((await console.get(address)).text)
    answer = await console.post(f"{address}/revoke")
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    part = await console.get(following, headers=PART)
    assert "Revoked by ada" in part.text
    assert "hx-trigger" not in part.text
    assert re.findall(r'<form[^>]*action="([^"]+)"', part.text) == [f"{address}/delete"]
    again = await console.post(f"{address}/resend")
    assert again.status_code == 303
    assert "This invitation was withdrawn." in (await console.get(address)).text


async def test_sending_again_makes_a_new_pin(console: httpx2.AsyncClient, site: Site, invite: Invite) -> None:
    created = await invite("username_pin")
    address = f"/admin/invitations/{created.invitation.id}"
    assert (await console.post(f"{address}/resend")).headers["location"] == address
    row = await Invitation.get(id=created.invitation.id)
    assert row.generation == 2
    assert await Delivery.filter(invitation_id=row.id).count() == 2
    page = (await console.get(address)).text
    assert "Sent again by ada" in page
    assert "The invitation is being sent again." in page


async def test_extending_gives_more_time(console: httpx2.AsyncClient, site: Site, ben: Person, now: datetime) -> None:
    order = InvitationOrder("ben", InvitationTerms(mode="username_pin", send=False))
    created = await lifecycle.create(site.desk, order, now=now - timedelta(hours=10), actor="ada")
    await console.post(f"/admin/invitations/{created.invitation.id}/extend")
    row = await Invitation.get(id=created.invitation.id)
    assert row.valid_until is not None
    assert row.valid_until > now + timedelta(hours=23)


async def test_extending_says_until_when_and_lets_one_choose(
    console: httpx2.AsyncClient, invite: Invite, now: datetime
) -> None:
    created = await invite("username_pin")
    address = f"/admin/invitations/{created.invitation.id}"
    page = (await console.get(f"{address}/extend")).text
    assert "It works until" in page
    assert "Its mode gives 1 d from now" in page
    assert f'value="{now + timedelta(hours=24):%Y-%m-%dT%H:}' in page
    chosen = now.replace(second=0, microsecond=0) + timedelta(days=3)
    answer = await console.post(f"{address}/extend", data={"until": f"{chosen:%Y-%m-%dT%H:%M}"})
    assert (await Invitation.get(id=created.invitation.id)).valid_until == chosen
    assert (
        f"The invitation works until {chosen:%Y-%m-%d %H:%M}:00 UTC."
        in (await console.get(answer.headers["location"])).text
    )
    for wrong, said in (
        (now - timedelta(hours=1), "this time is past"),
        (now + timedelta(days=400), "within 365 days"),
    ):
        refused = await console.post(f"{address}/extend", data={"until": f"{wrong:%Y-%m-%dT%H:%M}"})
        assert refused.status_code == 422
        assert said in refused.text
    refused = await console.post(f"{address}/extend", data={"until": "<b>soon</b>"})
    assert "use a date and a time" in refused.text
    assert "&lt;b&gt;soon&lt;/b&gt;" in refused.text
    assert (await Invitation.get(id=created.invitation.id)).valid_until == chosen


async def test_extending_what_has_ended_says_what_comes_of_it(
    console: httpx2.AsyncClient, invite: Invite, now: datetime
) -> None:
    created = await invite("username_pin")
    await Invitation.filter(id=created.invitation.id).update(valid_until=now - timedelta(hours=1))
    page = (await console.get(f"/admin/invitations/{created.invitation.id}/extend")).text
    assert "It does not work any more." in page
    free = await invite("username_password")
    page = (await console.get(f"/admin/invitations/{free.invitation.id}/extend")).text
    assert "Left empty, it works until it is used or revoked." in page


async def test_the_link_is_shown_on_demand_and_that_is_recorded(
    console: httpx2.AsyncClient, site: Site, invite: Invite
) -> None:
    created = await invite("two_factor")
    address = f"/admin/invitations/{created.invitation.id}"
    answer = await console.post(f"{address}/link")
    assert answer.status_code == 200
    assert f'value="{created.url}"' in answer.text
    assert asked_next(answer.text).startswith(f"{address}?")
    assert "Link copied by ada" in answer.text
    assert await AuditEntry.filter(action="invitation.link-copied", subject=str(created.invitation.id)).exists()
    assert created.token not in (await console.get(address)).text
    assert (await console.get(f"{address}/link")).headers["location"] == address, "it takes a form alone"


async def test_the_link_is_copied_at_once_by_the_script_and_that_is_recorded(
    console: httpx2.AsyncClient, invite: Invite
) -> None:
    created = await invite("two_factor")
    address = f"/admin/invitations/{created.invitation.id}"
    answer = await console.post(f"{address}/link", headers={"Accept": "text/plain"})
    assert (answer.text, answer.headers["content-type"]) == (created.url, "text/plain; charset=utf-8")
    assert "Link copied by ada" in (await console.get(address)).text
    assert await AuditEntry.filter(action="invitation.link-copied", subject=str(created.invitation.id)).exists()


async def test_the_link_of_an_ended_invitation_is_not_shown(
    console: httpx2.AsyncClient, site: Site, invite: Invite, now: datetime
) -> None:
    created = await invite("two_factor")
    await lifecycle.revoke(site.desk, created.invitation, now=now, actor="ada")
    answer = await console.post(f"/admin/invitations/{created.invitation.id}/link")
    assert answer.status_code == 303


@pytest.mark.parametrize("path", ["8a1d5d52-7b5e-4f0e-9d1c-3b7f0c2a9e11", "none", "1"])
async def test_what_is_no_invitation_is_not_found(console: httpx2.AsyncClient, path: str) -> None:
    assert (await console.get(f"/admin/invitations/{path}")).status_code == 404
    for action in ("resend", "extend", "link", "revoke"):
        assert (await console.post(f"/admin/invitations/{path}/{action}")).status_code == 404


async def test_a_rehearsals_invitation_is_not_shown(
    console: httpx2.AsyncClient, site: Site, ben: Person, now: datetime
) -> None:
    order = InvitationOrder("ben", InvitationTerms(mode="username_pin", send=False), rehearsal=True)
    created = await lifecycle.create(site.desk, order, now=now, actor="rehearsal")
    assert (await console.get(f"/admin/invitations/{created.invitation.id}")).status_code == 404


async def test_every_step_of_the_way_is_told_with_its_time(
    console: httpx2.AsyncClient, site: Site, invite: Invite, ben: Person, now: datetime
) -> None:
    created = await invite("two_factor")
    session = await sessions.open_session(
        person=ben, invitation=created.invitation, mode="two_factor", ownership="corporate", now=now
    )
    for seconds, kind in enumerate(("profile.fetched", "session.identified", "session.configured"), 1):
        await note(kind, now=now + timedelta(seconds=seconds), about=about(session))
    page = (await console.get(f"/admin/invitations/{created.invitation.id}")).text
    steps = ["Signed in", "Profile downloaded", "The Mac answered", "Management profile handed over"]
    places = [page.index(step) for step in steps]
    assert places == sorted(places)
    assert len(re.findall(r'class="took">1 s<', page)) == 3
    assert await Event.filter(session_id=session.id).count() == 4


def copiers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"copier (\d+)", page)]


async def test_a_long_timeline_is_shown_page_by_page(
    console: httpx2.AsyncClient, site: Site, invite: Invite, now: datetime
) -> None:
    row = (await invite("two_factor")).invitation
    for number in range(EVENTS_PER_PAGE + 150):
        await note("link.copied", now=now, about=about(row), actor=f"copier {number}")
    address = f"/admin/invitations/{row.id}"
    newest = (await console.get(address)).text
    assert copiers(newest) == list(range(150, EVENTS_PER_PAGE + 150))
    assert len(newest) < 200_000
    assert asked_next(newest)
    older = re.search(r'id="older"><a href="([^"#]+)', newest)
    assert older
    page = (await console.get(older[1])).text
    assert copiers(page) == list(range(150))
    assert "Created by ada" in page
    assert (asked_next(page), 'id="older"' in page, 'id="newest"' in page) == ("", False, True)
    for odd in ("x", "-1", "9" * 40, "", "\u0664"):
        assert (await console.get(address, params={"before": odd})).status_code == 200


async def test_times_are_shown_and_entered_in_the_zone_of_the_browser(
    console: httpx2.AsyncClient, invite: Invite, now: datetime
) -> None:
    created = await invite("username_pin")
    console.cookies.set("__Host-otae-zone", "Asia/Tokyo")
    address = f"/admin/invitations/{created.invitation.id}"
    assert "Times in the time zone Asia/Tokyo" in (await console.get(address)).text
    chosen = now.replace(second=0, microsecond=0) + timedelta(days=3)
    there = chosen.astimezone(ZoneInfo("Asia/Tokyo"))
    asked = (await console.get(f"{address}/extend")).text
    assert f'value="{now.astimezone(there.tzinfo) + timedelta(hours=24):%Y-%m-%dT%H:}' in asked
    answer = await console.post(f"{address}/extend", data={"until": f"{there:%Y-%m-%dT%H:%M}"})
    assert (await Invitation.get(id=created.invitation.id)).valid_until == chosen
    assert f"{there:%Y-%m-%d %H:%M}:00 JST" in (await console.get(answer.headers["location"])).text


async def test_an_odd_zone_of_a_browser_is_utc(console: httpx2.AsyncClient, invite: Invite) -> None:
    created = await invite("username_pin")
    for odd in ("Europe/Atlantis", "%00", "../../etc/passwd", "x" * 4000):
        console.cookies.set("__Host-otae-zone", odd)
        page = await console.get(f"/admin/invitations/{created.invitation.id}")
        assert "Times in the time zone UTC" in page.text
