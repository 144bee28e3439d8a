r"""Whom the lines of a file mean: our own people first, then those of directories, a page of lines at a time.

A name may say its domain ("CORP\ben", "corp/ben", "ben@corp.example") or stand beside it in a column of its own. What
says none is one of ours, or somebody in the default directory.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tortoise.functions import Lower

from otae.directory import DirectoryPerson, registry
from otae.directory.csv_matching import find_matches
from otae.directory.ldap import servers
from otae.directory.ldap.directory import ldap_directory
from otae.directory.person_fields import DOMAIN, user_name
from otae.invitations.groups import LISTED
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, GroupInvitation, GroupInvitee, Person


@dataclass
class _Asked:
    """What is asked of one directory, by the line's id."""

    server: DirectoryServer
    names: dict[UUID, str] = field(default_factory=dict)
    mails: dict[UUID, str] = field(default_factory=dict)


async def people_of(
    desk: Desk, row: GroupInvitation, lines: Sequence[GroupInvitee], *, now: datetime
) -> dict[UUID, Person]:
    """Find whom lines mean: by user name, else by e-mail address; return them by the line's id.

    A line that means nobody, several people, or somebody an earlier line means already, gets its ``reason``. Raises
    DirectoryUnavailable, with no line touched: they can be looked up again.
    """
    open_lines = [line for line in lines if not line.reason]
    found, several = await _ours(open_lines)
    asked = await _asked([line for line in open_lines if line.id not in found and line.id not in several])
    for each in asked.values():
        theirs, more = await _theirs(desk, each, now)
        found |= theirs
        several |= more
    before = GroupInvitee.filter(group_invitation_id=row.id, person_id__not_isnull=True).exclude(status=LISTED)
    candidates = list({person.id for person in found.values()})
    seen = {line.person_id for line in await before.filter(person_id__in=candidates).only("id", "person_id")}
    meant: dict[UUID, Person] = {}
    for line in open_lines:
        person = found.get(line.id)
        if person is None:
            line.reason = "ambiguous" if line.id in several else "unknown"
        elif person.id in seen:
            line.reason = "duplicate"
        else:
            seen.add(person.id)
            meant[line.id] = person
    return meant


def called(person: Person) -> str:
    """Return what a person is called in a list of several domains: "ben", or "corp/ben"."""
    return person.name if person.domain == DOMAIN else f"{person.domain}/{person.name}"[:100]


async def _ours(lines: Sequence[GroupInvitee]) -> tuple[dict[UUID, Person], set[UUID]]:
    """Return our own people by the line's id, and the lines whose address several of them have."""
    names: dict[UUID, str] = {}
    for line in lines:
        domain, name = registry.split_domain(line.name)
        if name and domain in {"", DOMAIN}:
            names[line.id] = user_name(name)
    mails = {line.id: (line.email or "").lower() for line in lines if not line.name}
    local = Person.filter(domain=DOMAIN, rehearsal=False, removed_at=None)
    by_name = {person.name: person for person in await local.filter(name__in=list(names.values()))}
    mailed = await local.annotate(lowered=Lower("email")).filter(lowered__in=list(mails.values()))
    by_mail = {(person.email or "").lower(): person for person in mailed}
    count = Counter((person.email or "").lower() for person in mailed)
    found = {key: by_name[name] for key, name in names.items() if name in by_name}
    found |= {key: by_mail[mail] for key, mail in mails.items() if count[mail] == 1}
    return found, {key for key, mail in mails.items() if count[mail] > 1}


async def _asked(lines: Sequence[GroupInvitee]) -> dict[UUID, _Asked]:
    """Sort lines by the directory that may have their people; who can be in none stands in no list."""
    default = await DirectoryServer.filter(is_default=True).first()
    known: dict[str, DirectoryServer | None] = {}

    async def directory(domain: str) -> DirectoryServer | None:
        if domain not in known:
            known[domain] = await servers.find_directory(domain)
        return known[domain]

    asked: dict[UUID, _Asked] = {}
    for line in lines:
        domain, name = registry.split_domain(line.name)
        if domain == DOMAIN:
            continue
        before, _, behind = name.rpartition("@")
        server = await directory(domain) if domain else await directory(behind) if before else None
        if server is None and not domain:
            server = default
        elif server and not domain and server.search_by not in {"userPrincipalName", "mail"}:
            name = before
        if server is None:
            continue
        each = asked.setdefault(server.id, _Asked(server))
        if name:
            each.names[line.id] = user_name(name)
        if mail := name if "@" in name else (not name and line.email) or "":
            each.mails[line.id] = mail.lower()
    return asked


async def _theirs(desk: Desk, asked: _Asked, now: datetime) -> tuple[dict[UUID, Person], set[UUID]]:
    """Return people of one directory by the line's id, and the lines that several of them fit."""
    directory = await ldap_directory(desk, asked.server)
    people = await find_matches(directory, sorted(set(asked.names.values())), sorted(set(asked.mails.values())))
    named: dict[str, list[DirectoryPerson]] = {}
    mailed: dict[str, list[DirectoryPerson]] = {}
    for each in people:
        named.setdefault(each.person.name, []).append(each.person)
        for mail in each.addresses:
            mailed.setdefault(mail, []).append(each.person)
    fitting = {
        key: named.get(asked.names.get(key, ""), []) or mailed.get(asked.mails.get(key, "-"), [])
        for key in {**asked.names, **asked.mails}
    }
    one = {key: found[0] for key, found in fitting.items() if len(found) == 1}
    kept = {person.directory_id: person for person in await registry.save_people(one.values(), now)}
    found = {key: kept[each.directory_id] for key, each in one.items() if each.directory_id in kept}
    return found, {key for key, each in fitting.items() if len(each) > 1}
