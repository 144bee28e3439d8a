"""Mail addresses as people write them, and as mail servers are asked for them."""

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
    """Mail cannot be sent to this address; the text says why."""


def mail_address(text: str) -> str:
    """Return an address as it is kept and sent to: nothing invisible, A-labels. Raises MailAddressRefused.

    No quoting, no comments. Letters beyond ASCII before the @ need SMTPUTF8 from every server on the way, which is not
    offered.
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
    """Return an address in each form that a directory may hold it in: as it was entered, kept and shown."""
    try:
        kept = mail_address(text)
    except MailAddressRefused:
        return [text]
    return list(dict.fromkeys((text, kept, shown_address(kept))))


def shown_address(address: str | None) -> str:
    """Return an address as people write it, with the letters of its domain; "" for none."""
    local, sign, domain = (address or "").rpartition("@")
    return f"{local}{sign}{shown_host(domain)}"
