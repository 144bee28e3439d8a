"""Mail that comes back is taken in by LMTP, from near by only."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from otae.delivery.mail import lmtp
from otae.errors import InputRefused
from otae.store import properties
from otae.store.desk import Desk
from tests.delivery.conftest import Invited
from tests.delivery.reports import report, return_address
from tests.servers.ports import free_port

pytestmark = pytest.mark.anyio


class Talk:
    """A mail server that speaks LMTP to us."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> str:
        line = (await self.reader.readline()).decode()
        while line[3:4] == "-":
            line = (await self.reader.readline()).decode()
        return line[:3]

    async def say(self, line: bytes) -> str:
        self.writer.write(line + b"\r\n")
        return await self.answer()


@pytest.fixture
async def talk(desk: Desk, anyio_backend: str) -> AsyncIterator[Talk]:
    """Listen as a worker does, and call in."""
    port = free_port()
    await properties.write("mail.bounce.lmtp", f"127.0.0.1:{port}")
    async with lmtp.lmtp_listener(desk):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        talk = Talk(reader, writer)
        assert await talk.answer() == "220"
        yield talk
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("place", ["0.0.0.0:25", "8.8.8.8:25", "mail:25", "127.0.0.1", "127.0.0.1:0", "169.254.1.1:25"])
async def test_the_door_opens_near_by_only(desk: Desk, place: str) -> None:
    with pytest.raises(InputRefused):
        await properties.write("mail.bounce.lmtp", place)


async def test_a_report_comes_in_by_lmtp(desk: Desk, sent: Invited, talk: Talk) -> None:
    address = await return_address(desk, sent.deliveries["url"].id)
    assert address is not None
    assert await talk.say(b"LHLO mail.example.test") == "250"
    assert await talk.say(b"MAIL FROM:<>") == "250"
    assert await talk.say(b"RCPT TO:<it@example.test>") == "550"
    assert await talk.say(b"DATA") == "503"
    assert await talk.say(f"RCPT TO:<{address}>".encode()) == "250"
    assert await talk.say(b"DATA") == "354"
    assert await talk.say(report() + b".") == "250"
    assert (await sent.reload()).status == "bounced"
    assert await talk.say(b"QUIT") == "221"


async def test_what_is_no_lmtp_or_too_large_is_refused_and_the_door_stays_open(
    desk: Desk, sent: Invited, talk: Talk
) -> None:
    address = await return_address(desk, sent.deliveries["url"].id)
    assert address is not None
    assert await talk.say(b"EHLO mail.example.test") == "500"
    assert await talk.say(b"RCPT TO:<x@example.test>") == "503"
    assert await talk.say(b"GET / HTTP/1.1") == "500"
    assert await talk.say(b"LHLO x") == "250"
    assert await talk.say(b"MAIL FROM:<>") == "250"
    assert await talk.say(f"RCPT TO:<{address}>".encode()) == "250"
    assert await talk.say(b"DATA") == "354"
    assert await talk.say(b"x" * 1000 + (b"\r\n" + b"x" * 1000) * 600 + b"\r\n.") == "552"
    assert await talk.say(b"NOOP") == "250"
    talk.writer.write(b"N" * 200_000)
    assert await talk.reader.read() == b""


async def test_a_place_that_is_taken_is_no_reason_to_stop(
    desk: Desk, talk: Talk, capsys: pytest.CaptureFixture[str]
) -> None:
    async with lmtp.lmtp_listener(desk):
        assert await talk.say(b"NOOP") == "250"
    assert "nobody listens for bounces in this process" in capsys.readouterr().out
