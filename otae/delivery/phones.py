"""Phone numbers: whatever people write, kept and compared in E.164 form ("+491512345678").

Whoever stores or uses a number may import this: it knows no table.
"""

import re

import phonenumbers

from otae.errors import OtaeError
from otae.store import properties

#: Server property: the country that numbers without "+" belong to.
REGION = "phone.region"
#: Longest text that is looked at.
LONGEST = 40
_WRITTEN = re.compile(r"\+?[0-9(][0-9 ()/.-]*")


class NumberRefused(OtaeError):
    """This is no phone number that can be called from everywhere; the text says what would be right."""


async def own_region() -> str:
    """Return the country that numbers without "+" belong to, "" when the installation names none."""
    return await properties.word(REGION)


def e164(text: str, *, region: str) -> str:
    """Return ``text`` as E.164 writes it; ``region`` as `own_region` gives it. Raises NumberRefused.

    The number must be possible: of a length that its country has. Whether it is in use nobody can tell from here.
    """
    text = text.strip().replace("\u00a0", " ")
    if len(text) > LONGEST or not _WRITTEN.fullmatch(text):
        raise NumberRefused("use digits, spaces and hyphens, such as +49 151 2345678")
    if not text.startswith("+") and not region:
        raise NumberRefused("begin with + and the country's code, such as +49")
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        raise NumberRefused("no country has this code: use a number such as +49 151 2345678") from None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise NumberRefused("this number is too long or too short for its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country_code(number: str) -> str:
    """Return the digits of the country of a number in E.164 form: "49"."""
    return str(phonenumbers.parse(number).country_code)
