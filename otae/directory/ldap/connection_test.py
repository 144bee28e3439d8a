"""The connection test of a directory: resolve, connect, TLS, bind and searches, each reported as a step."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

from otae import outgoing
from otae.directory.ldap.connection import Connection, Endpoint, open_connection
from otae.directory.ldap.directory import LdapDirectory
from otae.directory.ldap.membership import ACTIVE_DIRECTORY
from otae.directory.ldap.pool import endpoint_of
from otae.directory.ldap.results import LdapError
from otae.directory.ldap.schema import GROUP, PERSON
from otae.errors import AddressRefused
from otae.outgoing import Address
from otae.store.desk import Desk
from otae.store.models import DirectoryServer
from otae.store.properties import default_region

#: Most people, and most groups, that the last steps name.
SHOWN = 3


async def run_steps(desk: Desk, row: DirectoryServer) -> AsyncIterator[dict[str, object]]:
    """Test the directory of ``row`` and yield each step once it is done, as {"step", "ok", "words"}.

    The steps are "resolve", "connect", "tls", "bind", "user-base", "group-base" and "search". Those of the second
    server end with " (HOST)", those of the global catalog with " (global catalog)". A server whose connection or bind
    fails is not tested further. ``words`` holds the server's answer.
    """
    directory = LdapDirectory(desk, row, await default_region())
    endpoint = endpoint_of(desk, row)
    targets = [(host, endpoint, "" if host == endpoint.hosts[0] else f" ({host})") for host in endpoint.hosts]
    if row.global_catalog_port:
        targets.append((endpoint.hosts[0], endpoint_of(desk, row, port=row.global_catalog_port), " (global catalog)"))
    for host, at, suffix in targets:
        async for step, ok, words in _test_server(directory, at, host, catalog=at.port != endpoint.port):
            yield {"step": step + suffix, "ok": ok, "words": words}


async def _test_server(
    directory: LdapDirectory, endpoint: Endpoint, host: str, *, catalog: bool
) -> AsyncIterator[tuple[str, bool, str]]:
    try:
        addresses = await outgoing.resolve(host, endpoint.port, private=True, loopback=endpoint.loopback)
    except AddressRefused as error:
        yield "resolve", False, error.words
        return
    except OSError:
        yield "resolve", False, f"{host} does not resolve"
        return
    yield "resolve", True, f"{host} is {', '.join(str(address.sockaddr[0]) for address in addresses)}"
    connection, tried = await asyncio.to_thread(_connect, endpoint, host, addresses)
    for step in tried:
        yield step
    if connection is None:
        return
    try:
        for name, check in _checks(directory, endpoint, catalog=catalog):
            try:
                yield name, True, await asyncio.to_thread(check, connection)
            except LdapError as error:
                yield name, False, str(error)
                if name == "bind":
                    return
    finally:
        await asyncio.to_thread(connection.close)


def _connect(
    endpoint: Endpoint, host: str, addresses: list[Address]
) -> tuple[Connection | None, list[tuple[str, bool, str]]]:
    """Connect to the first address that answers; return the connection, None for none, and the steps done."""
    failure = LdapError("connect", "no address")
    for address in addresses:
        peer = f"{address.sockaddr[0]}, port {endpoint.port}"
        try:
            connection = open_connection(endpoint, host, str(address.sockaddr[0]), lambda _connection: None)
        except LdapError as error:
            failure = error
            if error.step == "tls":
                return None, [("connect", True, peer), ("tls", False, str(error))]
        else:
            clear = endpoint.security == "none"
            words = "none: what is sent stays on this machine" if clear else _certificate(connection)
            return connection, [("connect", True, peer), ("tls", True, words)]
    return None, [("connect", False, str(failure))]


def _checks(
    directory: LdapDirectory, endpoint: Endpoint, *, catalog: bool
) -> list[tuple[str, Callable[[Connection], str]]]:
    base = directory.people_base if catalog else directory.user_base
    checks: list[tuple[str, Callable[[Connection], str]]] = [("bind", partial(_sign_in, endpoint))]
    if base:
        checks.append(("user-base", partial(_base, base)))
    if not catalog:
        checks.append(("group-base", partial(_groups, directory)))
    return [*checks, ("search", partial(_people, directory, base))]


def _sign_in(endpoint: Endpoint, connection: Connection) -> str:
    connection.sign_in(endpoint.bind_name, endpoint.password.encode())
    active = ACTIVE_DIRECTORY in connection.root().texts("supportedCapabilities")
    kind = "an Active Directory" if active else "a generic LDAP server"
    return f"{endpoint.bind_name or 'signed in as nobody'}; it says it is {kind}"


def _base(base: str, connection: Connection) -> str:
    found = connection.search(base, "(objectClass=*)", ["1.1"], scope="BASE", limit=1)
    if not found:
        raise LdapError("search", f"{base}: there is no such entry, or it may not be seen")
    return base


def _groups(directory: LdapDirectory, connection: Connection) -> str:
    _base(directory.group_base, connection)
    found = connection.search(directory.group_base, directory.schema.groups_filter, GROUP[:1], limit=SHOWN)
    names = [group.name for entry in found if (group := directory.schema.to_group(entry))]
    return f"{directory.group_base}: {', '.join(names) if names else 'no group stands there'}"


def _people(directory: LdapDirectory, base: str, connection: Connection) -> str:
    found = connection.search(base, directory.schema.people_filter, PERSON, limit=SHOWN)
    people = directory.schema.to_people(found)
    if not people:
        raise LdapError("search", f"nobody with {directory.schema.search_by} stands there, or they may not be seen")
    return ", ".join(
        f"{person.name} ({person.display_name}, {person.email or 'no e-mail address'})" for person in people
    )


def _certificate(connection: Connection) -> str:
    """Return the TLS version, and the server certificate's names, issuer and end, as one line."""
    shown = connection.certificate
    names = [str(value) for kind, value in shown.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
    issuer = [str(value) for part in shown.get("issuer", ()) for _, value in part]
    until = shown.get("notAfter", "")
    return f"{connection.negotiated_tls}; {', '.join(names)}; issued by {', '.join(issuer)}; until {until}"
