"""A new link for who holds the old one: mailed to where that went, now and then, and nothing is learned by asking."""

from datetime import timedelta

import pytest

from otae.invitations import lifecycle, new_links, self_made
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Counter, Delivery, Event, Invitation, Person, Pin
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

LOGIN, NEW_LINK = "/zdm/macos/otae/login", "/zdm/macos/otae/new-link"
BUTTON = "Send me a new link"


async def ended(desk: Desk, how: str = "expired", *, send: bool = True, mode: str = "two_factor") -> lifecycle.Created:
    """Invite Ben, and let the invitation end."""
    now = await database.now()
    order = InvitationOrder("ben", InvitationTerms(mode=mode, send=send), show_pin=True)
    made = await lifecycle.create(desk, order, now=now, actor="ada")
    if how == "failed":
        await lifecycle.fail(made.invitation, now=now, why="the tries are used up")
    elif how == "revoked":
        await lifecycle.revoke(desk, made.invitation, now=now, actor="ada")
    elif how == "redeemed":
        await lifecycle.redeem(made.invitation, now=now)
    elif how == "expired":
        await Invitation.filter(id=made.invitation.id).update(valid_until=now)
        await lifecycle.expire_due(now)
    elif how == "over":
        await Invitation.filter(id=made.invitation.id).update(valid_until=now)
    return made


async def follow(site: Site, made: lifecycle.Created) -> str:
    return (await site.client.get(f"{LOGIN}?e={made.token}", follow_redirects=True)).text


async def mailed(made: lifecycle.Created) -> list[str]:
    rows = Delivery.filter(invitation_id=made.invitation.id, generation__gt=1, kind="url")
    return [row.recipient for row in await rows]


@pytest.mark.parametrize("how", ["expired", "failed", "over"])
@pytest.mark.usefixtures("ben")
async def test_an_ended_invitation_is_sent_again_to_the_address_on_file(site: Site, how: str) -> None:
    made = await ended(site.desk, how)
    page = await follow(site, made)
    assert ("Send me a new PIN" if how == "failed" else BUTTON) in page
    assert "ben@example.test" not in page
    answer = await site.client.post(NEW_LINK, follow_redirects=True)
    assert answer.status_code == 200
    assert "on its way to the address it was sent to" in answer.text
    assert "ben@" not in answer.text
    assert await mailed(made) == ["ben@example.test"]
    row = await Invitation.get(id=made.invitation.id)
    assert (row.status, row.generation) == ("pending", 2)
    assert (await Pin.get(invitation_id=row.id, active=True)).generation == 2
    events = await Event.filter(invitation_id=row.id, kind__in=["invitation.resent", "link.requested"])
    assert {(event.kind, event.actor or event.detail) for event in events} == {
        ("invitation.resent", self_made.ACTOR),
        ("link.requested", "sent to the address on file"),
    }


@pytest.mark.parametrize("how", ["revoked", "redeemed", "pending"])
@pytest.mark.usefixtures("ben")
async def test_what_was_withdrawn_used_or_works_is_not_sent_again(site: Site, how: str) -> None:
    made = await ended(site.desk, how)
    assert BUTTON not in await follow(site, made)
    assert (await site.client.post(NEW_LINK)).status_code == 303
    assert await mailed(made) == []


@pytest.mark.usefixtures("ben")
async def test_a_pin_that_needs_an_administrator_is_not_made_anew(site: Site) -> None:
    made = await ended(site.desk)
    await Invitation.filter(id=made.invitation.id).update(pin_channel="shown")
    assert BUTTON not in await follow(site, made)
    await site.client.post(NEW_LINK)
    assert await mailed(made) == []
    unsent = await ended(site.desk, send=False)
    assert BUTTON not in await follow(site, unsent)


@pytest.mark.usefixtures("ben")
async def test_asking_answers_alike_whether_it_was_sent_or_not(site: Site) -> None:
    made = await ended(site.desk)
    answers = [await site.client.post(NEW_LINK)]
    await follow(site, made)
    await Person.all().update(disabled=True)
    answers.append(await site.client.post(NEW_LINK))
    await Person.all().update(disabled=False)
    await Counter.filter(key__startswith="new-link-soon").delete()
    answers += [await site.client.post(NEW_LINK) for _ in range(3)]
    stranger = site.stranger(Origin=site.origin)
    answers.append(await stranger.post(NEW_LINK))
    assert {(answer.status_code, answer.headers["location"], answer.text) for answer in answers} == {
        (303, NEW_LINK, "")
    }
    assert {"set-cookie" in answer.headers for answer in answers} == {False}
    assert await mailed(made) == ["ben@example.test"]
    refused = await Event.get(kind="link.requested", detail__startswith="not sent")
    assert "disabled" in refused.detail


@pytest.mark.usefixtures("ben")
async def test_the_older_link_says_that_there_is_a_newer_one_and_opens_nothing(site: Site) -> None:
    made = await ended(site.desk)
    await follow(site, made)
    await site.client.post(NEW_LINK)
    assert (await Invitation.get(id=made.invitation.id)).status == "pending"
    before = await Event.all().count()
    for answer in (await site.client.get(f"{LOGIN}?e={made.token}"), await site.client.get(LOGIN)):
        assert answer.status_code == 410
        assert "There is a newer link" in answer.text
        assert BUTTON not in answer.text
        assert "set-cookie" not in answer.headers
    entered = {"name": "ben", "password": "wrong", "pin": made.pin or ""}
    assert (await site.client.post(LOGIN, data=entered)).status_code == 410
    assert await Event.filter(kind__startswith="signin").count() == 0
    assert await Event.all().count() <= before + 1
    row = await Invitation.get(id=made.invitation.id).prefetch_related("person")
    await lifecycle.revoke(site.desk, row, now=await database.now(), actor="ada")
    assert "This invitation was withdrawn" in (await site.client.get(f"{LOGIN}?e={made.token}")).text
    await Invitation.filter(id=row.id).update(status="redeemed")
    assert "has been used already" in (await site.client.get(f"{LOGIN}?e={made.token}")).text
    await Invitation.filter(id=row.id).update(status="expired")
    assert "There is a newer link" in (await site.client.get(f"{LOGIN}?e={made.token}")).text
    assert (await site.client.get(f"{LOGIN}?e={made.token[:-1]}z")).status_code == 404


async def renew(made: lifecycle.Created, site: Site, minutes: int) -> int:
    """Let the invitation expire again, ask ``minutes`` from now, and return how often it was sent since."""
    now = await database.now() + timedelta(minutes=minutes)
    await Invitation.filter(id=made.invitation.id).update(status="expired")
    row = await Invitation.get(id=made.invitation.id).prefetch_related("person")
    await new_links.request(site.desk, row, network="192.0.2.0/24", now=now)
    return len(await mailed(made))


@pytest.mark.usefixtures("ben")
async def test_once_in_fifteen_minutes_and_three_times_a_day(site: Site) -> None:
    made = await ended(site.desk)
    assert [await renew(made, site, minutes) for minutes in (0, 1, 14, 15, 16, 31, 60, 600)] == [1, 1, 1, 2, 2, 3, 3, 3]
    assert await renew(made, site, 24 * 60) == 4


@pytest.mark.usefixtures("ben")
async def test_one_network_asks_so_often_and_no_more(site: Site) -> None:
    now = await database.now()
    for _ in range(new_links.PER_NETWORK.failures):
        await new_links.request(site.desk, None, network="192.0.2.0/24", now=now)
    assert await renew(await ended(site.desk), site, 0) == 0
    assert await renew(await ended(site.desk), site, 60) == 1


@pytest.mark.usefixtures("ben")
async def test_it_can_be_switched_off(site: Site) -> None:
    made = await ended(site.desk)
    await properties.write("enrollment.newlink", "false")
    page = await follow(site, made)
    assert BUTTON not in page
    assert "Ask your IT department" in page
    assert (await site.client.post(NEW_LINK)).status_code == 404
    assert await mailed(made) == []


@pytest.mark.usefixtures("ben")
async def test_looking_sends_nothing_and_other_sites_cannot_ask(site: Site) -> None:
    made = await ended(site.desk)
    await follow(site, made)
    for _ in range(3):
        assert (await site.client.get(NEW_LINK)).status_code == 200
    assert (await site.client.post(NEW_LINK, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert await mailed(made) == []
