"""An LDAP server or an Active Directory as a `Directory`: finding people and groups, checking passwords by a bind."""

import secrets
import unicodedata
from dataclasses import replace
from functools import partial
from typing import Final

from otae.directory import DirectoryGroup, DirectoryPerson, MembersPage, PasswordCheck
from otae.directory.ldap import membership
from otae.directory.ldap.connection import Connection, Endpoint
from otae.directory.ldap.forest import Forest
from otae.directory.ldap.names import is_dn, is_searchable, parent_and_rdn
from otae.directory.ldap.pool import LdapPool, endpoint_of
from otae.directory.ldap.results import SERVER_FAULTS, SUCCESS, Entry, LdapError
from otae.directory.ldap.schema import GROUP, Schema
from otae.directory.local.person_fields import user_name
from otae.errors import GroupAmbiguous, PersonAmbiguous
from otae.store.desk import Desk
from otae.store.models import DirectoryServer
from otae.store.properties import default_region
from otae.text import cleaned_line

#: Longest password that is sent to a server, in bytes.
LONGEST_PASSWORD: Final = 1024
#: Seconds for finding all members of a group; each response also has the directory's own time limit.
LONGEST_WALK: Final = 45.0


class LdapDirectory:
    """One configured directory. Created for each use: `LdapPool` keeps the connections."""

    def __init__(self, desk: Desk, row: DirectoryServer, region: str) -> None:
        self.pool, self._walks = desk.resources.get(LdapPool), desk.resources.get(membership.WalkCache)
        attributes = tuple(row.attributes.split())
        self.schema = Schema(row.domain, row.kind == "active-directory", row.search_by, region, attributes)
        self.endpoint: Endpoint = endpoint_of(desk, row)
        self.user_base, self.group_base = row.user_base, row.group_base
        self.forest = Forest(desk, row) if row.global_catalog_port else None
        self.people_endpoint = self.forest.catalog if self.forest else self.endpoint
        self.people_base = self.forest.base if self.forest else row.user_base
        #: How people are read from ``people_endpoint``: a global catalog holds only some attributes.
        self.people_schema = replace(self.schema, attributes=None) if self.forest else self.schema

    @property
    def domain(self) -> str:
        """The directory's domain, as an administrator named it."""
        return self.schema.domain

    async def find_person(self, name: str) -> DirectoryPerson | None:
        """See `Directory.find_person`; a name that nobody can have is not sent to the server."""
        return await self._find_one(self.schema.person_with_name(user_name(name)), name)

    async def find_by_mail(self, address: str) -> DirectoryPerson | None:
        """Return the person with this e-mail address, None when there is none. Raises PersonAmbiguous for several."""
        return await self._find_one(self.schema.person_with_mail(address.strip()), address)

    async def find_by_id(self, directory_id: str) -> DirectoryPerson | None:
        """See `Directory.find_by_id`."""
        return await self._find_one(self.schema.person_with_id(directory_id), directory_id)

    async def find_by_dn(self, dn: str) -> DirectoryPerson | None:
        """Return the person with this distinguished name, None when there is none, or it is no such name."""
        if not is_dn(dn):
            return None
        endpoint = await self.forest.endpoint_of(dn) if self.forest else self.endpoint
        entries = await self.pool.ask(endpoint, partial(_read_one, dn=dn, schema=self.schema))
        return next(iter(self.schema.to_people(entries)), None)

    async def search_people(self, text: str, limit: int = 10) -> list[DirectoryPerson]:
        """See `Directory.search_people`; disabled people come last."""
        if not is_searchable(text):
            return []
        found = await self._search_people(self.schema.people_matching(cleaned_line(text)), limit)
        return sorted(found, key=lambda person: person.disabled)

    async def search_groups(self, text: str, limit: int = 10) -> list[DirectoryGroup]:
        """See `Directory.search_groups`."""
        if not is_searchable(text):
            return []
        return await self._search_groups(self.schema.groups_matching(cleaned_line(text)), limit)

    async def find_group(self, name: str) -> DirectoryGroup | None:
        """See `Directory.find_group`."""
        if not name.strip() or not is_searchable(name):
            return None
        found = await self._search_groups(self.schema.group_with_name(cleaned_line(name)), 5)
        if len(found) > 1:
            raise GroupAmbiguous(f"{name} is {' and '.join(group.id for group in found)}"[:500])
        return found[0] if found else None

    async def members(self, group: DirectoryGroup, after: str = "") -> MembersPage:
        """See `Directory.members`; people come in the order of their names, and a deleted group has none."""
        walk = membership.Walk(self.schema, self.user_base, group.id, self._walks)
        return await self.pool.ask(
            self.endpoint, lambda connection: walk.page(connection, after), time_limit=LONGEST_WALK
        )

    async def try_password(self, found: DirectoryPerson | None, password: str) -> PasswordCheck:
        """See `Directory.try_password`: binds on a dedicated connection.

        Without a person it binds as one that does not exist, so that both take the server the same time.
        """
        try:
            secret = unicodedata.normalize("NFC", password).encode()
        except UnicodeEncodeError:
            secret = b""
        if not secret or b"\0" in secret or len(secret) > LONGEST_PASSWORD:
            return PasswordCheck(right=False, reason="a password that nobody can have")
        dn = found.dn if found and found.dn else self._nonexistent_dn()
        endpoint = await self.forest.endpoint_of(dn) if self.forest else self.endpoint
        code, words = await self.pool.ask(endpoint, lambda connection: _bind(connection, dn, secret), dedicated=True)
        if found is None:
            return PasswordCheck(right=False, reason="nobody has this user name")
        return PasswordCheck(right=code == SUCCESS, reason="" if code == SUCCESS else words)

    async def check_password(self, found: DirectoryPerson | None, password: str) -> bool:
        """See `Directory.check_password`."""
        return (await self.try_password(found, password)).right

    async def _search_people(self, search_filter: str, limit: int) -> list[DirectoryPerson]:
        schema = self.people_schema
        found = await self.pool.ask(
            self.people_endpoint,
            lambda connection: connection.search(
                self.people_base, search_filter, schema.person_attributes, limit=limit
            ),
        )
        return schema.to_people(found)

    async def _find_one(self, search_filter: str, asked: str) -> DirectoryPerson | None:
        if not asked.strip() or not is_searchable(asked.strip()):
            return None
        found = await self._search_people(search_filter, 5)
        if len(found) > 1:
            who = ", ".join(f"{person.name} ({person.display_name})" for person in found)
            raise PersonAmbiguous(f"{asked} is {who}"[:500])
        return await self._read_from_own_domain(found[0] if found else None)

    async def _read_from_own_domain(self, found: DirectoryPerson | None) -> DirectoryPerson | None:
        """Return the person ``found`` in the global catalog with all attributes, read from their own domain.

        The catalog holds only some attributes: neither the account's end nor whether the password must change. For None
        a person who does not exist is searched for, so that both cases take the same time. Without a catalog ``found``
        is complete, and returned as it is.
        """
        if self.forest is None:
            return found
        dn = found.dn if found else self._nonexistent_dn()
        endpoint = await self.forest.endpoint_of(dn)
        entries = await self.pool.ask(endpoint, partial(_read_one, dn=dn, schema=self.schema))
        return next(iter(self.schema.to_people(entries)), None) if found else None

    def _nonexistent_dn(self) -> str:
        return f"cn=nobody-{secrets.token_hex(8)},{self.user_base}"

    async def _search_groups(self, search_filter: str, limit: int) -> list[DirectoryGroup]:
        found = await self.pool.ask(
            self.endpoint, lambda connection: connection.search(self.group_base, search_filter, GROUP[:1], limit=limit)
        )
        groups = [group for entry in found if (group := self.schema.to_group(entry))]
        return sorted(groups, key=lambda group: (group.name.casefold(), group.id))


async def ldap_directory(desk: Desk, row: DirectoryServer) -> LdapDirectory:
    """Return the directory that ``row`` configures."""
    return LdapDirectory(desk, row, await default_region())


def _read_one(connection: Connection, *, dn: str, schema: Schema) -> list[Entry]:
    try:
        return connection.search(dn, schema.people_filter, schema.person_attributes, scope="BASE", limit=1)
    except LdapError as error:
        if error.step != "search":
            raise
        return []  # deleted, and not yet from the catalog


def _bind(connection: Connection, dn: str, secret: bytes) -> tuple[int, str]:
    if parent_and_rdn(dn) is None:
        raise LdapError("bind", "this place in the directory has no name to bind as")
    code, words = connection.bind(dn, secret)
    if code in SERVER_FAULTS:
        raise LdapError("answer", words)
    return code, words
