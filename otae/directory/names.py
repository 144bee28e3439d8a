"""Distinguished names and filters: taken apart and put together so that nothing in a value is ever read as syntax.

RFC 4514 for names, RFC 4515 for filters.
"""

import re

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from otae.text import why_refused

#: No name that anybody has is longer; a longer one is nobody's, and no server is asked about it.
LONGEST = 256


def is_dn(text: str) -> bool:
    """Tell whether ``text`` is a distinguished name with something in it."""
    try:
        return not why_refused(text) and bool(parse_dn(text))
    except LDAPInvalidDnError:
        return False


def parent_and_rdn(dn: str) -> tuple[str, list[tuple[str, str]]] | None:
    """Return where an entry stands and what it is called there, (attribute, value) pairs; None for no such name."""
    try:
        parts = parse_dn(dn, escape=False, strip=True)
    except LDAPInvalidDnError:
        return None
    own = []
    for at, (attribute, value, separator) in enumerate(parts):
        own.append((attribute, _unescaped(value)))
        if separator != "+":
            return ",".join(f"{a}={v}" for a, v, _ in parts[at + 1 :]), own
    return None


def domain_of(dn: str) -> str:
    """Return the domain that an entry stands in: the end of its name that is made of domain components (RFC 2247)."""
    try:
        parts = parse_dn(dn, strip=True)
    except LDAPInvalidDnError:
        return dn
    own: list[str] = []
    for attribute, value, _ in reversed(parts):
        if attribute.casefold() != "dc":
            break
        own.insert(0, f"dc={value}")
    return ",".join(own) or dn


def same(dn: str) -> str:
    """Return a form of ``dn`` to compare by: case and spaces around separators say nothing."""
    return re.sub(r"\s*([,+=])\s*", r"\1", dn.strip()).casefold()


def is_below(dn: str, base: str) -> bool:
    """Tell whether the entry ``dn`` is ``base`` or stands somewhere below it."""
    below, above = same(dn), same(base)
    return below == above or below.endswith("," + above)


def escaped(value: str | bytes) -> str:
    """Return ``value`` for a filter, every byte that is no letter or digit as a backslash and its number."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:02x}" for byte in raw)


def equal(attribute: str, value: str | bytes) -> str:
    """Return the filter for entries whose ``attribute`` is ``value``."""
    return f"({attribute}={escaped(value)})"


def holds(attribute: str, text: str) -> str:
    """Return the filter for entries whose ``attribute`` holds ``text`` somewhere; for no text, that have it at all."""
    return f"({attribute}=*{escaped(text)}*)" if text else f"({attribute}=*)"


def either(filters: list[str]) -> str:
    """Return the filter for entries that one of ``filters`` fits."""
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"


def both(*filters: str) -> str:
    """Return the filter for entries that each of ``filters`` fits."""
    return f"(&{''.join(filters)})"


def _unescaped(value: str) -> str:
    """Return the value that stands in a name with escapes (RFC 4514 §2.4)."""
    raw = bytearray()
    at = 0
    data = value.encode("utf-8", "surrogatepass")
    while at < len(data):
        if data[at] != 0x5C or at + 1 == len(data):
            raw.append(data[at])
            at += 1
        elif re.fullmatch(rb"[0-9A-Fa-f]{2}", data[at + 1 : at + 3]):
            raw.append(int(data[at + 1 : at + 3], 16))
            at += 3
        else:
            raw.append(data[at + 1])
            at += 2
    return raw.decode("utf-8", "replace")
