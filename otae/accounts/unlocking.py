"""People who have to wait because of wrong passwords: who they are, and letting them try again at once."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tortoise.expressions import Q

from otae.accounts import lockout, throttle
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Counter, Person

#: Counters are read, and people compared with them, so many at a time.
PAGE = 2000
#: The doors at which an account of a directory is left alone: by whom the link was followed, and by the name typed.
LINK, BARE = "link", "bare"


async def locked_among(people: Iterable[Person], *, now: datetime) -> dict[UUID, datetime]:
    """Return for the id of each of ``people`` who has to wait somewhere until when; others are not in it."""
    blocked = await _blocked(now)
    found: dict[UUID, datetime] = {}
    for person in people:
        if until := [blocked[key] for key in _keys(person.id, person.domain, person.name) if key in blocked]:
            found[person.id] = max(until)
    return found


async def locked_ids(*, now: datetime) -> set[UUID]:
    """Return the ids of all people who have to wait. Counters hold no names, so everybody is compared with them."""
    blocked, found, after = await _blocked(now), set[UUID](), UUID(int=0)
    while blocked:
        rows = Person.filter(id__gt=after, rehearsal=False, removed_at=None).order_by("id").limit(PAGE)
        page = await rows.values_list("id", "domain", "name")
        for person_id, domain, name in page:
            if not blocked.keys().isdisjoint(_keys(person_id, str(domain), str(name))):
                found.add(person_id)
        if len(page) < PAGE:
            break
        after = page[-1][0]
    return found


async def unlock(person: Person, *, now: datetime, actor: str) -> bool:
    """Forget the wrong passwords counted for this person, from everywhere; False when there were none. Audited.

    PINs of invitations are not touched: resend the invitation for those. What a directory counts itself it keeps.
    """
    by_name, *others = _keys(person.id, person.domain, person.name)
    async with transaction():
        held = await Counter.filter(Q(key__startswith=f"{by_name}:") | Q(key__in=others)).delete()
        if held:
            await audit.record(actor, "person.unlocked", now=now, subject=str(person.id))
    return bool(held)


def _keys(person_id: UUID, domain: str, name: str) -> list[str]:
    """Return what a person's counters are called: of passwords without the network, of a directory's account whole."""
    doors = [(LINK, str(person_id)), (BARE, name)]
    return [throttle.name_key("password", name), *(lockout.key_of(door, domain, account) for door, account in doors)]


async def _blocked(now: datetime) -> dict[str, datetime]:
    """Return the counters, as `_keys` calls them, that have to wait, and until when at the latest."""
    found: dict[str, datetime] = {}
    ours = Q(key__startswith="password:") | Q(key__startswith="lockout:")
    for row in await Counter.filter(ours, blocked_until__gt=now).limit(PAGE):
        key = ":".join(row.key.split(":", 2)[:2]) if row.key.startswith("password:") else row.key
        if row.blocked_until is not None:
            found[key] = max(row.blocked_until, found.get(key, row.blocked_until))
    return found
