"""Host names as people write them and as the network knows them: IDNA 2008 (RFC 5891) with the mapping of UTS 46.

Python's own "idna" codec is IDNA 2003, by which ß and others lead to another domain.
"""

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import idna

from otae.errors import OtaeError


class HostRefused(OtaeError):
    """This is no host name; the text says what is wrong with it."""


def ascii_host(text: str) -> str:
    """Return a host name as DNS and TLS know it: A-labels, lower case; an IP address as it is. Raises HostRefused.

    What ASCII alone may hold is the caller's to check: some networks use underscores.
    """
    text = text.strip()
    with suppress(ValueError):
        return str(ipaddress.ip_address(text))
    try:
        name = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
        for label in name.split("."):
            if label.startswith("xn--"):
                idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        raise HostRefused("this is no host name that can be registered") from None
    return name


def shown_host(name: str | None) -> str:
    """Return a host name as people write it; one that cannot be decoded stays as it is, "" for none."""
    name = name or ""
    try:
        return idna.decode(name) if "xn--" in name else name
    except (idna.IDNAError, UnicodeError):
        return name


def ascii_url(url: str) -> str:
    """Return an address with its host in A-labels; what cannot be taken apart stays as it is. Raises HostRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    if host.isascii():
        return url
    before, sign, _ = parts.netloc.rpartition("@")
    behind = f":{port}" if port is not None else ""
    return urlunsplit(parts._replace(netloc=f"{before}{sign}{ascii_host(host)}{behind}"))
