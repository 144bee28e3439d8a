"""Support codes: what a person reads out, and an administrator searches for (docs/adr/0034)."""

import secrets
from typing import Final

#: Letters and digits that cannot be mistaken for one another when read out.
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
#: Length of the code that names an invitation, and of one that names a single refusal.
INVITATION_LENGTH, REFUSAL_LENGTH = 8, 5


def new_invitation_code() -> str:
    """Return a random code for an invitation; with a million invitations, one new code in 650 000 is in use already."""
    return _new(INVITATION_LENGTH)


def new_refusal_code() -> str:
    """Return a random code for one refusal that concerns no invitation."""
    return _new(REFUSAL_LENGTH)


def _new(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
