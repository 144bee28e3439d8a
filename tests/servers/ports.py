"""Small things every test server needs: a free port, a wait, a certificate of a throw-away authority."""

import asyncio
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme


def free_port() -> int:
    """Ask the system for a TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether somebody accepts connections on host:port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Return as soon as ``ready()`` is true; TimeoutError naming ``what`` when it never is."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} was not ready after {seconds} s")
        time.sleep(0.02)


def send_signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to a child; SIGSTOP returns only when it has stopped, since until then it goes on answering."""
    process.send_signal(number)
    if number == signal.SIGSTOP:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


@dataclass(frozen=True)
class Identity:
    """A server certificate for localhost, 127.0.0.1 and 127.0.0.2 in PEM files, and the authority behind it."""

    folder: Path
    ca_file: Path
    certificate_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """Make the TLS context of a server that shows this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate_file, self.key_file)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Make the TLS context of a client that trusts this authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.ca_file))


@contextmanager
def server_folder(name: str) -> Iterator[tuple[Path, Identity]]:
    """Make a folder that another system user may enter, with an identity inside; removed at the end."""
    # Not pytest's own temporary folder: its parents are closed to every user but the one running the tests.
    folder = Path(tempfile.mkdtemp(prefix=f"otae-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder, make_identity(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_identity(folder: Path) -> Identity:
    """Write a fresh authority's certificate and a server certificate with its key into ``folder``."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", "127.0.0.2")
    identity = Identity(folder, folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(str(identity.ca_file))
    identity.certificate_file.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(identity.key_file))
    identity.key_file.chmod(0o600)
    return identity


@contextmanager
def in_thread(
    start: Callable[[], Awaitable[asyncio.Server]], what: str, hang_up: Callable[[], None] = lambda: None
) -> Iterator[int]:
    """Run the server made by ``start()`` on an event loop in a thread of its own; give its port.

    When the block ends, the server closes, ``hang_up()`` is called on the loop, and whatever still runs is cancelled.
    """
    listening: Future[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        stop = asyncio.Event()
        server = await start()
        listening.set_result((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop))
        await stop.wait()
        server.close()
        hang_up()
        # A transport that was cut tells its protocol in the next turns of the loop.
        for _ in range(3):
            await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name=what, daemon=True)
    thread.start()
    port, loop, stop = listening.result(timeout=10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@dataclass
class Strangers:
    """A listener that nobody should come to. ``callers``: from where somebody came all the same."""

    port: int
    callers: list[str]


@contextmanager
def strangers() -> Iterator[Strangers]:
    """Listen on a port, note who connects, hang up on them; until the block ends."""
    callers: list[str] = []

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(str(writer.get_extra_info("peername")))
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(answer, "127.0.0.1", 0)

    with in_thread(start, "stranger") as port:
        yield Strangers(port, callers)
