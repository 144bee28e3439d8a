"""Mails to administrators that are about no invitation: sent through the servers in order, and given up in the end."""

from datetime import datetime, timedelta

import pytest

from otae.accounts import administrators
from otae.delivery import administrator_mails
from otae.delivery.administrator_mails import MailContent
from otae.store.desk import Desk
from otae.store.models import Administrator, AdministratorMail, CaughtMail, NotificationServer
from tests.delivery.conftest import NOW, UseServer
from tests.servers.ports import free_port
from tests.servers.smtp import SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio


async def nothing(_desk: Desk, _mail: AdministratorMail, _now: datetime) -> MailContent | None:
    return None


@pytest.fixture
async def ada(desk: Desk) -> Administrator:
    words = "four quiet words here"
    row = await administrators.create_administrator(desk, name="ada", password=words, now=NOW, actor="ada")
    row.email = "ada@example.test"
    await row.save()
    return row


async def send(desk: Desk, mail: AdministratorMail, now: datetime = NOW) -> AdministratorMail:
    await administrator_mails.send(desk, mail.id, nothing, now=now)
    return await AdministratorMail.get(id=mail.id)


async def test_without_a_server_it_is_caught_and_its_text_is_kept_nowhere_else(desk: Desk, ada: Administrator) -> None:
    mail = await administrator_mails.enqueue(ada, "Your address", "It changed.", now=NOW, recipient="old@x.test")
    assert await administrator_mails.waiting(NOW) == [mail.id]
    sent = await send(desk, mail)
    caught = await CaughtMail.get()
    assert (caught.recipient, caught.subject) == ("old@x.test", "Your address")
    assert (sent.status, sent.text, await administrator_mails.waiting(NOW)) == ("sent", "", [])
    await send(desk, mail)
    assert await CaughtMail.all().count() == 1


async def test_a_standby_takes_over_and_every_copy_has_one_message_id(
    desk: Desk, ada: Administrator, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    away, spare = await use_server(start_smtp("none")), start_smtp("none")
    await NotificationServer.filter(id=away.id).update(port=free_port())
    await use_server(spare, name="Spare", host="localhost", standby=1)
    mail = await administrator_mails.enqueue(ada, "Hello", "Text", now=NOW)
    assert (await send(desk, mail)).status == "sent"
    [received] = spare.to("ada@example.test")
    assert received.message["message-id"] == f"<{mail.id}@localhost>"


async def test_what_is_refused_for_now_is_tried_later_and_given_up_after_days(
    desk: Desk, ada: Administrator, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    smtp_server.answer("RCPT", "451 4.7.1 later", times=99)
    mail = await administrator_mails.enqueue(ada, "Hello", "Text", now=NOW)
    waits = await send(desk, mail)
    assert (waits.status, waits.attempt, waits.next_try_at) == ("queued", 1, NOW + timedelta(minutes=1))
    assert "451 4.7.1 later" in waits.answer
    assert await administrator_mails.waiting(NOW) == []
    given_up = await send(desk, mail, NOW + administrator_mails.GIVEN_UP_AFTER)
    assert given_up.status == "failed"


async def test_an_address_that_does_not_exist_is_not_tried_again_and_none_is_no_error(
    desk: Desk, ada: Administrator, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    mail = await administrator_mails.enqueue(ada, "Hello", "Text", now=NOW)
    assert (await send(desk, mail)).status == "failed"
    await Administrator.filter(id=ada.id).update(email=None)
    mail = await administrator_mails.enqueue(ada, "Hello", "Text", now=NOW)
    assert (await send(desk, mail)).status == "cancelled"
