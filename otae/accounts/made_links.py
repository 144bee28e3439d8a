"""Links that administrators make: setup links and password links know their maker, and end with the maker's power."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from otae.accounts.roles import powers_of
from otae.store.models import Administrator, PasswordLink, SetupLink


async def end_links(maker_id: UUID, now: datetime) -> None:
    """End the links that an administrator made: removed, disabled, or given another role or password.

    Called inside the transaction of that change, so that a link used at the same moment comes before it or not at all.
    """
    await SetupLink.filter(maker_id=maker_id, used_at=None).update(used_at=now)
    await PasswordLink.filter(maker_id=maker_id, used_at=None).update(used_at=now)


async def is_backed(maker_id: UUID | None, leaves: Iterable[str], *, now: datetime) -> bool:
    """Tell whether whoever made a link may still do what it does, ``leaves``, with anybody.

    ``maker_id``: None for a link of the first start or of a command.
    """
    if maker_id is None:
        return True
    maker = await Administrator.get_or_none(id=maker_id, disabled=False)
    if maker is None:
        return False
    powers = await powers_of(maker.role, now=now)
    return frozenset(leaves) <= powers.leaves and not powers.reach.limited
