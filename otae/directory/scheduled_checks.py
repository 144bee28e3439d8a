"""What the clock looks at in every directory: whether it answers, and who is in the groups that roles are limited to.

Pages read what is stored here and never wait for a directory.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from otae.directory import registry
from otae.directory.ldap import servers
from otae.directory.ldap.pool import ask, dialled
from otae.directory.person_fields import DOMAIN
from otae.errors import DirectoryUnavailable, GroupAmbiguous
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Group, Membership

#: Seconds between looks.
EVERY: Final = 300
#: Rows changed in one statement.
_BATCH: Final = 500

log = structlog.get_logger("otae.directory")


async def look(desk: Desk, *, now: datetime) -> None:
    """Note for every directory whether it answers; one that is slow holds no other up."""
    await asyncio.gather(*(_look_at(desk, row, now) for row in await servers.list_directories()))


async def read_members(desk: Desk, groups: Iterable[str], *, now: datetime) -> None:
    """Keep who is in the groups "DOMAIN/NAME" of directories, groups within them included, and forget other groups.

    A group whose directory does not answer stays as it was; it holds nobody when `reach.BELIEVED` is over. One that is
    gone, or that two have the name of, holds nobody.
    """
    wanted = {(domain, name) for domain, _, name in (each.partition("/") for each in groups) if domain != DOMAIN}
    for row in await Group.exclude(domain=DOMAIN):
        if (row.domain, row.name) not in wanted:
            await Group.filter(id=row.id).delete()
    for domain, name in sorted(wanted):
        try:
            await _keep(domain, name, await _members(desk, domain, name, now), now)
        except DirectoryUnavailable as refusal:
            log.warning("the members of a group could not be read", group=f"{domain}/{name}", reason=refusal.detail)


async def _look_at(desk: Desk, row: DirectoryServer, now: datetime) -> None:
    try:
        await ask(dialled(desk, row), lambda line: line.root())
    except DirectoryUnavailable as refusal:
        await DirectoryServer.filter(id=row.id).update(trouble=refusal.detail[:200])
    else:
        await DirectoryServer.filter(id=row.id).update(trouble="", answered_at=now)


async def _members(desk: Desk, domain: str, name: str, now: datetime) -> set[UUID]:
    """Return the ids of our rows of everybody in a group, made where they are missing; DirectoryUnavailable."""
    directory = await registry.directory_of(desk, domain)
    try:
        group = await directory.find_group(name)
    except GroupAmbiguous:
        group = None
    inside: set[UUID] = set()
    after = ""
    while group is not None:
        page = await directory.members(group, after)
        inside |= {person.id for person in await registry.keep_all(page.people, now)}
        after = page.after
        if not after:
            break
    return inside


async def _keep(domain: str, name: str, inside: set[UUID], now: datetime) -> None:
    async with transaction():
        group, _ = await Group.get_or_create(domain=domain, name=name)
        before = {row.person_id for row in await Membership.filter(group_id=group.id)}
        left, new = sorted(before - inside), sorted(inside - before)
        for at in range(0, len(left), _BATCH):
            await Membership.filter(group_id=group.id, person_id__in=left[at : at + _BATCH]).delete()
        rows = [Membership(group_id=group.id, person_id=person_id) for person_id in new]
        await Membership.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
        await Group.filter(id=group.id).update(checked_at=now)
