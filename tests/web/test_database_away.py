"""Each way a database can be away is "in a moment" at every kind of door, one line at a command; a mistake is not."""

import asyncio
import gc
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import httpx2
import pytest
from tortoise.connection import get_connection

from otae.app import make_app
from otae.cli.command import commands
from otae.settings import Settings
from otae.store import database, engine_asyncpg
from otae.store.desk import Desk
from otae.store.vault import Vault
from tests.desks import RecordingBell, make_settings
from tests.servers.ports import free_port, in_thread
from tests.servers.postgres import PostgresServer
from tests.test_cli import CommandLine

#: A page, a form, a Mac's door, a list for machines, a probe.
DOORS = (
    ("GET", "/zdm/macos/otae/login"),
    ("POST", "/admin/sign-in"),
    ("GET", "/scep?operation=GetCACert"),
    ("GET", "/crl/00000000-0000-0000-0000-000000000000.crl"),
    ("GET", "/readyz"),
)


@asynccontextmanager
async def client(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser of a server whose database is that of ``settings``, in whatever state it is."""
    async with database.connected(settings):
        transport = httpx2.ASGITransport(make_app(Desk(settings, Vault(settings.sealing_keys()), RecordingBell())))
        headers = {"Sec-Fetch-Site": "same-origin"}
        async with httpx2.AsyncClient(transport=transport, base_url=settings.public_url, headers=headers) as browser:
            yield browser


async def statuses(settings: Settings) -> dict[str, int]:
    """Ask every door; each answer is whole and tells nothing of the inside."""
    found = {}
    async with client(settings) as browser:
        for method, path in DOORS:
            form = {"name": "ada", "password": "x"} if method == "POST" else None
            answer = await browser.request(method, path, data=form)
            assert ("retry-after" in answer.headers) == (answer.status_code == 503), path
            for word in ("postgres", "asyncpg", "sqlite", "Traceback", "property"):
                assert word not in answer.text, path
            found[path] = answer.status_code
    return found


Address = Callable[[str], Iterator[str]]


def unknown_name(url: str) -> Iterator[str]:
    yield url.replace("127.0.0.1", "nosuchhost.invalid")


def nobody_listens(url: str) -> Iterator[str]:
    yield f"{url.rpartition(':')[0]}:{free_port()}/otae"


def no_route(url: str) -> Iterator[str]:
    yield url.replace("127.0.0.1", "255.255.255.255")


def no_answer(url: str) -> Iterator[str]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"{url.rpartition(':')[0]}:{server.getsockname()[1]}/otae"


def hangs_up(url: str) -> Iterator[str]:
    async def close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    with in_thread(lambda: asyncio.start_server(close, "127.0.0.1", 0), "hangs up") as port:
        yield f"{url.rpartition(':')[0]}:{port}/otae"


def starting_up(url: str) -> Iterator[str]:
    yield from _saying(url, "57P03", "the database system is starting up")


def none_left(url: str) -> Iterator[str]:
    yield from _saying(url, "53300", "sorry, too many clients already")


def _saying(url: str, state: str, words: str) -> Iterator[str]:
    """Be a server that turns everybody away, as PostgreSQL does."""
    fields = b"".join(
        key + value.encode() + b"\0" for key, value in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", state), (b"M", words))
    )
    said = b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(said)
        writer.close()

    with in_thread(lambda: asyncio.start_server(refuse, "127.0.0.1", 0), words) as port:
        yield f"{url.rpartition(':')[0]}:{port}/otae?sslmode=disable"


def wrong_password(url: str) -> Iterator[str]:
    yield url.replace("otae:", "otae:not")


def no_such_database(url: str) -> Iterator[str]:
    yield f"{url.rpartition('/')[0]}/nosuchdatabase"


AWAY: dict[Address, str] = {
    unknown_name: "its name does not resolve",
    nobody_listens: "the connection is refused",
    no_route: "unreachable",
    no_answer: "no answer in time",
    hangs_up: "",
    starting_up: "the database system is starting up",
    none_left: "sorry, too many clients already",
    wrong_password: "password authentication failed",
    no_such_database: "does not exist",
}


# The driver ends a refused TLS connection in the background, and these event loops end before it has.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("away", AWAY, ids=lambda away: away.__name__)
def test_every_way_to_be_away_is_a_moment_and_one_line(
    postgres: PostgresServer,
    away: Address,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(database, "CONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(engine_asyncpg, "ACQUIRE_TIMEOUT", 0.3)
    for url in away(postgres.url("otae")):
        settings = make_settings(tmp_path, DATABASE_URL=url, PUBLIC_URL="https://localhost:8443")
        assert set(asyncio.run(statuses(settings)).values()) == {503}
        command = CommandLine(settings, monkeypatch, capsys)
        command.environment |= {"DATABASE_URL": url, "PUBLIC_URL": "https://localhost:8443", "PORT": "1"}
        for arguments in (("user", "list"), ("migrate",), ("doctor",), ("serve",)):
            told = command.refusal(*arguments)
            assert told.startswith("otae: the database does not answer: ")
            assert AWAY[away] in told
            assert postgres.password not in told
    gc.collect()


def test_a_database_that_only_reads_is_away_for_what_writes(postgres_settings: Settings) -> None:
    async def work() -> dict[str, int]:
        async with database.connected(postgres_settings):
            name = str(database.credentials(postgres_settings)["database"])
            await get_connection("default").execute_script(
                f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
            )
        return await statuses(postgres_settings)

    found = asyncio.run(work())
    assert found["/admin/sign-in"] == 503
    assert found["/zdm/macos/otae/login"] == 200


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_mistake_of_ours_is_no_outage(request: pytest.FixtureRequest, engine: str) -> None:
    settings: Settings = request.getfixturevalue(f"{engine}_settings")

    async def work() -> dict[str, int]:
        async with database.connected(settings):
            await get_connection("default").execute_script(
                "ALTER TABLE property RENAME TO gone; ALTER TABLE certificate RENAME TO gone_too; "
                "ALTER TABLE counter RENAME COLUMN failures TO gone"
            )
        return await statuses(settings)

    found = asyncio.run(work())
    assert found["/zdm/macos/otae/login"] == 500
    assert found["/admin/sign-in"] == 500
    assert found["/scep?operation=GetCACert"] == 500


def test_a_mistake_of_ours_is_one_line_at_a_command(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_() -> None:
        raise KeyError("purpose")

    monkeypatch.setitem(commands.commands, "break", click.command()(break_))
    told = CommandLine(sqlite_settings, monkeypatch, capsys).refusal("break")
    assert "internal error" in told
    assert "KeyError: 'purpose'" in told
    assert "does not answer" not in told


def test_a_damaged_sqlite_file_is_one_line_with_what_to_do(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sqlite_settings.home / "otae.sqlite3"
    whole = path.read_bytes()
    command = CommandLine(sqlite_settings, monkeypatch, capsys)
    for content in (b"no database at all" * 500, whole[:8192] + b"\xff" * (len(whole) - 8192)):
        path.write_bytes(content)
        for arguments in (("user", "list"), ("doctor",), ("serve",)):
            told = command.refusal(*arguments)
            assert "otae.sqlite3 is damaged" in told
            assert "restore the newest backup" in told


def test_a_sqlite_file_that_another_program_keeps_locked_is_a_moment(sqlite_settings: Settings) -> None:
    other = sqlite3.connect(sqlite_settings.home / "otae.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def work() -> int:
        async with client(sqlite_settings) as browser:
            await get_connection("default").execute_query("PRAGMA busy_timeout=50")
            answer = await browser.post("/admin/sign-in", data={"name": "ada", "password": "x"})
            return answer.status_code

    assert asyncio.run(work()) == 503
    other.close()
