"""The names of those who invite, as the people whom they invite read them."""

from collections.abc import Iterable

from otae.store.models import Administrator


async def inviter_name(created_by: str) -> str:
    """Return the name of the administrator who made an invitation; "" when a command or somebody unknown made it.

    Args:
        created_by: The invitation's column of this name.
    """
    return (await inviter_names([created_by])).get(created_by, "")


async def inviter_names(created_by: Iterable[str]) -> dict[str, str]:
    """Return the names of the administrators who made invitations; commands and unknown ones are left out."""
    named = {name for name in created_by if name}  # the invitation of a preview was made by nobody yet
    rows = await Administrator.filter(name__in=sorted(named)).only("name", "display_name")
    return {row.name: row.display_name or row.name.rpartition("\\")[2] for row in rows}
