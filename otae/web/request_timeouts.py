"""HTTP/1.1 with a timeout for the head of a request, against clients that send nothing or very slowly.

The body has its own timeout (`middleware.BodyLimits`); no middleware sees a request before its head is complete.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds in which the whole head of a request has to arrive, counted from the connection or from its first byte.
HEAD_SECONDS = 20.0


class HeadTimeoutProtocol(H11Protocol):
    """Closes a connection on which the head of a request is still incomplete after HEAD_SECONDS.

    Between two requests uvicorn's own keep-alive timeout applies.
    """

    _until_head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timer for the first head."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("HTTP is spoken over streams")
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Keep the timer running while a head is incomplete, and stop it when the request is being answered."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._until_head is None and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._until_head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop(self) -> None:
        if self._until_head is not None:
            self._until_head.cancel()
            self._until_head = None
