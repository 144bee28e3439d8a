"""Whose trouble a refusal is, met as a worker meets it: at a real server, with an invitation's link and PIN."""

from datetime import timedelta

import pytest

from otae.accounts import administrators
from otae.delivery import server_refusals
from otae.delivery.mail import refusals
from otae.delivery.notices import TROUBLE
from otae.delivery.queue import outbox, worker
from otae.delivery.queue.outcomes import Claimed
from otae.delivery.servers import ServerEntry, update_server
from otae.store.desk import Desk
from otae.store.models import Administrator, Delivery, Invitation, Notice, NotificationServer, ServerRefusal
from tests.delivery.conftest import NOW, PIN, TOKEN, Invite, UseServer, worker_running
from tests.servers.ports import free_port
from tests.servers.smtp import SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio


async def test_a_wrong_sender_costs_no_invitation_and_mending_it_sends_everything_at_once(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    server = await use_server(smtp_server)
    await administrators.create_administrator(desk, name="ada", password="four quiet words here", now=NOW, actor="ada")
    await Administrator.filter(name="ada").update(email="ada@example.test")
    refusal = f"553 5.7.1 it@example.test: sender address rejected, {TOKEN}"
    smtp_server.answer("MAIL", refusal, times=99)
    ben = await invite("url", "pin")
    for hour in range(9):
        for kind in ("url", "pin"):
            await Delivery.filter(id=ben.deliveries[kind].id).update(next_try_at=None)
            await outbox.deliver(desk, ben.deliveries[kind].id, now=NOW + timedelta(hours=hour))
    last = NOW + timedelta(hours=8)
    assert {(await ben.reload(kind)).status for kind in ("url", "pin")} == {"queued"}
    assert (await Invitation.get(id=ben.invitation.id)).status == "pending"
    [trouble] = await server_refusals.refusing_servers(last)
    assert trouble.server.name == "House mail"
    assert NOW <= trouble.since < NOW + timedelta(minutes=1)
    assert trouble.words == "553 5.7.1 it@example.test: sender address rejected, …"
    told = await Delivery.get(kind=TROUBLE)
    assert told.recipient == "ada@example.test"
    notice = await Notice.get()
    assert (notice.kind, notice.subject, notice.told_already) == ("server", "House mail", "ada@example.test")
    assert notice.detail == "553 5.7.1 it@example.test: sender address rejected, …"

    smtp_server.faults.clear()
    entry = ServerEntry(
        name="House mail", host="127.0.0.1", port=smtp_server.port, from_name="IT", from_email="right@example.test"
    )
    await update_server(desk, await NotificationServer.get(id=server.id), entry, now=last, actor="ada")
    waiting = await outbox.sweep(last)
    for each in waiting:
        await outbox.deliver(desk, each, now=last)
    assert {mail.sender for mail in smtp_server.messages} == {"right@example.test"}
    assert [PIN.encode() in mail.raw or TOKEN.encode() in mail.raw for mail in smtp_server.messages] == [True, True]
    assert await server_refusals.refusing_servers(last) == []
    assert (await Delivery.get(kind=TROUBLE)).status == "cancelled"


async def test_a_standby_takes_over_from_a_server_that_refuses_the_sender_and_carries_the_notice(
    desk: Desk, invite: Invite, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    first, spare = start_smtp("none"), start_smtp("none")
    await use_server(first)
    await use_server(spare, name="Spare", host="localhost", standby=1, from_email="spare@example.test")
    await administrators.create_administrator(desk, name="ada", password="four quiet words here", now=NOW, actor="ada")
    await Administrator.filter(name="ada").update(email="ada@example.test")
    first.answer("MAIL", "553 5.7.1 sender address rejected", times=9)
    ben = await invite("url")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    assert (await ben.reload()).status == "sent"
    notice = await Delivery.get(kind=TROUBLE)
    await outbox.deliver(desk, notice.id, now=NOW)
    [mail] = spare.to("ada@example.test")
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert "House mail: 553 5.7.1 sender address rejected" in body.get_content()
    assert "https://localhost:8443/admin/notification-servers" in body.get_content()


async def test_two_recipients_of_different_domains_refused_alike_make_it_the_servers_trouble(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    for domain in ("@one.test", "@two.test"):
        smtp_server.answer("RCPT", f"554 5.7.1 <someone{domain}>: Relay access denied", times=99, only=domain)
    people = {name: await invite("url", name=name, email=name) for name in ("ann@one.test", "bob@one.test")}
    people["cleo@two.test"] = await invite("url", name="cleo@two.test", email="cleo@two.test")

    async def deliver(name: str, minute: int) -> str:
        row = await people[name].reload()
        await Delivery.filter(id=row.id).update(next_try_at=None)
        await outbox.deliver(desk, row.id, now=NOW + timedelta(minutes=minute))
        return (await people[name].reload()).status

    assert [await deliver("ann@one.test", minute) for minute in (0, 1)] == ["queued", "failed"], "one further try"
    assert await deliver("bob@one.test", 2) == "queued"
    assert await server_refusals.refusing_servers(NOW) == [], "two of one domain say nothing of the server"
    assert [await deliver("cleo@two.test", minute) for minute in (3, 4, 5)] == ["queued"] * 3
    assert await deliver("bob@one.test", 6) == "queued"
    assert len(await server_refusals.refusing_servers(NOW)) == 1
    assert (await Invitation.get(id=people["bob@one.test"].invitation.id)).status == "pending"
    notice = await Notice.get()
    assert notice.detail == "554 5.7.1 <…>: Relay access denied", "without the address of whom it refused"

    near = await invite("url")
    await outbox.deliver(desk, near.deliveries["url"].id, now=NOW)
    assert (await near.reload()).status == "sent"
    assert len(await server_refusals.refusing_servers(NOW)) == 1, "what it takes for others says nothing of these"
    smtp_server.faults.clear()
    assert await deliver("cleo@two.test", 7) == "sent"
    assert await server_refusals.refusing_servers(NOW) == []


async def test_an_unreachable_server_is_told_once_a_day_when_a_standby_took_over(
    desk: Desk, invite: Invite, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    away = await use_server(start_smtp("none"))
    await NotificationServer.filter(id=away.id).update(port=free_port())
    await use_server(start_smtp("none"), name="Spare", host="localhost", standby=1)
    for name in ("ben", "cleo"):
        sent = await invite("url", name=name)
        await outbox.deliver(desk, sent.deliveries["url"].id, now=NOW)
        assert (await sent.reload()).status == "sent"
    notice = await Notice.get()
    assert (notice.kind, notice.subject) == ("server", "House mail")


async def test_a_single_server_is_told_of_when_it_did_not_answer_several_times(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    away = await use_server(smtp_server)
    await NotificationServer.filter(id=away.id).update(port=free_port())
    ben = await invite("url")
    told = []
    for hour in range(5):
        await Delivery.filter(id=ben.deliveries["url"].id).update(next_try_at=None)
        await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW + timedelta(hours=hour))
        told.append(await Notice.all().count())
    assert told == [0, 0, 0, 1, 1]


async def test_what_a_kept_line_refuses_at_mail_is_the_servers_trouble_too(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    first, second = await invite("url"), await invite("url", name="cleo", email="cleo@example.test")
    async with worker_running(desk):
        await outbox.deliver(desk, first.deliveries["url"].id, now=NOW)
        smtp_server.answer("MAIL", "550 5.1.0 sender rejected")
        await outbox.deliver(desk, second.deliveries["url"].id, now=NOW)
    assert ((await first.reload()).status, (await second.reload()).status) == ("sent", "queued")
    assert len(await server_refusals.refusing_servers(NOW)) == 1


async def test_many_messages_refused_at_once_are_one_trouble_and_one_notice(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server, connections=10)
    await administrators.create_administrator(desk, name="ada", password="four quiet words here", now=NOW, actor="ada")
    await Administrator.filter(name="ada").update(email="ada@example.test")
    smtp_server.answer("MAIL", "553 5.7.1 sender address rejected", times=99)
    rows = [(await invite("url", name=f"p{number}")).deliveries["url"].id for number in range(20)]
    async with worker_running(desk):
        await worker.deliver_all(desk, rows, now=NOW)
    assert await Delivery.filter(kind="url", status="queued", attempt=1).count() == 20
    assert await ServerRefusal.all().count() == 1
    assert await Delivery.filter(kind=TROUBLE).count() == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("5.7.30 Basic authentication is not supported for Client Submission.", True),
        ("5.7.139 Authentication unsuccessful, basic authentication is disabled. [AM0PR01CA0001.example]", True),
        ("5.7.139 Authentication unsuccessful, the user credentials were incorrect.", False),
        ("5.7.8 Error: authentication failed", False),
    ],
)
def test_a_tenant_that_takes_no_passwords_is_told_to_use_oauth(said: str, told: bool) -> None:
    assert ("takes passwords: use OAuth" in refusals.sign_in_refusal(535, said)) is told


async def test_a_notice_that_is_refused_gives_no_further_notice(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    server = await use_server(smtp_server)
    for kind, told in ((TROUBLE, False), ("url", True)):
        ben = await invite(kind, name=kind)
        claimed = Claimed(ben.deliveries[kind], ben.invitation)
        await server_refusals.record_refusal(server, claimed, "553 5.7.1 sender not owned", NOW)
        assert ((await NotificationServer.get(id=server.id)).told_at is not None) == told
