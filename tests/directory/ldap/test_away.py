"""Directories that are away, hang, drip, or are not who they should be: what is said, and who goes on meanwhile."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from otae import outgoing
from otae.directory import registry
from otae.directory.ldap import pool
from otae.directory.ldap.directory import LdapDirectory
from otae.errors import DirectoryUnavailable
from otae.outgoing import Address
from otae.store.desk import Desk
from tests.directory.ldap_desk import active_entry, add, directory, entry_for
from tests.servers.ldap_trees import PASSWORD
from tests.servers.ports import in_thread
from tests.servers.slapd import LdapServer, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


@pytest.fixture
def other_server() -> Iterator[LdapServer]:
    with running() as server:
        yield server


async def why(people: LdapDirectory) -> str:
    with pytest.raises(DirectoryUnavailable) as caught:
        await people.find_person("ben")
    return caught.value.detail


# Not who it should be -------------------------------------------------------------------------------------------------


async def test_a_certificate_of_another_host_is_refused(
    desk: Desk, ldap_server: LdapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name leads to the server, and is not in its certificate."""
    resolve = outgoing.resolve

    async def here(_host: str, port: int, *, private: bool, loopback: bool) -> list[Address]:
        return await resolve("127.0.0.1", port, private=private, loopback=loopback)

    monkeypatch.setattr(outgoing, "resolve", here)
    for security, port in (("starttls", ldap_server.port), ("ldaps", ldap_server.tls_port)):
        where = {"primary_host": "ldap.example.test", "security": security, "port": port}
        people = await directory(desk, ldap_server, domain=security, alias="", **where)
        assert "Hostname mismatch" in await why(people)
    assert 'BIND dn="' not in ldap_server.said()


@pytest.mark.parametrize("security", ["starttls", "ldaps"])
async def test_another_authority_is_not_believed(
    desk: Desk, ldap_server: LdapServer, other_server: LdapServer, security: str
) -> None:
    port = ldap_server.tls_port if security == "ldaps" else ldap_server.port
    people = await directory(desk, ldap_server, security=security, port=port, ca_pem=other_server.ca_pem)
    assert "the server's certificate is not trusted" in await why(people)
    assert 'BIND dn="' not in ldap_server.said()


async def test_without_an_authority_the_systems_are_asked(desk: Desk, ldap_server: LdapServer) -> None:
    assert "not trusted" in await why(await directory(desk, ldap_server, ca_pem=""))


async def test_starttls_that_is_refused_sends_no_password(desk: Desk, ldap_server: LdapServer) -> None:
    config = ldap_server.folder / "slapd.conf"
    plain = [line for line in config.read_text().splitlines() if not line.startswith("TLS")]
    config.write_text("\n".join(plain))
    ldap_server.kill()
    ldap_server.start(tls=False)
    assert await why(await directory(desk, ldap_server)) == "tls: the server does not offer StartTLS"
    assert 'BIND dn="' not in ldap_server.said()


async def test_a_bind_password_that_is_wrong_is_no_persons_fault(desk: Desk, ldap_server: LdapServer) -> None:
    assert await why(await directory(desk, ldap_server, password="wrong")) == "bind: invalidCredentials"


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x84\xff\xff\xff\xff", b""])
async def test_what_is_no_directory_is_told_from_nothing_it_said(
    desk: Desk, ldap_server: LdapServer, greeting: bytes
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(greeting)
        await writer.drain()
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(answer, "127.0.0.1", 0)

    with in_thread(start, "no-directory") as port:
        people = await directory(desk, ldap_server, security="none", port=port, timeout=1)
        assert (await why(people)).startswith(("answer: ", "connect: ", "no answer"))


# Away -----------------------------------------------------------------------------------------------------------------


async def test_the_second_server_takes_over_and_the_first_is_asked_again(desk: Desk, ldap_server: LdapServer) -> None:
    """127.0.0.1 and localhost stand for two servers: the first has nobody listening."""
    people = await directory(desk, ldap_server, primary_host="127.0.0.9", secondary_host="localhost", timeout=1)
    assert await people.find_person("ben")
    assert await people.check_password(await people.find_person("ben"), PASSWORD)
    avoided = people.pool.by_reachability(people.endpoint)
    assert avoided == ["localhost", "127.0.0.9"]


async def test_a_line_that_died_is_replaced_without_a_word(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server)
    assert await people.find_person("ben")
    ldap_server.kill()
    assert "connection was refused" in await why(people)
    ldap_server.start()
    assert await people.find_person("ben")
    ldap_server.kill()
    ldap_server.start()
    assert await people.find_person("ben")


async def test_a_line_is_kept_for_the_next_question(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server)
    for _ in range(5):
        assert await people.find_person("ben")
    assert ldap_server.said().count("ACCEPT from") == 1 + 1, "one of ours beside the look whether it listens"


async def test_a_directory_that_hangs_keeps_nobody_else_waiting(
    desk: Desk, ldap_server: LdapServer, other_server: LdapServer
) -> None:
    await add(desk, entry_for(ldap_server, timeout=15))
    await add(desk, active_entry(other_server))
    slow, quick = [await registry.directory_of(desk, name) for name in ("corp", "ad")]
    assert await slow.find_person("ben")
    assert await quick.find_person("ben")
    ldap_server.tell(signal.SIGSTOP)
    try:
        hanging = [asyncio.create_task(slow.find_person("ben")) for _ in range(40)]
        await asyncio.sleep(0)
        assert await quick.find_person("ben")
        assert not any(task.done() for task in hanging), "the other one answered before anybody gave up"
    finally:
        ldap_server.tell(signal.SIGCONT)
    assert all(await asyncio.gather(*hanging)), "a pause shorter than the time limit costs nobody an answer"


async def test_forty_who_ask_a_directory_that_hangs_are_all_told_in_time(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server, timeout=1)
    assert await people.find_person("ben")
    ldap_server.tell(signal.SIGSTOP)
    try:
        began = asyncio.get_running_loop().time()
        ended = await asyncio.gather(*(people.find_person("ben") for _ in range(40)), return_exceptions=True)
        assert {type(each) for each in ended} == {DirectoryUnavailable}
        assert asyncio.get_running_loop().time() - began < pool.LONGEST_QUERY
    finally:
        ldap_server.tell(signal.SIGCONT)
    assert await people.find_person("ben")


async def test_an_answer_that_drips_is_given_up_and_its_thread_ends(desk: Desk, ldap_server: LdapServer) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        try:
            writer.write(b"\x30\x84\x00\x10\x00\x00")
            while True:
                writer.write(b"\0")
                await writer.drain()
                await asyncio.sleep(0.3)
        except OSError:
            return
        finally:
            writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(drip, "127.0.0.1", 0)

    with in_thread(start, "dripping-directory") as port:
        people = await directory(desk, ldap_server, security="none", port=port, timeout=1)
        assert await why(people) == "no answer in time"
        gate = people.pool.connections.limit(people.endpoint, pool.CONCURRENCY)
        async with asyncio.timeout(10):
            for _ in range(pool.CONCURRENCY):
                await gate.acquire()  # nobody holds a place any more
        for _ in range(pool.CONCURRENCY):
            gate.release()


async def test_link_local_addresses_are_never_called(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server, primary_host="169.254.169.254")
    assert "does not connect to that address" in await why(people)


async def test_a_name_that_does_not_resolve_is_said(desk: Desk, ldap_server: LdapServer) -> None:
    people = await directory(desk, ldap_server, primary_host="ldap.invalid")
    assert "does not resolve" in await why(people)
