"""Cleaning and comparing text that people type, paste or import, or that comes from a directory.

Use `visible_line` for one line that is shown, such as a name or title, and `cleaned_line` where nobody is there to
correct it; `identifier` for user names, mail addresses and serial numbers; `letters_and_digits` for PINs and codes;
`whole_number` for numbers; `folded` for text that is only searched for or counted under. Characters that cannot be seen
never make a difference.
"""

import re
import unicodedata
from typing import Final

from otae.errors import OtaeError
from otae.translatable import N_

#: Characters that change the direction of the text around them, which makes one name look like another (UAX 9).
TURNING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)))
#: Joiners: between letters they decide how a name is written (Persian, Sinhala, Mongolian), and they combine emoji.
_JOINERS: Final = "\u200c\u200d\u180e"
_JOINED = re.compile(rf"(?<=([^\s{_JOINERS}]))[{_JOINERS}](?=([^\s{_JOINERS}]))")
#: First words of the names of characters whose scripts have no joiners: there a joiner would be a hidden character.
_UNJOINED: Final = frozenset({"LATIN", "GREEK", "CYRILLIC", "HEBREW", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "DIGIT"})
#: Format characters that are visible: number signs and similar ones of the Arabic, Syriac and Kaithi scripts.
_DRAWN: Final = frozenset(map(chr, (*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD)))
#: Letters without a visible shape: a text of these alone counts as empty.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
#: Control characters, line and paragraph separators, lone surrogates.
_BREAKING: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
_LINE_BREAKS: Final = frozenset("\r\n\v\f\x85\u2028\u2029")
#: Letters that Unicode decomposition does not reduce to ASCII.
_PLAIN: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "\u0131": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)


class TextRefused(OtaeError):
    """A line holds a character that would hide or reverse text; the message says which, for whoever entered it."""


def visible_line(text: str) -> str:
    """Return ``text`` as one line without hidden characters, in form NFC; it may be empty.

    Every kind of space becomes a space, and runs of spaces stay. Joiners stay where they join. Other invisible
    format characters are removed, and at both ends also characters that change the direction of text.

    Raises:
        TextRefused: for a line break, a control character, or a change of direction within the line.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    cleaned = _without_format_characters(text)
    if why := why_refused(cleaned):
        raise TextRefused(why)
    return _normalized(cleaned)


def why_refused(text: str) -> str:
    """Return why `visible_line` refuses ``text``, "" when it does not; here the ends are checked as well."""
    if text.isascii() and text.isprintable():
        return ""
    for character in text:
        if character in TURNING:
            return N_("it holds a character that turns the direction of text")
        if unicodedata.category(character) in _BREAKING:
            return N_("it holds a line break") if character in _LINE_BREAKS else N_("it holds a control character")
    return ""


def cleaned_line(text: str, longest: int | None = None) -> str:
    """Return ``text`` as `visible_line` does, with line breaks as spaces, and without the characters it refuses.

    ``longest``: most characters of the result; a joiner is not left over at the cut.
    """
    if text.isascii() and text.isprintable():
        return text.strip()[:longest].strip()
    cleaned = _without_format_characters(text)
    made = (
        " " if unicodedata.category(each) in _BREAKING - {"Cs"} else each for each in cleaned if each not in TURNING
    )
    line = _normalized("".join(each for each in made if unicodedata.category(each) != "Cs")).strip()
    return line if longest is None or len(line) <= longest else _normalized(_without_format_characters(line[:longest]))


def identifier(text: str) -> str:
    """Return an identifier as it is compared: in form NFKC, without hidden characters and outer spaces; case stays.

    Full-width letters and digits become ASCII; each run of spaces and line breaks becomes one space.
    """
    plain = unicodedata.normalize("NFKC", text)
    spaced = (" " if _is_space(each) or each in _LINE_BREAKS else each for each in plain)
    return re.sub(" +", " ", "".join(each for each in spaced if not _is_invisible(each))).strip()


def link_value(text: str) -> str:
    """Return a value from a link as an `identifier`, without surrounding punctuation.

    Mail programs include a full stop or bracket behind a link; our values begin and end with none except "-" and "_".
    """
    word = identifier(text)
    first = next((at for at, each in enumerate(word) if not _is_mark(each)), len(word))
    last = next((at for at in range(len(word), first, -1) if not _is_mark(word[at - 1])), first)
    return word[first:last]


def letters_and_digits(text: str) -> str:
    """Return only the letters and digits of a PIN or code, in form NFKC.

    Digits of other scripts, which some keyboards enter, become 0 to 9.
    """
    plain = (each for each in unicodedata.normalize("NFKC", text) if each.isalnum() and each not in _BLANK)
    return "".join(str(unicodedata.decimal(each)) if each.isdecimal() else each for each in plain)


def whole_number(text: str) -> int | None:
    """Return a number of at most 18 ASCII digits, None for any other text; ``int`` would take or fail on some."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def folded(text: str) -> str:
    """Return ``text`` for searching and counting: without case, diacritics and hidden characters, with single spaces.

    Texts that a directory may treat as equal have the same result. It is only compared, never shown.
    """
    plain = identifier(text).casefold().translate(_PLAIN)
    letters = (each for each in unicodedata.normalize("NFKD", plain) if unicodedata.combining(each) < 200)
    return " ".join(unicodedata.normalize("NFC", "".join(letters)).split())


def _without_format_characters(text: str) -> str:
    """Return ``text`` with each kind of space as " ", and without invisible format characters.

    Within the text, joiners that join and characters that change its direction stay; at its ends they are removed, too.
    """
    spaced = "".join(" " if _is_space(each) else each for each in text).strip(" ")
    joined = {found.start() for found in _JOINED.finditer(spaced) if _may_join(found[1]) and _may_join(found[2])}
    cleaned = "".join(
        each for at, each in enumerate(spaced) if at in joined or each in TURNING or not _is_formatting(each)
    )
    return cleaned.strip("".join(TURNING) + " ")


def _may_join(character: str) -> bool:
    name = unicodedata.name(character, "")
    return not character.isascii() and name.partition(" ")[0] not in _UNJOINED


def _normalized(cleaned: str) -> str:
    made = unicodedata.normalize("NFC", cleaned)
    return made if any(each not in _BLANK and not each.isspace() for each in made) else ""


def _is_space(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) == "Zs"


def _is_formatting(character: str) -> bool:
    return unicodedata.category(character) == "Cf" and character not in _DRAWN


def _is_mark(character: str) -> bool:
    return character not in "-_" and (unicodedata.category(character)[0] == "P" or character in "<>")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc", "Zl", "Zp"} or character in _BLANK
