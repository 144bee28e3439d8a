"""Passwords of local people: checking one at sign-in, and whether a new one is good enough.

A new one is long enough and not easy to guess; there are no rules about kinds of characters (NIST SP 800-63B).
Administrators have the same check with stricter limits.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

import zxcvbn

from otae.directory.local.person_fields import LONGEST_PASSWORD, SHORTEST_PASSWORD
from otae.errors import InputRefused
from otae.store import passwords
from otae.store.desk import Desk
from otae.store.models import Person
from otae.translatable import N_

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
EASY_TO_GUESS: Final = N_("this is among the first that anybody would try")

#: What zxcvbn says about a password, as it is shown.
_SAID: Final = {
    str(text): text
    for text in (
        N_("a word by itself is easy to guess"),
        N_("add another word or two"),
        N_("common names and surnames are easy to guess"),
        N_("dates are often easy to guess"),
        N_("names and surnames by themselves are easy to guess"),
        N_("recent years are easy to guess"),
        N_('repeats like "aaa" are easy to guess'),
        N_('repeats like "abcabcabc" are only slightly harder to guess than "abc"'),
        N_('sequences like "abc" or "6543" are easy to guess'),
        N_("short keyboard patterns are easy to guess"),
        N_("straight rows of keys are easy to guess"),
        N_("this is a top-10 common password"),
        N_("this is a top-100 common password"),
        N_("this is a very common password"),
        N_("this is similar to a commonly used password"),
        N_("use a few words, avoid common phrases"),
    )
}


def refuse_weak(password: str, *, shortest: int, longest: int, score: int, own: Iterable[str | None] = ()) -> None:
    """Refuse a password that is too short, too long, one of the ``own`` names, or easy to guess.

    ``score``: the least strength on zxcvbn's scale from 0 to 4. Raises InputRefused ("password") with the reason, which
    never contains any part of the password.
    """
    if not shortest <= len(password) <= longest:
        raise InputRefused(
            {
                "password": N_(
                    "use %(shortest)s to %(longest)s characters; a few words are easy to remember",
                    shortest=shortest,
                    longest=longest,
                )
            }
        )
    names = [name.casefold() for name in own if name]
    plain = "".join(password.split()).casefold()
    bare = plain.rstrip("0123456789!?.,;:-_+*#$%&")
    if not {plain, bare, plain[::-1]}.isdisjoint(names):
        raise InputRefused({"password": N_("the password may not be the name")})
    if plain in BLOCKED or bare in BLOCKED:
        raise InputRefused({"password": EASY_TO_GUESS})
    scored = zxcvbn.zxcvbn(password[:LONGEST_SCORED], user_inputs=[*names, "otae"])
    if scored["score"] < score:
        raise InputRefused({"password": _why(scored["feedback"]["warning"], scored["feedback"]["suggestions"])})


def _why(warning: str, hints: Sequence[str]) -> str:
    """Return zxcvbn's warning and its first hint as one text: "this is a very common password: add another word"."""
    reason = _as_shown(warning) or EASY_TO_GUESS
    hint = _as_shown(hints[0].partition(". ")[0]) if hints else ""
    return N_("%(reason)s: %(hint)s", reason=reason, hint=hint) if hint else reason


def _as_shown(text: str) -> str:
    """Return a sentence of zxcvbn as part of another: without its period, beginning in lower case."""
    shown = f"{text[:1].lower()}{text[1:]}".rstrip(".")
    return _SAID.get(shown, shown)


async def check_password(desk: Desk, person: Person | None, password: str) -> bool:
    """Return whether ``password`` is this person's.

    It takes as long for None, for disabled people and for those without a password, so that nobody can tell them apart.
    """
    hashed = person.password_hash if person and not person.disabled else None
    return await passwords.verify_secret(desk.resources, password_bytes(password), hashed)


def password_bytes(password: str) -> bytes:
    """Return the bytes of a password that are hashed: form NFC in UTF-8, so that all keyboards give the same."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def refuse_password(password: str | None, *own: str | None) -> dict[str, str]:
    """Return what is wrong with a person's new password, by field; empty for an accepted or absent one.

    ``own``: the person's names and addresses, which the password must not be.
    """
    if not password:
        return {}
    try:
        refuse_weak(password, shortest=SHORTEST_PASSWORD, longest=LONGEST_PASSWORD, score=PERSON_SCORE, own=own)
    except InputRefused as refusal:
        return dict(refusal.fields)
    return {}
