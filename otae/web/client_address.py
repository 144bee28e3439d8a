"""Determines the client's address from the connection and the trusted part of X-Forwarded-For."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

#: What stands for an address that is none, such as a Unix socket's.
NOWHERE = "0.0.0.0"  # noqa: S104 - a name for nobody, nothing listens there
#: What stands around an entry of X-Forwarded-For and is no part of it.
_AROUND = " \t\"'"


def client_address(scope: Scope, hops: int) -> str:
    """Return the client's address, trusting the rightmost ``hops`` entries of X-Forwarded-For.

    Each proxy appends the address it was called from, so the entry written by the outermost trusted proxy is the
    ``hops``-th from the right; everything left of it is the client's own claim. With fewer entries the leftmost counts.
    Empty entries, such as a trailing comma leaves, are skipped.
    """
    peer = scope["client"][0] if scope.get("client") else NOWHERE
    if hops:
        entries = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        written = [entry for entry in entries if entry.strip(_AROUND)]
        peer = written[-hops:][0] if written else peer
    try:
        return str(_plain(peer))
    except ValueError:
        return NOWHERE


def network_of(address: str) -> str:
    """Return the network under which failures are counted: the /24 of an IPv4 address, the /64 of an IPv6 address."""
    parsed = ip_address(address)
    return str(ip_network((parsed, 24 if isinstance(parsed, IPv4Address) else 64), strict=False))


def browser_at(request: Request) -> str:
    """Return browser and system of the client, as `browser_of` names them."""
    return browser_of(request.headers.get("user-agent", "")[:400])


def browser_of(user_agent: str) -> str:
    """Return browser and system in an administrator's words: "Safari on macOS".

    It is what the client claims: rely on it nowhere.
    """
    browser, system = browser_name(user_agent) or "a browser", system_of(user_agent)
    return f"{browser} on {system}" if system else browser


def browser_name(user_agent: str) -> str:
    """Return the browser that a client claims to be, "" when it names none we know."""
    browsers = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    return next((name for mark, name in browsers if mark in user_agent), "")


def system_of(user_agent: str) -> str:
    """Return the operating system that a browser claims, "" when it names none we know."""
    systems = (
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Macintosh", "macOS"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    )
    return next((name for mark, name in systems if mark in user_agent), "")


def _plain(text: str) -> IPv4Address | IPv6Address:
    """Parse the address in ``text`` as proxies write it; ValueError when there is none.

    Quotes, brackets, a port or a zone are dropped; an IPv4-mapped IPv6 address becomes IPv4.
    """
    bare = text.strip(_AROUND)
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    parsed = ip_address(bare.partition("%")[0].strip())
    return getattr(parsed, "ipv4_mapped", None) or parsed
