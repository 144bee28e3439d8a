"""Mails that tell an administrator of a change of their own account."""

from datetime import datetime

from otae.delivery import administrator_mails
from otae.delivery.mail.mime import one_line
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Administrator
from otae.translatable import N_
from otae.words import CONSOLE_LANGUAGES, in_language
from otae.words import gettext as _

_ADDRESS = N_(
    """The mail address of the account %(name)s of %(url)s was changed by %(by)s. Mails about this account go to the new
address from now on; this is the last one here.

If you know nothing of it, tell another administrator at once.
"""
)
_RESET = N_(
    """The second factors of the account %(name)s of %(url)s were reset by %(by)s: app, passkeys and recovery codes stop
working, and every browser is signed out.

Sign in with your password and set up a second factor again at once: until then the password alone lets in.
If you did not ask for this, tell another administrator at once.
"""
)
_YOU_RESET = N_(
    """You reset the second factors of the account %(name)s of %(url)s.

If this was not you, change your password at once and tell another administrator.
"""
)


async def tell_of_address(desk: Desk, row: Administrator, former: str, *, by: str, now: datetime) -> None:
    """Enqueue the mail to the former address, in the transaction of the change."""
    await _enqueue(desk, row, N_("Your mail address was changed"), _ADDRESS, row.name, by=by, now=now, recipient=former)


async def tell_of_reset(
    desk: Desk, row: Administrator, resetter: Administrator | None, *, by: str, now: datetime
) -> None:
    """Enqueue the mails to both, in the transaction of the change; ``resetter``: None for a command."""
    await _enqueue(desk, row, N_("Your second factors were reset"), _RESET, row.name, by=by, now=now)
    if resetter is not None:
        subject = N_("You reset somebody's second factors")
        await _enqueue(desk, resetter, subject, _YOU_RESET, row.name, by=by, now=now)


async def _enqueue(
    desk: Desk, to: Administrator, subject: str, text: str, name: str, *, by: str, now: datetime, recipient: str = ""
) -> None:
    """Enqueue a mail about the account called ``name`` in the receiver's language; nothing without an address."""
    if not (recipient or to.email):
        return
    values = {"name": one_line(name), "url": desk.settings.public_url, "by": one_line(by)}
    asked = to.language or await properties.word("notification.language")
    with in_language(asked if asked in CONSOLE_LANGUAGES else "en"):
        words = _(subject), _(text) % values
    await administrator_mails.enqueue(to, *words, now=now, recipient=recipient)
