"""One-time codes that open an invitation on another device, for modes in which its link is no factor (ADR 36).

A code fills in the user name and stands for no factor. An invitation has one at most: making another, using it, and
every end or renewal of the invitation end it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tortoise.expressions import Q

from otae.invitations.modes import known_mode
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.models import Event, Invitation
from otae.store.records import NOTE_INTERVAL, about, note
from otae.store.states import InvitationStatus
from otae.text import letters_and_digits

#: Consonants that cannot be mistaken for one another and make no words (RFC 8628 §6.1): eight of them are 34 bits.
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH: Final = 8
LIFE: Final = timedelta(minutes=15)
#: What an invitation without a code has in its columns.
NONE: Final[dict[str, Any]] = {"go_code_hash": None, "go_code_until": None}


@dataclass(frozen=True)
class GoCode:
    """A code as it is shown once, and when it ends."""

    clear: str = field(repr=False)
    until: datetime


async def make(desk: Desk, invitation: Invitation, *, now: datetime, actor: str = "") -> GoCode | None:
    """Make a code for ``invitation`` and end the one before; None where the link is a factor, or no longer works."""
    if (await known_mode(invitation.mode)).token:
        return None
    clear = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    until = min(now + LIFE, invitation.valid_until or now + LIFE)
    hashed = await _hash(desk, clear)
    working = Invitation.filter(_working(now), id=invitation.id, generation=invitation.generation)
    async with transaction():
        if await working.update(go_code_hash=hashed, go_code_until=until) != 1:
            return None
        await _note_once("go-code.made", invitation, now, actor)
    return GoCode(clear, until)


async def works(desk: Desk, invitation: Invitation, clear: str, *, now: datetime) -> bool:
    """Return whether ``clear`` opens ``invitation`` now."""
    ours = Invitation.filter(_working(now), id=invitation.id, go_code_hash=await _hash(desk, clear))
    return await ours.filter(go_code_until__gt=now).exists()


async def end(invitation: Invitation) -> None:
    """End the code of ``invitation``, if it has one; call it inside the step's transaction."""
    await Invitation.filter(id=invitation.id, go_code_hash__not_isnull=True).update(**NONE)


async def use(desk: Desk, entered: str, *, now: datetime) -> Invitation | None:
    """Use a code up and return its invitation, its person fetched; None for one that does not work."""
    hashed = await _hash(desk, letters_and_digits(entered).upper())
    live = Invitation.filter(_working(now), go_code_hash=hashed, go_code_until__gt=now)
    invitation = await live.first().prefetch_related("person")
    if invitation is None:
        return None
    async with transaction():
        if await live.filter(id=invitation.id).update(**NONE) != 1:
            return None
        await note("go-code.used", now=now, about=about(invitation))
    return invitation


async def _note_once(kind: str, invitation: Invitation, now: datetime, actor: str) -> None:
    """Record an event, unless there is one of its kind from the last minute: a button can be pressed without end."""
    same = Event.filter(kind=kind, invitation_id=invitation.id, actor=actor, at__gt=now - NOTE_INTERVAL)
    if not await same.exists():
        await note(kind, now=now, about=about(invitation), actor=actor)


def _working(now: datetime) -> Q:
    return Q(Q(valid_until=None) | Q(valid_until__gt=now), status=InvitationStatus.PENDING)


async def _hash(desk: Desk, clear: str) -> str:
    """Return the hash of a code, keyed with an installation secret.

    There are so few codes that one could be found from a hash without a key, by trying them all.
    """
    pepper = await installation_secret(desk.vault, "pepper")
    return hmac.new(pepper, f"go code {clear}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
