"""The names under which invited people see administrators; those of a directory's administrators come from there."""

from datetime import datetime

from otae.directory.local.person_fields import DOMAIN
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Administrator
from otae.text import TextRefused, visible_line
from otae.translatable import N_

LONGEST = 200


def checked_display_name(text: str) -> str:
    """Return ``text`` as it is stored. Raises InputRefused ("display_name") when it is too long or hides characters."""
    try:
        shown = visible_line(text)
    except TextRefused as refusal:
        raise InputRefused({"display_name": refusal.args[0]}) from None
    if len(shown) > LONGEST:
        raise InputRefused({"display_name": N_("use up to 200 characters")})
    return shown


async def set_display_name(name: str, text: str, *, now: datetime, actor: str) -> None:
    """Set the display name of the local administrator called ``name``, "" for none; audited when it changes.

    Raises:
        InputRefused: ("display_name") for an invalid one, ("name") when there is no such administrator.
    """
    shown = checked_display_name(text)
    async with transaction():
        row = await Administrator.get_or_none(name=name, domain=DOMAIN)
        if row is None:
            raise InputRefused({"name": N_("there is no local administrator of this name")})
        if await Administrator.filter(id=row.id).exclude(display_name=shown).update(display_name=shown):
            detail = audit.describe_changes({"name": row.display_name}, {"name": shown})
            await audit.record(actor, "administrator.display-name-changed", now=now, subject=name, detail=detail)
