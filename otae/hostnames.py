"""Host names in Unicode and in A-labels: IDNA 2008 (RFC 5891) with the mapping of UTS 46.

Python's own "idna" codec is IDNA 2003, which maps ß and some other letters to a different domain.
"""

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

import idna

from otae.errors import OtaeError
from otae.translatable import N_


class HostRefused(OtaeError):
    """This is not a host name; the message says why."""


def ascii_host(text: str) -> str:
    """Return a host name for DNS and TLS, in A-labels and lower case; an IP address in its canonical form.

    The characters of an ASCII name are not checked, because some networks use underscores: callers do that.

    Raises:
        HostRefused: the name is not valid under IDNA 2008.
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
        raise HostRefused(N_("this is no host name that can be registered")) from None
    return name


def shown_host(name: str | None) -> str:
    """Return a host name in Unicode; unchanged when it cannot be decoded, "" for none."""
    name = name or ""
    try:
        return idna.decode(name) if "xn--" in name else name
    except (idna.IDNAError, UnicodeError):
        return name


def ascii_url(url: str) -> str:
    """Return a URL with its host in A-labels; unchanged when it cannot be parsed. Raises HostRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    if host.isascii():
        return url
    before, sign, _ = parts.netloc.rpartition("@")
    port_suffix = f":{port}" if port is not None else ""
    return urlunsplit(parts._replace(netloc=f"{before}{sign}{ascii_host(host)}{port_suffix}"))
