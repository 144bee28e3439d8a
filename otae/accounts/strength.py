"""Which passwords an administrator may not have: NIST 800-63B's length and block list, and nothing about characters."""

from otae.errors import InputRefused

SHORTEST, LONGEST = 12, 256

#: Long enough, and among the first that anybody tries. Compared without case, spaces, and ending digits or signs.
BLOCKED = frozenset(
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
_ROWS = (
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
)


def check_password(name: str, password: str) -> None:
    """Refuse what is too short, the administrator's own name, or guessed first; InputRefused ("password")."""
    plain = "".join(password.split()).casefold()
    bare = plain.rstrip("0123456789!?.,;:-_+*#$%&")
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputRefused({"password": f"use {SHORTEST} to {LONGEST} characters; a few words are easy to remember"})
    if name.casefold() in {plain, bare, plain[::-1]}:
        raise InputRefused({"password": "the password may not be the name"})
    if plain in BLOCKED or bare in BLOCKED or _is_pattern(plain):
        raise InputRefused({"password": "this is among the first that anybody would try"})


def _is_pattern(plain: str) -> bool:
    """Tell whether it is a short piece over and over, or a run along the alphabet or the keyboard."""
    if any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, 5)):
        return True
    return any(plain in row or plain[::-1] in row for row in _ROWS)
