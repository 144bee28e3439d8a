"""Which addresses are called, and which never."""

import pytest

from otae.errors import AddressRefused
from otae.outgoing import is_host, resolve

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "::ffff:192.0.0.192",
        "64:ff9b::c000:c0",
        "2002:c000:c0::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fec0::1",
        "feff::1",
        "::ffff:100.100.100.200",
        "64:ff9b::6464:64c8",
        "2002:6464:64c8::1",
        "64:ff9b:1::a9fe:a9fe",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "2001:db8:1::5efe:169.254.169.254",
        "2001:db8:1::200:5efe:100.100.100.200",
        "::169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
    ],
)
async def test_link_local_metadata_and_no_addresses_at_all_are_never_called(host: str) -> None:
    with pytest.raises(AddressRefused):
        await resolve(host, 25, private=True, loopback=True)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "::ffff:127.0.0.1", "2130706433", "0x7f000001", "127.1"]
)
async def test_this_machine_is_called_only_when_allowed(host: str) -> None:
    with pytest.raises(AddressRefused):
        await resolve(host, 25, private=True, loopback=False)
    assert await resolve(host, 25, private=False, loopback=True)


@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"])
async def test_private_networks_are_called_only_when_allowed(host: str) -> None:
    with pytest.raises(AddressRefused):
        await resolve(host, 25, private=False, loopback=True)
    assert await resolve(host, 25, private=True, loopback=False)


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888"])
async def test_public_addresses_are_called_as_they_are(host: str) -> None:
    [address] = await resolve(host, 587, private=False, loopback=False)
    assert address.sockaddr[:2] == (host, 587)


async def test_a_name_that_does_not_resolve_is_the_networks_error() -> None:
    with pytest.raises(OSError, match=r"known|address|resolution"):
        await resolve("nowhere.invalid", 25, private=True, loopback=True)


@pytest.mark.parametrize("host", [f"standby.{'w' * 64}.test", "two..dots.test"])
async def test_a_name_that_cannot_be_asked_for_is_the_networks_error_too(host: str) -> None:
    with pytest.raises(OSError, match="no such name"):
        await resolve(host, 443, private=True, loopback=True)


@pytest.mark.parametrize(
    "text", ["mail.example.test", "MAIL.example.test.", "mail_2.example.test", "localhost", "192.0.2.1", "2001:db8::1"]
)
def test_host_names_and_addresses_are_hosts(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-mail.example.test",
        "mail..example.test",
        "mail.example.test:25",
        "https://mail.example.test",
        "mail.example.test\n",
        "mail example",
        "m\u212aail.example.test",
        f"{'m' * 64}.example.test",
        ".".join(["mail"] * 60),
        "192.0.2.1/24",
    ],
)
def test_what_no_resolver_can_be_asked_for_is_no_host(text: str) -> None:
    assert not is_host(text)
