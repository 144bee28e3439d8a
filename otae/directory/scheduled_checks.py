"""The clock's checks of directories: whether each answers, and the members of the groups that roles are limited to.

The results are stored, so that pages never wait for a directory.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from otae.directory import whole_group
from otae.directory.ldap import servers
from otae.directory.ldap.pool import LdapPool, endpoint_of
from otae.directory.local.person_fields import DOMAIN
from otae.directory.whole_group import IncompleteAnswer
from otae.errors import DirectoryUnavailable
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Group, Membership

#: Seconds between checks.
INTERVAL: Final = 300
#: Rows changed in one statement.
_BATCH: Final = 500

log = structlog.get_logger("otae.directory")


async def check_directories(desk: Desk, *, now: datetime) -> None:
    """Store for every directory whether it answers; they are checked at the same time, so that none delays another."""
    await asyncio.gather(*(_check_directory(desk, row, now) for row in await servers.list_directories()))


async def read_members(desk: Desk, groups: Iterable[str], *, now: datetime) -> None:
    """Store the members of the directories' groups "DOMAIN/NAME", nested groups included, and delete all other groups.

    While its directory does not answer, a group keeps its members; after `reach.STALE_AFTER` they no longer count. A
    group that was deleted, or whose name is ambiguous, has no members.
    """
    kept = {(domain, name) for domain, _, name in (each.partition("/") for each in groups) if domain != DOMAIN}
    for row in await Group.exclude(domain=DOMAIN):
        if (row.domain, row.name) not in kept:
            await Group.filter(id=row.id).delete()
    for domain, name in sorted(kept):
        try:
            await _store_members(domain, name, await _members(desk, domain, name, now), now)
        except IncompleteAnswer as answer:
            log.warning("the members of a group could not be read", group=f"{domain}/{name}", reason=answer.detail)


async def _check_directory(desk: Desk, row: DirectoryServer, now: datetime) -> None:
    try:
        await desk.resources.get(LdapPool).ask(endpoint_of(desk, row), lambda connection: connection.root())
    except DirectoryUnavailable as refusal:
        await DirectoryServer.filter(id=row.id).update(trouble=refusal.detail[:200])
    else:
        await DirectoryServer.filter(id=row.id).update(trouble="", answered_at=now)


async def _members(desk: Desk, domain: str, name: str, now: datetime) -> set[UUID]:
    """Read a group's members, store them, and return their rows' ids; none for a group that is not there, or ambiguous.

    Raises IncompleteAnswer when the directory does not answer.
    """
    try:
        return await whole_group.read(desk, domain, name, now=now)
    except IncompleteAnswer as answer:
        if answer.reason == whole_group.AWAY:
            raise
        return set()


async def _store_members(domain: str, name: str, inside: set[UUID], now: datetime) -> None:
    async with transaction():
        group, _ = await Group.get_or_create(domain=domain, name=name)
        before = {row.person_id for row in await Membership.filter(group_id=group.id)}
        left, new = sorted(before - inside), sorted(inside - before)
        for at in range(0, len(left), _BATCH):
            await Membership.filter(group_id=group.id, person_id__in=left[at : at + _BATCH]).delete()
        rows = [Membership(group_id=group.id, person_id=person_id) for person_id in new]
        await Membership.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
        await Group.filter(id=group.id).update(checked_at=now)
