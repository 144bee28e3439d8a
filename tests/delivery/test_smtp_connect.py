"""A connection to a mail server: what is said on it, and when."""

import socket

import pytest

from otae.delivery.mail.oauth import TokenCache
from otae.delivery.mail.smtp_connect import Endpoint, connect
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio


async def test_what_is_said_on_a_line_is_sent_at_once(smtp_server: SMTPServer) -> None:
    endpoint = Endpoint("127.0.0.1", smtp_server.port, "none", "localhost", loopback=True, timeout=10)
    client = await connect(endpoint, TokenCache())
    assert client.transport is not None
    assert client.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await client.quit()
