"""Reading single keys out of a Mac's message: type, length and form are checked before anything else sees the value.

What identifies somebody or something is read strictly; what is only shown is cleaned and refuses no message.
A refusal names the key, never its value: the values are a stranger's, and some are secrets.
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

#: Characters of a serial number that are looked at, with what cannot be seen among them.
_LONGEST_SERIAL = 255
_LINE_BREAKERS = {"Cc", "Cs", "Zl", "Zp"}


class Fields:
    """The keys of one message. Every method reads one key and raises ``refusal`` when it is not what it should be.

    ``required`` methods refuse an absent key; the others give "" (texts), None (data) or False (booleans) for it.
    """

    def __init__(self, message: Mapping[str, object], refusal: type[Unreadable] = CheckinUnreadable) -> None:
        self._message = message
        self._refusal = refusal

    def text(self, key: str, *, longest: int = 255) -> str:
        """A text of at most ``longest`` characters without control characters and line breaks; "" when absent."""
        value = self._message.get(key, "")
        if not isinstance(value, str):
            raise self._refusal(f"{key} is no text")
        if len(value) > longest:
            raise self._refusal(f"{key} is longer than {longest} characters")
        if any(category(character) in _LINE_BREAKERS for character in value):
            raise self._refusal(f"{key} holds a control character")
        return value

    def required_text(self, key: str, *, longest: int = 255) -> str:
        """As ``text``, and neither absent nor empty."""
        value = self.text(key, longest=longest)
        if not value:
            raise self._refusal(f"{key} is missing")
        return value

    def shown(self, key: str, *, longest: int = 255) -> str:
        """A text that is only shown: one clean line cut to ``longest``, "" when absent or no text. Refuses nothing."""
        value = self._message.get(key, "")
        return cleaned_line(value[: 4 * longest])[:longest].strip() if isinstance(value, str) else ""

    def serial(self, key: str) -> str:
        """A serial number as it counts (`text.identifier`), "" when absent: some virtual machines have none."""
        value = self._message.get(key, "")
        if not isinstance(value, str):
            raise self._refusal(f"{key} is no text")
        serial = identifier(value[:_LONGEST_SERIAL])
        if serial and not SERIAL.fullmatch(serial):
            raise self._refusal(f"{key} does not have its form")
        return serial

    def form(self, key: str, pattern: re.Pattern[str]) -> str:
        """A text that fits ``pattern`` from end to end, or "" when absent or empty."""
        value = self.text(key)
        if value and not pattern.fullmatch(value):
            raise self._refusal(f"{key} does not have its form")
        return value

    def required_form(self, key: str, pattern: re.Pattern[str]) -> str:
        """As ``form``, and neither absent nor empty."""
        self.required_text(key)
        return self.form(key, pattern)

    def data(self, key: str, *, longest: int) -> bytes | None:
        """Data of at most ``longest`` bytes; None when absent or empty, which Apple's messages use alike."""
        value = self._message.get(key, b"")
        if not isinstance(value, bytes):
            raise self._refusal(f"{key} is no data")
        if len(value) > longest:
            raise self._refusal(f"{key} is longer than {longest} bytes")
        return value or None

    def required_data(self, key: str, *, longest: int) -> bytes:
        """As ``data``, and neither absent nor empty."""
        value = self.data(key, longest=longest)
        if value is None:
            raise self._refusal(f"{key} is missing")
        return value

    def flag(self, key: str) -> bool:
        """A boolean; False when absent."""
        value = self._message.get(key, False)
        if not isinstance(value, bool):
            raise self._refusal(f"{key} is no boolean")
        return value
