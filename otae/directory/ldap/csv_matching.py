"""Finding many people of one LDAP directory by user name or e-mail address, in searches of up to a hundred each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from otae.contacts import spellings
from otae.directory import DirectoryPerson
from otae.directory.ldap.connection import Connection
from otae.directory.ldap.directory import LONGEST_WALK, LdapDirectory
from otae.directory.ldap.names import all_of, any_of, equals, is_searchable
from otae.directory.ldap.schema import has_mail
from otae.directory.local.person_fields import user_name

#: Most names and addresses in one search.
BATCH: Final = 100


@dataclass(frozen=True)
class Match:
    """A person that was found. ``addresses``: all of their e-mail addresses, in lower case and every spelling."""

    person: DirectoryPerson
    addresses: frozenset[str]


async def find_matches(directory: LdapDirectory, names: Sequence[str], addresses: Sequence[str] = ()) -> list[Match]:
    """Return the people whose user name is one of ``names`` or whose e-mail address is one of ``addresses``.

    Several people with the same address are all returned. With a global catalog, people have only the attributes that
    the catalog holds. Raises DirectoryUnavailable when the directory does not answer.
    """
    schema = directory.people_schema
    asked = [
        equals(schema.search_by, user_name(each)) for each in names if (text := each.strip()) and is_searchable(text)
    ]
    asked += [has_mail(text) for each in addresses if (text := each.strip()) and is_searchable(text)]
    if not asked:
        return []

    def search(connection: Connection) -> list[Match]:
        found: dict[str, Match] = {}
        for start in range(0, len(asked), BATCH):
            wanted = all_of(schema.people_filter, any_of(asked[start : start + BATCH]))
            for entry in connection.search(directory.people_base, wanted, schema.person_attributes):
                if person := schema.to_person(entry):
                    spelled = (each for mail in entry.texts("mail") for each in spellings(mail.strip()))
                    mails = frozenset(mail.lower() for mail in spelled)
                    found[person.directory_id] = Match(person, mails)
        return list(found.values())

    return await directory.pool.ask(directory.people_endpoint, search, time_limit=LONGEST_WALK)
