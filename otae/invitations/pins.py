"""PINs: random digits, kept as argon2id over a pepper, sealed only until their message is accepted."""

import hashlib
import hmac
import secrets
from datetime import datetime

from otae.invitations.modes import mode_of
from otae.store import passwords
from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.models import Invitation, Pin

#: Purpose under which the clear PIN is sealed for its message.
SEAL = "pin"


async def mint(
    desk: Desk, invitation: Invitation, *, now: datetime, generation: int | None = None, sealed: bool = True
) -> tuple[Pin, str]:
    """Make a PIN for ``generation`` (the invitation's own when None): the row, not saved yet, and its digits.

    Hashes (20 ms): call it before the transaction that saves the row. ``sealed``: keep a sealed copy for a message.
    """
    clear = "".join(secrets.choice("0123456789") for _ in range(mode_of(invitation.mode).pin_length))
    pin = Pin(
        invitation_id=invitation.id,
        generation=invitation.generation if generation is None else generation,
        pin_hash=await passwords.hash_secret(await _peppered(desk, clear)),
        created_at=now,
    )
    if sealed:
        pin.pin_sealed = desk.vault.seal(clear.encode(), pin.id, SEAL)
    return pin, clear


async def verify(desk: Desk, pin: Pin | None, clear: str) -> bool:
    """Tell whether ``clear`` (spaces and hyphens do not matter) is that PIN; None costs the same and never fits.

    A truth value and no exception, as `passwords.verify_secret`: the caller counts what was wrong.
    """
    digits = clear.replace(" ", "").replace("-", "")
    return await passwords.verify_secret(await _peppered(desk, digits), pin.pin_hash if pin else None)


async def _peppered(desk: Desk, clear: str) -> bytes:
    pepper = await installation_secret(desk.vault, "pepper")
    return hmac.new(pepper, clear.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


async def active_pin(invitation: Invitation) -> Pin | None:
    """Return the invitation's PIN that works now, None when none was minted or it is dead for good."""
    return await Pin.get_or_none(invitation_id=invitation.id, active=True)


async def kill(invitation: Invitation) -> None:
    """Let no PIN of the invitation work any more and forget the sealed ones; call it inside the step's transaction."""
    await Pin.filter(invitation_id=invitation.id, active=True).update(active=False)
    await Pin.filter(invitation_id=invitation.id, pin_sealed__not_isnull=True).update(pin_sealed=None)
