"""Link and PIN by different ways: who gets what, what is missing is said before, and policies that hold."""

import pytest

from otae.delivery.servers import ServerEntry, add_server
from otae.delivery.sms.servers import SmsEntry, add_sms_server
from otae.errors import InputRefused
from otae.invitations import bulk_actions, channels, groups, lifecycle
from otae.invitations.groups import GroupOrder
from otae.invitations.modes import mode_of
from otae.invitations.terms import InvitationTerms
from otae.store import database, leases, properties
from otae.store.desk import Desk
from otae.store.models import Delivery, GroupInvitation, GroupInvitee, Invitation, Person
from tests.invitations.crowds import crowd, invited, ordered, work
from tests.invitations.guests import BEN, add_person, invite, queued

pytestmark = pytest.mark.anyio


async def use_mail(desk: Desk) -> None:
    entry = ServerEntry(name="Mail", host="mail.example.test", from_name="IT", from_email="it@example.test")
    await add_server(desk, entry, now=await database.now(), actor="ada")


async def use_texts(desk: Desk) -> None:
    values = {"api_key": "k", "api_secret": "s", "sender": "IT"}
    entry = SmsEntry(name="Texts", gateway="vonage", values=values)
    await add_sms_server(desk, entry, now=await database.now(), actor="ada")


async def hold(mode: str, channel: str) -> None:
    await channels.set_policy(mode, channel, now=await database.now(), actor="ada")


async def refused(desk: Desk, **order: object) -> dict[str, str]:
    with pytest.raises(InputRefused) as raised:
        await invite(desk, **({"show_pin": False} | order))  # type: ignore[arg-type]  # a test gives what it needs
    return dict(raised.value.fields)


async def test_the_link_goes_by_mail_and_the_pin_to_the_phone_as_it_is_dialled(desk: Desk) -> None:
    await properties.write("phone.region", "DE")
    await add_person(desk, phone="0151 12345678")
    created = await invite(desk, pin_channel="sms", show_pin=False)
    assert await queued(created) == {"url": ("mail", "ben@example.test"), "pin": ("sms", BEN)}
    row = await Invitation.get(id=created.invitation.id)
    assert (row.email, row.phone, row.pin_channel) == ("ben@example.test", BEN, "sms")
    assert created.pin is None


async def test_who_sends_again_from_afar_cannot_lose_a_pin_that_nobody_would_see(desk: Desk) -> None:
    created = await invite(desk, pin_channel="shown", show_pin=False)
    now = await database.now()
    outcome = await bulk_actions.change(desk, "resend", [created.invitation.id], now=now, actor="ada")
    assert (outcome.done, len(outcome.refused)) == (0, 1)
    assert "from its own page" in outcome.refused[0][1]
    again = await lifecycle.resend(desk, created.invitation, now=now, actor="ada", show_pin=True)
    assert again.pin not in {None, created.pin}
    assert set(await queued(created)) == {"url"}


@pytest.mark.parametrize("phone", [None, "12", "0151 12345678"])
async def test_a_number_that_texts_do_not_reach_is_told_before_anybody_is_invited(
    desk: Desk, phone: str | None
) -> None:
    person = await add_person(desk)
    await Person.filter(id=person.id).update(phone=phone)
    wrong = await refused(desk, pin_channel="sms")
    assert list(wrong) == ["pin_channel"]
    assert "phone number" in wrong["pin_channel"]
    assert await Invitation.all().count() == 0


async def test_where_mail_goes_out_a_text_needs_a_gateway_and_without_both_the_catcher_takes_it(desk: Desk) -> None:
    await add_person(desk, phone=BEN)
    await invite(desk, pin_channel="sms", show_pin=False)
    await use_mail(desk)
    assert "no SMS server is active" in (await refused(desk, pin_channel="sms"))["pin_channel"]
    await use_texts(desk)
    await invite(desk, pin_channel="sms", show_pin=False)


async def test_a_policy_decides_where_nothing_is_chosen_and_refuses_everything_else(desk: Desk) -> None:
    await add_person(desk, phone=BEN)
    await hold("two_factor", "sms")
    created = await invite(desk, show_pin=False)
    assert (await queued(created))["pin"] == ("sms", BEN)
    for other in ("mail", "shown", "card"):
        assert "only go out as a text message" in (await refused(desk, pin_channel=other))["pin_channel"]
    assert list(await refused(desk, show_pin=True)) == ["show_pin"]
    assert (await invite(desk, "username_pin")).invitation.pin_channel == "mail"
    assert (await invite(desk, "username_password")).invitation.pin_channel == "mail"
    await hold("two_factor", "")
    assert (await invite(desk)).invitation.pin_channel == "mail"


async def test_a_policy_holds_for_an_invitation_made_before_it_when_that_is_sent_again(desk: Desk) -> None:
    created = await invite(desk, show_pin=False)
    await hold("two_factor", "sms")
    now = await database.now()
    with pytest.raises(InputRefused, match="pin_channel"):
        await lifecycle.resend(desk, created.invitation, now=now, actor="ada")
    await Person.all().update(phone=BEN)
    await lifecycle.resend(desk, created.invitation, now=now, actor="ada")
    assert (await queued(created))["pin"] == ("sms", BEN)


@pytest.mark.parametrize(
    ("mode", "channel"), [("two_factor", "pigeon"), ("two_factor", "mail"), ("username_password", "sms"), ("x", "sms")]
)
async def test_a_policy_that_makes_no_sense_is_refused(desk: Desk, mode: str, channel: str) -> None:
    with pytest.raises(InputRefused):
        await hold(mode, channel)
    assert await channels.policies() == {}


async def test_a_mode_without_pin_has_no_channel(desk: Desk) -> None:
    assert await channels.channel_for(await mode_of("username_password"), "card") == "mail"
    created = await invite(desk, "username_password", pin_channel="card")
    assert created.pin is None


async def test_a_rehearsal_goes_its_own_way_whatever_the_policies_are(desk: Desk) -> None:
    await hold("two_factor", "card")
    created = await invite(desk, rehearsal=True, show_pin=False)
    assert (await queued(created))["pin"] == ("mail", "ben@example.test")


async def test_a_group_gets_its_pins_as_text_messages_and_who_has_no_number_is_left_out(desk: Desk) -> None:
    people = await crowd(3)
    for at, person in enumerate(people[:2], 1):
        await Person.filter(id=person.id).update(phone=f"+4915112345{at:03}")
    await invited(desk, pin_channel="sms", note="See you on Monday")
    texts = await Delivery.filter(kind="pin").order_by("recipient")
    assert [(row.channel, row.recipient) for row in texts] == [("sms", "+4915112345001"), ("sms", "+4915112345002")]
    assert {row.note for row in await Invitation.all()} == {"See you on Monday"}
    [left] = await GroupInvitee.filter(status="skipped")
    assert (left.name, left.reason) == ("p0003", "no-phone")


@pytest.mark.parametrize(("mode", "channel"), [("username_pin", "shown"), ("high_security", "card")])
async def test_a_group_cannot_be_shown_its_pins(desk: Desk, mode: str, channel: str) -> None:
    await crowd(1)
    with pytest.raises(InputRefused, match="pin_channel"):
        await ordered(desk, mode=mode, pin_channel=channel)
    await hold(mode, channel)
    with pytest.raises(InputRefused, match="pin_channel"):
        await ordered(desk, mode=mode)


async def test_a_command_that_waits_can_be_shown_the_pins_of_a_group(desk: Desk) -> None:
    await crowd(1)
    wanted = GroupOrder("sales", InvitationTerms(mode="username_pin", pin_channel="shown"))
    row = await groups.order(desk, wanted, now=await database.now(), actor="ada", hold=True)
    await leases.give_back(row)
    assert (await work(desk, await GroupInvitation.get(id=row.id))).pin_channel == "shown"
