"""Trying a directory out, a step at a time, each with what works or what was answered instead."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

from otae import outgoing
from otae.delivery import phones
from otae.directory.ldap.connection import Dialled, Line, open_line
from otae.directory.ldap.directory import LdapDirectory
from otae.directory.ldap.membership import ACTIVE_DIRECTORY
from otae.directory.ldap.pool import dialled
from otae.directory.ldap.results import Unreached
from otae.directory.ldap.schema import GROUP, PERSON
from otae.errors import AddressRefused
from otae.outgoing import Address
from otae.store.desk import Desk
from otae.store.models import DirectoryServer

Step = dict[str, object]

#: How many people and groups the searches at the end show.
SHOWN = 3


async def steps_of(desk: Desk, row: DirectoryServer) -> AsyncIterator[Step]:
    """Give each step as it is done: {"step", "ok", "words"}; nothing further on a server after one that failed.

    The steps: "resolve", "connect", "tls", "bind", "user-base", "group-base", "search"; for a second server, and a
    global catalog, the same with " (host)" and " (global catalog)" behind. ``words`` is what the server answered.
    """
    directory = LdapDirectory(desk, row, await phones.default_region())
    where = dialled(desk, row)
    asked = [(host, where, "" if host == where.hosts[0] else f" ({host})") for host in where.hosts]
    if row.global_catalog_port:
        asked.append((where.hosts[0], dialled(desk, row, port=row.global_catalog_port), " (global catalog)"))
    for host, at, behind in asked:
        async for step, ok, words in _of_server(directory, at, host, catalog=at.port != where.port):
            yield {"step": step + behind, "ok": ok, "words": words}


async def _of_server(
    directory: LdapDirectory, where: Dialled, host: str, *, catalog: bool
) -> AsyncIterator[tuple[str, bool, str]]:
    try:
        addresses = await outgoing.resolve(host, where.port, private=True, loopback=where.loopback)
    except AddressRefused as error:
        yield "resolve", False, error.words
        return
    except OSError:
        yield "resolve", False, f"{host} does not resolve"
        return
    yield "resolve", True, f"{host} is {', '.join(str(address.where[0]) for address in addresses)}"
    line, tried = await asyncio.to_thread(_opened, where, host, addresses)
    for step in tried:
        yield step
    if line is None:
        return
    try:
        for name, look in _looks(directory, where, catalog=catalog):
            ok, words = await asyncio.to_thread(_looked, line, look)
            yield name, ok, words
            if not ok and name == "bind":
                return
    finally:
        await asyncio.to_thread(line.close)


def _opened(where: Dialled, host: str, addresses: list[Address]) -> tuple[Line | None, list[tuple[str, bool, str]]]:
    """Connect to the first address that answers and tell how far that went."""
    failure = Unreached("connect", "no address")
    for address in addresses:
        place = f"{address.where[0]}, port {where.port}"
        try:
            line = open_line(where, host, str(address.where[0]), lambda _line: None)
        except Unreached as error:
            failure = error
            if error.step == "tls":
                return None, [("connect", True, place), ("tls", False, str(error))]
        else:
            words = _certificate(line) if where.security != "none" else "none: what is sent stays on this machine"
            return line, [("connect", True, place), ("tls", True, words)]
    return None, [("connect", False, str(failure))]


def _looks(directory: LdapDirectory, where: Dialled, *, catalog: bool) -> list[tuple[str, Callable[[Line], str]]]:
    base = directory.people_base if catalog else directory.user_base
    looks: list[tuple[str, Callable[[Line], str]]] = [("bind", partial(_sign_in, where))]
    if base:
        looks.append(("user-base", partial(_base, base)))
    if not catalog:
        looks.append(("group-base", partial(_groups, directory)))
    return [*looks, ("search", partial(_people, directory, base))]


def _looked(line: Line, look: Callable[[Line], str]) -> tuple[bool, str]:
    try:
        return True, look(line)
    except Unreached as error:
        return False, str(error)


def _sign_in(where: Dialled, line: Line) -> str:
    line.sign_in(where.bind_name, where.password.encode())
    active = ACTIVE_DIRECTORY in line.root().texts("supportedCapabilities")
    kind = "an Active Directory" if active else "a generic LDAP server"
    return f"{where.bind_name or 'signed in as nobody'}; it says it is {kind}"


def _base(base: str, line: Line) -> str:
    found = line.search(base, "(objectClass=*)", ["1.1"], scope="BASE", limit=1)
    if not found:
        raise Unreached("search", f"{base}: there is no such entry, or it may not be seen")
    return base


def _groups(directory: LdapDirectory, line: Line) -> str:
    _base(directory.group_base, line)
    found = line.search(directory.group_base, directory.shape.groups, GROUP[:1], limit=SHOWN)
    names = [group.name for entry in found if (group := directory.shape.group(entry))]
    return f"{directory.group_base}: {', '.join(names) if names else 'no group stands there'}"


def _people(directory: LdapDirectory, base: str, line: Line) -> str:
    found = line.search(base, directory.shape.people, PERSON, limit=SHOWN)
    people = directory.shape.all_found(found)
    if not people:
        raise Unreached("search", f"nobody with {directory.shape.search_by} stands there, or they may not be seen")
    return ", ".join(
        f"{person.name} ({person.display_name}, {person.email or 'no e-mail address'})" for person in people
    )


def _certificate(line: Line) -> str:
    """Name whose certificate it is, who vouches for it and until when."""
    shown = line.certificate
    names = [str(value) for kind, value in shown.get("subjectAltName", ()) if kind in {"DNS", "IP Address"}]
    issuer = [str(value) for part in shown.get("issuer", ()) for _, value in part]
    return f"{line.agreed}; {', '.join(names)}; issued by {', '.join(issuer)}; until {shown.get('notAfter', '')}"
