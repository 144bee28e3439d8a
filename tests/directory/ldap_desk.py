"""Directories on a test's slapd, set up as an administrator would."""

from typing import Any

from otae.directory.ldap import servers
from otae.directory.ldap.directory import LdapDirectory, ldap_directory
from otae.directory.ldap.servers import DirectoryEntry
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import DirectoryServer
from tests.servers.ldap_trees import CORP, GROUPS, PASSWORD, PEOPLE, SERVICE
from tests.servers.slapd import LdapServer


def entry_for(server: LdapServer, **more: Any) -> DirectoryEntry:  # noqa: ANN401 - fields of an entry
    values: dict[str, Any] = {
        "domain": "corp", "alias": "corp.test", "primary_host": "localhost", "port": server.port,
        "security": "starttls", "ca_pem": server.ca_pem, "bind_name": SERVICE, "password": PASSWORD,
        "user_base": PEOPLE, "group_base": GROUPS, "timeout": 5,
    }  # fmt: skip
    return DirectoryEntry(**(values | more))


def active_entry(server: LdapServer, **more: Any) -> DirectoryEntry:  # noqa: ANN401 - as above
    values: dict[str, Any] = {
        "domain": "ad", "alias": "ad.test", "kind": "active-directory", "search_by": "sAMAccountName",
        "user_base": f"ou=staff,{CORP}", "group_base": f"ou=teams,{CORP}",
    }  # fmt: skip
    return entry_for(server, **(values | more))


async def add(desk: Desk, entry: DirectoryEntry) -> DirectoryServer:
    return await servers.add_directory(desk, entry, now=await database.now(), actor="ada")


async def directory(desk: Desk, server: LdapServer, **more: Any) -> LdapDirectory:  # noqa: ANN401 - as above
    return await ldap_directory(desk, await add(desk, entry_for(server, **more)))
