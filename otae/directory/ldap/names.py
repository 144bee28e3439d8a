"""Distinguished names (RFC 4514) and search filters (RFC 4515): parsed, and built with every value escaped."""

import re
from typing import Final

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

from otae.text import why_refused

#: The characters of a DN that separate or escape values.
_SEPARATES: Final = re.compile(r"[\\,+]")
#: Longest name that is sent to a server; nobody has a longer one.
LONGEST_NAME = 256


def is_searchable(text: str) -> bool:
    """Return whether ``text`` may be sent to a server: short, and without hidden characters, which servers ignore."""
    return len(text) <= LONGEST_NAME and not why_refused(text.strip())


def is_dn(text: str) -> bool:
    """Return whether ``text`` is a distinguished name, and not the empty one."""
    return not why_refused(text) and bool(_parsed(text, strip=False))


def without_spaces(text: str) -> str:
    """Return a distinguished name without the spaces around its separators, which servers may refuse.

    Any other text is returned unchanged.
    """
    if why_refused(text) or is_dn(text):
        return text
    return "".join(f"{attribute}={value}{separator}" for attribute, value, separator in _parsed(text)) or text


def parent_and_rdn(dn: str) -> tuple[str, list[tuple[str, str]]] | None:
    """Split a DN into its parent and its RDN, a list of (attribute, value); None when ``dn`` cannot be split."""
    parts = _parsed(dn)
    own = []
    for at, (attribute, value, separator) in enumerate(parts):
        own.append((attribute, _unescaped(value)))
        if separator != "+":
            return ",".join(f"{a}={v}" for a, v, _ in parts[at + 1 :]), own
    return None


def domain_of(dn: str) -> str:
    """Return the domain of an entry: the trailing "dc=" components of its DN (RFC 2247), such as "dc=corp,dc=example".

    A ``dn`` that does not end with one is returned as it is.
    """
    own: list[str] = []
    for attribute, value, _ in reversed(_parsed(dn)):
        if attribute.casefold() != "dc":
            break
        own.insert(0, f"dc={value}")
    return ",".join(own) or dn


def comparable(dn: str) -> str:
    r"""Return ``dn`` in a form to compare by, equal for DNs that differ only in case, spaces or escapes.

    One server escapes a comma as ``\,`` and another as ``\2c``; administrators write either.
    """
    return re.sub(r"\s*([,+=])\s*", r"\1", _minimally_escaped(dn) if "\\" in dn else dn).strip().casefold()


def is_below(dn: str, base: str) -> bool:
    """Return whether the entry ``dn`` is ``base`` or somewhere below it."""
    below, above = comparable(dn), comparable(base)
    return below == above or below.endswith("," + above)


def escaped(value: str | bytes) -> str:
    r"""Return ``value`` escaped for a filter: every byte except ASCII letters and digits as ``\xx`` (RFC 4515 §3)."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:02x}" for byte in raw)


def equals(attribute: str, value: str | bytes) -> str:
    """Return the filter for entries whose ``attribute`` is ``value``."""
    return f"({attribute}={escaped(value)})"


def contains(attribute: str, text: str) -> str:
    """Return the filter for entries whose ``attribute`` contains ``text``; for "" those that have the attribute."""
    return f"({attribute}=*{escaped(text)}*)" if text else f"({attribute}=*)"


def any_of(filters: list[str]) -> str:
    """Return the filter for entries that match at least one of ``filters``."""
    return filters[0] if len(filters) == 1 else f"(|{''.join(filters)})"


def all_of(*filters: str) -> str:
    """Return the filter for entries that match all of ``filters``."""
    return f"(&{''.join(filters)})"


def _parsed(dn: str, *, strip: bool = True) -> list[tuple[str, str, str]]:
    """Return the parts of a DN: attribute, value as it is written, and separator; an empty list for any other text."""
    try:
        return list(parse_dn(dn, strip=strip))
    except LDAPInvalidDnError:
        return []


def _minimally_escaped(dn: str) -> str:
    r"""Return ``dn`` with only the necessary characters escaped, each as ``\xx``; any other text unchanged."""
    written = [f"{name}={_SEPARATES.sub(_hex_escape, _unescaped(value))}{after}" for name, value, after in _parsed(dn)]
    return "".join(written) or dn


def _hex_escape(sign: re.Match[str]) -> str:
    return f"\\{ord(sign[0]):02x}"


def _unescaped(value: str) -> str:
    """Return a DN's attribute value without its escapes (RFC 4514 §2.4)."""
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
