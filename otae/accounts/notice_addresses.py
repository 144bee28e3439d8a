"""Where an administrator is told that an invitation of theirs failed."""

from datetime import datetime

from otae.contacts import MailAddressRefused, mail_address
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Administrator


def checked_address(address: str) -> str | None:
    """Return ``address`` as it is kept, "" as None; InputRefused ("email") for what is no mail address."""
    if not address.strip():
        return None
    try:
        return mail_address(address)
    except MailAddressRefused as refusal:
        raise InputRefused({"email": str(refusal)}) from None


async def address_of(name: str) -> str:
    """Return the mail address of the administrator called ``name``; "" when there is none."""
    row = await Administrator.get_or_none(name=name)
    return (row.email or "") if row else ""


async def set_address(name: str, address: str, *, now: datetime, actor: str) -> None:
    """Let notices to the administrator called ``name`` go to ``address`` from now on, "" for none; audited.

    Raises InputRefused ("email") for what is no plain mail address, ("name") when there is nobody of this name.
    """
    kept = checked_address(address)
    async with transaction():
        if not await Administrator.filter(name=name).update(email=kept):
            raise InputRefused({"name": "there is no administrator of this name"})
        await audit.record(actor, "administrator.address-changed", now=now, subject=name)
