"""The check of administrators' passwords: `otae.directory.local.passwords` with stricter limits."""

from typing import Final

from otae.directory.local import passwords

SHORTEST, LONGEST = 12, 256
#: The least strength, on zxcvbn's scale from 0 to 4: hard to guess even with the hash at hand.
SCORE: Final = 3


def check_password(name: str, password: str) -> None:
    """Refuse a password that is too short, the administrator's name, or easy to guess. Raises InputRefused."""
    passwords.refuse_weak(password, shortest=SHORTEST, longest=LONGEST, score=SCORE, own=[name])
