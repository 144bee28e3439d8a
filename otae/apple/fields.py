"""Reading single keys of a Mac's message, with checks of type, length and form.

Values that identify somebody or something are read strictly; values for display only are cleaned and never refused.
A refusal names the key, never its value, which is foreign and may be secret.
"""

import re
from collections.abc import Mapping
from unicodedata import category

from otae.errors import CheckinUnreadable, Unreadable
from otae.text import cleaned_line, identifier

# A UUID on Intel, 8-16 hexadecimal digits on Apple silicon; 40 on the devices recorded in older test data.
UDID = re.compile(r"[0-9A-Fa-f](?:[0-9A-Fa-f-]{6,62})[0-9A-Fa-f]")
#: Apple's have letters and digits; a virtual machine's may be base64 ("VM5vodXXsc+k") or words ("Parallels-1F 3E 0B").
#: All of it fits a PrintableString, as a certificate names it.
SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,:()+/=-]{0,63}")
TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
USER_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
COMMAND_UUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

#: Characters of a serial number that are read, before invisible ones are removed.
_LONGEST_SERIAL = 255
_LINE_BREAKERS = {"Cc", "Cs", "Zl", "Zp"}


class Fields:
    """Reads the keys of one message. Every method reads one key, and raises ``refusal`` for a wrong type or form.

    The ``required`` methods refuse a missing key; the others return "" (texts), None (data) or False (booleans).
    """

    def __init__(self, message: Mapping[str, object], refusal: type[Unreadable] = CheckinUnreadable) -> None:
        self._message = message
        self._refusal = refusal

    def text(self, key: str, *, longest: int = 255) -> str:
        """Return a text of at most ``longest`` characters, without control characters or line breaks; "" if missing."""
        value = self._message.get(key, "")
        if not isinstance(value, str):
            raise self._refusal(f"{key} is no text")
        if len(value) > longest:
            raise self._refusal(f"{key} is longer than {longest} characters")
        if any(category(character) in _LINE_BREAKERS for character in value):
            raise self._refusal(f"{key} holds a control character")
        return value

    def required_text(self, key: str, *, longest: int = 255) -> str:
        """Return a text like :meth:`text`; one that is missing or empty is refused."""
        value = self.text(key, longest=longest)
        if not value:
            raise self._refusal(f"{key} is missing")
        return value

    def display_text(self, key: str, *, longest: int = 255) -> str:
        """Return a text for display: one clean line cut to ``longest``, "" if missing or no text. Never refuses."""
        value = self._message.get(key, "")
        return cleaned_line(value[: 4 * longest])[:longest].strip() if isinstance(value, str) else ""

    def serial(self, key: str) -> str:
        """Return a normalised serial number (`text.identifier`); "" if missing: some virtual machines have none."""
        value = self._message.get(key, "")
        if not isinstance(value, str):
            raise self._refusal(f"{key} is no text")
        serial = identifier(value[:_LONGEST_SERIAL])
        if serial and not SERIAL.fullmatch(serial):
            raise self._refusal(f"{key} does not have its form")
        return serial

    def form(self, key: str, pattern: re.Pattern[str]) -> str:
        """Return a text that matches ``pattern`` completely; "" if missing or empty."""
        value = self.text(key)
        if value and not pattern.fullmatch(value):
            raise self._refusal(f"{key} does not have its form")
        return value

    def required_form(self, key: str, pattern: re.Pattern[str]) -> str:
        """Return a text like :meth:`form`; one that is missing or empty is refused."""
        self.required_text(key)
        return self.form(key, pattern)

    def data(self, key: str, *, longest: int) -> bytes | None:
        """Return data of at most ``longest`` bytes; None if missing or empty, which Apple's messages use alike."""
        value = self._message.get(key, b"")
        if not isinstance(value, bytes):
            raise self._refusal(f"{key} is no data")
        if len(value) > longest:
            raise self._refusal(f"{key} is longer than {longest} bytes")
        return value or None

    def required_data(self, key: str, *, longest: int) -> bytes:
        """Return data like :meth:`data`; they are refused when missing or empty."""
        value = self.data(key, longest=longest)
        if value is None:
            raise self._refusal(f"{key} is missing")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean; False if missing."""
        value = self._message.get(key, False)
        if not isinstance(value, bool):
            raise self._refusal(f"{key} is no boolean")
        return value
