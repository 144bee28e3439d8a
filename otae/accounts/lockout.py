"""Leaving an account of a directory alone for a while after too many wrong passwords, at each door by itself.

What an outsider does at the page that anybody can open never stops who holds a mailed link: each door counts under a
key of its own. How many, and for how long, is the directory's setting; a directory may lock accounts on its own beside.
"""

import hashlib
from datetime import datetime, timedelta

from tortoise.expressions import F

from otae.errors import SlowDown
from otae.store.models import Counter


def key_of(door: str, domain: str, account: str) -> str:
    """Return the counter's key for ``account`` (a user name as typed, or an id; kept as a hash) at ``door``."""
    hashed = hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"lockout:{door}:{domain}:{hashed}"


async def count_try(key: str, limit: int, minutes: int, now: datetime) -> None:
    """Count a try as wrong, for now; SlowDown while the account is left alone. ``limit`` 0 counts nothing.

    One conditional statement counts, so that tries sent at the same moment count like tries sent in turn.
    """
    if not limit:
        return
    await Counter.get_or_create(defaults={"window_start": now}, key=key)
    # A lockout that ended is forgotten; so is what is older than one.
    await Counter.filter(key=key, blocked_until__lte=now).update(failures=0, blocked_until=None, window_start=now)
    old = Counter.filter(key=key, blocked_until=None, window_start__lte=now - timedelta(days=1))
    await old.update(failures=0, window_start=now)
    counted = await Counter.filter(key=key, failures__lt=limit).update(failures=F("failures") + 1)
    until = now + timedelta(minutes=minutes)
    await Counter.filter(key=key, failures__gte=limit, blocked_until=None).update(blocked_until=until)
    if counted != 1:
        row = await Counter.get_or_none(key=key)
        left = (row.blocked_until - now).total_seconds() if row and row.blocked_until else 1
        raise SlowDown(max(1, int(left)), "the account is left alone after too many wrong passwords")


async def give_back(key: str, limit: int) -> None:
    """Take one counted try back, with the lockout that it began: it was no wrong password."""
    counted = Counter.filter(key=key, failures__gt=0)
    await counted.update(failures=F("failures") - 1)
    await Counter.filter(key=key, failures__lt=limit).update(blocked_until=None)
