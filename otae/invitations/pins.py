"""PINs: random digits or letters, stored as argon2id over a pepper; sealed in clear until their message is accepted."""

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from otae.invitations.modes import known_mode
from otae.store import passwords
from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.mode_table import Mode
from otae.store.models import Invitation, Pin
from otae.text import letters_and_digits

#: Purpose under which the clear PIN is sealed for its message.
SEAL = "pin"
#: Characters of a PIN; no letter that looks or sounds like a digit.
DIGITS = "0123456789"
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class GeneratedPin:
    """A PIN that was generated and hashed, and belongs to no invitation yet."""

    clear: str = field(repr=False)
    hashed: str = field(repr=False)


async def generate(desk: Desk, mode: Mode, count: int) -> list[GeneratedPin]:
    """Generate and hash PINs for ``mode``, one after the other (20 ms each), so that at most one core is busy."""
    pepper, made = await installation_secret(desk.vault, "pepper"), []
    for _ in range(count):
        clear = "".join(secrets.choice(LETTERS if mode.pin_letters else DIGITS) for _ in range(mode.pin_length))
        made.append(GeneratedPin(clear, await passwords.hash_secret(desk.resources, _keyed_hash(pepper, clear))))
    return made


class PinPrefetch:
    """Generates the next batch's PINs while the batch before is stored and its messages are sent.

    ``more_needed``: whether there will be a next batch; PINs that nobody takes were hashed in vain.
    """

    def __init__(self, desk: Desk) -> None:
        self.more_needed = False
        self._desk = desk
        self._drawing: asyncio.Task[list[GeneratedPin]] | None = None
        self._left: list[GeneratedPin] = []

    def start(self, mode: Mode, count: int) -> None:
        """Start to generate PINs until there are ``count``; call it outside of a transaction."""
        if self._drawing is None and count > len(self._left):
            self._drawing = asyncio.create_task(generate(self._desk, mode, count - len(self._left)))

    async def take(self, mode: Mode, count: int) -> list[GeneratedPin]:
        """Return ``count`` PINs: those generated in advance first, then new ones."""
        self.start(mode, count)
        if self._drawing is not None:
            drawing, self._drawing = self._drawing, None
            self._left += await drawing
        if len(self._left) < count:
            self._left += await generate(self._desk, mode, count - len(self._left))
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def cancel(self) -> None:
        """Stop generating."""
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
    """Make a PIN: return its row, not saved yet, and the PIN itself.

    It hashes (20 ms): call it before the transaction that saves the row.

    Args:
        generation: None for the invitation's own.
        sealed: Whether to keep a sealed copy for a message.
        mode: The invitation's mode, if the caller has read it already.
    """
    [drawn] = await generate(desk, mode or await known_mode(invitation.mode), 1)
    return pin_row(desk, invitation, drawn, now=now, generation=generation, sealed=sealed), drawn.clear


def pin_row(
    desk: Desk,
    invitation: Invitation,
    drawn: GeneratedPin,
    *,
    now: datetime,
    generation: int | None = None,
    sealed: bool,
) -> Pin:
    """Return the row, not saved yet, of a generated PIN for ``invitation``; arguments as in `mint`."""
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
    """Return whether ``clear`` is the PIN; for None it spends the same time and returns False.

    Only letters and digits count, whatever their width and case. Like `passwords.verify_secret` it returns a truth
    value and raises nothing: the caller counts wrong entries.
    """
    entered = _keyed_hash(await installation_secret(desk.vault, "pepper"), letters_and_digits(clear).upper())
    return await passwords.verify_secret(desk.resources, entered, pin.pin_hash if pin else None)


def _keyed_hash(pepper: bytes, clear: str) -> bytes:
    return hmac.new(pepper, clear.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


async def active_pin(invitation: Invitation) -> Pin | None:
    """Return the invitation's PIN that works now, None when it has none."""
    return await Pin.get_or_none(invitation_id=invitation.id, active=True)


async def are_used_up(invitation: Invitation, mode: Mode) -> bool:
    """Return whether the newest PIN of the invitation has no try left through the link."""
    newest = await Pin.filter(invitation_id=invitation.id).order_by("-generation").first()
    return mode.secret and newest is not None and newest.link_tries >= mode.max_tries


async def wrong_entries(invitation: Invitation) -> int:
    """Return how many wrong PINs were entered: over all PINs of the invitation, by link and at the login page."""
    counted = await Pin.filter(invitation_id=invitation.id).values_list("link_tries", "bare_tries")
    return sum(link + bare for link, bare in counted)


async def invalidate(invitation: Invitation) -> None:
    """Make every PIN of the invitation stop working and erase sealed copies; call it inside the step's transaction."""
    await Pin.filter(invitation_id=invitation.id, active=True).update(active=False)
    await Pin.filter(invitation_id=invitation.id, pin_sealed__not_isnull=True).update(pin_sealed=None)
