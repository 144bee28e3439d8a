"""The mail addresses of administrators for notices, such as that an invitation of theirs failed."""

from datetime import datetime

from otae.accounts import account_mails
from otae.contacts import MailAddressRefused, mail_address
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
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


async def set_address(desk: Desk, name: str, address: str, *, now: datetime, actor: str) -> None:
    """Set the address for notices to the administrator called ``name``, "" for none; audited when it changes.

    The former address is told by mail.

    Raises:
        InputRefused: ("email") for an invalid address, ("name") when there is no such administrator.
    """
    kept = checked_address(address)
    async with transaction():
        row = await Administrator.filter(name=name).select_for_update().first()
        if row is None:
            raise InputRefused({"name": N_("there is no administrator of this name")})
        if row.email == kept:
            return
        await Administrator.filter(id=row.id).update(email=kept)
        await audit.record(actor, "administrator.address-changed", now=now, subject=name)
        if row.email:
            await account_mails.tell_of_address(desk, row, row.email, by=actor, now=now)
