"""Mail addresses and phone numbers: the form that is stored and sent to, and the form that people read.

Phone numbers are stored and compared in E.164 form ("+491512345678"). Input that could be two numbers, or a number
without a known country, is refused: a text message with a PIN is never sent to a guess.
"""

import re
from typing import Final

import phonenumbers

from otae.errors import OtaeError
from otae.hostnames import HostRefused, ascii_host, shown_host
from otae.text import TextRefused, identifier, visible_line
from otae.translatable import N_

#: Longest address (RFC 5321 §4.5.3.1.3, without its brackets).
LONGEST_ADDRESS: Final = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
NO_ADDRESS: Final = N_("this is no e-mail address: use one such as ada@example.org")
#: Longest phone number that is parsed, in characters.
_LONGEST_NUMBER: Final = 60
_WRITTEN = re.compile(r"\+?[0-9(][0-9 ()/.-]*")
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"), "-")
#: How spreadsheets mark digits as text: ="+49…", or with ' in front.
_KEPT_AS_TEXT = re.compile(r"""="(.*)"|'(.*)""")
#: How spreadsheets show a long number in scientific notation: 4.91512E+11.
_SHORTENED = re.compile(r"[0-9]+(?:[.,][0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_EXTENSION = re.compile(
    r"[0-9)]\s*(?:[#~]|,+|;(?:ext=)?|(?:x|ext|extn|extension|dw|durchwahl|poste|anexo|int)[.:]*)\s*[0-9]{1,7}$",
    re.IGNORECASE,
)
#: Most digits of an area code: more digits before a / are a number of their own.
_AREA_CODE: Final = 5
_TWO_NUMBERS: Final = N_("this may be two numbers: enter one of them, without / and brackets")


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
        raise MailAddressRefused(N_("this is no e-mail address: %(refusal)s", refusal=refusal.args[0])) from None
    if not sign or not local or " " in local:
        raise MailAddressRefused(NO_ADDRESS)
    if not local.isascii():
        shown = typed.removeprefix("mailto:").rpartition("@")[0] or local
        raise MailAddressRefused(
            N_(
                "“%(shown)s” before the @ needs SMTPUTF8, which is not offered: use an address of letters from a to z",
                shown=shown[:60],
            )
        )
    try:
        known = domain if domain.isascii() and "xn--" not in domain.lower() else ascii_host(domain)
    except HostRefused:
        raise MailAddressRefused(NO_ADDRESS) from None
    address = f"{local}@{known}"
    if len(local) > 64 or len(address) > LONGEST_ADDRESS or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(known):
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


class NumberRefused(OtaeError):
    """The input is no valid international phone number; the text says what to enter instead."""


def e164(text: str, *, region: str) -> str:
    """Return a phone number in E.164 form.

    The number must have a length that its country uses; whether it is assigned is not checked.

    Args:
        text: The number as it was entered.
        region: The default country, as `store.properties.default_region` returns it.

    Raises:
        NumberRefused: With what to enter instead.
    """
    text = _cleaned(text)
    if _SHORTENED.fullmatch(text):
        raise NumberRefused(
            N_("a spreadsheet shortened this number: format its column as text and enter the digits again")
        )
    if len(text) <= _LONGEST_NUMBER and _EXTENSION.search(text):
        raise NumberRefused(
            N_("text messages reach no extension: enter a number that is called directly, such as a mobile")
        )
    if len(text) > _LONGEST_NUMBER or not _WRITTEN.fullmatch(text):
        raise NumberRefused(N_("use digits, spaces and hyphens, such as +49 151 2345678"))
    if not text.startswith("+") and not region:
        raise NumberRefused(N_("begin with + and the country's code, such as +49"))
    _refuse_two(text, region)
    number = _parsed(text, region)
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise NumberRefused(N_("this number is too long or too short for its country"))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country_code(number: str) -> str:
    """Return the country code of a number in E.164 form, such as "49"."""
    return str(phonenumbers.parse(number).country_code)


def _cleaned(text: str) -> str:
    """Return ``text`` in plain characters, without spreadsheet marks and "tel:"."""
    try:
        plain = identifier(visible_line(text[:1000].strip())).translate(_DASHES)
    except TextRefused as refusal:
        raise NumberRefused(N_("%(refusal)s: use digits, spaces and hyphens", refusal=refusal.args[0])) from None
    if kept := _KEPT_AS_TEXT.fullmatch(plain):
        plain = (kept[1] or kept[2] or "").strip()
    return plain[4:].strip() if plain[:4].lower() == "tel:" else plain


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber:
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        raise NumberRefused(N_("no country has this code: use a number such as +49 151 2345678")) from None
    if not text.startswith("+") and _begins_with_0(region) and not _digits(text).startswith("0"):
        raise NumberRefused(N_("begin with 0, or with + and the country's code: without it this may be a local number"))
    return number


def _refuse_two(text: str, region: str) -> None:
    """Refuse a / or ( after more digits than an area code has: a second number or ending may follow it."""
    for sign in re.finditer("[/(]", text):
        before = text[: sign.start()].strip()
        area = _digits(before)
        if before.startswith("+"):
            codes = (size for size in (1, 2, 3) if int(area[:size] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
            area = area[next(codes, 0) :]
        elif sign[0] == "/" and _begins_with_0(region) and not area.startswith("0"):
            raise NumberRefused(_TWO_NUMBERS)
        if len(area.lstrip("0")) > _AREA_CODE:
            raise NumberRefused(_TWO_NUMBERS)


def _begins_with_0(region: str) -> bool:
    """Return whether national numbers begin with 0 in this country."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region) if region else None
    return metadata is not None and metadata.national_prefix == "0"


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdigit())
