"""HTTP/1.1 for a server that strangers reach: who connects and says nothing, or says it drop by drop, is let go.

The rest of a request has its own limit of time (`middleware.Caps`); until its head is whole no middleware has seen it.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds in which the whole head of a request has to arrive, counted from the connection or from its first byte.
HEAD_SECONDS = 20.0


class TimedHeads(H11Protocol):
    """Closes a connection whose request has not begun in time; one between two requests has uvicorn's own limit."""

    _until_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first head."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("HTTP is spoken over streams")
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on while a head is incomplete, and no longer once its request is being answered."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._until_head is None and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._until_head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._until_head is not None:
            self._until_head.cancel()
            self._until_head = None
