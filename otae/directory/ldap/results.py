"""What an LDAP server answers: entries, result codes and their meaning, and the text for broken connections."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ldap3.core.exceptions import LDAPExceptionError
from pyasn1.error import PyAsn1Error

from otae.text import cleaned_line

#: Result codes of a finished search, and of one that ended at the size limit (RFC 4511 appendix A.1).
SUCCESS, SIZE_LIMIT = 0, 4
#: Result codes of a bind that the server could not decide, whatever the password.
SERVER_FAULTS: Final = frozenset({1, 2, 3, 8, 13, 51, 52, 80})
#: Result codes busy and unavailable: another server may answer.
UNAVAILABLE: Final = frozenset({51, 52})
#: The meaning of "data NNN" in an Active Directory's answer to a refused bind.
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
#: The text for a server that did not answer within the time limit.
TIMED_OUT: Final = "no answer in time"
#: What ldap3 raises when a connection breaks, is aborted, or the peer does not speak LDAP.
CONNECTION_ERRORS: Final = (
    LDAPExceptionError,
    PyAsn1Error,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)
_SUBCODE = re.compile(r"data ([0-9a-fA-F]{3}),")


class LdapError(Exception):
    """A server did not do what it was asked to.

    ``step``: what failed, one of "resolve", "connect", "tls", "bind", "search", or "answer" when no response came.
    ``absent``: the entry that was searched below is not there, or on a server that is not asked.
    """

    def __init__(self, step: str, words: str, *, absent: bool = False) -> None:
        super().__init__(words)
        self.step, self.absent = step, absent


@dataclass(frozen=True)
class Entry:
    """One entry of a directory. ``values``: the attributes' values, by attribute name in lower case."""

    dn: str
    values: Mapping[str, Sequence[bytes]]

    def texts(self, name: str) -> list[str]:
        """Return the values of an attribute that are valid UTF-8."""
        texts = []
        for value in self.values.get(name.lower(), ()):
            with contextlib.suppress(UnicodeDecodeError):
                texts.append(value.decode())
        return texts

    def text(self, *names: str) -> str:
        """Return the first value that is not blank, trying the attributes in order; "" when there is none."""
        return next((text for name in names for text in self.texts(name) if text.strip()), "").strip()

    def raw(self, name: str) -> bytes:
        """Return the first value of an attribute as bytes, b"" when there is none."""
        return next(iter(self.values.get(name.lower(), ())), b"")


def result_of(result: Mapping[str, Any]) -> tuple[int, str]:
    """Return the code of a result, and its meaning in the server's words where there are any."""
    message = str(result.get("message") or "")
    found = _SUBCODE.search(message)
    meant = SUBCODES.get(found[1].lower(), "") if found else ""
    code = result.get("result")
    words = meant or message.strip("\0 ") or str(result.get("description") or "no result")
    return (code if isinstance(code, int) else 80), cleaned_line(words, 200)


def error_text(error: Exception) -> str:
    """Return a fixed text for a broken connection.

    The exception's own text could show what some other service answered to a connection test.
    """
    text = str(error).lower()
    if "timed out" in text or "temporarily unavailable" in text:
        return TIMED_OUT
    if "refused" in text:
        return "the connection was refused"
    if "unreachable" in text or "no route" in text:
        return "there is no way to this address"
    return "the server hung up, or does not speak LDAP"
