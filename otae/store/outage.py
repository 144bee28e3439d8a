"""Translates database drivers' exceptions: the database is unreachable, its data is damaged, or our code is wrong.

Decided by SQLSTATE, SQLite's result code and errno, never by the text of a message. An error of asyncpg itself has no
code: one that says that a call is impossible means an outage where its connection or pool is closed, one that says that
the connection is in no usable state always does. Every other exception passes unchanged and becomes an internal error.
"""

import socket
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg  # type: ignore[import-untyped]  # ships no types

from otae.errors import DatabaseAway, DatabaseDamaged, OtaeError

#: Classes of SQLSTATE (PostgreSQL, appendix A): connection, who may connect, resources, operator, system.
_AWAY_CLASSES: Final = frozenset({"08", "28", "53", "57", "58"})
#: Single ones: no such database, read-only (a standby, after a failover), rolled back for others, a lock not got.
_AWAY: Final = frozenset({"3D000", "25006", "40001", "40P01", "55P03"})
#: Data and index corrupted.
_DAMAGED: Final = frozenset({"XX001", "XX002"})
#: What asyncpg raises; the last one after the server has announced the end of a connection, until it is closed.
POSTGRES_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
#: SQLite: busy, locked, no memory, read-only, interrupted, input/output, full, cannot open, locking protocol.
_SQLITE_AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
    }
)
_SQLITE_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

RESTORE: Final = "stop every process, keep the damaged database aside, and restore the newest backup into an empty one"


def _never_closed() -> bool:
    return False


@contextmanager
def translate_driver_errors(is_closed: Callable[[], bool] = _never_closed) -> Iterator[None]:
    """Raise DatabaseAway or DatabaseDamaged in place of a driver's exception from the block, where it means that.

    Args:
        is_closed: whether the connection or pool used in the block is closed; asked when asyncpg says, without a code,
            that a call is impossible.
    """
    try:
        yield
    except (*POSTGRES_ERRORS, sqlite3.Error) as error:
        translated = classify(error, is_closed)
        if translated is None:
            raise
        raise translated from error


def classify(error: Exception, is_closed: Callable[[], bool] = _never_closed) -> OtaeError | None:
    """Return the error that a driver's exception stands for; None when it is a mistake of our code.

    ``is_closed``: as in `translate_driver_errors`.
    """
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, asyncpg.PostgresError):
        return _of_postgres(str(error.sqlstate or ""), _line(error))
    if isinstance(error, asyncpg.InterfaceError):
        return _away(_line(error)) if is_closed() else None
    if isinstance(error, asyncpg.InternalClientError):
        return _away(_line(error))
    return _away(_of_network(error)) if isinstance(error, OSError) else None


def _of_postgres(state: str, words: str) -> OtaeError | None:
    if state in _DAMAGED:
        return DatabaseDamaged(f"the database's data is damaged ({words}): {RESTORE}")
    return _away(words) if state[:2] in _AWAY_CLASSES or state in _AWAY else None


def _of_sqlite(error: sqlite3.Error) -> OtaeError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the higher bytes tell more of the same
    if code in _SQLITE_DAMAGED:
        return DatabaseDamaged(f"otae.sqlite3 is damaged ({_line(error)}): {RESTORE}")
    return _away(_line(error)) if code in _SQLITE_AWAY else None


def _of_network(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name does not resolve"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused"
    return error.strerror or _line(error)


def _away(words: str) -> DatabaseAway:
    return DatabaseAway(f"the database does not answer: {words}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
