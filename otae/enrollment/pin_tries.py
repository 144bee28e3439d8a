"""Tries on PINs: counted and committed before a PIN is checked, given back when it was right."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tortoise.expressions import F

from otae.invitations import pins
from otae.store import concurrent_attempts
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.mode_table import Mode
from otae.store.models import Invitation, Pin

#: How many invitations of one person a PIN at the login page is checked against; as many hashes are always computed.
BARE_PINS = 5

TryColumn = Literal["link_tries", "bare_tries"]


@dataclass(frozen=True)
class CountedTry:
    """A PIN with a try counted on it: try ``number`` of ``limit``."""

    pin: Pin
    invitation: Invitation
    number: int
    limit: int


async def count(invitation: Invitation, column: TryColumn, mode: Mode, now: datetime) -> CountedTry | None:
    """Count a try on the invitation's PIN, in a transaction of its own; None when it has no PIN, or no try left.

    While other tries are being checked it waits for them to end: one of them may be given back.
    """
    while (pin := await pins.active_pin(invitation)) is not None:
        if counted := await _count(pin, invitation, column, mode, now):
            concurrent_attempts.begin(_key(pin))
            return counted
        if not await concurrent_attempts.wait_for_another(_key(pin)):
            break
    return None


def _key(pin: Pin) -> str:
    return f"pin:{pin.id}"


async def _count(pin: Pin, invitation: Invitation, column: TryColumn, mode: Mode, now: datetime) -> CountedTry | None:
    left = Pin.filter(
        **{"id": pin.id, "active": True, "link_tries__lt": mode.max_tries, f"{column}__lt": mode.max_tries}
    )
    async with transaction():
        if await left.update(**{column: F(column) + 1, "tried_at": now}) != 1:
            return None
        await pin.refresh_from_db()
    return CountedTry(pin, invitation, getattr(pin, column), mode.max_tries)


async def give_back(counted: CountedTry, column: TryColumn) -> bool:
    """Give the try back because the PIN was right; False when the PIN was replaced meanwhile."""
    given = await Pin.filter(id=counted.pin.id, active=True).update(**{column: F(column) - 1}) == 1
    concurrent_attempts.end(_key(counted.pin))
    return given


async def is_spent(counted: CountedTry) -> bool:
    """Return whether the PIN has no try left through the link, once those that are being checked have ended."""
    concurrent_attempts.end(_key(counted.pin))
    while await concurrent_attempts.wait_for_another(_key(counted.pin)):
        pass
    return await Pin.filter(id=counted.pin.id, active=True, link_tries__gte=counted.limit).exists()


async def find_match(desk: Desk, counted: list[CountedTry], clear: str) -> CountedTry | None:
    """Return the try whose PIN is ``clear``; it always computes `BARE_PINS` hashes, so that the time tells nothing."""
    found = None
    for number in range(BARE_PINS):
        each = counted[number] if number < len(counted) else None
        if await pins.verify(desk, each.pin if each else None, clear):
            found = found or each
    return found


def describe(counted: CountedTry | None) -> str:
    """Return which try on the PIN it was, for administrators."""
    return f"PIN {counted.number} of {counted.limit}" if counted else "PIN, and none works any more"
