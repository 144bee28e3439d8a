"""The database: where it is, how it is opened, what a transaction is, and what time it is.

`transaction()` is the only way into a transaction (a house test bans the ORM's own). Inside one nothing is awaited but
the database, and no task is started: a task born there would write into it and vanish with its rollback.
"""

import asyncio
import fcntl
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
from tortoise.migrations.api import migrate as run_migrations
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

import migrations
from otae.errors import CannotStart
from otae.server_urls import database_address
from otae.settings import Settings
from otae.store.advisory import AdvisoryLock
from otae.store.engine_sqlite import SafeClient

#: SQLite's file in OTAE_HOME.
DATABASE_FILE: Final = "otae.sqlite3"
#: How long a statement waits for another process's write, in milliseconds.
BUSY_TIMEOUT = 10_000
#: Seconds in which a connection must stand, and after which one that nobody needs is closed.
CONNECTING: Final = 10
IDLE: Final = 20
#: What a process is, for its share of the database's connections.
Role = Literal["web", "worker", "clock", "command"]
#: Key of the advisory lock that migrations and the key ceremony share.
ADVISORY_LOCK = 0x6F746165


def config(
    settings: Settings, *, migrating: bool = False, busy_timeout: int = BUSY_TIMEOUT, role: Role = "web"
) -> dict[str, Any]:
    """Return the ORM's configuration for ``settings``; ``migrating`` keeps SQLite's cascades out of table rebuilds."""
    if settings.database_url:
        connection = _postgres(settings.database_url.get_secret_value(), most_connections(settings, role))
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
    """Return where the tables and their migrations are."""
    return {"otae": {"models": ["otae.store.models"], "default_connection": "default", "migrations": "migrations"}}


def _postgres(url: str, most: int) -> dict[str, Any]:
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
            "maxsize": most,
            "timeout": CONNECTING,
            "max_inactive_connection_lifetime": IDLE,
            "application_name": "otae",
        },
    }


def most_connections(settings: Settings, role: Role) -> int:
    """Return how many connections a process may have in its pool.

    By default two web processes and two workers of 4, a clock of 2 and one for its turn, and a command of 1 come to 20;
    so do two web processes that also work and tick.
    """
    if role == "command":
        return 1
    own_turn = role == "clock" or (role == "web" and settings.inline_worker)
    usual = {"web": 9 if settings.inline_worker else 4, "worker": 4, "clock": 3}[role]
    return (settings.database_connections or usual) - own_turn


async def connect(settings: Settings, *, role: Role = "web") -> None:
    """Open the database for this process; the schema must be there (`migrate`)."""
    make_home(settings)
    EXECUTOR_CACHE.clear()  # keyed without the dialect: stale after a switch from SQLite to PostgreSQL
    await Tortoise.init(config=config(settings, role=role), _enable_global_fallback=True)


def make_home(settings: Settings) -> None:
    """Make the folder and the database's file, for its owner alone whatever the folder and the umask allow.

    SQLite gives the files beside it the same mode. Raises CannotStart.
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
    """Keep the database open for the length of the block."""
    await connect(settings, role=role)
    try:
        yield
    finally:
        await disconnect()


async def migrate(settings: Settings) -> None:
    """Bring the schema up to date; safe to call by several processes at once, and when there is nothing to do."""
    make_home(settings)
    EXECUTOR_CACHE.clear()
    async with exclusive(settings):
        try:
            await run_migrations(config=config(settings, migrating=True, role="command"))
        finally:
            await disconnect()


@asynccontextmanager
async def exclusive(settings: Settings) -> AsyncIterator[None]:
    """Let one process at a time into the block: an advisory lock on PostgreSQL, a locked file beside SQLite."""
    if settings.embedded:
        with (settings.home / "otae.lock").open("w") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            yield
        return
    async with AdvisoryLock(credentials(settings), ADVISORY_LOCK) as lock:
        await lock.take(wait=True)
        yield


def credentials(settings: Settings) -> dict[str, Any]:
    """Return what PostgreSQL's driver connects with."""
    given: dict[str, Any] = config(settings)["connections"]["default"]["credentials"]
    return given


async def is_migrated() -> bool:
    """Tell whether every migration of this release has been applied; raises when the database does not answer."""
    await now()  # the executor would take a database that is away for an empty one
    executor = MigrationExecutor(get_connection("default"), _apps())
    return not await executor.plan()


def schema() -> str:
    """Return the name of the newest migration of this release, such as "0001_initial"."""
    return max(module.name for module in iter_modules(migrations.__path__) if module.name[:4].isdecimal())


def transaction() -> AbstractAsyncContextManager[TransactionalDBClient]:
    """Open a transaction (a savepoint inside another one): all of the block, or nothing of it."""
    return in_transaction()


@asynccontextmanager
async def snapshot() -> AsyncIterator[None]:
    """Let everything read in the block show one moment, while others go on writing; nothing is written in it."""
    if dialect() == "postgres":
        async with transaction() as connection:
            await connection.execute_script("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    client = get_connection("default")
    assert isinstance(client, SafeClient)  # noqa: S101 - `config` names no other engine
    async with client.reading():
        yield


async def number_on(table: str, column: str) -> None:
    """Let the database go on numbering rows after the highest number there is; ``table``, ``column``: our own names."""
    if dialect() == "postgres":  # SQLite looks at the highest by itself
        highest = f'SELECT setval(pg_get_serial_sequence($1, $2), (SELECT max("{column}") FROM "{table}"))'  # noqa: S608 - names of our tables
        await get_connection("default").execute_query(highest, [table, column])


def dialect() -> str:
    """Return "sqlite" or "postgres"."""
    return get_connection("default").capabilities.dialect


async def now() -> datetime:
    """Return the database's time (UTC, aware): the one clock that every process shares."""
    if dialect() == "postgres":
        rows = await get_connection("default").execute_query_dict("SELECT clock_timestamp() AS now")
        return rows[0]["now"].astimezone(UTC)  # type: ignore[no-any-return]  # a row is untyped
    rows = await get_connection("default").execute_query_dict("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now') AS now")
    return datetime.fromisoformat(rows[0]["now"]).replace(tzinfo=UTC)
