"""Finds people and groups while somebody types, in our own tables and in every directory, as one list."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from otae.contacts import shown_address
from otae.directory import DirectoryGroup, DirectoryPerson, registry
from otae.directory.ldap import servers
from otae.directory.local import groups
from otae.directory.local.people import list_people, search_people
from otae.directory.local.person_fields import DOMAIN
from otae.errors import DirectoryUnavailable
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext, tally

Each = TypeVar("Each", DirectoryPerson, DirectoryGroup)

#: Most hits from each directory.
MAX_HITS: Final = 20
#: Seconds to wait for a directory.
DIRECTORY_TIMEOUT: Final = 4
#: Fewest letters for which every directory is asked, and the longest text that is searched for.
SHORTEST, LONGEST = 2, 201


@dataclass(frozen=True)
class Hit:
    """A person or group that was found. ``value`` identifies it in the field; ``words`` describe it."""

    value: str
    words: str


@dataclass(frozen=True)
class Hits:
    """What was found. ``chosen`` is the exact match; ``unanswered`` are directories that did not answer."""

    found: Sequence[Hit]
    chosen: Hit | None = None
    unanswered: Sequence[str] = ()


@dataclass(frozen=True)
class Query:
    """What to look for. ``exact`` is the value of an exact match; ``ours``: also in our own tables."""

    text: str
    exact: str
    ours: bool
    domains_asked: Sequence[str] = ()


async def domains() -> dict[str, str]:
    """Return the domains that a search can be narrowed to, with their titles; only "" when there is no directory."""
    everywhere, names = {"": _("Everywhere")}, await registry.domains()
    each = {name: _("Kept here") if name == DOMAIN else name for name in names}
    return everywhere | each if len(names) > 1 else everywhere


def with_domain(typed: str, domain: str) -> str:
    """Return ``typed`` with the chosen ``domain`` in front, unless it names one itself."""
    return f"{domain}/{typed.strip()}" if domain and not registry.split_domain(typed)[0] else typed


async def people(visit: Console, typed: str, domain: str) -> Hits:
    """Return matching people within reach; directories are asked only from SHORTEST letters on or for a chosen domain.

    An administrator limited to some groups finds only those of their people that our own tables know.
    """
    query = await _query(typed, domain)
    reach = visit.reach
    if reach.limited:
        found = search_people(query.text, MAX_HITS, reach=reach) if query.text else list_people(reach=reach)
        rows = [row for row in await found if not row.disabled][:MAX_HITS]
        return _hits([_person_hit(row.name, row.display_name, row.email, row.domain) for row in rows], query)
    domains_asked = [*([DOMAIN] if query.ours else []), *query.domains_asked]
    all_found, unanswered = await _ask_all(
        domains_asked, lambda domain: registry.search_people(visit.desk, query.text, domain=domain, limit=MAX_HITS)
    )
    return _hits([_hit_of(each, visit.now) for each in all_found], query, unanswered)


async def groups_of(visit: Console, typed: str, domain: str) -> Hits:
    """Return matching groups within reach; our own with their number of members."""
    query = await _query(typed, domain)
    rows = await groups.list_groups(query.text, limit=MAX_HITS, reach=visit.reach) if query.ours else []
    count = {
        row.name: ngettext("%(count)s person", "%(count)s people", row.members) % {"count": tally(row.members)}
        for row in rows
    }
    hits = [Hit(name, words) for name, words in count.items()]
    distant, unanswered = await _ask_all(
        query.domains_asked,
        lambda domain: registry.search_groups(visit.desk, query.text, domain=domain, limit=MAX_HITS),
    )
    hits += [Hit(each.address, each.domain) for each in distant if visit.reach.includes_group(each.domain, each.name)]
    return _hits(hits, query, unanswered)


async def _query(typed: str, domain: str) -> Query:
    """Return what to look for and where; a domain typed before the name counts like a chosen one."""
    whole = typed[:LONGEST].strip()
    before, name = registry.split_domain(whole)
    if before == DOMAIN:
        return Query(name, name, ours=True)
    if before and (row := await servers.find_directory(before)):
        return Query(name, f"{row.domain}/{name}", ours=False, domains_asked=[row.domain])
    if domain and domain != DOMAIN:
        return Query(whole, f"{domain}/{whole}", ours=False, domains_asked=[domain])
    if domain:
        return Query(whole, whole, ours=True)
    return Query(
        whole, whole, ours=True, domains_asked=(await registry.domains())[1:] if len(whole) >= SHORTEST else []
    )


async def _ask_all(
    domains_asked: Sequence[str], ask: Callable[[str], Awaitable[list[Each]]]
) -> tuple[list[Each], list[str]]:
    """Ask all directories at once; return what they found, in their order, and which did not answer."""

    async def one(domain: str) -> list[Each] | None:
        try:
            async with asyncio.timeout(DIRECTORY_TIMEOUT):
                return await ask(domain)
        except (DirectoryUnavailable, TimeoutError):
            return None

    answers = await asyncio.gather(*(one(domain) for domain in domains_asked))
    found = [each for answer in answers if answer for each in answer]
    return found, [domain for domain, answer in zip(domains_asked, answers, strict=True) if answer is None]


def _person_hit(name: str, display_name: str, email: str | None, domain: str) -> Hit:
    ours = domain == DOMAIN
    parts = [display_name, shown_address(email) or _("no e-mail address"), "" if ours else domain]
    return Hit(name if ours else f"{domain}/{name}", " · ".join(part for part in parts if part))


def _hit_of(each: DirectoryPerson, now: datetime) -> Hit:
    hit = _person_hit(each.name, each.display_name, each.email, each.domain)
    disabled = _("disabled there")
    return Hit(hit.value, f"{hit.words} · {disabled}") if each.is_disabled(now) else hit


def _hits(hits: Sequence[Hit], query: Query, unanswered: Sequence[str] = ()) -> Hits:
    return Hits(hits, next((hit for hit in hits if hit.value.lower() == query.exact.lower()), None), unanswered)
