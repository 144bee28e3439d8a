"""How secrets are kept: what people choose under argon2id, what we draw at random under SHA-256.

argon2id is worked out a few hashes at a time, in threads, so that a flood of sign-ins leaves pages alive. Who waits is
served network by network in turn, and one network has few places: a flood from one address holds up nobody else.
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
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from otae.errors import Busy
from otae.store import under_way

Result = TypeVar("Result")

#: OWASP's first choice of parameters: 19 MiB, two passes, one lane.
MEMORY_KIB, PASSES, LANES, LENGTH = 19 * 1024, 2, 1, 32
AT_ONCE = 4
#: Threads that do nothing else: what a hash needs stays with its thread, and further threads would keep as much again.
_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
#: Sign-ins at work at a time: from one network, and altogether (a network that has none yet gets one all the same).
PLACES, PLACES_ALTOGETHER = 24, 200
#: Seconds after which somebody who found no place comes back.
COME_BACK = 5

#: A valid hash of nothing anybody knows: verified in place of one that does not exist, so that both cost the same.
DECOY = "$argon2id$v=19$m=19456,t=2,p=1$b3RhZWRlY295c2FsdDAwMQ$" + "A" * 43


class _Gate:
    """Who hashes now, who waits for it, and who is signing in, on one event loop."""

    def __init__(self) -> None:
        self.hashing = 0
        self.waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self.signing_in: Counter[str] = Counter()

    async def pass_through(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` in a thread when it is its turn."""
        await self._enter(_network.get())
        try:
            return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
        finally:
            self._leave()

    async def _enter(self, network: str) -> None:
        if self.hashing < AT_ONCE:
            self.hashing += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(network, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._leave()  # its turn had come already: the next one's then
            raise

    def _leave(self) -> None:
        """Give the place to whoever waits: the network that was served longest ago, and of its people the first."""
        while self.waiting:
            network, queue = self.waiting.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self.waiting[network] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self.hashing -= 1


_gates: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate]" = WeakKeyDictionary()
#: Where the sign-in at work comes from; "" for work of our own, such as the PINs of a group.
_network: "ContextVar[str]" = ContextVar("network", default="")


@contextmanager
def place(network: str) -> Iterator[None]:
    """Hold one of the places that ``network`` has for sign-ins; Busy when it has none, before anything is counted."""
    signing_in = _gate().signing_in
    if signing_in[network] >= PLACES or (signing_in[network] and signing_in.total() >= PLACES_ALTOGETHER):
        raise Busy(COME_BACK, "too many sign-ins at once")
    signing_in[network] += 1
    before = _network.set(network)
    try:
        with under_way.one_sign_in():
            yield
    finally:
        _network.reset(before)
        signing_in[network] -= 1
        if not signing_in[network]:
            del signing_in[network]


def hash_token(token: str) -> str:
    """Return what a secret of ours is looked up by: SHA-256 in hex, enough for one drawn with 128 bits or more.

    ``token``: as it came, even with half a surrogate pair in it; such a one is simply not found.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


async def hash_secret(secret: bytes) -> str:
    """Return the PHC string of ``secret`` under argon2id."""
    return await _gate().pass_through(partial(_hash, secret))


async def verify_secret(secret: bytes, hashed: str | None) -> bool:
    """Tell whether ``secret`` is the one hashed; None costs the same as a hash and is never it.

    The one function here that returns a truth value: a wrong entry is an everyday answer that the caller must count.
    """
    fits = await _gate().pass_through(partial(_verify, secret, hashed or DECOY))
    return fits and hashed is not None


def _gate() -> _Gate:
    return _gates.setdefault(asyncio.get_running_loop(), _Gate())


def _hash(secret: bytes) -> str:
    kdf = Argon2id(salt=os.urandom(16), length=LENGTH, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(secret)


def _verify(secret: bytes, hashed: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(secret, hashed)
    except InvalidKey:
        return False
    return True
