"""Distinguished names and filters: taken apart and put together so that nothing in a value is ever read as syntax.

RFC 4514 for names, RFC 4515 for filters.
"""

import re
from typing import Final

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from otae.text import why_refused

#: What parts the values of a name from one another, and what escapes.
_SEPARATES: Final = re.compile(r"[\\,+]")
#: No name that anybody has is longer; a longer one is nobody's, and no server is asked about it.
LONGEST = 256


def is_dn(text: str) -> bool:
    """Tell whether ``text`` is a distinguished name with something in it."""
    try:
        return not why_refused(text) and bool(parse_dn(text))
    except LDAPInvalidDnError:
        return False


def without_spaces(text: str) -> str:
    """Return a distinguished name without the spaces that people write around its separators, any other text as it is.

    Of two names that mean the same, servers and the library take the one without.
    """
    try:
        parts = parse_dn(text, strip=True)
    except LDAPInvalidDnError:
        return text
    return (
        text
        if why_refused(text) or is_dn(text)
        else "".join(f"{attribute}={value}{separator}" for attribute, value, separator in parts)
    )


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
    """Return a form of ``dn`` to compare by: case, spaces around separators and how a sign is escaped say nothing.

    One server escapes a comma in a name by a backslash alone, another as its number, and an administrator either way.
    """
    return re.sub(r"\s*([,+=])\s*", r"\1", _plainly(dn) if "\\" in dn else dn).strip().casefold()


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


def _plainly(dn: str) -> str:
    """Return ``dn`` with no more escaped than must be, each as a backslash and its number; as it is when it is none."""
    try:
        parts = parse_dn(dn, escape=False, strip=True)
    except LDAPInvalidDnError:
        return dn
    written = [(attribute, _SEPARATES.sub(_number_of, _unescaped(value)), after) for attribute, value, after in parts]
    return "".join(f"{attribute}={value}{after}" for attribute, value, after in written)


def _number_of(sign: re.Match[str]) -> str:
    return f"\\{ord(sign[0]):02x}"


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
