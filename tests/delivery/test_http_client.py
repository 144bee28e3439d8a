"""Requests to somebody else's service: which addresses are never called, whatever name leads there."""

import asyncio
import socket
from typing import Any

import pytest

from otae.delivery.http_client import HttpRequest, call
from otae.delivery.transport import OutcomeUnknown, Unreachable
from tests.servers.sms import FLOOD, Provider, StartProvider

pytestmark = pytest.mark.anyio


async def nothing() -> None:
    """Nobody has to know."""


async def ask(url: str, *, private: bool = False) -> int:
    return (await call(HttpRequest("POST", url), private=private, time_limit=10, before_end=nothing)).status


@pytest.fixture
def provider(start_provider: StartProvider) -> Provider:
    return start_provider(lambda _asked: (200, "OK"), tls=True)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let names resolve to one answer after the other; return the list of names asked for."""
    loop, asked, left = asyncio.get_running_loop(), list[str](), list(answers)

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:  # noqa: ANN401 - as the loop's own
        asked.append(host)
        address = left.pop(0)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port, 0, 0) if ":" in address else (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.5",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fd12:3456::1]",
        "224.0.0.1",
    ],
)
async def test_this_machine_and_private_networks_are_not_called(host: str, provider: Provider) -> None:
    with pytest.raises(Unreachable, match=r"does not connect|does not resolve"):
        await ask(f"https://{host}:{provider.port}/latest/meta-data")
    assert provider.connections == 0


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "100.100.100.200"])
async def test_a_metadata_service_is_not_called_even_where_private_networks_are(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, address)
    with pytest.raises(Unreachable, match="does not connect"):
        await ask("http://metadata.example.test/", private=True)


async def test_a_name_is_resolved_once_so_that_a_second_answer_is_never_used(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(provider.ca_file))
    asked = answering(monkeypatch, "127.0.0.1", "169.254.169.254")
    assert await ask(f"https://localhost:{provider.port}/", private=True) == 200
    assert asked == ["localhost"]
    with pytest.raises(Unreachable, match="does not connect"):
        await ask(f"https://localhost:{provider.port}/", private=True)


async def test_tls_proves_the_name_and_not_the_address_it_led_to(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(provider.ca_file))
    answering(monkeypatch, "127.0.0.1")
    with pytest.raises(Unreachable, match="not trusted"):
        await ask(f"https://sms.example.test:{provider.port}/", private=True)
    assert provider.asked == []


@pytest.mark.parametrize("url", ["http://93.184.216.34/", "ftp://93.184.216.34/", "https://", "https://[::1", "x"])
async def test_only_https_is_spoken(url: str) -> None:
    with pytest.raises(Unreachable):
        await ask(url)


async def test_a_proxy_of_the_environment_is_not_asked(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(provider.ca_file))
    for name in ("HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await ask(f"https://localhost:{provider.port}/", private=True) == 200


async def test_an_answer_is_read_up_to_its_limit_and_not_a_byte_further(start_provider: StartProvider) -> None:
    """The service sends without end; what came is not kept, and the line is cut."""
    exact = start_provider(lambda _asked: (200, "x" * 65536))
    answer = await call(HttpRequest("POST", exact.base_url), private=True, time_limit=10, before_end=nothing)
    assert len(answer.text) == 65536
    longer = start_provider(lambda _asked: (200, "x" * 65537))
    with pytest.raises(OutcomeUnknown, match="longer than allowed"):
        await ask(longer.base_url, private=True)
    endless = start_provider(lambda _asked: (200, "x"))
    endless.faults.append(FLOOD)
    with pytest.raises(OutcomeUnknown, match="longer than allowed"):
        await ask(endless.base_url, private=True)
    assert endless.flooded < 16 * 1024 * 1024, "what the sockets held when the line was cut, and no more"
