"""The addresses that this server may connect to for an administrator: protection against server-side request forgery.

A name is resolved once, and the connection goes to the checked address: a second lookup could answer differently.
Link-local addresses and the metadata services of clouds are never allowed, whatever the settings. An IPv4 address
embedded in an IPv6 address is checked as the IPv4 address.
"""

import asyncio
import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass

from otae.errors import AddressRefused
from otae.hostnames import HostRefused, ascii_host
from otae.text import identifier

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Metadata services outside the link-local block, as their clouds document them: Alibaba, Azure, Oracle, Google.
METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254")
)
#: Blocks that are never allowed: Amazon's services within a machine's network, site-local addresses (RFC 3879), and
#: tunnels whose inner IPv4 address is not visible here (Teredo, and NAT64 under a local prefix, RFC 8215).
NEVER = tuple(ipaddress.ip_network(text) for text in ("fd00:ec2::/32", "fec0::/10", "2001::/32", "64:ff9b:1::/48"))
#: What precedes the IPv4 address in the lower half of an ISATAP address (RFC 5214).
ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
#: Address blocks that Python's `is_private` leaves out: carrier-grade NAT (RFC 6598).
SHARED = ipaddress.ip_network("100.64.0.0/10")
#: NAT64 (RFC 6052): the last four bytes are an IPv4 address.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


#: Seconds for resolving a name that was entered in a form.
LOOK_UP = 3
#: One label of a host name (RFC 1035 §2.3.4); underscores inside, as some networks use them.
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Address:
    """One resolved address. ``sockaddr``: what a socket of ``family`` connects to."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]


def is_host_name(text: str) -> bool:
    """Return whether ``text`` has the form of a host name: labels and dots, without a port."""
    return len(text) <= 254 and _HOST.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Return whether ``text`` has the form of a host name or an IP address; nothing is resolved."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return is_host_name(text)
    return True


def ascii_host_or_text(text: str) -> str:
    """Return an entered host as it is stored, in A-labels; any other text unchanged, for `is_host` to refuse."""
    if any(unicodedata.category(each) == "Cc" for each in text.strip()):
        return text  # without the control character it might name another host
    plain = identifier(text)
    try:
        return ascii_host(plain)
    except HostRefused:
        return plain


async def resolve(host: str, port: int, *, private: bool, loopback: bool) -> list[Address]:
    """Return the addresses of ``host`` that this server may connect to, in the resolver's order.

    Args:
        host: a host name or an IP address.
        port: the port to connect to.
        private: whether private networks are allowed.
        loopback: whether this machine is allowed.

    Raises:
        AddressRefused: the name has addresses, and none is allowed.
        OSError: the name does not resolve.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        # A label is empty or longer than 63 characters: Python cannot encode such a name.
        raise socket.gaierror(socket.EAI_NONAME, "no such name") from None
    allowed = [
        Address(family, sockaddr)  # type: ignore[arg-type]  # the stubs also know address families that TCP does not have
        for family, _, _, _, sockaddr in found
        if family in {socket.AF_INET, socket.AF_INET6}
        and _is_allowed(str(sockaddr[0]), private=private, loopback=loopback)
    ]
    if not allowed:
        raise AddressRefused(f"{host}: no address that may be called")
    return allowed


async def may_connect(host: str, port: int, *, private: bool, loopback: bool) -> bool:
    """Return whether this server may connect to ``host``; True if it does not resolve now, which may change later."""
    try:
        async with asyncio.timeout(LOOK_UP):
            await resolve(host, port, private=private, loopback=loopback)
    except AddressRefused:
        return False
    except (OSError, TimeoutError):
        return True
    return True


def _is_allowed(text: str, *, private: bool, loopback: bool) -> bool:
    address = _embedded_ipv4(ipaddress.ip_address(text.partition("%")[0]))
    if address.is_loopback:
        return loopback
    if address.is_link_local or address in METADATA or address.is_multicast or address.is_unspecified:
        return False
    if address.is_reserved or any(address in block for block in NEVER):
        return False
    if address.version == 4 and address in SHARED:
        return private
    if address.is_private:
        # 0.0.0.0/8 means "this host" to many systems.
        return private and not (address.version == 4 and address.packed[0] == 0)
    return True


def _embedded_ipv4(address: IPAddress) -> IPAddress:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64 or address.packed[8:12] in ISATAP:
        return ipaddress.IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address.sixtofour or address
