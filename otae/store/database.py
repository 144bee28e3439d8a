"""Connecting to the database, migrating it, transactions, and the time that all processes share.

`transaction()` is the only way into a transaction (a house test bans the ORM's own). Inside one nothing is awaited but
the database, and no task is started: such a task would write into the transaction and be undone by its rollback.
"""

import asyncio
import fcntl
import gc
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pkgutil import iter_modules
from typing import Any, Final, Literal

from tortoise import Tortoise
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError, OperationalError
from tortoise.migrations.api import migrate as run_migrations
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

import migrations
from otae.errors import CannotStart
from otae.server_urls import database_address
from otae.settings import Settings
from otae.store.advisory import AdvisoryLock
from otae.store.engine_sqlite import SerialClient

#: Name of SQLite's file in OTAE_HOME.
DATABASE_FILE: Final = "otae.sqlite3"
#: How long SQLite waits for another process's write, in milliseconds.
BUSY_TIMEOUT = 10_000
#: Seconds until an attempt to connect fails, and after which an unused connection is closed.
CONNECT_TIMEOUT: Final = 10
IDLE_LIFETIME: Final = 20
#: Kind of process; decides how many connections it may have.
Role = Literal["web", "worker", "clock", "command"]
#: Key of the advisory lock of migrations and the key ceremony.
ADVISORY_LOCK = 0x6F746165


def config(
    settings: Settings, *, migrating: bool = False, busy_timeout: int = BUSY_TIMEOUT, role: Role = "web"
) -> dict[str, Any]:
    """Return the ORM's configuration.

    Args:
        migrating: switch foreign keys off in SQLite, where rebuilding a table would run its cascades.
        busy_timeout: milliseconds, SQLite only.
        role: decides the size of the connection pool, PostgreSQL only.
    """
    if settings.database_url:
        connection = _postgres(settings.database_url.get_secret_value(), pool_size(settings, role))
    else:
        credentials = {
            "file_path": str(settings.home / DATABASE_FILE),
            "busy_timeout": busy_timeout,
            "synchronous": "NORMAL",
            "foreign_keys": "OFF" if migrating else "ON",
        }
        connection = {"engine": "otae.store.engine_sqlite", "credentials": credentials}
    return {
        "connections": {"default": connection},
        "apps": _apps(),
        "use_tz": True,
        "timezone": "UTC",
    }


def _apps() -> dict[str, dict[str, Any]]:
    """Return the ORM's "apps": the modules of tables and migrations."""
    return {"otae": {"models": ["otae.store.models"], "default_connection": "default", "migrations": "migrations"}}


def _postgres(url: str, max_connections: int) -> dict[str, Any]:
    try:
        address = database_address(url)
        tls = address.tls_context()
    except ValueError as error:
        raise CannotStart(f"DATABASE_URL: {error}") from None
    return {
        "engine": "otae.store.engine_asyncpg",
        "credentials": {
            "host": address.host,
            "port": address.port,
            "user": address.user,
            "password": address.password,
            "database": address.name,
            "ssl": tls,
            "minsize": 0,
            "maxsize": max_connections,
            "timeout": CONNECT_TIMEOUT,
            "max_inactive_connection_lifetime": IDLE_LIFETIME,
            "application_name": "otae",
        },
    }


def pool_size(settings: Settings, role: Role) -> int:
    """Return the most connections in the pool of a process.

    The defaults add up to 20: two web processes and two workers of 4 each, a clock of 2 and its lock, a command of 1.
    Two web processes that are also worker and clock come to 20 as well.
    """
    if role == "command":
        return 1
    holds_clock_lock = role == "clock" or (role == "web" and settings.inline_worker)
    usual = {"web": 9 if settings.inline_worker else 4, "worker": 4, "clock": 3}[role]
    return (settings.database_connections or usual) - holds_clock_lock


async def connect(settings: Settings, *, role: Role = "web") -> None:
    """Open the database for this process; it must have been migrated (`migrate`)."""
    make_home(settings)
    EXECUTOR_CACHE.clear()  # keyed without the dialect: stale after a switch from SQLite to PostgreSQL
    await Tortoise.init(config=config(settings, role=role), _enable_global_fallback=True)


def make_home(settings: Settings) -> None:
    """Create OTAE_HOME and SQLite's file with mode 0600, whatever the umask; does nothing with PostgreSQL.

    SQLite gives the files beside it (-wal, -shm) the same mode.

    Raises:
        CannotStart: the folder or file cannot be opened.
    """
    if not settings.embedded:
        return
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(settings.home / DATABASE_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for name in (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm"):
            path = settings.home / name
            if path.exists() and path.stat().st_mode & 0o077:
                path.chmod(0o600)
    except OSError as error:
        raise CannotStart(f"OTAE_HOME: {error.filename} cannot be opened ({error.strerror})") from error


async def disconnect() -> None:
    """Close every connection of this process."""
    await Tortoise.close_connections()


@asynccontextmanager
async def connected(settings: Settings, *, role: Role = "web") -> AsyncIterator[None]:
    """Keep the database open during the block."""
    await connect(settings, role=role)
    try:
        yield
    finally:
        await disconnect()


async def migrate(settings: Settings) -> None:
    """Run the migrations that have not run yet; safe to call from several processes at once.

    Raises:
        CannotStart: the tables are not those that the earlier migrations made.
    """
    make_home(settings)
    EXECUTOR_CACHE.clear()
    async with exclusive(settings):
        # For every step the ORM makes the classes of all models anew and drops them: reference cycles, which only the
        # collector frees. It runs often then; looking through all other objects each time took half the time.
        gc.freeze()
        try:
            await run_migrations(config=config(settings, migrating=True, role="command"))
        except (OperationalError, IntegrityError) as error:
            raise CannotStart(
                f"the database cannot be brought up to date: {error}. Something changed its tables, or an earlier "
                "release than this one knows made them. What was stored is unchanged: restore a backup, or start with "
                "an empty database and import people again"
            ) from error
        finally:
            gc.unfreeze()
            await disconnect()


@asynccontextmanager
async def exclusive(settings: Settings) -> AsyncIterator[None]:
    """Let one process at a time into the block: by an advisory lock on PostgreSQL, by a locked file beside SQLite."""
    if settings.embedded:
        with (settings.home / "otae.lock").open("w") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            yield
        return
    async with AdvisoryLock(credentials(settings), ADVISORY_LOCK) as lock:
        await lock.acquire(wait=True)
        yield


def credentials(settings: Settings) -> dict[str, Any]:
    """Return the connection parameters for PostgreSQL's driver."""
    given: dict[str, Any] = config(settings)["connections"]["default"]["credentials"]
    return given


async def is_migrated() -> bool:
    """Return whether every migration of this release has been applied.

    Raises:
        DatabaseAway: the database does not answer.
    """
    await now()  # the executor takes a database that does not answer for an empty one
    executor = MigrationExecutor(get_connection("default"), _apps())
    return not await executor.plan()


def schema() -> str:
    """Return the name of the newest migration of this release, such as "0001_initial"."""
    return max(module.name for module in iter_modules(migrations.__path__) if module.name[:4].isdecimal())


def transaction() -> AbstractAsyncContextManager[TransactionalDBClient]:
    """Open a transaction, or a savepoint inside another one."""
    return in_transaction()


@asynccontextmanager
async def snapshot() -> AsyncIterator[None]:
    """Read from one snapshot of the database in the block, while others keep writing. Nothing may be written in it."""
    if dialect() == "postgres":
        async with transaction() as connection:
            await connection.execute_script("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    client = get_connection("default")
    assert isinstance(client, SerialClient)  # noqa: S101 - `config` names no other engine
    async with client.read_snapshot():
        yield


async def resync_sequence(table: str, column: str) -> None:
    """Set the sequence of a numbered column to its highest value.

    ``table`` and ``column`` are put into the SQL text: they must never come from outside.
    """
    if dialect() == "postgres":  # SQLite numbers on from the highest by itself
        highest = f'SELECT setval(pg_get_serial_sequence($1, $2), (SELECT max("{column}") FROM "{table}"))'  # noqa: S608 - names of our tables
        await get_connection("default").execute_query(highest, [table, column])


def dialect() -> str:
    """Return "sqlite" or "postgres"."""
    return get_connection("default").capabilities.dialect


async def now() -> datetime:
    """Return the database's time (aware, UTC): the one clock that every process shares."""
    if dialect() == "postgres":
        rows = await get_connection("default").execute_query_dict("SELECT clock_timestamp() AS now")
        return rows[0]["now"].astimezone(UTC)  # type: ignore[no-any-return]  # a row is untyped
    rows = await get_connection("default").execute_query_dict("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now') AS now")
    return datetime.fromisoformat(rows[0]["now"]).replace(tzinfo=UTC)
