"""A message over SMTP: neither password nor mail where the settings ask for more."""

import pytest

from otae.delivery.mail.mime import Mail
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.queue import outbox
from otae.delivery.transport import NotSent, OutcomeUnknown, PermanentlyRefused, Receipt, Superseded, TemporaryFailure
from otae.store.desk import Desk
from otae.store.models import NotificationServer
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.servers.smtp import DROP, SMTPServer, Stage, StartSMTP

pytestmark = pytest.mark.anyio


async def test_a_server_that_stops_offering_starttls_gets_neither_password_nor_mail(
    desk: Desk, invite: Invite, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    smtp = start_smtp("none", user="otae", password="sesame")
    await use_server(smtp, security="starttls", username="otae", password="sesame")
    ben = await invite("url")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    row = await ben.reload()
    assert (row.status, row.answer) == ("queued", "TLS: the server does not offer STARTTLS")
    assert (smtp.logins, smtp.contents) == ([], [])


class Watched:
    """A message on its way over one connection, which notes what the server had before its end."""

    def __init__(self, desk: Desk, server: NotificationServer, smtp: SMTPServer) -> None:
        self.transport = smtp_transport(desk, server, sender="bounce@example.test")
        self.smtp = smtp
        self.before_end: list[int] = []

    async def note(self) -> None:
        self.before_end.append(len(self.smtp.contents))

    async def send(self, content: bytes = b"Subject: x\r\n\r\nhello\r\n") -> Receipt:
        mail = Mail("x", content)
        return await self.transport.send(mail, "ben@example.test", self.note)


async def test_what_begins_with_a_dot_arrives_as_it_was_and_the_end_is_sent_last(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    message = Watched(desk, await use_server(smtp_server), smtp_server)
    receipt = await message.send(b"Subject: x\r\n\r\n.\r\n..two\r\n.\r\nno end")
    assert message.before_end == [0], "the end of the message waits until it is noted"
    [content] = smtp_server.contents
    assert content.rstrip(b"\r\n").endswith(b".\r\n..two\r\n.\r\nno end")
    assert receipt.words.startswith("250")
    assert smtp_server.messages[0].sender == "bounce@example.test"


@pytest.mark.parametrize(
    ("stage", "answer", "kind"),
    [
        ("RCPT", "550 5.1.1 nobody here", PermanentlyRefused),
        ("RCPT", "450 4.2.0 greylisted", TemporaryFailure),
        ("RCPT", DROP, TemporaryFailure),
        ("DATA", "554 no", PermanentlyRefused),
        ("DOT", "554 5.6.0 looks odd", PermanentlyRefused),
        ("DOT", "451 later", TemporaryFailure),
        ("DOT", DROP, OutcomeUnknown),
    ],
)
async def test_each_failure_says_whether_the_message_may_have_arrived(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer, stage: Stage, answer: str, kind: type[NotSent]
) -> None:
    message = Watched(desk, await use_server(smtp_server), smtp_server)
    smtp_server.answer(stage, answer)
    with pytest.raises(NotSent) as caught:
        await message.send()
    assert isinstance(caught.value, kind)
    assert isinstance(caught.value, OutcomeUnknown) == (kind is OutcomeUnknown)
    assert len(message.before_end) == (stage == "DOT")


async def test_a_message_that_may_not_be_ended_is_never_delivered(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = Watched(desk, await use_server(smtp_server), smtp_server)

    async def forbid() -> None:
        raise Superseded("a newer message took its place")

    monkeypatch.setattr(message, "note", forbid)
    with pytest.raises(Superseded):
        await message.send()
    assert smtp_server.messages == []
    assert smtp_server.contents == []


async def test_asking_whether_a_server_takes_mail_sends_none(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    transport = smtp_transport(desk, await use_server(smtp_server))
    await transport.probe()
    smtp_server.answer("MAIL", "553 5.7.1 sender not owned")
    with pytest.raises(NotSent, match="553"):
        await transport.probe()
    assert smtp_server.contents == []
