"""Which passwords anybody may have: long enough, and none that is guessed first; nothing about kinds of characters.

People and administrators are held to the same check with other numbers (NIST SP 800-63B: a length and a block list).
"""

from collections.abc import Iterable, Sequence
from typing import Final

import zxcvbn

from otae.errors import InputRefused

#: Long enough, and among the first that anybody tries. Compared without case, spaces, and ending digits or signs.
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
#: How hard to guess a person's password has to be, on zxcvbn's scale from 0 to 4; tries are counted and slowed.
PERSON: Final = 2
#: What zxcvbn looks at: its time grows faster than the password, and what is hard to guess by then stays so.
LOOKED_AT: Final = 64
#: Why, where zxcvbn found no single thing to name.
GUESSED: Final = "this is among the first that anybody would try"


def refuse_obvious(password: str, *, shortest: int, longest: int, score: int, own: Iterable[str] = ()) -> None:
    """Refuse what is too short or too long, one's ``own`` name, or guessed first; InputRefused ("password") with why.

    ``score``: the least that is taken on zxcvbn's scale. The refusal never holds the password or a part of it.
    """
    if not shortest <= len(password) <= longest:
        raise InputRefused({"password": f"use {shortest} to {longest} characters; a few words are easy to remember"})
    names = [name.casefold() for name in own if name]
    plain = "".join(password.split()).casefold()
    bare = plain.rstrip("0123456789!?.,;:-_+*#$%&")
    if not {plain, bare, plain[::-1]}.isdisjoint(names):
        raise InputRefused({"password": "the password may not be the name"})
    if plain in BLOCKED or bare in BLOCKED:
        raise InputRefused({"password": GUESSED})
    found = zxcvbn.zxcvbn(password[:LOOKED_AT], user_inputs=[*names, "otae"])
    if found["score"] < score:
        raise InputRefused({"password": _why(found["feedback"]["warning"], found["feedback"]["suggestions"])})


def _why(warning: str, hints: Sequence[str]) -> str:
    """Return what zxcvbn found, as a field says it: "this is a very common password"; of its hints, the first."""
    warning, hint = warning.rstrip("."), hints[0].partition(". ")[0].rstrip(".") if hints else ""
    told = f"{warning[:1].lower()}{warning[1:]}" if warning else GUESSED
    return f"{told}: {hint[:1].lower()}{hint[1:]}" if hint else told
