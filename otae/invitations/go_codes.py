"""Codes that open an invitation on another device, for modes in which its link is no factor (ADR 36, ADR 41).

A code fills in the user name and stands for no factor. An invitation has one go code at most, which works once and for
minutes, and one card code, which works as long as the invitation does. Making another ends the one before; every end or
renewal of the invitation ends both.
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
#: Letters of a card code, which is printed and works for long: 51 bits.
CARD_LENGTH: Final = 12
LENGTHS: Final = (LENGTH, CARD_LENGTH)
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
    clear = _drawn(LENGTH)
    until = min(now + LIFE, invitation.valid_until or now + LIFE)
    hashed = await _hash(desk, clear)
    live = Invitation.filter(working(now), id=invitation.id, generation=invitation.generation)
    async with transaction():
        if await live.update(go_code_hash=hashed, go_code_until=until) != 1:
            return None
        await _note_once("go-code.made", invitation, now, actor)
    return GoCode(clear, until)


async def works(desk: Desk, invitation: Invitation, clear: str, *, now: datetime) -> bool:
    """Return whether ``clear`` opens ``invitation`` now."""
    ours = Invitation.filter(working(now), id=invitation.id, go_code_hash=await _hash(desk, clear))
    return await ours.filter(go_code_until__gt=now).exists()


async def end(invitation: Invitation) -> None:
    """End the codes of ``invitation``, if it has any; call it inside the step's transaction."""
    coded = Q(go_code_hash__not_isnull=True) | Q(card_code_hash__not_isnull=True)
    await Invitation.filter(coded, id=invitation.id).update(**NONE, card_code_hash=None)


async def card_code(desk: Desk) -> tuple[str, str]:
    """Return a new card code and its hash, to be stored with an invitation."""
    clear = _drawn(CARD_LENGTH)
    return clear, await _hash(desk, clear)


def normalized(entered: str) -> str:
    """Return a code as it is stored, however it is written; "" for a text that is none."""
    clear = letters_and_digits(entered).upper()
    return clear if len(clear) in LENGTHS and set(clear) <= set(LETTERS) else ""


async def use(desk: Desk, entered: str, *, now: datetime) -> Invitation | None:
    """Return the invitation of a code, its person fetched, and use a go code up; None for one that does not work."""
    if not (clear := normalized(entered)):
        return None
    hashed = await _hash(desk, clear)
    if len(clear) == CARD_LENGTH:
        carded = await Invitation.filter(working(now), card_code_hash=hashed).first().prefetch_related("person")
        if carded:
            await _note_once("card-code.used", carded, now, "")
        return carded
    live = Invitation.filter(working(now), go_code_hash=hashed, go_code_until__gt=now)
    invitation = await live.first().prefetch_related("person")
    if invitation is None:
        return None
    async with transaction():
        if await live.filter(id=invitation.id).update(**NONE) != 1:
            return None
        await note("go-code.used", now=now, about=about(invitation))
    return invitation


def _drawn(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


async def _note_once(kind: str, invitation: Invitation, now: datetime, actor: str) -> None:
    """Record an event, unless there is one of its kind from the last minute: a button can be pressed without end."""
    same = Event.filter(kind=kind, invitation_id=invitation.id, actor=actor, at__gt=now - NOTE_INTERVAL)
    if not await same.exists():
        await note(kind, now=now, about=about(invitation), actor=actor)


def working(now: datetime) -> Q:
    """Return the condition for invitations that can be used now."""
    return Q(Q(valid_until=None) | Q(valid_until__gt=now), status=InvitationStatus.PENDING)


async def _hash(desk: Desk, clear: str) -> str:
    """Return the hash of a code, keyed with an installation secret.

    There are so few codes that one could be found from a hash without a key, by trying them all.
    """
    pepper = await installation_secret(desk.vault, "pepper")
    return hmac.new(pepper, f"go code {clear}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
