"""The PostgreSQL engine: the ORM's own, with transactions that give their connection back when they cannot begin."""

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


class SafeClient(AsyncpgDBClient):
    """The connection pool of one process."""

    def _in_transaction(self) -> TransactionContext:
        return ReturningContext(TransactionWrapper(self), self._pool_init_lock)


client_class = SafeClient
