"""What proxies write of who called them (X-Forwarded-For): a seed for each way, and what reading it promises."""

import ipaddress

from otae.web.client_address import NOWHERE, client_address, network_of

PROXY = "192.0.2.1"


def headers() -> list[bytes]:
    """Give a header as each kind of proxy writes it."""
    written = (
        "203.0.113.9",
        "6.6.6.6, 203.0.113.9:52122",
        "[2001:db8::9]:443,",
        '"[2001:db8::9]:443", 198.51.100.7',
        "::ffff:203.0.113.9",
        "fe80::9%eth0",
        "unknown, _hidden",
    )
    return [each.encode() for each in written]


def read_header(data: bytes) -> None:
    """Whatever is written, it comes from an address that has a network; without trust from the one that called."""
    scope = {"type": "http", "client": (PROXY, 1), "headers": [(b"x-forwarded-for", data)]}
    for hops in (1, 2):
        found = client_address(scope, hops)
        assert str(ipaddress.ip_address(found)) == found
        assert network_of(found)
        assert found == NOWHERE or "%" not in found
    assert client_address(scope, 0) == PROXY
