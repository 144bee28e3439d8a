"""Which passwords an administrator may not have: the check that people have, with more asked of it."""

from typing import Final

from otae.directory import password_strength

SHORTEST, LONGEST = 12, 256
#: On zxcvbn's scale from 0 to 4: hard to guess even for who has the hash.
SCORE: Final = 3


def check_password(name: str, password: str) -> None:
    """Refuse what is too short, the administrator's own name, or guessed first; InputRefused ("password")."""
    password_strength.refuse_obvious(password, shortest=SHORTEST, longest=LONGEST, score=SCORE, own=[name])
