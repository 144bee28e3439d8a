"""People who have to wait because of wrong passwords: finding them, and unlocking them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from otae.accounts.throttle import (
    BARE,
    CONSOLE,
    DURING_OUTAGE,
    FAILURES,
    LINK,
    LOCKOUT,
    OUTAGE,
    AccountKeys,
    account_by_id,
    account_by_name,
)
from otae.directory.local.person_fields import DOMAIN
from otae.store import audit, failure_counters
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from otae.text import folded

#: Most counters, and people, that are read at a time.
PAGE_SIZE = 2000


async def locked_among(desk: Desk, people: Iterable[Person], *, now: datetime) -> dict[UUID, datetime]:
    """Return which of ``people`` have to wait because of wrong passwords: until when, by person id."""
    blocked, counters = await _blocked(now), await _Counters.of(desk)
    waits: dict[UUID, datetime] = {}
    for each in people:
        keys = counters.keys_of(each.id, each.domain, each.directory_id, each.name) if blocked else ()
        if ends := [blocked[key] for key in keys if key in blocked]:
            waits[each.id] = max(ends)
    return waits


async def locked_ids(desk: Desk, *, now: datetime) -> set[UUID]:
    """Return the ids of all people who have to wait.

    Counters hold hashes and no names, so that a reader of the database learns nothing from them. So while anybody has
    to wait, every person is compared with the counters, page by page, so that other requests are not delayed.
    """
    blocked, found, after = await _blocked(now), set[UUID](), UUID(int=0)
    counters = await _Counters.of(desk)
    while blocked:
        rows = Person.filter(id__gt=after, rehearsal=False, removed_at=None).order_by("id").limit(PAGE_SIZE)
        page = await rows.values_list("id", "domain", "directory_id", "name")
        for person_id, domain, directory_id, name in page:
            if not blocked.keys().isdisjoint(counters.keys_of(person_id, str(domain), directory_id, str(name))):
                found.add(person_id)
        if len(page) < PAGE_SIZE:
            break
        after = page[-1][0]
    return found


async def unlock(desk: Desk, person: Person, *, now: datetime, actor: str) -> bool:
    """Delete the counted failures of this person, from all networks; return whether there were any. Audited.

    The PINs of invitations are counted apart: resend the invitation for those. A directory's own lockout remains.
    """
    keys = (await _Counters.of(desk)).keys_of(person.id, person.domain, person.directory_id, person.name)
    prefixes = [f"{kind}:{key}:" for key in keys for kind in (FAILURES, DURING_OUTAGE)]
    async with transaction():
        deleted = await failure_counters.reset(*(f"{LOCKOUT}:{key}" for key in keys), prefixes=prefixes)
        if deleted:
            await audit.record(actor, "person.unlocked", now=now, subject=str(person.id))
    return bool(deleted)


@dataclass(frozen=True)
class _Counters:
    """The counter keys of people. ``default``: the domain of the default directory, for names typed without one."""

    keys: AccountKeys
    default: str

    @classmethod
    async def of(cls, desk: Desk) -> "_Counters":
        default = await DirectoryServer.filter(is_default=True).first()
        return cls(await AccountKeys.of(desk), default.domain if default else "")

    def keys_of(self, person_id: UUID, domain: str, directory_id: str | None, name: str) -> list[str]:
        """Return each key under which a person's attempts may be counted: by name, directory id and mailed link."""
        plain = folded(name)
        typed = account_by_name("" if domain in {DOMAIN, self.default} else domain, plain)
        accounts = [(LINK, str(person_id)), (BARE, typed), (OUTAGE, plain)]
        if domain != DOMAIN:
            accounts += [(page, account_by_name(domain, plain)) for page in (BARE, CONSOLE)]
            accounts += [(page, account_by_id(domain, directory_id or "")) for page in (LINK, BARE, CONSOLE)]
        return [self.keys.key(page, account) for page, account in accounts]


async def _blocked(now: datetime) -> dict[str, datetime]:
    """Return the keys of the accounts that have to wait, and until when at the latest."""
    waits: dict[str, datetime] = {}
    prefixes = [f"{kind}:" for kind in (FAILURES, DURING_OUTAGE, LOCKOUT)]
    for key, until in (await failure_counters.blocked(prefixes, now, PAGE_SIZE)).items():
        name = key.split(":")[1]
        waits[name] = max(until, waits.get(name, until))
    return waits
