"""How text is cleaned and compared that people type, paste, import, or keep in a directory.

One line that is shown (names, titles): `visible_line`, or `cleaned_line` where nobody could correct it. Something that
identifies (user names, mail addresses, serial numbers): `identifier`. A PIN or a code: `letters_and_digits`. Whatever
is only looked for or counted under: `folded`. What cannot be seen never decides.
"""

import re
import unicodedata
from typing import Final

from otae.errors import OtaeError

#: They turn the direction of the text around them, which makes one name look like another (Unicode TR 9).
TURNING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)))
#: Between letters they decide how a name is written (Persian, Sinhala, Mongolian); between emoji they make them one.
_JOINERS: Final = "\u200c\u200d\u180e"
_JOINED = re.compile(rf"(?<=([^\s{_JOINERS}]))[{_JOINERS}](?=([^\s{_JOINERS}]))")
#: First words of the names of characters whose script knows no joiners: there one would only be hidden.
_UNJOINED: Final = frozenset({"LATIN", "GREEK", "CYRILLIC", "HEBREW", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "DIGIT"})
#: Format characters that are drawn: number signs and the like of Arabic, Syriac and Kaithi script.
_DRAWN: Final = frozenset(map(chr, (*range(0x0600, 0x0606), 0x06DD, 0x070F, 0x0890, 0x0891, 0x08E2, 0x110BD, 0x110CD)))
#: Letters that are drawn as nothing at all: a name of these alone is none.
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
#: Control characters, line and paragraph separators, lone surrogates.
_BREAKING: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
_LINE_BREAKS: Final = frozenset("\r\n\v\f\x85\u2028\u2029")
#: Letters whose stroke or shape no decomposition takes away.
_PLAIN: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "\u0131": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)


class TextRefused(OtaeError):
    """A line holds what would hide or turn text; the message says what, for the person who entered it."""


def visible_line(text: str) -> str:
    """Return ``text`` as one line that shows all it holds.

    Every kind of space is a space, runs of spaces stay, joiners stay between what they join, format characters without
    a shape go, and the form is NFC. The result may be empty. Raises TextRefused for a line break, a control character,
    or one that turns the direction of text (dropped, where it stands at an end).
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    kept = _kept(text)
    if why := why_refused(kept):
        raise TextRefused(why)
    return _finished(kept)


def why_refused(text: str) -> str:
    """Return why ``text`` cannot stand in one line as it is, "" when it can: the rule of `visible_line`, ends too."""
    if text.isascii() and text.isprintable():
        return ""
    for character in text:
        if character in TURNING:
            return "it holds a character that turns the direction of text"
        if unicodedata.category(character) in _BREAKING:
            return "it holds a line break" if character in _LINE_BREAKS else "it holds a control character"
    return ""


def cleaned_line(text: str, longest: int | None = None) -> str:
    """Return ``text`` as `visible_line` does; what that would refuse goes, a line break becomes a space.

    At most ``longest`` characters, and none at the end that joined what is no longer there.
    """
    if text.isascii() and text.isprintable():
        return text.strip()[:longest].strip()
    kept = _kept(text)
    made = (" " if unicodedata.category(each) in _BREAKING - {"Cs"} else each for each in kept if each not in TURNING)
    line = _finished("".join(each for each in made if unicodedata.category(each) != "Cs")).strip()
    return line if longest is None or len(line) <= longest else _finished(_kept(line[:longest]))


def identifier(text: str) -> str:
    """Return what identifies somebody or something as it counts: form NFKC, nothing invisible, no outer spaces.

    Full-width letters and digits become plain ones; every kind of space and line break inside becomes one space. Case
    stays.
    """
    plain = unicodedata.normalize("NFKC", text)
    spaced = (" " if _is_space(each) or each in _LINE_BREAKS else each for each in plain)
    return re.sub(" +", " ", "".join(each for each in spaced if not _is_invisible(each))).strip()


def word_of_link(text: str) -> str:
    """Return what a link says as it counts, without the marks of the sentence that it stood in.

    Mail programs take the full stop or bracket behind a link for a part of it; our words end in none but "-" and "_".
    """
    word = identifier(text)
    first = next((at for at, each in enumerate(word) if not _is_mark(each)), len(word))
    last = next((at for at in range(len(word), first, -1) if not _is_mark(word[at - 1])), first)
    return word[first:last]


def letters_and_digits(text: str) -> str:
    """Return the letters and digits of a PIN or code, in form NFKC; whatever stands around or between them goes.

    Digits of other scripts, as keyboards of that language enter them, become those from 0 to 9.
    """
    plain = (each for each in unicodedata.normalize("NFKC", text) if each.isalnum() and each not in _BLANK)
    return "".join(str(unicodedata.decimal(each)) if each.isdecimal() else each for each in plain)


def folded(text: str) -> str:
    """Return ``text`` as it is looked for and counted under: no case, no diacritics, nothing invisible, single spaces.

    Two texts that a directory may take for one another fold to the same; the result is only compared, never shown.
    """
    plain = identifier(text).casefold().translate(_PLAIN)
    letters = (each for each in unicodedata.normalize("NFKD", plain) if unicodedata.combining(each) < 200)
    return " ".join(unicodedata.normalize("NFC", "".join(letters)).split())


def _kept(text: str) -> str:
    """Map spaces, and drop format characters: all at the ends; inside those that neither join, turn nor are drawn."""
    spaced = "".join(" " if _is_space(each) else each for each in text).strip(" ")
    joined = {found.start() for found in _JOINED.finditer(spaced) if _may_join(found[1]) and _may_join(found[2])}
    kept = "".join(
        each for at, each in enumerate(spaced) if at in joined or each in TURNING or not _is_formatting(each)
    )
    return kept.strip("".join(TURNING) + " ")


def _may_join(character: str) -> bool:
    name = unicodedata.name(character, "")
    return not character.isascii() and name.partition(" ")[0] not in _UNJOINED


def _finished(kept: str) -> str:
    made = unicodedata.normalize("NFC", kept)
    return made if any(each not in _BLANK and not each.isspace() for each in made) else ""


def _is_space(character: str) -> bool:
    return character == "\t" or unicodedata.category(character) == "Zs"


def _is_formatting(character: str) -> bool:
    return unicodedata.category(character) == "Cf" and character not in _DRAWN


def _is_mark(character: str) -> bool:
    return character not in "-_" and (unicodedata.category(character)[0] == "P" or character in "<>")


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in {"Cf", "Cc", "Zl", "Zp"} or character in _BLANK
