"""What a server refuses that is not the message's trouble: remembered until it takes mail again, and told.

What a server's policy says to one recipient may be about that recipient. Two recipients of different domains refused
alike make it the server's trouble.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.delivery.mail.refusals import alike
from otae.delivery.notices import TROUBLE, tell_of_trouble
from otae.delivery.queue.outcomes import Claimed, without_secrets
from otae.store.database import transaction
from otae.store.models import Delivery, Invitation, NotificationServer, ServerRefusal

#: How long a refusal is remembered, and how many of a server.
REMEMBERED: Final = timedelta(days=1)
MOST: Final = 20
#: An administrator is told of one server no more often.
TOLD: Final = timedelta(hours=12)


@dataclass(frozen=True)
class Trouble:
    """That a server refuses mail whoever it is for. ``words``: its own."""

    server: NotificationServer
    words: str
    since: datetime


async def refused(server: NotificationServer, claimed: Claimed, words: str, now: datetime) -> None:
    """Remember that ``server`` refuses everything, and have an administrator told."""
    await _remember(server, claimed, "", words, now)
    await _tell(server, claimed, now)


async def refused_by_policy(server: NotificationServer, claimed: Claimed, words: str, now: datetime) -> bool:
    """Remember that the policy of ``server`` refused one recipient; tell whether it refuses others alike.

    When it does, an administrator is told.
    """
    await _remember(server, claimed, _domain(claimed.row), words, now)
    likeness, since = alike(words), now - REMEMBERED
    same = ServerRefusal.filter(server_id=server.id, likeness=likeness, at__gt=since).exclude(domain="")
    if await same.count() < 2:
        return False
    await _tell(server, claimed, now)
    return True


async def refusing(servers: Collection[NotificationServer]) -> set[UUID]:
    """Return which of ``servers`` refused something of late."""
    rows = ServerRefusal.filter(server_id__in=[server.id for server in servers])
    return {row.server_id for row in await rows.only("id", "server_id")}


async def taken(server: NotificationServer, row: Delivery) -> None:
    """Forget what ``server`` refused: it took a message for the domain of ``row``."""
    await ServerRefusal.filter(server_id=server.id, domain__in=["", _domain(row)]).delete()


async def troubles(now: datetime) -> list[Trouble]:
    """Return the servers that refuse mail whoever it is for, each with its newest words, by name."""
    rows = await ServerRefusal.filter(at__gt=now - REMEMBERED).order_by("at").select_related("server")
    domains: dict[tuple[UUID, str], int] = {}
    found: dict[UUID, Trouble] = {}
    for row in rows:
        counted = domains[row.server_id, row.likeness] = domains.get((row.server_id, row.likeness), 0) + 1
        if not row.domain or counted > 1:
            before = found.get(row.server_id)
            found[row.server_id] = Trouble(row.server, row.words, min(before.since, row.since) if before else row.since)
    return sorted(found.values(), key=lambda trouble: trouble.server.name)


async def _remember(server: NotificationServer, claimed: Claimed, domain: str, words: str, now: datetime) -> None:
    words = without_secrets(claimed.row, words)[:500]
    same = ServerRefusal.filter(server_id=server.id, domain=domain, likeness=alike(words))
    if await same.update(at=now, words=words):
        return
    await ServerRefusal.filter(server_id=server.id, at__lte=now - REMEMBERED).delete()
    if await ServerRefusal.filter(server_id=server.id).count() >= MOST:
        return
    row = ServerRefusal(server_id=server.id, domain=domain, likeness=alike(words), words=words, since=now, at=now)
    try:
        async with transaction():
            await row.save(force_create=True)
    except IntegrityError:
        return  # another worker met the same refusal, or the server was removed


async def _tell(server: NotificationServer, claimed: Claimed, now: datetime) -> None:
    """Have somebody told, unless that was done of late, or this is that very message."""
    if claimed.row.kind == TROUBLE or (server.told_at is not None and server.told_at > now - TOLD):
        return
    seen = NotificationServer.filter(id=server.id, told_at=server.told_at)
    if server.told_at is None:
        seen = NotificationServer.filter(id=server.id, told_at__isnull=True)
    async with transaction():
        invitation = await Invitation.filter(id=claimed.invitation.id).select_for_update().first()
        if invitation is not None and await seen.update(told_at=now) == 1:
            await tell_of_trouble(invitation, now=now)


def _domain(row: Delivery) -> str:
    """Return what recipients are told apart by: the domain of an address, one for every number."""
    return row.recipient.rpartition("@")[2].lower()[:253] if "@" in row.recipient else "sms"
