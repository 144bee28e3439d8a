r"""Matches the lines of a CSV file with people: local ones first, then those of directories; a page at a time.

A name may carry its domain ("CORP\ben", "corp/ben", "ben@corp.example") or have it in a column of its own. A name
without a domain is a local person's, or somebody's in the default directory.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError
from tortoise.functions import Lower

from otae.directory import DirectoryPerson, registry
from otae.directory.ldap import servers
from otae.directory.ldap.csv_matching import find_matches
from otae.directory.ldap.directory import ldap_directory
from otae.directory.local.person_fields import DOMAIN, user_name
from otae.errors import StaleState
from otae.invitations import csv_columns
from otae.invitations.csv_columns import LineContext
from otae.invitations.groups import LISTED
from otae.store import audit
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, GroupInvitation, GroupInvitee, Person


@dataclass
class _DirectoryQuery:
    """The names and e-mail addresses to look up in one directory, by the line's id."""

    server: DirectoryServer
    names: dict[UUID, str] = field(default_factory=dict)
    mails: dict[UUID, str] = field(default_factory=dict)


async def match_lines(
    desk: Desk, row: GroupInvitation, lines: Sequence[GroupInvitee], *, now: datetime
) -> dict[UUID, Person]:
    """Return the person that each line names, by user name, else by e-mail address; keyed by the line's id.

    A line that matches nobody, several people, or somebody already matched by an earlier line gets its ``reason`` set.

    Raises:
        DirectoryUnavailable: No line was changed; they can be looked up again.
    """
    open_lines = [line for line in lines if not line.reason]
    found, ambiguous = await _local_matches(open_lines)
    queries = await _directory_queries(
        [line for line in open_lines if line.id not in found and line.id not in ambiguous]
    )
    for each in queries.values():
        theirs, more = await _directory_matches(desk, each, now)
        found |= theirs
        ambiguous |= more
    looked_up = GroupInvitee.filter(group_invitation_id=row.id, person_id__not_isnull=True).exclude(status=LISTED)
    candidates = list({person.id for person in found.values()})
    seen = {line.person_id for line in await looked_up.filter(person_id__in=candidates).only("id", "person_id")}
    matched: dict[UUID, Person] = {}
    for line in open_lines:
        person = found.get(line.id)
        if person is None:
            line.reason = "ambiguous" if line.id in ambiguous else "unknown"
        elif person.id in seen:
            line.reason = "duplicate"
        else:
            seen.add(person.id)
            matched[line.id] = person
    return matched


async def new_people(row: GroupInvitation, lines: Sequence[GroupInvitee], context: LineContext) -> dict[UUID, Person]:
    """Return the people whom the lines that nobody is known for would add, not stored; keyed by the line's id.

    A line that cannot add anybody, or names somebody whom an earlier line adds, gets another ``reason``.
    """
    unknown = [line for line in lines if line.reason == "unknown" and (line.name or line.email)]
    columns = {line.id: csv_columns.new_person(line, context) for line in unknown}
    names = [made["name"] for made in columns.values() if made]
    before = GroupInvitee.filter(group_invitation_id=row.id, name__in=names, person_id=None, status="waiting")
    seen = {str(name) for name in await before.values_list("name", flat=True)}
    added: dict[UUID, Person] = {}
    for line in unknown:
        made = columns[line.id]
        line.reason = "person" if made is None else "duplicate" if made["name"] in seen else ""
        if made and not line.reason:
            seen.add(made["name"])
            added[line.id] = Person(domain=DOMAIN, created_at=context.now, **made)
    return added


async def people_to_add(row: GroupInvitation, batch: Sequence[GroupInvitee], *, now: datetime) -> list[Person]:
    """Return the people whom a batch adds, not stored, and put their ids into its lines.

    Whoever was added by somebody else meanwhile is invited as they are, unless the order names them elsewhere: then
    the line gets a ``reason``.
    """
    made = {each.id: csv_columns.added_person(each.given, now) for each in batch}
    new = {person.name: (each, person) for each in batch if (person := made[each.id])}
    known = Person.filter(domain=DOMAIN, name__in=list(new), rehearsal=False)
    there = {person.name: person for person in await known} if new else {}
    named = GroupInvitee.filter(group_invitation_id=row.id, person_id__in=[each.id for each in there.values()])
    elsewhere = {*await named.values_list("person_id", flat=True)} if there else set()
    added = []
    for name, (line, wanted) in new.items():
        person = there.get(name, wanted)
        if name not in there:
            added.append(person)
        line.person_id = None if person.id in elsewhere else person.id
        line.reason = "duplicate" if person.id in elsewhere else ""
    return added


async def store_added(people: Sequence[Person], *, actor: str, now: datetime) -> None:
    """Store people whom a file added, each with an entry in the audit log, inside the batch's transaction.

    Raises:
        StaleState: One of them was added by somebody else a moment ago.
    """
    try:
        await Person.bulk_create(people)
    except IntegrityError:
        raise StaleState("somebody of this file was added by another") from None
    for person in people:
        await audit.record(actor, "person.added", now=now, subject=str(person.id))


def qualified_name(person: Person) -> str:
    """Return the person's name for a list of several domains: "ben" for a local person, else "corp/ben"."""
    return person.name if person.domain == DOMAIN else f"{person.domain}/{person.name}"[:100]


async def _local_matches(lines: Sequence[GroupInvitee]) -> tuple[dict[UUID, Person], set[UUID]]:
    """Return the local people by the line's id, and the ids of lines whose address several of them share."""
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


async def _directory_queries(lines: Sequence[GroupInvitee]) -> dict[UUID, _DirectoryQuery]:
    """Return one query for each directory that may know people of ``lines``, by the directory's id."""
    default = await DirectoryServer.filter(is_default=True).first()
    known: dict[str, DirectoryServer | None] = {}

    async def directory(domain: str) -> DirectoryServer | None:
        if domain not in known:
            known[domain] = await servers.find_directory(domain)
        return known[domain]

    queries: dict[UUID, _DirectoryQuery] = {}
    for line in lines:
        domain, name = registry.split_domain(line.name)
        if domain == DOMAIN:
            continue
        local_part, _, mail_domain = name.rpartition("@")
        server = await directory(domain) if domain else await directory(mail_domain) if local_part else None
        if server is None and not domain:
            server = default
        elif server and not domain and server.search_by not in {"userPrincipalName", "mail"}:
            name = local_part
        if server is None:
            continue
        each = queries.setdefault(server.id, _DirectoryQuery(server))
        if name:
            each.names[line.id] = user_name(name)
        if mail := name if "@" in name else (not name and line.email) or "":
            each.mails[line.id] = mail.lower()
    return queries


async def _directory_matches(desk: Desk, query: _DirectoryQuery, now: datetime) -> tuple[dict[UUID, Person], set[UUID]]:
    """Return the people found in one directory by the line's id, and the ids of lines that match several of them."""
    directory = await ldap_directory(desk, query.server)
    people = await find_matches(directory, sorted(set(query.names.values())), sorted(set(query.mails.values())))
    named: dict[str, list[DirectoryPerson]] = {}
    mailed: dict[str, list[DirectoryPerson]] = {}
    for each in people:
        named.setdefault(each.person.name, []).append(each.person)
        for mail in each.addresses:
            mailed.setdefault(mail, []).append(each.person)
    fitting = {
        key: named.get(query.names.get(key, ""), []) or mailed.get(query.mails.get(key, "-"), [])
        for key in {**query.names, **query.mails}
    }
    one = {key: found[0] for key, found in fitting.items() if len(found) == 1}
    kept = {person.directory_id: person for person in await registry.save_people(one.values(), now)}
    found = {key: kept[each.directory_id] for key, each in one.items() if each.directory_id in kept}
    return found, {key for key, each in fitting.items() if len(each) > 1}
