"""Refusals that are about a notification server's settings: recorded until it accepts mail again, and notified.

A policy refusal of one recipient may be about that recipient. When recipients of two domains are refused with the same
code and status, it is about the server.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.delivery.mail.refusals import likeness_of
from otae.delivery.notices import TROUBLE, notify_refusing_server
from otae.delivery.queue.outcomes import Claimed, without_secrets
from otae.store import notices
from otae.store.database import transaction
from otae.store.models import Delivery, Invitation, NotificationServer, ServerRefusal

#: How long a refusal stays on record, and most refusals of one server.
RETENTION: Final = timedelta(days=1)
MAX_PER_SERVER: Final = 20
#: The shortest time between two notices about one server.
NOTICE_INTERVAL: Final = timedelta(hours=12)
#: A mail address in a server's words: a notice names the sender's alone.
_ADDRESS: Final = re.compile(r"[^\s<>(),:;]+@[^\s<>(),:;]+")


@dataclass(frozen=True)
class RefusingServer:
    """A server that refuses mail to every recipient. ``words``: its newest answer; ``since``: its first refusal."""

    server: NotificationServer
    words: str
    since: datetime


async def record_refusal(server: NotificationServer, claimed: Claimed, words: str, now: datetime) -> None:
    """Record that ``server`` refuses every message, and notify an administrator."""
    await _record(server, claimed, "", words, now)
    await _notify(server, claimed, words, now)


async def record_policy_refusal(server: NotificationServer, claimed: Claimed, words: str, now: datetime) -> bool:
    """Record that the policy of ``server`` refused one recipient; return whether it refuses another domain, too.

    If it does, an administrator is notified.
    """
    await _record(server, claimed, _domain(claimed.row), words, now)
    likeness, since = likeness_of(words), now - RETENTION
    same = ServerRefusal.filter(server_id=server.id, likeness=likeness, at__gt=since).exclude(domain="")
    if await same.count() < 2:
        return False
    await _notify(server, claimed, words, now)
    return True


async def servers_with_refusals(servers: Collection[NotificationServer]) -> set[UUID]:
    """Return the ids of those of ``servers`` that have a refusal on record."""
    rows = ServerRefusal.filter(server_id__in=[server.id for server in servers])
    return {row.server_id for row in await rows.only("id", "server_id")}


async def clear_refusals(server: NotificationServer, row: Delivery) -> None:
    """Delete the refusals of ``server`` that are over, because it accepted ``row``.

    These are the refusals of every message, and of messages to the recipient's domain.
    """
    await ServerRefusal.filter(server_id=server.id, domain__in=["", _domain(row)]).delete()


async def refusing_servers(now: datetime) -> list[RefusingServer]:
    """Return the servers that refuse mail to every recipient, by name."""
    rows = await ServerRefusal.filter(at__gt=now - RETENTION).order_by("at").select_related("server")
    domains: dict[tuple[UUID, str], int] = {}
    by_server: dict[UUID, RefusingServer] = {}
    for row in rows:
        counted = domains[row.server_id, row.likeness] = domains.get((row.server_id, row.likeness), 0) + 1
        if not row.domain or counted > 1:
            before = by_server.get(row.server_id)
            since = min(before.since, row.since) if before else row.since
            by_server[row.server_id] = RefusingServer(row.server, row.words, since)
    return sorted(by_server.values(), key=lambda each: each.server.name)


async def _record(server: NotificationServer, claimed: Claimed, domain: str, words: str, now: datetime) -> None:
    words = without_secrets(claimed.row, words)[:500]
    same = ServerRefusal.filter(server_id=server.id, domain=domain, likeness=likeness_of(words))
    if await same.update(at=now, words=words):
        return
    await ServerRefusal.filter(server_id=server.id, at__lte=now - RETENTION).delete()
    if await ServerRefusal.filter(server_id=server.id).count() >= MAX_PER_SERVER:
        return
    row = ServerRefusal(server_id=server.id, domain=domain, likeness=likeness_of(words), words=words, since=now, at=now)
    try:
        async with transaction():
            await row.save(force_create=True)
    except IntegrityError:
        return  # another worker met the same refusal, or the server was removed


async def _notify(server: NotificationServer, claimed: Claimed, words: str, now: datetime) -> None:
    """Notify administrators, unless that was done lately or the refused message is such a notice."""
    if claimed.row.kind == TROUBLE or (server.told_at is not None and server.told_at > now - NOTICE_INTERVAL):
        return
    seen = NotificationServer.filter(id=server.id, told_at=server.told_at)
    async with transaction():
        invitation = await Invitation.filter(id=claimed.invitation.id).select_for_update().first()
        if invitation is not None and await seen.update(told_at=now) == 1:
            told = await notify_refusing_server(invitation, now=now)
            await _tell(server, claimed, words, now, told_already=told)


async def tell_unreachable(server: NotificationServer, claimed: Claimed, words: str, now: datetime) -> None:
    """Tell administrators, once a day, that ``server`` cannot be reached."""
    if not claimed.invitation.rehearsal:
        await _tell(server, claimed, words, now)


async def _tell(
    server: NotificationServer, claimed: Claimed, words: str, now: datetime, *, told_already: str = ""
) -> None:
    words = re.sub(re.escape(claimed.row.recipient), "…", without_secrets(claimed.row, words), flags=re.IGNORECASE)
    words = _ADDRESS.sub(lambda found: found[0] if found[0].lower() == server.from_email.lower() else "…", words)
    key = f"{server.id}:{now:%Y-%m-%d}"
    await notices.tell(notices.SERVER, key=key, now=now, subject=server.name, detail=words, told_already=told_already)


def _domain(row: Delivery) -> str:
    """Return the domain of a delivery's mail address; "sms" for every phone number."""
    return row.recipient.rpartition("@")[2].lower()[:253] if "@" in row.recipient else "sms"
