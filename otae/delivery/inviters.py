"""The names of those who invite, as the people whom they invite read them."""

from otae.store.models import Administrator


async def inviter_name(created_by: str) -> str:
    """Return the name of the administrator who made an invitation; "" when a command or somebody unknown made it.

    Args:
        created_by: The invitation's column of this name.
    """
    administrator = await Administrator.get_or_none(name=created_by)
    if administrator is None:
        return ""
    return administrator.display_name or administrator.name.rpartition("\\")[2]
