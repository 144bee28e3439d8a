"""How secrets are kept: what people choose under argon2id, what we draw at random under SHA-256.

argon2id stands behind a semaphore: a few hashes at a time, in threads, so that a flood of sign-ins leaves pages alive.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from otae.errors import SlowDown

Result = TypeVar("Result")

#: OWASP's first choice of parameters: 19 MiB, two passes, one lane.
MEMORY_KIB, PASSES, LANES, LENGTH = 19 * 1024, 2, 1, 32
AT_ONCE = 4
#: Threads that do nothing else: what a hash needs stays with its thread, and further threads would keep as much again.
_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
#: How many may wait before a flood is told to come back.
WAITING = 200

#: A valid hash of nothing anybody knows: verified in place of one that does not exist, so that both cost the same.
DECOY = "$argon2id$v=19$m=19456,t=2,p=1$b3RhZWRlY295c2FsdDAwMQ$" + "A" * 43


class _Gate:
    """Who hashes now and who waits, on one event loop."""

    def __init__(self) -> None:
        self.places = asyncio.Semaphore(AT_ONCE)
        self.waiting = 0

    async def pass_through(self, work: Callable[[], Result]) -> Result:
        """Do ``work`` in a thread when it is its turn."""
        self.waiting += 1
        try:
            async with self.places:
                return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
        finally:
            self.waiting -= 1


_gates: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate]" = WeakKeyDictionary()


def check_not_crowded() -> None:
    """Raise SlowDown when a flood of sign-ins waits already; asked before a try is counted or anything is looked at."""
    if _gate().waiting >= WAITING:
        raise SlowDown(5, "too many sign-ins at once")


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
