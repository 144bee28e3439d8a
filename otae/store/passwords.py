"""Hashing of secrets: argon2id for those that people choose, SHA-256 for those that are drawn at random.

argon2id runs in a few threads, so that pages respond during a flood of sign-ins. Waiting sign-ins are served network by
network in turn, and each network has a limited number of slots: a flood from one network delays nobody else.
"""

import asyncio
import hashlib
import os
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from otae.errors import Busy
from otae.store import concurrent_attempts
from otae.store.resources import Resources

Result = TypeVar("Result")

#: OWASP's first choice of parameters: 19 MiB, two passes, one lane.
MEMORY_KIB, PASSES, LANES, LENGTH = 19 * 1024, 2, 1, 32
CONCURRENT_HASHES = 4
#: Most sign-ins at a time from one network, and in total (a network without any gets one all the same).
SLOTS_PER_NETWORK, SLOTS_IN_TOTAL = 24, 200
#: Seconds after which a sign-in that got no slot should be retried.
RETRY_AFTER = 5

#: A valid hash of an unknown secret: verified where there is no hash, so that both cases take the same time.
DECOY = "$argon2id$v=19$m=19456,t=2,p=1$b3RhZWRlY295c2FsdDAwMQ$" + "A" * 43


class HashQueue:
    """The running and waiting hashes of this process, and its sign-ins by network.

    It hashes in a few threads of its own, because every thread that has computed a hash keeps the memory for it.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(CONCURRENT_HASHES, thread_name_prefix="argon2")
        self.hashing = 0
        self.waiters: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self.signing_in: Counter[str] = Counter()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run ``work`` in a thread when its turn comes, and return its result."""
        await self._enter(_network.get())
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._leave()

    async def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _enter(self, network: str) -> None:
        if self.hashing < CONCURRENT_HASHES:
            self.hashing += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiters.setdefault(network, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._leave()  # its turn had come already: pass it on
            raise

    def _leave(self) -> None:
        """Pass the thread on to the first waiter of the network that was served longest ago."""
        while self.waiters:
            network, queue = self.waiters.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self.waiters[network] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self.hashing -= 1


#: Network of the current sign-in; "" for our own work, such as hashing the PINs of a group.
_network: "ContextVar[str]" = ContextVar("network", default="")


@contextmanager
def sign_in_slot(resources: Resources, network: str) -> Iterator[None]:
    """Hold one of the slots of ``network`` during a sign-in.

    Raises:
        Busy: no slot is free; nothing was counted yet.
    """
    signing_in = resources.get(HashQueue).signing_in
    if signing_in[network] >= SLOTS_PER_NETWORK or (signing_in[network] and signing_in.total() >= SLOTS_IN_TOTAL):
        raise Busy(RETRY_AFTER, "too many sign-ins at once")
    signing_in[network] += 1
    before = _network.set(network)
    try:
        with concurrent_attempts.sign_in_scope(resources):
            yield
    finally:
        _network.reset(before)
        signing_in[network] -= 1
        if not signing_in[network]:
            del signing_in[network]


def hash_token(token: str) -> str:
    """Return the SHA-256 (hex) by which a random secret of 128 bits or more is stored and looked up.

    ``token`` may be any text, lone surrogates included; it is then simply not found.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


async def hash_secret(resources: Resources, secret: bytes) -> str:
    """Return the PHC string of ``secret`` under argon2id."""
    return await resources.get(HashQueue).run(partial(_hash, secret))


async def verify_secret(resources: Resources, secret: bytes, hashed: str | None) -> bool:
    """Return whether ``secret`` is the hashed one; False for None, after the same time.

    A check that returns a truth value instead of raising: a wrong entry is an everyday result that callers count.
    """
    matches = await resources.get(HashQueue).run(partial(_verify, secret, hashed or DECOY))
    return matches and hashed is not None


def _hash(secret: bytes) -> str:
    kdf = Argon2id(salt=os.urandom(16), length=LENGTH, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(secret)


def _verify(secret: bytes, hashed: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(secret, hashed)
    except InvalidKey:
        return False
    return True
