"""The database: where it is, how it is opened, what a transaction is, and what time it is.

`transaction()` is the only way into a transaction (a house test bans the ORM's own). Inside one nothing is awaited but
the database, and no task is started: a task born there would write into it and vanish with its rollback.
"""

import asyncio
import fcntl
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pkgutil import iter_modules
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg  # type: ignore[import-untyped]  # ships no types
from tortoise import Tortoise
from tortoise.backends.base.client import TransactionalDBClient
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import get_connection
from tortoise.migrations.api import migrate as run_migrations
from tortoise.migrations.executor import MigrationExecutor
from tortoise.transactions import in_transaction

import migrations
from otae.errors import CannotStart
from otae.settings import LOCAL_HOSTS, Settings
from otae.store.engine_sqlite import SafeClient

#: How long a statement waits for another process's write, in milliseconds.
BUSY_TIMEOUT = 10_000
#: Key of the advisory lock that migrations and the key ceremony share.
ADVISORY_LOCK = 0x6F746165


def config(settings: Settings, *, migrating: bool = False, busy_timeout: int = BUSY_TIMEOUT) -> dict[str, Any]:
    """Return the ORM's configuration for ``settings``; ``migrating`` keeps SQLite's cascades out of table rebuilds."""
    connection = _postgres(settings.database_url.get_secret_value()) if settings.database_url else None
    if connection is None:
        credentials = {
            "file_path": str(settings.home / "otae.sqlite3"),
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


def _postgres(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.hostname or not parts.path.strip("/"):
        raise CannotStart("DATABASE_URL must look like postgres://user:password@host:5432/name")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    # On one machine nobody stands between the two, and TLS was a quarter of what the pages' processes had to do.
    mode = query.get("sslmode") or ("allow" if parts.hostname in LOCAL_HOSTS else "require")
    return {
        "engine": "otae.store.engine_asyncpg",
        "credentials": {
            "host": parts.hostname,
            "port": parts.port or 5432,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": unquote(parts.path.strip("/")),
            "ssl": _tls(mode, query.get("sslrootcert")),
            "minsize": 1,
            "maxsize": 10,
            "application_name": "otae",
            # A process that was stopped in the middle of a transaction must not hold its rows for ever.
            "server_settings": {"idle_in_transaction_session_timeout": "30000"},
        },
    }


def _tls(mode: str, root: str | None) -> ssl.SSLContext | str:
    """Return what the driver takes for libpq's sslmode; ``root`` matters only where certificates are verified."""
    if mode not in {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}:
        raise CannotStart(f"DATABASE_URL: sslmode={mode} is not known; use require, verify-ca or verify-full")
    if mode not in {"verify-ca", "verify-full"}:
        return mode
    context = ssl.create_default_context(cafile=root)
    context.check_hostname = mode == "verify-full"
    return context


async def connect(settings: Settings) -> None:
    """Open the database for this process; the schema must be there (`migrate`)."""
    if settings.embedded:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    EXECUTOR_CACHE.clear()  # keyed without the dialect: stale after a switch from SQLite to PostgreSQL
    await Tortoise.init(config=config(settings), _enable_global_fallback=True)


async def disconnect() -> None:
    """Close every connection of this process."""
    await Tortoise.close_connections()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[None]:
    """Keep the database open for the length of the block."""
    await connect(settings)
    try:
        yield
    finally:
        await disconnect()


async def migrate(settings: Settings) -> None:
    """Bring the schema up to date; safe to call by several processes at once, and when there is nothing to do."""
    if settings.embedded:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    EXECUTOR_CACHE.clear()
    async with exclusive(settings):
        try:
            await run_migrations(config=config(settings, migrating=True))
        finally:
            await disconnect()


@asynccontextmanager
async def exclusive(settings: Settings) -> AsyncIterator[None]:
    """Let one process at a time into the block: an advisory lock on PostgreSQL, a locked file beside SQLite."""
    credentials = config(settings)["connections"]["default"]["credentials"]
    if settings.embedded:
        with (settings.home / "otae.lock").open("w") as file:
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            yield
        return
    names = ("host", "port", "user", "password", "database", "ssl")
    connection = await asyncpg.connect(**{name: credentials[name] for name in names})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
        yield
    finally:
        await connection.close()


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
