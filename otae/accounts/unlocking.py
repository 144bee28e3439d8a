"""People who have to wait because of wrong passwords: who they are, and letting them try again at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tortoise.expressions import Q

from otae.accounts.throttle import (
    BARE,
    CONSOLE,
    DURING_OUTAGE,
    FAILURES,
    LINK,
    LOCKOUT,
    OUTAGE,
    Names,
    account_in,
    account_named,
)
from otae.directory.person_fields import DOMAIN
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Counter, DirectoryServer, Person
from otae.text import folded

#: Counters are read, and people compared with them, so many at a time.
PAGE = 2000


async def locked_among(desk: Desk, people: Iterable[Person], *, now: datetime) -> dict[UUID, datetime]:
    """Return for the id of each of ``people`` who has to wait somewhere until when; others are not in it."""
    blocked, counted = await _blocked(now), await _Counted.of(desk)
    found: dict[UUID, datetime] = {}
    for each in people:
        names = counted.names(each.id, each.domain, each.directory_id, each.name) if blocked else ()
        if until := [blocked[name] for name in names if name in blocked]:
            found[each.id] = max(until)
    return found


async def locked_ids(desk: Desk, *, now: datetime) -> set[UUID]:
    """Return the ids of all people who have to wait.

    Counters hold no names, so everybody is compared with them, while anybody has to wait at all: no index can find
    whom a counter means, and a column that names them would tell whoever reads the database. It is read by its key, a
    page at a time, so that nobody is kept waiting.
    """
    blocked, found, after = await _blocked(now), set[UUID](), UUID(int=0)
    counted = await _Counted.of(desk)
    while blocked:
        rows = Person.filter(id__gt=after, rehearsal=False, removed_at=None).order_by("id").limit(PAGE)
        page = await rows.values_list("id", "domain", "directory_id", "name")
        for person_id, domain, directory_id, name in page:
            if not blocked.keys().isdisjoint(counted.names(person_id, str(domain), directory_id, str(name))):
                found.add(person_id)
        if len(page) < PAGE:
            break
        after = page[-1][0]
    return found


async def unlock(desk: Desk, person: Person, *, now: datetime, actor: str) -> bool:
    """Forget the wrong passwords counted for this person, from everywhere; False when there were none. Audited.

    PINs of invitations are not touched: resend the invitation for those. What a directory counts itself it keeps.
    """
    names = (await _Counted.of(desk)).names(person.id, person.domain, person.directory_id, person.name)
    theirs = Q(key__in=[f"{LOCKOUT}:{name}" for name in names])
    for name in names:
        theirs |= Q(key__startswith=f"{FAILURES}:{name}:") | Q(key__startswith=f"{DURING_OUTAGE}:{name}:")
    async with transaction():
        held = await Counter.filter(theirs).delete()
        if held:
            await audit.record(actor, "person.unlocked", now=now, subject=str(person.id))
    return bool(held)


@dataclass(frozen=True)
class _Counted:
    """What people are called in counters. ``default``: the domain of the directory that names without one belong to."""

    called: Names
    default: str

    @classmethod
    async def of(cls, desk: Desk) -> "_Counted":
        default = await DirectoryServer.filter(is_default=True).first()
        return cls(await Names.of(desk), default.domain if default else "")

    def names(self, person_id: UUID, domain: str, directory_id: str | None, name: str) -> list[str]:
        """Return what a person is called at each door: by the name, by whom the directory means, by the link."""
        plain = folded(name)
        typed = account_named("" if domain in {DOMAIN, self.default} else domain, plain)
        accounts = [(LINK, str(person_id)), (BARE, typed), (OUTAGE, plain)]
        if domain != DOMAIN:
            accounts += [(door, account_named(domain, plain)) for door in (BARE, CONSOLE)]
            accounts += [(door, account_in(domain, directory_id or "")) for door in (LINK, BARE, CONSOLE)]
        return [self.called.name(door, account) for door, account in accounts]


async def _blocked(now: datetime) -> dict[str, datetime]:
    """Return what accounts that have to wait are called, and until when they do at the latest."""
    found: dict[str, datetime] = {}
    ours = Q(*(Q(key__startswith=f"{kind}:") for kind in (FAILURES, DURING_OUTAGE, LOCKOUT)), join_type=Q.OR)
    for row in await Counter.filter(ours, blocked_until__gt=now).limit(PAGE):
        name = row.key.split(":")[1]
        if row.blocked_until is not None:
            found[name] = max(row.blocked_until, found.get(name, row.blocked_until))
    return found
