"""How it looks when the database is away: told apart from mistakes of ours, so that the answer is "come back soon"."""

import asyncpg  # type: ignore[import-untyped]  # ships no types
from tortoise.exceptions import DBConnectionError, OperationalError

#: What the drivers raise when the database is stopped, starting, locked for too long, or its disk is full.
OUTAGES: tuple[type[Exception], ...] = (
    DBConnectionError,
    OperationalError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    ConnectionError,
)
