"""Where measured mail goes: Postfix's smtp-sink, else a small server in a process of its own (`python -m … PORT`)."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from tests.flow.processes import ROOT
from tests.servers.ports import free_port, listens, wait_until

#: Bytes that a sink of our own answers with, by the command's first letters.
ANSWERS = {b"EHLO": b"250 sink", b"DATA": b"354 go on", b"QUIT": b"221 bye"}


class Sink(asyncio.Protocol):
    """The least that takes mail: it looks for ends of lines and of messages, and keeps nothing."""

    def __init__(self) -> None:
        self.held, self.content = b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.held += data
        while True:
            end = b"\r\n.\r\n" if self.content else b"\r\n"
            piece, found, rest = self.held.partition(end)
            if not found:
                return
            self.held = rest
            self.transport.write((b"250 ok" if self.content else ANSWERS.get(piece[:4].upper(), b"250 ok")) + b"\r\n")
            self.content = not self.content and piece[:4].upper() == b"DATA"


async def serve_sink(port: int) -> None:
    """Take mail until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


@contextmanager
def sink() -> Iterator[tuple[int, str]]:
    """Run a sink in a process of its own; give its port and its name."""
    port, found = free_port(), shutil.which("smtp-sink", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    ours = [sys.executable, "-m", "tests.bench.sink", str(port)]
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    command = [found, *user, "-c", f"127.0.0.1:{port}", "1000"] if found else ours
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(partial(listens, port), "the sink", 30)
            yield port, "smtp-sink" if found else "our own sink"
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(serve_sink(int(sys.argv[1])))
