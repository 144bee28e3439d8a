"""Everybody in a group of an LDAP directory, the groups in it included, each once.

An Active Directory, known by what its root says, is asked by its own rule; elsewhere groups are opened one after the
other, breadth first, each once, however they hold one another. People are read a page at a time.
"""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from otae.directory import MembersPage
from otae.directory.ldap.connection import PAGE, Line
from otae.directory.ldap.names import both, domain_of, either, equal, escaped, is_below, parent_and_rdn, same
from otae.directory.ldap.results import Entry, Unreached
from otae.directory.ldap.schema import GROUP, PERSON, Shape

#: What the root of an Active Directory names among its capabilities, and the rule by which it walks nested groups.
ACTIVE_DIRECTORY: Final = "1.2.840.113556.1.4.800"
IN_CHAIN: Final = "1.2.840.113556.1.4.1941"
#: Entries asked for by name in one search.
AT_ONCE: Final = 100
#: Groups that one group may hold, at whatever depth.
MOST_GROUPS: Final = 10_000
#: Walks whose people are remembered between pages.
REMEMBERED: Final = 4


@dataclass
class Everybody:
    """Whom a group holds: places by a form to compare by, and user names that say no place (posixGroup)."""

    places: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


_LOCK: Final = threading.Lock()
_WALKS: "Final[OrderedDict[str, list[str]]]" = OrderedDict()


@dataclass(frozen=True)
class Walk:
    """Walking one group, ``group``: its DN. People outside ``user_base`` are not invited from here."""

    shape: Shape
    user_base: str
    group: str

    def page(self, line: Line, after: str) -> MembersPage:
        """Return the next people behind ``after``, what an earlier page gave."""
        walk, _, last = after.partition("|")
        keys = _recall(walk) or self._keys(line)
        walk = walk or secrets.token_hex(8)
        ahead = list(islice((key for key in keys if key > last), PAGE))
        people = {person.directory_id: person for person in self.shape.all_found(self._read(line, ahead))}
        more = bool(ahead) and ahead[-1] != keys[-1]
        if more:
            _remember(walk, keys)
        return MembersPage(list(people.values()), f"{walk}|{ahead[-1]}" if more else "")

    def _keys(self, line: Line) -> list[str]:
        """Return what each member is read by, in an order that stays: "dn:…" or "name:…"."""
        everybody = self._everybody(line)
        return sorted([f"dn:{dn}" for dn in everybody.places.values()] + [f"name:{name}" for name in everybody.names])

    def _everybody(self, line: Line) -> Everybody:
        if ACTIVE_DIRECTORY in line.root().texts("supportedCapabilities"):
            inside = both(self.shape.people, inside_group(self.group))
            found = line.search(self.user_base, inside, ["1.1"]) + self._by_primary_group(line)
            return Everybody({same(entry.dn): entry.dn for entry in found})
        everybody, seen = Everybody(), {same(self.group)}
        level = self._groups_among(line, [self.group])
        while level:
            named: dict[str, str] = {}
            for entry in level:
                everybody.names.update(name.strip().lower() for name in entry.texts("memberUid") if name.strip())
                named |= {same(dn): dn for dn in _members(entry)}
            new = {key: dn for key, dn in named.items() if key not in everybody.places and key not in seen}
            level = self._groups_among(line, new.values())
            groups = {same(entry.dn) for entry in level}
            seen |= groups
            everybody.places |= {key: dn for key, dn in new.items() if key not in groups}
            if len(seen) > MOST_GROUPS:
                raise Unreached("search", f"the group holds more than {MOST_GROUPS} groups")
        return everybody

    def _by_primary_group(self, line: Line) -> list[Entry]:
        """Find those whose primary group is this group or one in it: an Active Directory counts them nowhere else."""
        own = _by_name(line, [self.group], self.shape.groups, ("objectSid",))
        groups = [entry for some in own for entry in some]
        groups += line.search(domain_of(self.group), both(self.shape.groups, inside_group(self.group)), ("objectSid",))
        domains: dict[str, set[bytes]] = {}
        for sid in (group.raw("objectSid") for group in groups):
            domains.setdefault(str(int.from_bytes(sid[-4:], "little")), set()).add(sid[:-4])
        found: list[Entry] = []
        ahead = iter(domains)
        while some := list(islice(ahead, AT_ONCE)):
            primary = either([equal("primaryGroupID", number) for number in some])
            people = line.search(self.user_base, both(self.shape.people, primary), ("objectSid", "primaryGroupID"))
            # A number counts within its domain: there may be another domain's people below the same base.
            found += [each for each in people if each.raw("objectSid")[:-4] in domains[each.text("primaryGroupID")]]
        return found

    def _groups_among(self, line: Line, dns: Iterable[str]) -> list[Entry]:
        """Read those of ``dns`` that are groups; a place where no group stands at all is looked at once."""
        beside: dict[str, list[str]] = {}
        for dn in dns:
            if split := parent_and_rdn(dn):
                beside.setdefault(split[0], []).append(dn)
        likely = [dn for parent, some in beside.items() if self._holds_groups(line, parent) for dn in some]
        return [entry for found in _by_name(line, likely, self.shape.groups, GROUP) for entry in found]

    def _holds_groups(self, line: Line, parent: str) -> bool:
        try:
            return bool(line.search(parent, self.shape.groups, ["1.1"], scope="LEVEL", limit=1))
        except Unreached as error:
            if error.step != "search":
                raise
            return False

    def _read(self, line: Line, keys: list[str]) -> list[Entry]:
        dns = [key[3:] for key in keys if key.startswith("dn:")]
        inside = [dn for dn in dns if is_below(dn, self.user_base)]
        found = [entry for some in _by_name(line, inside, self.shape.people, PERSON) for entry in some]
        names = iter([key[5:] for key in keys if key.startswith("name:")])
        while some := list(islice(names, AT_ONCE)):
            called = both(self.shape.people, either([equal("uid", name) for name in some]))
            found += line.search(self.user_base, called, PERSON)
        return found


def inside_group(dn: str) -> str:
    """Return the filter by which an Active Directory finds everybody in a group and in the groups in it."""
    return f"(memberOf:{IN_CHAIN}:={escaped(dn)})"


def _by_name(line: Line, dns: Iterable[str], what: str, attributes: tuple[str, ...]) -> Iterator[list[Entry]]:
    """Give the entries with these names that ``what`` fits, asking for a hundred that stand beside one another."""
    beside: dict[str, list[str]] = {}
    for dn in dns:
        if split := parent_and_rdn(dn):
            parent, own = split
            named = [equal(attribute, value) for attribute, value in own]
            beside.setdefault(parent, []).append(both(*named) if len(named) > 1 else named[0])
    for parent, filters in beside.items():
        ahead = iter(filters)
        while some := list(islice(ahead, AT_ONCE)):
            try:
                yield line.search(parent, both(what, either(some)), attributes, scope="LEVEL")
            except Unreached as error:
                if error.step != "search":
                    raise
                # A place that is gone, or that this server does not hold: whoever is named there is nobody here.


def _members(entry: Entry) -> list[str]:
    """Return the places a group names; a uniqueMember may end with a number in bits that tells namesakes apart."""
    unique = [text.rpartition("#")[0] if text.endswith("'B") and "#'" in text else text
              for text in entry.texts("uniqueMember")]  # fmt: skip
    return [dn for dn in entry.texts("member") + unique if dn.strip()]


def _remember(walk: str, keys: list[str]) -> None:
    with _LOCK:
        _WALKS[walk] = keys
        _WALKS.move_to_end(walk)
        while len(_WALKS) > REMEMBERED:
            _WALKS.popitem(last=False)


def _recall(walk: str) -> list[str] | None:
    with _LOCK:
        return _WALKS.get(walk)
