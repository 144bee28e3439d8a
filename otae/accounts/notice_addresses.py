"""The mail addresses of administrators for notices, such as that an invitation of theirs failed."""

from datetime import datetime

from otae.contacts import MailAddressRefused, mail_address
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Administrator
from otae.translatable import N_


def checked_address(address: str) -> str | None:
    """Return ``address`` as it is stored, None for "". Raises InputRefused ("email") for an invalid one."""
    if not address.strip():
        return None
    try:
        return mail_address(address)
    except MailAddressRefused as refusal:
        raise InputRefused({"email": refusal.args[0]}) from None


async def address_of(name: str) -> str:
    """Return the mail address of the administrator called ``name``; "" when there is none."""
    row = await Administrator.get_or_none(name=name)
    return (row.email or "") if row else ""


async def set_address(name: str, address: str, *, now: datetime, actor: str) -> None:
    """Set the address for notices to the administrator called ``name``, "" for none; audited.

    Raises:
        InputRefused: ("email") for an invalid address, ("name") when there is no such administrator.
    """
    kept = checked_address(address)
    async with transaction():
        if not await Administrator.filter(name=name).update(email=kept):
            raise InputRefused({"name": N_("there is no administrator of this name")})
        await audit.record(actor, "administrator.address-changed", now=now, subject=name)
