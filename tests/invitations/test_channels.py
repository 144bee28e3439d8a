"""Link and PIN by different ways: who gets what, what is missing is said before, and policies that hold."""

import asyncio

import pytest

from otae.delivery.servers import ServerEntry, add_server
from otae.delivery.sms.servers import SmsEntry, add_sms_server
from otae.errors import InputRefused, StaleState
from otae.invitations import bulk_actions, channels, groups, lifecycle, pins
from otae.invitations.groups import GroupOrder
from otae.invitations.lifecycle import Created
from otae.invitations.modes import mode_of
from otae.invitations.terms import InvitationTerms
from otae.settings import Settings
from otae.store import database, leases, properties
from otae.store.desk import Desk
from otae.store.models import Delivery, GroupInvitation, GroupInvitee, Invitation, Person, Pin
from tests.invitations.crowds import crowd, invited, ordered, work
from tests.invitations.guests import add_person, invite

pytestmark = pytest.mark.anyio

BEN = "+4915112345678"


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """Nothing here depends on the database but the race, which `test_lifecycle` shows on both."""
    return sqlite_settings


async def queued(created: Created) -> dict[str, tuple[str, str]]:
    rows = await Delivery.filter(invitation_id=created.invitation.id, status="queued")
    return {row.kind: (row.channel, row.recipient) for row in rows}


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


@pytest.mark.parametrize("channel", ["shown", "card"])
async def test_a_pin_by_hand_is_seen_once_works_and_was_never_sealed(desk: Desk, channel: str) -> None:
    created = await invite(desk, pin_channel=channel, show_pin=False)
    assert await queued(created) == {"url": ("mail", "ben@example.test")}
    pin = await Pin.get(invitation_id=created.invitation.id)
    assert created.pin is not None
    assert (pin.pin_sealed, await pins.verify(desk, pin, created.pin)) == (None, True)
    assert created.pin not in repr(created)


async def test_sending_again_makes_a_new_pin_by_the_same_way_and_the_older_one_dies(desk: Desk) -> None:
    await add_person(desk, phone=BEN)
    created = await invite(desk, pin_channel="sms", show_pin=False)
    now = await database.now()
    await lifecycle.resend(desk, created.invitation, now=now, actor="ada")
    assert (await queued(created))["pin"] == ("sms", BEN)
    assert [row.generation for row in await Pin.filter(active=True)] == [2]
    assert await Delivery.filter(kind="pin", status="cancelled", generation=1, channel="sms").count() == 1
    assert await Pin.filter(generation=1, pin_sealed__not_isnull=True).count() == 0


async def test_who_sends_again_from_afar_cannot_lose_a_pin_that_nobody_would_see(desk: Desk) -> None:
    created = await invite(desk, pin_channel="shown", show_pin=False)
    now = await database.now()
    outcome = await bulk_actions.change(desk, "resend", [created.invitation.id], now=now, actor="ada")
    assert (outcome.done, len(outcome.refused)) == (0, 1)
    assert "from its own page" in outcome.refused[0][1]
    again = await lifecycle.resend(desk, created.invitation, now=now, actor="ada", show_pin=True)
    assert again.pin not in {None, created.pin}
    assert set(await queued(created)) == {"url"}


async def test_two_who_send_again_at_once_leave_one_pin_that_works(desk: Desk) -> None:
    await add_person(desk, phone=BEN)
    created = await invite(desk, pin_channel="sms", show_pin=False)
    now = await database.now()
    rows = [await Invitation.get(id=created.invitation.id) for _ in range(4)]
    done = await asyncio.gather(
        *(lifecycle.resend(desk, row, now=now, actor="ada") for row in rows), return_exceptions=True
    )
    assert sum(isinstance(each, Created) for each in done) == 1
    assert all(isinstance(each, Created | StaleState) for each in done)
    assert await Pin.filter(active=True).count() == 1


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


@pytest.mark.parametrize("channel", ["shown", "card"])
async def test_a_group_cannot_be_shown_its_pins(desk: Desk, channel: str) -> None:
    await crowd(1)
    with pytest.raises(InputRefused, match="pin_channel"):
        await ordered(desk, pin_channel=channel)
    await hold("username_pin", channel)
    with pytest.raises(InputRefused, match="pin_channel"):
        await ordered(desk)


async def test_a_command_that_waits_can_be_shown_the_pins_of_a_group(desk: Desk) -> None:
    await crowd(1)
    wanted = GroupOrder("sales", InvitationTerms(mode="username_pin", pin_channel="shown"))
    row = await groups.order(desk, wanted, now=await database.now(), actor="ada", hold=True)
    await leases.give_back(row)
    assert (await work(desk, await GroupInvitation.get(id=row.id))).pin_channel == "shown"
