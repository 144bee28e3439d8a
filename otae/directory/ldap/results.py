"""What an LDAP server answers: entries, result codes and what they mean, and the words for lines that break."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ldap3.core.exceptions import LDAPExceptionError
from pyasn1.error import PyAsn1Error

from otae.text import cleaned_line

#: RFC 4511 appendix A.1: what a search may end with, and when it ended early because enough was found.
SUCCESS, SIZE_LIMIT = 0, 4
#: What a bind is answered with when it is the server that cannot, whatever the password.
NOT_ABLE: Final = frozenset({1, 2, 3, 8, 13, 51, 52, 80})
#: Busy, unavailable: the server's own trouble.
AWAY: Final = frozenset({51, 52})
#: What an Active Directory means by "data NNN" in a refused bind.
SUBCODES: Final[Mapping[str, str]] = {
    "525": "no such user",
    "52e": "wrong password",
    "530": "not at this time of day",
    "531": "not at this computer",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the password must be changed first",
    "775": "the account is locked in the directory",
}
#: Of a server that was asked and said nothing.
SILENT: Final = "no answer in time"
#: What a line that breaks, is cut, or carries something else than LDAP raises from inside of ldap3.
BROKEN: Final = (LDAPExceptionError, PyAsn1Error, OSError, ValueError, TypeError, LookupError, AttributeError)
_SUBCODE = re.compile(r"data ([0-9a-fA-F]{3}),")


class Unreached(Exception):
    """A server did not do what it was asked. ``step``: "resolve", "connect", "tls", "bind", "search" or "answer"."""

    def __init__(self, step: str, words: str) -> None:
        super().__init__(words)
        self.step = step


@dataclass(frozen=True)
class Entry:
    """One entry: where it stands, and the values of its attributes by name in lower case."""

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def texts(self, name: str) -> list[str]:
        """Return the values of an attribute, those that are no UTF-8 left out."""
        found = []
        for value in self.values.get(name.lower(), ()):
            with contextlib.suppress(UnicodeDecodeError):
                found.append(value.decode())
        return found

    def text(self, *names: str) -> str:
        """Return the first value of the first of these attributes that has one, "" when none has."""
        return next((text for name in names for text in self.texts(name) if text.strip()), "").strip()

    def raw(self, name: str) -> bytes:
        """Return the first value of an attribute as it stands, b"" when there is none."""
        return next(iter(self.values.get(name.lower(), ())), b"")


def result_of(result: Mapping[str, Any]) -> tuple[int, str]:
    """Return the code of a result and what it means, in the server's words where it has some."""
    message = str(result.get("message") or "")
    found = _SUBCODE.search(message)
    meant = SUBCODES.get(found[1].lower(), "") if found else ""
    code = result.get("result")
    words = meant or message.strip("\0 ") or str(result.get("description") or "no result")
    return (code if isinstance(code, int) else 80), cleaned_line(words, 200)


def words_of(error: Exception) -> str:
    """Fixed words, so that a test against some other service shows nothing of what that service said."""
    text = str(error).lower()
    if "timed out" in text or "temporarily unavailable" in text:
        return SILENT
    if "refused" in text:
        return "the connection was refused"
    if "unreachable" in text or "no route" in text:
        return "there is no way to this address"
    return "the server hung up, or does not speak LDAP"
