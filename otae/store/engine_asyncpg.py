"""The PostgreSQL engine: the ORM's own, with two differences.

A transaction gives its connection back when it cannot begin. And a connection goes back to the pool without four
statements that wipe a session: they cost as much as what was asked, and nothing here leaves any state in a session.
"""

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections


class ReturningContext(TransactionContextPooled):
    """The ORM's own never returns its connection when begin fails or is cancelled; a few of those stop the process."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool  # noqa: SLF001 - the ORM has no public way to its pool
        self.client._connection = await pool.acquire()  # noqa: SLF001 - same
        try:
            await self.client.begin()
        except BaseException:
            await pool.release(self.client._connection)  # noqa: SLF001 - same; the driver shields this from cancellation
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client


async def _leave_as_it_is(connection: object) -> None:
    """Do nothing: the driver itself has rolled back what was open, and locks and settings are a transaction's here."""


class SafeClient(AsyncpgDBClient):
    """The connection pool of one process."""

    async def create_pool(self, **options: object) -> object:
        """Return the pool, opened."""
        return await super().create_pool(reset=_leave_as_it_is, **options)

    def _in_transaction(self) -> TransactionContext:
        return ReturningContext(TransactionWrapper(self), self._pool_init_lock)


client_class = SafeClient
