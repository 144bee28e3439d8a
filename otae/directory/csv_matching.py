"""Many people of one directory at once: a hundred user names or addresses in a search, all on one line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from otae.contacts import spellings
from otae.directory import Found
from otae.directory.ldap.connection import Line
from otae.directory.ldap.directory import LONGEST_WALK, LdapDirectory
from otae.directory.ldap.names import LONGEST, both, either, equal
from otae.directory.ldap.pool import ask
from otae.directory.ldap.schema import PERSON, mailed
from otae.directory.person_fields import user_name
from otae.text import why_refused

#: Names asked for in one search.
AT_ONCE: Final = 100


@dataclass(frozen=True)
class Among:
    """Somebody who was asked for, with all of their addresses in lower case."""

    person: Found
    addresses: frozenset[str]


async def find_among(directory: LdapDirectory, names: Sequence[str], addresses: Sequence[str] = ()) -> list[Among]:
    """Return everybody whose user name is one of ``names`` or whose e-mail address is one of ``addresses``.

    Whoever has none is not in the answer; several with one address all are. Where a global catalog answers, they are as
    it has them. Raises DirectoryUnavailable.
    """
    shape = directory.shape
    asked = [equal(shape.search_by, user_name(name)) for name in names if _can_be(name)]
    asked += [mailed(address.strip()) for address in addresses if _can_be(address)]
    if not asked:
        return []

    def search(line: Line) -> list[Among]:
        found: dict[str, Among] = {}
        for part in _parts(asked):
            for entry in line.search(directory.people_base, both(shape.people, either(part)), PERSON):
                if person := shape.found(entry):
                    written = (each for mail in entry.texts("mail") for each in spellings(mail.strip()))
                    mails = frozenset(mail.lower() for mail in written)
                    found[person.directory_id] = Among(person, mails)
        return list(found.values())

    return await ask(directory.people_at, search, longest=LONGEST_WALK)


def _parts(filters: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(filters), AT_ONCE):
        yield filters[start : start + AT_ONCE]


def _can_be(text: str) -> bool:
    """Tell whether a server is asked about ``text``, which is cleaned then: servers leave out what cannot be seen."""
    return 0 < len(text.strip()) <= LONGEST and not why_refused(text.strip())
