"""Text messages through the ledger: by the active gateway, its standby, a carrier or the catcher, and never twice."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from otae.delivery import catcher, server_refusals
from otae.delivery.queue import outbox
from otae.delivery.sms.servers import add_sms_server
from otae.settings import Settings
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import AuditEntry, CaughtMail, Delivery, Event, Invitation, NotificationServer, Pin
from tests.delivery.conftest import NOW, PIN, Invite, Invited, UseServer
from tests.delivery.texting import BEN, KEYS, UseGateway, entry
from tests.servers import sms
from tests.servers.sms import StartProvider
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """The ledger is shown on both databases with mail; what is new here is no matter of the database."""
    return sqlite_settings.model_copy(update={"allow_private": True})


@pytest.fixture
def text_ben(invite: Invite) -> Callable[..., Awaitable[Invited]]:
    """Give a function that invites Ben, with his PIN queued as a text message."""

    async def make(number: str = BEN, carrier: str = "") -> Invited:
        invited = await invite("url")
        await Invitation.filter(id=invited.invitation.id).update(phone=number, pin_channel="sms", carrier=carrier)
        async with transaction():
            queued = await outbox.enqueue(invited.invitation, "pin", 1, number, now=NOW, channel="sms")
        invited.deliveries["pin"] = queued
        return invited

    return make


TextBen = Callable[..., Awaitable[Invited]]


async def test_a_pin_goes_out_as_a_text_message_and_leaves_nothing_readable(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(sms.vonage)
    await use_gateway(provider)
    invited = await text_ben()
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    row = await invited.reload("pin")
    assert (row.status, row.server_name, row.answer) == ("sent", "Texts", "accepted 0A…ABCD1")
    assert await invited.sealed_pin() is None
    [asked] = provider.asked
    assert (asked.form["to"], PIN in asked.form["text"]) == (BEN[1:], True)
    assert ("delivery.sent", "pin: accepted by Texts") in await invited.events()
    assert PIN not in str(await Event.all().values_list("detail", flat=True))


async def test_each_channel_has_its_own_active_server_and_its_own_catcher(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(sms.vonage)
    await use_gateway(provider)
    invited = await text_ben()
    for kind in ("url", "pin"):
        await outbox.deliver(desk, invited.deliveries[kind].id, now=NOW)
    assert (await invited.reload("url")).server_name == "the mail catcher"
    assert (await invited.reload("pin")).server_name == "Texts"
    assert [row.channel for row in await CaughtMail.all()] == ["mail"]


async def test_without_a_gateway_the_catcher_takes_the_text_and_whoever_opens_it_is_recorded(
    desk: Desk, text_ben: TextBen
) -> None:
    invited = await text_ben()
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    [kept] = await CaughtMail.all()
    assert (kept.channel, kept.recipient, kept.subject) == ("sms", BEN, "")
    assert PIN.encode() not in kept.message_sealed
    opened = await catcher.read_caught(desk, kept.id, now=NOW, actor="ada")
    assert opened is not None
    assert PIN in opened.text
    assert PIN not in repr(opened)
    assert await AuditEntry.filter(actor="ada", action="mail.opened").count() == 1


async def test_a_refused_number_is_failed_once_with_the_providers_words_and_the_link_still_works(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(sms.vonage)
    provider.faults.append((200, {"messages": [{"status": "6", "error-text": f"Unroutable {PIN}"}]}))
    await use_gateway(provider)
    invited = await text_ben()
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    row = await invited.reload("pin")
    assert (row.status, row.answer) == ("failed", "status 6 Unroutable …")
    assert (await Invitation.get(id=invited.invitation.id)).status == "pending"


async def test_a_busy_provider_is_asked_again_later(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(sms.vonage)
    provider.faults.append((429, ""))
    await use_gateway(provider)
    invited = await text_ben()
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    row = await invited.reload("pin")
    assert (row.status, row.outcome_unknown) == ("queued", False)
    assert row.next_try_at is not None
    await outbox.deliver(desk, row.id, now=NOW + timedelta(minutes=2))
    assert (await invited.reload("pin")).status == "sent"
    assert len(provider.asked) == 2


async def test_silence_after_the_request_is_tried_once_more_and_then_left_open(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(sms.vonage)
    provider.faults += [sms.DROP, sms.DROP]
    await use_gateway(provider)
    invited = await text_ben()
    for minutes in (0, 2, 30):
        await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW + timedelta(minutes=minutes))
    row = await invited.reload("pin")
    assert (row.status, row.outcome_unknown, len(provider.asked)) == ("failed", True, 2)


async def test_a_standby_stands_in_for_a_gateway_that_refuses_the_key(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    first, second = start_provider(sms.vonage), start_provider(sms.vonage)
    await use_gateway(first, values=KEYS | {"api_secret": "0ld", "base_url": first.base_url})
    await use_gateway(second, name="Other", standby=1)
    invited = await text_ben()
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    row = await invited.reload("pin")
    assert (row.status, len(first.asked), len(second.asked)) == ("sent", 1, 1)
    assert any("standby Other (Texts: status 4 Bad Credentials)" in detail for _, detail in await invited.events())


@pytest.mark.parametrize(
    ("gateway", "values", "answer"),
    [
        ("vonage", KEYS, (200, {"messages": [{"status": "15", "error-text": "Invalid sender address"}]})),
        (
            "twilio",
            {"account_sid": sms.ACCOUNT, "auth_token": "t0k3n", "sender": "+4930123456"},
            (400, {"code": 21606, "message": "The 'From' phone number is not a valid, SMS-capable number."}),
        ),
    ],
)
async def test_a_sender_that_a_provider_refuses_is_the_gateways_trouble_and_costs_no_pin(
    desk: Desk,
    text_ben: TextBen,
    use_gateway: UseGateway,
    start_provider: StartProvider,
    gateway: str,
    values: dict[str, str],
    answer: tuple[int, object],
) -> None:
    provider = start_provider(lambda _asked: answer)
    await use_gateway(provider, gateway=gateway, values=values)
    invited = await text_ben()
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    assert (await invited.reload("pin")).status == "queued"
    assert await invited.sealed_pin() is not None
    [trouble] = await server_refusals.refusing_servers(NOW)
    assert trouble.server.name == "Texts"


@pytest.mark.parametrize(("phase", "copies"), [("", 1), ("data", 2)])
async def test_a_killed_worker_costs_one_copy_at_most_and_the_pin_stays_the_same(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider, phase: str, copies: int
) -> None:
    provider = start_provider(sms.vonage)
    await use_gateway(provider)
    invited = await text_ben()
    row, pin = invited.deliveries["pin"], await Pin.get(invitation_id=invited.invitation.id)
    if phase:
        await outbox.deliver(desk, row.id, now=NOW)
    # What a worker killed at this moment leaves: the row is sending, its lease ends, the PIN is still sealed.
    lease = NOW + timedelta(minutes=2)
    await Pin.filter(id=pin.id).update(pin_sealed=pin.pin_sealed)
    await Delivery.filter(id=row.id).update(status="sending", attempt=1, phase=phase, lease_until=lease, sent_at=None)
    later = lease + timedelta(seconds=1)
    assert row.id in await outbox.sweep(later)
    await outbox.deliver(desk, row.id, now=later)
    assert ((await invited.reload("pin")).status, len(provider.asked)) == ("sent", copies)
    assert len({asked.form["text"] for asked in provider.asked}) == 1


async def test_a_text_that_lost_its_point_is_not_sent(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(sms.vonage)
    await use_gateway(provider)
    invited = await text_ben()
    await Invitation.filter(id=invited.invitation.id).update(status="revoked")
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    assert ((await invited.reload("pin")).status, provider.asked) == ("cancelled", [])


async def test_a_rate_holds_texts_back_and_not_mail(
    desk: Desk, text_ben: TextBen, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(sms.vonage)
    server = await use_gateway(provider, rate=1)
    await NotificationServer.filter(id=server.id).update(next_slot_at=NOW + timedelta(seconds=30))
    invited = await text_ben()
    for kind in ("pin", "url"):
        await outbox.deliver(desk, invited.deliveries[kind].id, now=NOW)
    assert (await invited.reload("pin")).status == "queued"
    assert (await invited.reload("url")).status == "sent"


async def test_a_carrier_gets_the_text_as_a_mail_through_the_active_mail_server(
    desk: Desk, text_ben: TextBen, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    gateway = entry(name="Carriers", gateway="carrier", values={"carrier": "SFR"})
    await add_sms_server(desk, gateway, now=NOW, actor="ada")
    invited = await text_ben("+12015550123", carrier="Verizon")
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    assert (await invited.reload("pin")).status == "sent"
    [mail] = smtp_server.messages
    assert mail.recipients == ("2015550123@vtext.com",)
    assert PIN in mail.message.get_content()


async def test_a_carrier_without_mail_server_waits_and_one_of_another_country_is_refused(
    desk: Desk, text_ben: TextBen, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    gateway = entry(name="Carriers", gateway="carrier", values={"carrier": "Verizon"})
    await add_sms_server(desk, gateway, now=NOW, actor="ada")
    invited = await text_ben()
    await outbox.deliver(desk, invited.deliveries["pin"].id, now=NOW)
    row = await invited.reload("pin")
    assert (row.status, "no mail server is active" in row.answer) == ("queued", True)
    await use_server(smtp_server)
    await outbox.deliver(desk, row.id, now=NOW + timedelta(minutes=2))
    row = await invited.reload("pin")
    assert (row.status, "none of Verizon's country" in row.answer) == ("failed", True)
    assert smtp_server.messages == []
