"""The check of new passwords: long enough and not easy to guess; no rules about kinds of characters (NIST SP 800-63B).

People and administrators have the same check with different limits.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import zxcvbn

from otae.errors import InputRefused

#: Common passwords that are long enough. Compared without case, spaces, and trailing digits or signs.
BLOCKED: Final = frozenset(
    """
    administrator administration adminadmin adminadminadmin administratorpassword adminpassword changeme changemenow
    changemeplease changemechangeme correcthorsebatterystaple defaultpassword enrollment enrollmentdesk iloveyou
    iloveyouforever letmein letmeinnow letmeinplease letmeinletmein macintosh mypassword nopassword otae otaeotaeotae
    passphrase password passwordpassword p@ssword p@ssw0rd passw0rd passwort passwortpasswort qwertyqwerty qwertyuiop
    qwertyuiopas qwertyuiopasdf qwertzuiop qwertzuiopas asdfghjkl asdfghjklasdf secret secretsecret secretpassword
    superadministrator superpassword supersecret supersecretpassword systemadministrator temporarypassword testpassword
    thisisapassword thisismypassword trustno1 welcome welcomewelcome welcomepassword 1q2w3e4r5t6y 1qaz2wsx3edc zaq12wsx
""".split()  # noqa: SIM905 - a list of words reads as words
)
#: The least strength of a person's password, on zxcvbn's scale from 0 to 4; tries are counted and slowed.
PERSON_SCORE: Final = 2
#: Most characters that zxcvbn sees: its time grows faster than the length, and more cannot make a password weaker.
LONGEST_SCORED: Final = 64
#: The reason where zxcvbn names none.
EASY_TO_GUESS: Final = "this is among the first that anybody would try"


def refuse_weak(password: str, *, shortest: int, longest: int, score: int, own: Iterable[str] = ()) -> None:
    """Refuse a password that is too short, too long, one of the ``own`` names, or easy to guess.

    ``score``: the least strength on zxcvbn's scale from 0 to 4.

    Raises:
        InputRefused: ("password") with the reason, which never contains any part of the password.
    """
    if not shortest <= len(password) <= longest:
        raise InputRefused({"password": f"use {shortest} to {longest} characters; a few words are easy to remember"})
    names = [name.casefold() for name in own if name]
    plain = "".join(password.split()).casefold()
    bare = plain.rstrip("0123456789!?.,;:-_+*#$%&")
    if not {plain, bare, plain[::-1]}.isdisjoint(names):
        raise InputRefused({"password": "the password may not be the name"})
    if plain in BLOCKED or bare in BLOCKED:
        raise InputRefused({"password": EASY_TO_GUESS})
    found = zxcvbn.zxcvbn(password[:LONGEST_SCORED], user_inputs=[*names, "otae"])
    if found["score"] < score:
        raise InputRefused({"password": _why(found["feedback"]["warning"], found["feedback"]["suggestions"])})


def _why(warning: str, hints: Sequence[str]) -> str:
    """Return zxcvbn's warning and its first hint as one text: "this is a very common password: add another word"."""
    warning, hint = warning.rstrip("."), hints[0].partition(". ")[0].rstrip(".") if hints else ""
    reason = f"{warning[:1].lower()}{warning[1:]}" if warning else EASY_TO_GUESS
    return f"{reason}: {hint[:1].lower()}{hint[1:]}" if hint else reason
