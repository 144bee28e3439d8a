"""Invitation tokens: 128 random bits in a link, stored as a hash for look-up, and sealed for as long as they work."""

import re
import secrets
from uuid import UUID

from otae.errors import InvitationUnknown
from otae.store.desk import Desk
from otae.store.models import Invitation
from otae.store.passwords import hash_token

#: Purpose under which the token is sealed.
SEAL = "invitation.token"
_SHAPE = re.compile(r"ep-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def mint(desk: Desk, invitation: Invitation) -> tuple[str, dict[str, object]]:
    """Make a token for ``invitation``; return it with the columns that store it: `token_hash` and `token_sealed`.

    It has the shape of a UUID with all 128 bits random; the version bits of a version-4 UUID are not fixed.
    """
    token = f"ep-{UUID(bytes=secrets.token_bytes(16))}"
    return token, {
        "token_hash": hash_token(token),
        "token_sealed": desk.vault.seal(token.encode(), invitation.id, SEAL),
    }


def reveal(desk: Desk, invitation: Invitation) -> str:
    """Return the invitation's token; InvitationUnknown when it was erased."""
    if invitation.token_sealed is None:
        raise InvitationUnknown("the link of this invitation has been forgotten")
    return desk.vault.open(invitation.token_sealed, invitation.id, SEAL).decode()


def has_shape(text: str) -> bool:
    """Return whether ``text`` has the form of an invitation token; any other text need not be looked up."""
    return _SHAPE.fullmatch(text) is not None
