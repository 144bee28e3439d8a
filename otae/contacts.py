"""Mail addresses: the form that is stored and sent to, and the form that people read."""

import re
from typing import Final

from otae.errors import OtaeError
from otae.hostnames import HostRefused, ascii_host, shown_host
from otae.text import TextRefused, identifier, visible_line

#: Longest address (RFC 5321 §4.5.3.1.3, without its brackets).
LONGEST: Final = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
NO_ADDRESS: Final = "this is no e-mail address: use one such as ada@example.org"


class MailAddressRefused(OtaeError):
    """Mail cannot be sent to this address; the message says why."""


def mail_address(text: str) -> str:
    """Return an address as it is stored and sent to: without hidden characters, its domain in A-labels.

    Quoted local parts and comments are refused, and so are letters beyond ASCII before the @: they need SMTPUTF8 from
    every server on the path.

    Raises:
        MailAddressRefused: with the reason for the person who entered the address.
    """
    try:
        typed = visible_line(text.strip())
        local, sign, domain = identifier(typed).removeprefix("mailto:").rpartition("@")
    except TextRefused as refusal:
        raise MailAddressRefused(f"this is no e-mail address: {refusal}") from None
    if not sign or not local or " " in local:
        raise MailAddressRefused(NO_ADDRESS)
    if not local.isascii():
        shown = typed.removeprefix("mailto:").rpartition("@")[0] or local
        raise MailAddressRefused(
            f"“{shown[:60]}” before the @ needs SMTPUTF8, which is not offered: use an address of letters from a to z"
        )
    try:
        known = domain if domain.isascii() and "xn--" not in domain.lower() else ascii_host(domain)
    except HostRefused:
        raise MailAddressRefused(NO_ADDRESS) from None
    address = f"{local}@{known}"
    if len(local) > 64 or len(address) > LONGEST or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(known):
        raise MailAddressRefused(NO_ADDRESS)
    return address


def spellings(text: str) -> list[str]:
    """Return the forms in which a directory may hold an address: as entered, as stored and as shown."""
    try:
        kept = mail_address(text)
    except MailAddressRefused:
        return [text]
    return list(dict.fromkeys((text, kept, shown_address(kept))))


def shown_address(address: str | None) -> str:
    """Return a stored address for people, its domain in Unicode instead of A-labels; "" for none."""
    local, sign, domain = (address or "").rpartition("@")
    return f"{local}{sign}{shown_host(domain)}"
