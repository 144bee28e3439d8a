"""Setup links and password links stop working when the administrator who made them may no longer make such links."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from otae.accounts.roles import powers_of
from otae.store.models import Administrator, PasswordLink, SetupLink


async def end_links(maker_id: UUID, now: datetime) -> None:
    """End the links that an administrator made, because they are removed, disabled, or get another role or password.

    Call it inside the transaction of that change: a link used at the same moment is then used before it or not at all.
    """
    await SetupLink.filter(maker_id=maker_id, used_at=None).update(used_at=now)
    await PasswordLink.filter(maker_id=maker_id, used_at=None).update(used_at=now)


async def maker_still_may(maker_id: UUID | None, permissions: Iterable[str], *, now: datetime) -> bool:
    """Return whether a link's maker still has ``permissions``, without a limit to groups.

    ``maker_id``: None for a link of the first start or of a command, which always works.
    """
    if maker_id is None:
        return True
    maker = await Administrator.get_or_none(id=maker_id, disabled=False)
    if maker is None:
        return False
    powers = await powers_of(maker.role, now=now)
    return frozenset(permissions) <= powers.permissions and not powers.reach.limited
