"""The members of a group in an LDAP directory, nested groups included, each once.

An Active Directory, recognised by the capabilities in its root DSE, resolves nested groups by its own matching
rule. Elsewhere groups are read breadth first, each once, so that circular groups end. People are read page by page.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from otae.directory import MembersPage
from otae.directory.ldap.connection import PAGE, Connection
from otae.directory.ldap.names import all_of, any_of, comparable, domain_of, equals, escaped, is_below, parent_and_rdn
from otae.directory.ldap.results import Entry, LdapError
from otae.directory.ldap.schema import GROUP, Schema

#: The capability by which an Active Directory is recognised, and its matching rule for nested groups.
ACTIVE_DIRECTORY: Final = "1.2.840.113556.1.4.800"
IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
#: Most entries that one search asks for by name.
BATCH: Final = 100
#: Most groups nested in one group, at any depth.
MOST_GROUPS: Final = 10_000
#: Most walks whose members are cached between pages.
CACHED_WALKS: Final = 4


@dataclass
class Members:
    """The members of a group.

    ``dns_by_form``: the members' DNs by their form to compare (`names.comparable`). ``names``: members that the group
    lists by user name only (posixGroup).
    """

    dns_by_form: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class WalkCache:
    """Keeps the members of groups that are being read page by page in this process; used in several threads.

    A walk is named by the random text that its pages' cursors begin with.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._walks: OrderedDict[str, list[str]] = OrderedDict()

    def keep(self, walk: str, keys: list[str]) -> None:
        """Keep the keys of a walk's members; the oldest walk beyond CACHED_WALKS is forgotten."""
        with self._lock:
            self._walks[walk] = keys
            self._walks.move_to_end(walk)
            while len(self._walks) > CACHED_WALKS:
                self._walks.popitem(last=False)

    def find(self, walk: str) -> list[str] | None:
        """Return the keys of a walk's members, None when they are not kept."""
        with self._lock:
            return self._walks.get(walk)


@dataclass(frozen=True)
class Walk:
    """Reads the members of one group, page by page. ``group``: its DN; people outside ``user_base`` are left out."""

    schema: Schema
    user_base: str
    group: str
    cache: WalkCache

    def page(self, connection: Connection, after: str) -> MembersPage:
        """Return the page that follows ``after``, the cursor of an earlier page; "" for the first page."""
        walk, _, last = after.partition("|")
        keys = self.cache.find(walk) or self._keys(connection)
        walk = walk or secrets.token_hex(8)
        remaining = list(islice((key for key in keys if key > last), PAGE))
        found = self.schema.to_people(self._read_people(connection, remaining))
        people = {person.directory_id: person for person in found}
        more = bool(remaining) and remaining[-1] != keys[-1]
        if more:
            self.cache.keep(walk, keys)
        return MembersPage(list(people.values()), f"{walk}|{remaining[-1]}" if more else "")

    def _keys(self, connection: Connection) -> list[str]:
        """Return a key for each member, "dn:…" or "name:…", in an order that does not change between pages."""
        members = self._read_members(connection)
        return sorted([f"dn:{dn}" for dn in members.dns_by_form.values()] + [f"name:{name}" for name in members.names])

    def _read_members(self, connection: Connection) -> Members:
        if ACTIVE_DIRECTORY in connection.root().texts("supportedCapabilities"):
            inside = all_of(self.schema.people_filter, inside_group(self.group))
            found = connection.search(self.user_base, inside, ["1.1"]) + self._by_primary_group(connection)
            return Members({comparable(entry.dn): entry.dn for entry in found})
        members, seen = Members(), {comparable(self.group)}
        level = self._read_groups(connection, [self.group])
        while level:
            named: dict[str, str] = {}
            for entry in level:
                members.names.update(name.strip().lower() for name in entry.texts("memberUid") if name.strip())
                named |= {comparable(dn): dn for dn in _listed_dns(entry)}
            new = {key: dn for key, dn in named.items() if key not in members.dns_by_form and key not in seen}
            level = self._read_groups(connection, new.values())
            groups = {comparable(entry.dn) for entry in level}
            seen |= groups
            members.dns_by_form |= {key: dn for key, dn in new.items() if key not in groups}
            if len(seen) > MOST_GROUPS:
                raise LdapError("search", f"the group holds more than {MOST_GROUPS} groups")
        return members

    def _by_primary_group(self, connection: Connection) -> list[Entry]:
        """Find the people whose primary group is this group or one nested in it: no member attribute lists them."""
        groups = list(_read_by_dn(connection, [self.group], self.schema.groups_filter, ("objectSid",)))
        nested = all_of(self.schema.groups_filter, inside_group(self.group))
        groups += connection.search(domain_of(self.group), nested, ("objectSid",))
        domains: dict[str, set[bytes]] = {}
        for sid in (group.raw("objectSid") for group in groups):
            domains.setdefault(str(int.from_bytes(sid[-4:], "little")), set()).add(sid[:-4])
        found: list[Entry] = []
        remaining = iter(domains)
        while batch := list(islice(remaining, BATCH)):
            primary = all_of(self.schema.people_filter, any_of([equals("primaryGroupID", number) for number in batch]))
            people = connection.search(self.user_base, primary, ("objectSid", "primaryGroupID"))
            # The number is unique within a domain only: another domain's people may be below the same base.
            found += [each for each in people if each.raw("objectSid")[:-4] in domains[each.text("primaryGroupID")]]
        return found

    def _read_groups(self, connection: Connection, dns: Iterable[str]) -> list[Entry]:
        """Read those of ``dns`` that are groups.

        Below a parent entry that holds no group at all, such as one for people, the entries are not read.
        """
        by_parent: dict[str, list[str]] = {}
        for dn in dns:
            if split := parent_and_rdn(dn):
                by_parent.setdefault(split[0], []).append(dn)
        likely = [dn for parent, batch in by_parent.items() if self._holds_groups(connection, parent) for dn in batch]
        return list(_read_by_dn(connection, likely, self.schema.groups_filter, GROUP))

    def _holds_groups(self, connection: Connection, parent: str) -> bool:
        try:
            return bool(connection.search(parent, self.schema.groups_filter, ["1.1"], scope="LEVEL", limit=1))
        except LdapError as error:
            if not error.absent:
                raise
            return False

    def _read_people(self, connection: Connection, keys: list[str]) -> list[Entry]:
        dns = [key[3:] for key in keys if key.startswith("dn:")]
        inside = [dn for dn in dns if is_below(dn, self.user_base)]
        wanted = self.schema.person_attributes
        found = list(_read_by_dn(connection, inside, self.schema.people_filter, wanted))
        names = iter([key[5:] for key in keys if key.startswith("name:")])
        while batch := list(islice(names, BATCH)):
            called = all_of(self.schema.people_filter, any_of([equals("uid", name) for name in batch]))
            found += connection.search(self.user_base, called, wanted)
        return found


def inside_group(dn: str) -> str:
    """Return the filter with which an Active Directory finds all members of the group ``dn``, nested ones included."""
    return f"(memberOf:{IN_CHAIN}:={escaped(dn)})"


def _read_by_dn(
    connection: Connection, dns: Iterable[str], search_filter: str, attributes: tuple[str, ...]
) -> Iterator[Entry]:
    """Yield the entries named by ``dns`` that match ``search_filter``, up to BATCH of one parent in each search."""
    by_parent: dict[str, list[str]] = {}
    for dn in dns:
        if split := parent_and_rdn(dn):
            parent, own = split
            named = [equals(attribute, value) for attribute, value in own]
            by_parent.setdefault(parent, []).append(all_of(*named) if len(named) > 1 else named[0])
    for parent, filters in by_parent.items():
        remaining = iter(filters)
        while batch := list(islice(remaining, BATCH)):
            try:
                yield from connection.search(parent, all_of(search_filter, any_of(batch)), attributes, scope="LEVEL")
            except LdapError as error:
                if not error.absent:
                    raise
                # The parent was deleted, or is not on this server: its entries do not exist here. Any other refusal,
                # such as a limit, would leave out people who are members.


def _listed_dns(entry: Entry) -> list[str]:
    """Return the DNs that a group lists; a uniqueMember may end with "#" and a bit string (RFC 4517 §3.3.21)."""
    unique = [text.rpartition("#")[0] if text.endswith("'B") and "#'" in text else text
              for text in entry.texts("uniqueMember")]  # fmt: skip
    return [dn for dn in entry.texts("member") + unique if dn.strip()]
