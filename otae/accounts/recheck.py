"""Checks signed-in administrators with their directories again: whoever has left a group loses its role.

The clock runs it. While a directory does not answer, its administrators keep their access for `reach.STALE_AFTER`; then
`browsers.find_browser` refuses their browsers until they sign in again.
"""

from datetime import datetime
from uuid import UUID

import structlog

from otae.accounts import directory_sign_in
from otae.accounts.roles import USER
from otae.directory.local.person_fields import DOMAIN
from otae.directory.reach import STALE_AFTER
from otae.errors import DirectoryUnavailable
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession

log = structlog.get_logger("otae.accounts")


async def recheck_maker(desk: Desk, maker_id: UUID | None, *, now: datetime) -> None:
    """Update the maker of a link from their directory before the link is used, so that a lost role counts.

    Raises:
        DirectoryUnavailable: the directory does not answer, and has not confirmed the maker within STALE_AFTER.
    """
    maker = await Administrator.exclude(domain=DOMAIN).get_or_none(id=maker_id) if maker_id else None
    if maker is None:
        return
    try:
        await directory_sign_in.recheck(desk, maker, now=now)
    except DirectoryUnavailable:
        if maker.checked_at is None or now >= maker.checked_at + STALE_AFTER:
            raise


async def current(desk: Desk, administrator_id: UUID, *, now: datetime) -> Administrator | None:
    """Return an administrator who signs in without a password, as their directory has them now; None when they may not.

    Raises:
        DirectoryUnavailable: their directory does not answer.
    """
    row = await Administrator.get_or_none(id=administrator_id, disabled=False)
    if row is None or row.domain == DOMAIN:
        return row
    await directory_sign_in.recheck(desk, row, now=now)
    return await Administrator.exclude(role=USER).get_or_none(id=administrator_id, disabled=False)


async def recheck_signed_in(desk: Desk, *, now: datetime) -> None:
    """Update all signed-in administrators of directories; those without a role any more are signed out."""
    signed_in = await BrowserSession.filter(expires_at__gt=now).exclude(administrator_id=None)
    ids = {row.administrator_id for row in signed_in}
    rows = Administrator.filter(id__in=list(ids)).exclude(domain=DOMAIN) if ids else Administrator.filter(id=None)
    away: set[str] = set()
    for row in await rows.order_by("domain", "name"):
        if row.domain in away:
            continue
        try:
            await directory_sign_in.recheck(desk, row, now=now)
        except DirectoryUnavailable as refusal:
            away.add(row.domain)
            log.warning("administrators could not be looked at again", domain=row.domain, reason=refusal.detail)
