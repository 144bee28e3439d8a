"""What the database drivers raise: by code and by state, never by the text of a message."""

import asyncio
import errno
import socket
import sqlite3
import ssl
from importlib import import_module
from pathlib import Path

import pytest
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection

from otae.errors import DatabaseAway, DatabaseDamaged, OtaeError
from otae.settings import Settings
from otae.store import database
from otae.store.models import Counter
from otae.store.outage import classify, translate_driver_errors
from tests.pauses import until_about_to_end

pytestmark = pytest.mark.anyio

asyncpg = import_module("asyncpg")


def of_postgres(state: str) -> Exception:
    error: Exception = asyncpg.PostgresError.new({"C": state, "M": "the connection is closed"})
    return error


def of_sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (of_postgres("57P01"), DatabaseAway),
        (of_postgres("53300"), DatabaseAway),
        (of_postgres("40001"), DatabaseAway),
        (of_postgres("XX001"), DatabaseDamaged),
        (of_postgres("42P01"), None),
        (of_sqlite(sqlite3.SQLITE_BUSY), DatabaseAway),
        (of_sqlite(sqlite3.SQLITE_IOERR_FSYNC), DatabaseAway),
        (of_sqlite(sqlite3.SQLITE_CORRUPT), DatabaseDamaged),
        (of_sqlite(sqlite3.SQLITE_CONSTRAINT), None),
        (sqlite3.ProgrammingError("database is locked"), None),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), DatabaseAway),
        (asyncpg.InterfaceError("the connection is closed"), None),
        (asyncpg.InternalClientError("cannot switch to state 15"), DatabaseAway),
        (ValueError("the connection is closed"), None),
    ],
    ids=str,
)
def test_the_code_decides_and_the_text_does_not(error: Exception, kind: type[OtaeError] | None) -> None:
    found = classify(error)
    assert (type(found) if found else None) is kind


def test_an_error_without_a_code_is_an_outage_where_its_connection_is_closed() -> None:
    with pytest.raises(DatabaseAway), translate_driver_errors(lambda: True):
        raise asyncpg.InterfaceError("anything")
    with pytest.raises(asyncpg.InterfaceError), translate_driver_errors(lambda: False):
        raise asyncpg.InterfaceError("the connection is closed")


async def end_own_connection() -> None:
    async with database.transaction() as connection:
        for _ in range(3):
            with pytest.raises(DatabaseAway):
                await connection.execute_script("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_every_statement_after_the_end_of_a_connection_is_an_outage(postgres_settings: Settings) -> None:
    async with database.connected(postgres_settings):
        with pytest.raises(DatabaseAway):
            await end_own_connection()
        assert await Counter.all().count() == 0


async def ask_at_the_end(client: BaseDBAsyncClient, pool: BaseDBAsyncClient) -> None:
    async with client.acquire_connection() as connection:
        ended = asyncio.create_task(until_about_to_end(connection))
        await asyncio.sleep(0)  # it looks at the connection while there is one
        await pool.execute_query("SELECT pg_terminate_backend($1)", [connection.get_server_pid()])
        await ended
        await connection.execute("SELECT 1")


async def ask_at_the_end_of_a_transaction(pool: BaseDBAsyncClient) -> None:
    async with database.transaction() as client:
        await ask_at_the_end(client, pool)


async def test_a_statement_on_a_connection_that_is_about_to_end_is_an_outage(postgres_settings: Settings) -> None:
    async with database.connected(postgres_settings):
        pool = get_connection("default")
        with pytest.raises(DatabaseAway):
            await ask_at_the_end(pool, pool)
        with pytest.raises(DatabaseAway):
            await ask_at_the_end_of_a_transaction(pool)
        assert await Counter.all().count() == 0


async def test_a_statement_of_a_pool_that_closes_is_an_outage(postgres_settings: Settings) -> None:
    async with database.connected(postgres_settings):
        client = get_connection("default")
        await database.now()
        await client._pool.close()  # noqa: SLF001 - as the end of the process does
        with pytest.raises(DatabaseAway):
            await database.now()


async def test_a_mistake_in_a_statement_is_no_outage_whatever_its_text_says(postgres_settings: Settings) -> None:
    async with database.connected(postgres_settings):
        with pytest.raises(asyncpg.InterfaceError):
            async with get_connection("default").acquire_connection() as connection:
                await connection.fetch("SELECT 1", "closed")
        assert (await database.now()).tzinfo is not None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its name does not resolve"),
        (TimeoutError(), "no answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), "the connection is refused"),
        (OSError(113, "No route to host"), "No route to host"),
        (OSError("several\n  words"), "several words"),
        (ssl.SSLCertVerificationError(1, "no"), "its certificate is not accepted"),
    ],
)
def test_a_network_s_refusal_is_said_in_fixed_words(error: OSError, words: str) -> None:
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "certificate has expired"
    with pytest.raises(DatabaseAway, match=words), translate_driver_errors():
        raise error


def test_a_real_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "otae.sqlite3"
    file.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    connection = sqlite3.connect(file)
    with pytest.raises(DatabaseDamaged, match="restore the newest backup"), translate_driver_errors():
        connection.execute("SELECT * FROM sqlite_schema")
    connection.close()
