"""How fast passwords may be guessed: failures per name and network, each making the next try wait longer.

A try is counted, with its wait, before the password is looked at, by one conditional statement: of twenty sent at the
same moment no more get through than one after the other would.
"""

import hashlib
import ipaddress
from datetime import datetime, timedelta

from otae.errors import SlowDown
from otae.store import old_algorithms, tries
from otae.store.models import Counter

#: Failures are forgotten this long after the first of them.
WINDOW = timedelta(hours=24)
#: A statement that another process beat is tried again this often; by then as many others have been counted.
ROUNDS = 50


def key_of(kind: str, name: str, address: str) -> str:
    """Return the counter's key for ``name`` (kept as a hash: it may be a password typed into the wrong field)."""
    return f"{name_key(kind, name)}:{network_of(address)}"


def name_key(kind: str, name: str) -> str:
    """Return what the keys of ``name`` begin with, from whatever network the tries came."""
    return f"{kind}:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def network_of(address: str) -> str:
    """Return the network that one guesser usually has at hand: /24 of IPv4, /64 of IPv6, else the text itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    prefix = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network((found, prefix), strict=False))


async def count_try(key: str, now: datetime) -> None:
    """Count a try under ``key`` as failed, for now, and let the next one wait; SlowDown when this one has to wait."""
    await Counter.get_or_create(defaults={"window_start": now}, key=key)
    fresh = {"failures": 0, "window_start": now, "blocked_until": None}
    await Counter.filter(key=key, window_start__lte=now - WINDOW).update(**fresh)
    for _ in range(ROUNDS):
        row = await Counter.get_or_none(key=key)
        if row is None:
            return  # somebody signed in at this very moment: there is nothing left to wait for
        if row.blocked_until and row.blocked_until > now:
            raise SlowDown(int((row.blocked_until - now).total_seconds()) + 1)
        failures = row.failures + 1
        wait = tries.DELAYS[min(failures, len(tries.DELAYS) - 1)]
        seen = Counter.filter(key=key, failures=row.failures, blocked_until=row.blocked_until)
        if await seen.update(failures=failures, blocked_until=now + timedelta(seconds=wait) if wait else None) == 1:
            return
    raise SlowDown(1)


async def give_back(key: str) -> None:
    """Take one counted try back, with the wait that it began: its password was right."""
    await tries.take_back(key)
    await Counter.filter(key=key).update(blocked_until=None)


async def forget_old(now: datetime) -> int:
    """Remove counters that no longer count; return how many."""
    old = Counter.filter(window_start__lte=now - 2 * WINDOW).exclude(key__startswith=old_algorithms.PREFIX)
    return await old.delete()
