"""Tries on PINs: counted and committed before a PIN is looked at, given back when it was right."""

from dataclasses import dataclass
from typing import Literal

from tortoise.expressions import F

from otae.invitations import pins
from otae.invitations.modes import Mode
from otae.store import under_way
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Invitation, Pin

#: How many invitations of one person a PIN at the bare page is tried against; as many hashes are always spent.
BARE_PINS = 5

Door = Literal["link_tries", "bare_tries"]


@dataclass(frozen=True)
class Counted:
    """A PIN with a try counted on it: the how-manieth, of how many."""

    pin: Pin
    invitation: Invitation
    number: int
    limit: int


async def count(invitation: Invitation, door: Door, mode: Mode) -> Counted | None:
    """Count a try on the invitation's PIN, in a transaction of its own; None when there is no PIN, or no try left.

    While others are looked at that may be given back, none left is not the last word.
    """
    while (pin := await pins.active_pin(invitation)) is not None:
        if counted := await _count(pin, invitation, door, mode):
            under_way.begin(_key(pin))
            return counted
        if not await under_way.another_ends(_key(pin)):
            break
    return None


def _key(pin: Pin) -> str:
    return f"pin:{pin.id}"


async def _count(pin: Pin, invitation: Invitation, door: Door, mode: Mode) -> Counted | None:
    left = Pin.filter(**{"id": pin.id, "active": True, "link_tries__lt": mode.max_tries, f"{door}__lt": mode.max_tries})
    async with transaction():
        if await left.update(**{door: F(door) + 1}) != 1:
            return None
        await pin.refresh_from_db()
    return Counted(pin, invitation, getattr(pin, door), mode.max_tries)


async def give_back(counted: Counted, door: Door) -> bool:
    """Take the try back: the PIN was right. False when the PIN was replaced while it was looked at."""
    given = await Pin.filter(id=counted.pin.id, active=True).update(**{door: F(door) - 1}) == 1
    under_way.end(_key(counted.pin))
    return given


async def fitting(desk: Desk, counted: list[Counted], clear: str) -> Counted | None:
    """Return the one whose PIN ``clear`` is; spends as many hashes for none as for five."""
    found = None
    for number in range(BARE_PINS):
        each = counted[number] if number < len(counted) else None
        if await pins.verify(desk, each.pin if each else None, clear):
            found = found or each
    return found


def told(counted: Counted | None) -> str:
    """Say which try on the PIN it was, for administrators."""
    return f"PIN {counted.number} of {counted.limit}" if counted else "PIN, and none works any more"
