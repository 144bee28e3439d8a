"""Administrators of directories who are signed in: looked at again, so that who left the group leaves the console too.

The clock does it. While the directory does not answer they keep what they may do for an hour (`reach.BELIEVED`), and
then sign in again: `browsers.find_browser` lets nobody in of whom the directory said nothing for that long.
"""

from datetime import datetime
from uuid import UUID

import structlog

from otae.accounts import directory_sign_in
from otae.directory.person_fields import DOMAIN
from otae.directory.reach import BELIEVED
from otae.errors import DirectoryUnavailable
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession

log = structlog.get_logger("otae.accounts")


async def look_at_maker(desk: Desk, maker_id: UUID | None, *, now: datetime) -> None:
    """Ask a directory about its administrator who made a link that is about to be used, so that what they lost counts.

    Raises DirectoryUnavailable when it is away and said nothing about them for longer than it is believed.
    """
    maker = await Administrator.exclude(domain=DOMAIN).get_or_none(id=maker_id) if maker_id else None
    if maker is None:
        return
    try:
        await directory_sign_in.look_again(desk, maker, now=now)
    except DirectoryUnavailable:
        if maker.checked_at is None or now >= maker.checked_at + BELIEVED:
            raise


async def look_again(desk: Desk, *, now: datetime) -> None:
    """Ask the directories about those of their administrators who are signed in; who is no longer one is signed out."""
    signed_in = await BrowserSession.filter(expires_at__gt=now).exclude(administrator_id=None)
    ids = {row.administrator_id for row in signed_in}
    rows = Administrator.filter(id__in=list(ids)).exclude(domain=DOMAIN) if ids else Administrator.filter(id=None)
    away: set[str] = set()
    for row in await rows.order_by("domain", "name"):
        if row.domain in away:
            continue
        try:
            await directory_sign_in.look_again(desk, row, now=now)
        except DirectoryUnavailable as refusal:
            away.add(row.domain)
            log.warning("administrators could not be looked at again", domain=row.domain, reason=refusal.detail)
