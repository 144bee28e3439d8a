"""Which addresses we may call on somebody's behalf: a name is resolved once, and what it resolved to is what is called.

Never link-local or a cloud's metadata service, whatever a setting says. An IPv4 address inside an IPv6 one counts as
what it is. The answer holds addresses, not the name: a second look-up could answer differently.
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
#: Blocks that are never called: Amazon's services inside a machine's network, site-local addresses (RFC 3879), and
#: tunnels whose inner IPv4 address nobody sees here (Teredo, and NAT64 under a prefix of one's own, RFC 8215).
NEVER = tuple(ipaddress.ip_network(text) for text in ("fd00:ec2::/32", "fec0::/10", "2001::/32", "64:ff9b:1::/48"))
#: What stands before an IPv4 address in the lower half of an ISATAP address (RFC 5214).
ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")
#: Address blocks that Python's `is_private` leaves out: carrier-grade NAT (RFC 6598).
SHARED = ipaddress.ip_network("100.64.0.0/10")
#: NAT64 (RFC 6052): the last four bytes are an IPv4 address.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


#: Seconds for looking up what somebody entered.
LOOK_UP = 3
#: One label of a host name (RFC 1035 §2.3.4); underscores inside, as some networks use them.
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Address:
    """One resolved address. ``where`` is what a socket of ``family`` connects to."""

    family: socket.AddressFamily
    where: tuple[str, int] | tuple[str, int, int, int]


def is_host_name(text: str) -> bool:
    """Tell whether ``text`` is written as a host name is: labels and dots, no port, no address."""
    return len(text) <= 254 and _HOST.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """Tell whether ``text`` is written as a host name or an IP address is; nothing is looked up."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return is_host_name(text)
    return True


def ascii_host_or_text(text: str) -> str:
    """Return a host that was entered as it is kept and called, in A-labels; what is none as it is, for `is_host`."""
    if any(unicodedata.category(each) == "Cc" for each in text.strip()):
        return text  # nobody pastes one into a name: what is left without it may be another host
    plain = identifier(text)
    try:
        return ascii_host(plain)
    except HostRefused:
        return plain


async def resolve(host: str, port: int, *, private: bool, loopback: bool) -> list[Address]:
    """Return the addresses of ``host`` that may be called, in the resolver's order.

    ``private``: whether private networks are allowed; ``loopback``: whether this machine is. Raises AddressRefused when
    the name has addresses and none may be called, OSError when it does not resolve.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        # A part is empty or longer than 63 characters: Python finds no way to ask for such a name.
        raise socket.gaierror(socket.EAI_NONAME, "no such name") from None
    allowed = [
        Address(family, where)  # type: ignore[arg-type]  # the stubs also know address families that TCP does not have
        for family, _, _, _, where in found
        if family in {socket.AF_INET, socket.AF_INET6} and _may_call(str(where[0]), private=private, loopback=loopback)
    ]
    if not allowed:
        raise AddressRefused(f"{host}: no address that may be called")
    return allowed


async def is_called(host: str, port: int, *, private: bool, loopback: bool) -> bool:
    """Tell whether `resolve` would give an address of what is entered; a name that does not resolve may do so later."""
    try:
        async with asyncio.timeout(LOOK_UP):
            await resolve(host, port, private=private, loopback=loopback)
    except AddressRefused:
        return False
    except (OSError, TimeoutError):
        return True
    return True


def _may_call(text: str, *, private: bool, loopback: bool) -> bool:
    address = _meant(ipaddress.ip_address(text.partition("%")[0]))
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


def _meant(address: IPAddress) -> IPAddress:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64 or address.packed[8:12] in ISATAP:
        return ipaddress.IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address.sixtofour or address
