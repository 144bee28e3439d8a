"""Whom or which group somebody means, found while one types: our own, and those of every directory, as one list."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from otae.contacts import shown_address
from otae.directory import DirectoryGroup, DirectoryPerson, groups, local, registry
from otae.directory.ldap import servers
from otae.directory.person_fields import DOMAIN
from otae.errors import DirectoryUnavailable
from otae.web.guards import Console
from otae.words import gettext as _
from otae.words import ngettext, tally

Each = TypeVar("Each", DirectoryPerson, DirectoryGroup)

#: How many of each directory are offered.
OFFERED: Final = 20
#: Seconds that somebody who types waits for a directory.
WAITED: Final = 4
#: Fewest letters that every directory is asked about, and the longest text that is looked for.
SHORTEST, LONGEST = 2, 201


@dataclass(frozen=True)
class Hit:
    """One that may be meant. ``value``: what names it in the field; ``words``: who or what that is."""

    value: str
    words: str


@dataclass(frozen=True)
class Hits:
    """What was found. ``chosen``: the one that is named exactly; ``silent``: directories that did not answer."""

    found: Sequence[Hit]
    chosen: Hit | None = None
    silent: Sequence[str] = ()


@dataclass(frozen=True)
class Asked:
    """What is looked for, whether among our own, and in which directories. ``exact``: what would name it in full."""

    text: str
    exact: str
    ours: bool
    places: Sequence[str] = ()


async def domains() -> dict[str, str]:
    """Return what the search can be narrowed to, with its words; only "" when there is no directory."""
    everywhere, names = {"": _("Everywhere")}, await registry.domains()
    each = {name: _("Kept here") if name == DOMAIN else name for name in names}
    return everywhere | each if len(names) > 1 else everywhere


def named(typed: str, domain: str) -> str:
    """Return what names whom or what was typed after ``domain`` was chosen."""
    return f"{domain}/{typed.strip()}" if domain and not registry.split_domain(typed)[0] else typed


async def people(visit: Console, typed: str, domain: str) -> Hits:
    """Return people within reach who fit; with next to nothing typed and no domain chosen no directory is asked.

    Who is limited to some groups is offered those of their people that our own tables know, and nobody else.
    """
    asked = await _asked(typed, domain)
    reach = visit.reach
    if reach.limited:
        found = local.search_people(asked.text, OFFERED, reach=reach) if asked.text else local.list_people(reach=reach)
        rows = [row for row in await found if not row.disabled][:OFFERED]
        return _hits([_person(row.name, row.display_name, row.email, row.domain) for row in rows], asked)
    places = [*([DOMAIN] if asked.ours else []), *asked.places]
    all_found, silent = await _of_all(
        places, lambda place: registry.search_people(visit.desk, asked.text, domain=place, limit=OFFERED)
    )
    return _hits([_found(each, visit.now) for each in all_found], asked, silent)


async def groups_of(visit: Console, typed: str, domain: str) -> Hits:
    """Return groups within reach that fit; our own with how many people are in them."""
    asked = await _asked(typed, domain)
    rows = await groups.list_groups(asked.text, limit=OFFERED, reach=visit.reach) if asked.ours else []
    count = {
        row.name: ngettext("%(count)s person", "%(count)s people", row.members) % {"count": tally(row.members)}
        for row in rows
    }
    hits = [Hit(name, words) for name, words in count.items()]
    distant, silent = await _of_all(
        asked.places, lambda place: registry.search_groups(visit.desk, asked.text, domain=place, limit=OFFERED)
    )
    hits += [Hit(each.address, each.domain) for each in distant if visit.reach.includes_group(each.domain, each.name)]
    return _hits(hits, asked, silent)


async def _asked(typed: str, domain: str) -> Asked:
    """Return what to look for and where; a domain before the name narrows the search as one that was chosen."""
    whole = typed[:LONGEST].strip()
    before, name = registry.split_domain(whole)
    if before == DOMAIN:
        return Asked(name, name, ours=True)
    if before and (row := await servers.find_directory(before)):
        return Asked(name, f"{row.domain}/{name}", ours=False, places=[row.domain])
    if domain and domain != DOMAIN:
        return Asked(whole, f"{domain}/{whole}", ours=False, places=[domain])
    if domain:
        return Asked(whole, whole, ours=True)
    return Asked(whole, whole, ours=True, places=(await registry.domains())[1:] if len(whole) >= SHORTEST else [])


async def _of_all(places: Sequence[str], ask: Callable[[str], Awaitable[list[Each]]]) -> tuple[list[Each], list[str]]:
    """Ask every directory at once; return what they found, in their order, and which of them did not answer."""

    async def one(place: str) -> list[Each] | None:
        try:
            async with asyncio.timeout(WAITED):
                return await ask(place)
        except (DirectoryUnavailable, TimeoutError):
            return None

    answers = await asyncio.gather(*(one(place) for place in places))
    found = [each for answer in answers if answer for each in answer]
    return found, [place for place, answer in zip(places, answers, strict=True) if answer is None]


def _person(name: str, display_name: str, email: str | None, domain: str) -> Hit:
    ours = domain == DOMAIN
    told = [display_name, shown_address(email) or _("no e-mail address"), "" if ours else domain]
    return Hit(name if ours else f"{domain}/{name}", " · ".join(part for part in told if part))


def _found(each: DirectoryPerson, now: datetime) -> Hit:
    hit = _person(each.name, each.display_name, each.email, each.domain)
    return Hit(hit.value, f"{hit.words} · {_('disabled there')}") if each.is_disabled(now) else hit


def _hits(hits: Sequence[Hit], asked: Asked, silent: Sequence[str] = ()) -> Hits:
    return Hits(hits, next((hit for hit in hits if hit.value.lower() == asked.exact.lower()), None), silent)
