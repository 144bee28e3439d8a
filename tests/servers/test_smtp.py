"""The mail server of the tests speaks real SMTP and fails exactly where it is told to."""

from email.message import EmailMessage

import aiosmtplib
import pytest

from tests.servers.smtp import DROP, HANG, SMTPServer, Stage, StartSMTP

pytestmark = pytest.mark.anyio


def letter(to: str = "ben@example.test") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@example.test", to, "Enroll your Mac"
    message.set_content("Hello Ben")
    return message


async def send(server: SMTPServer, user: str | None = None, password: str | None = None, seconds: float = 10) -> None:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=user,
        password=password,
        timeout=seconds,
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        cert_bundle=str(server.ca_file),
    )
    async with client:
        await client.send_message(letter())


async def test_a_plain_server_keeps_envelope_and_content(smtp_server: SMTPServer) -> None:
    await send(smtp_server)
    (received,) = smtp_server.wait_for(1)
    assert (received.sender, received.recipients) == ("desk@example.test", ("ben@example.test",))
    assert received.message["Subject"] == "Enroll your Mac"
    assert not received.encrypted
    assert smtp_server.to("cleo@example.test") == []
    assert smtp_server.connections == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_encrypted_server_wants_the_right_sign_in(start_smtp: StartSMTP, security: str) -> None:
    server = start_smtp(security=security, user="desk", password="open sesame")
    await send(server, user="desk", password="open sesame")
    assert (server.messages[0].login, server.messages[0].encrypted) == ("desk", True)
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await send(server, user="desk", password="guess")
    with pytest.raises(aiosmtplib.SMTPException):
        await send(server)
    assert len(server.messages) == 1


async def test_a_certificate_of_an_unknown_authority_is_noticed(start_smtp: StartSMTP) -> None:
    server = start_smtp(security="tls")
    server.ca_file = start_smtp(security="tls").ca_file
    with pytest.raises(aiosmtplib.SMTPException):
        await send(server)


@pytest.mark.parametrize(
    ("stage", "reply", "error"),
    [
        ("CONNECT", "421 4.3.2 busy", aiosmtplib.SMTPConnectResponseError),
        ("MAIL", "451 4.3.0 later", aiosmtplib.SMTPSenderRefused),
        ("RCPT", "450 4.2.0 greylisted", aiosmtplib.SMTPRecipientsRefused),
        ("RCPT", "550 5.1.1 nobody here", aiosmtplib.SMTPRecipientsRefused),
        ("DATA", "451 4.3.0 later", aiosmtplib.SMTPDataError),
        ("DOT", "554 5.6.0 no", aiosmtplib.SMTPDataError),
        ("RCPT", DROP, aiosmtplib.SMTPServerDisconnected),
        ("DATA", DROP, aiosmtplib.SMTPServerDisconnected),
        ("DOT", DROP, aiosmtplib.SMTPServerDisconnected),
        ("DOT", HANG, aiosmtplib.SMTPTimeoutError),
    ],
)
@pytest.mark.slow
async def test_it_fails_once_where_told_and_then_behaves(
    smtp_server: SMTPServer, stage: Stage, reply: str, error: type[Exception]
) -> None:
    smtp_server.answer(stage, reply)
    with pytest.raises(error):
        await send(smtp_server, seconds=1 if reply == HANG else 10)
    assert smtp_server.messages == []
    assert len(smtp_server.contents) == (1 if stage == "DOT" else 0)
    await send(smtp_server)
    assert len(smtp_server.messages) == 1
