"""PINs: random digits or letters, kept as argon2id over a pepper, sealed only until their message is accepted."""

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from otae.invitations.modes import Mode, known_mode
from otae.store import passwords
from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.models import Invitation, Pin
from otae.text import letters_and_digits

#: Purpose under which the clear PIN is sealed for its message.
SEAL = "pin"
#: What a PIN is made of; of letters none that looks or sounds like a digit.
DIGITS = "0123456789"
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class Drawn:
    """A PIN that was drawn and hashed, and is nobody's yet."""

    clear: str = field(repr=False)
    hashed: str = field(repr=False)


async def draw(desk: Desk, mode: Mode, count: int) -> list[Drawn]:
    """Draw and hash PINs for ``mode``, one after the other (20 ms each): at most one core is busy with them."""
    pepper, made = await installation_secret(desk.vault, "pepper"), []
    for _ in range(count):
        clear = "".join(secrets.choice(LETTERS if mode.pin_letters else DIGITS) for _ in range(mode.pin_length))
        made.append(Drawn(clear, await passwords.hash_secret(_under(pepper, clear))))
    return made


class Ahead:
    """PINs for the next wave, drawn while the one before is stored and its messages are sent.

    ``further``: whether there is to be a next wave; PINs that nobody takes were hashed in vain.
    """

    def __init__(self, desk: Desk) -> None:
        self.further = False
        self._desk = desk
        self._drawing: asyncio.Task[list[Drawn]] | None = None
        self._left: list[Drawn] = []

    def begin(self, mode: Mode, count: int) -> None:
        """Begin to draw what lacks to ``count``; call it outside of a transaction."""
        if self._drawing is None and count > len(self._left):
            self._drawing = asyncio.create_task(draw(self._desk, mode, count - len(self._left)))

    async def take(self, mode: Mode, count: int) -> list[Drawn]:
        """Return ``count`` PINs: those that were drawn ahead, then others."""
        self.begin(mode, count)
        if self._drawing is not None:
            drawing, self._drawing = self._drawing, None
            self._left += await drawing
        if len(self._left) < count:
            self._left += await draw(self._desk, mode, count - len(self._left))
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def end(self) -> None:
        """Draw no more."""
        if self._drawing is not None:
            self._drawing.cancel()


async def mint(
    desk: Desk,
    invitation: Invitation,
    *,
    now: datetime,
    generation: int | None = None,
    sealed: bool = True,
    mode: Mode | None = None,
) -> tuple[Pin, str]:
    """Make a PIN for ``generation`` (the invitation's own when None): the row, not saved yet, and the PIN itself.

    Hashes (20 ms): call it before the transaction that saves the row. ``sealed``: keep a sealed copy for a message.
    ``mode``: the invitation's, when it was read already.
    """
    [drawn] = await draw(desk, mode or await known_mode(invitation.mode), 1)
    return give(desk, invitation, drawn, now=now, generation=generation, sealed=sealed), drawn.clear


def give(
    desk: Desk, invitation: Invitation, drawn: Drawn, *, now: datetime, generation: int | None = None, sealed: bool
) -> Pin:
    """Return the row of a PIN that was drawn, for ``invitation``; as `mint`."""
    pin = Pin(
        invitation_id=invitation.id,
        generation=invitation.generation if generation is None else generation,
        pin_hash=drawn.hashed,
        created_at=now,
    )
    if sealed:
        pin.pin_sealed = desk.vault.seal(drawn.clear.encode(), pin.id, SEAL)
    return pin


async def verify(desk: Desk, pin: Pin | None, clear: str) -> bool:
    """Tell whether ``clear`` is that PIN; None costs the same and never fits.

    Only its letters and digits count, in whatever width and case they were entered or pasted.

    A truth value and no exception, as `passwords.verify_secret`: the caller counts what was wrong.
    """
    entered = letters_and_digits(clear).upper()
    return await passwords.verify_secret(await _peppered(desk, entered), pin.pin_hash if pin else None)


async def _peppered(desk: Desk, clear: str) -> bytes:
    return _under(await installation_secret(desk.vault, "pepper"), clear)


def _under(pepper: bytes, clear: str) -> bytes:
    return hmac.new(pepper, clear.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


async def active_pin(invitation: Invitation) -> Pin | None:
    """Return the invitation's PIN that works now, None when none was minted or it is dead for good."""
    return await Pin.get_or_none(invitation_id=invitation.id, active=True)


async def are_used_up(invitation: Invitation, mode: Mode) -> bool:
    """Tell whether the tries through the link are used up on the invitation's newest PIN."""
    newest = await Pin.filter(invitation_id=invitation.id).order_by("-generation").first()
    return mode.secret and newest is not None and newest.link_tries >= mode.max_tries


async def wrong_entries(invitation: Invitation) -> int:
    """Return how many wrong PINs were entered for this invitation, over all PINs it had and at both doors."""
    counted = await Pin.filter(invitation_id=invitation.id).values_list("link_tries", "bare_tries")
    return sum(link + bare for link, bare in counted)


async def kill(invitation: Invitation) -> None:
    """Let no PIN of the invitation work any more and forget the sealed ones; call it inside the step's transaction."""
    await Pin.filter(invitation_id=invitation.id, active=True).update(active=False)
    await Pin.filter(invitation_id=invitation.id, pin_sealed__not_isnull=True).update(pin_sealed=None)
