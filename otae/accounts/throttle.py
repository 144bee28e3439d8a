"""How fast passwords may be guessed: what a sign-in is counted under, and how long the next one waits (ADR 0019).

Each try counts under the name as it was typed, without case, accents and what cannot be seen: beside the network it
came from, and over all networks. Once it is known whom a directory means, it counts under that person as well. Each
door counts by itself, so that nothing done at a page that anybody can open holds up who holds a mailed link. Whether
there is such a person makes no difference, neither to what is counted nor to when that is forgotten.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otae.errors import SlowDown
from otae.store import failure_counters, under_way
from otae.store.desk import Desk
from otae.store.failure_counters import Waits
from otae.store.keyring import installation_secret
from otae.store.models import DirectoryServer

#: The doors that take a password: a mailed link, the bare login page, the console, and the bare page for our own people
#: while the directory of others is away.
LINK, BARE, CONSOLE, OUTAGE = "link", "bare", "console", "outage"
#: What keys of counters begin with: failures (during an outage apart), and the lockouts that directories ask for.
FAILURES, DURING_OUTAGE, LOCKOUT = "password", "outage", "lockout"
#: Failures of one account from one network, and from all of them; the link's are remembered for its usual life.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FROM_ONE: Final = (0, 0, 0, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 900)
FROM_ALL: Final = (0,) * 10 + (1, 2, 4, 8, 15, 30, 60, 120, 300)


class Names:
    """What accounts are called in counters: a keyed hash, for what was typed may be a password in the wrong field."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    async def of(cls, desk: Desk) -> "Names":
        """Return the names of this installation."""
        secret = await installation_secret(desk.vault, "pepper")
        return cls(HKDF(SHA256(), 32, None, b"otae failure counters").derive(secret))

    def name(self, door: str, account: str) -> str:
        """Return what ``account`` is called at ``door``."""
        text = f"{door}\0{account}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]


def account_in(domain: str, directory_id: str) -> str:
    """Return what somebody is counted under whom the directory ``domain`` knows by ``directory_id``."""
    return f"{domain}#{directory_id}"


def account_named(domain: str, folded: str) -> str:
    """Return what a name of ``domain`` is counted under that nobody was found by yet; "" for no domain."""
    return f"{domain}\\{folded}" if domain else folded


@dataclass
class Attempt:
    """One sign-in at one door, and what it was counted under so far; made by `begin`.

    ``network``: where it comes from. ``known``: the account signed in from there before. Each ``count…`` raises
    SlowDown when the try has to wait.
    """

    door: str
    network: str
    now: datetime
    names: Names
    known: bool = False
    _own: list[str] = field(default_factory=list)
    _counted: list[tuple[str, Waits]] = field(default_factory=list)
    _spent: list[str] = field(default_factory=list)
    _mark: str = ""

    async def count(self, account: str, *, over: str = "") -> None:
        """Count the try under ``account`` beside its network, and over all networks.

        Where ``account`` signed in before, others from elsewhere hold nobody up: only the network counts. ``over``:
        what is counted over all networks, if not the account.
        """
        name = self.names.name(self.door, account)
        self._mark = f"{failure_counters.MARK}{name}:{self.network}"
        self.known = await failure_counters.is_marked(self._mark, self.now)
        kind = DURING_OUTAGE if self.door == OUTAGE else FAILURES
        await self._count(f"{kind}:{name}:{self.network}", self._waits(FROM_ONE), own=True)
        if not self.known:
            await self._count(f"{kind}:{name}:*{over}", self._waits(FROM_ALL))

    async def count_named(self, server: DirectoryServer, folded: str) -> None:
        """Count the try under a name that a directory is about to be asked for."""
        await self._count_lockout(server, account_named(server.domain, folded))

    async def count_found(self, server: DirectoryServer, directory_id: str | None, folded: str) -> None:
        """Count the try under whom the directory found, before it is asked whether the password is right.

        ``directory_id``: None for nobody, who is counted like somebody, under the name.
        """
        account = account_in(server.domain, directory_id or f"nobody {folded}")
        if not self.known:
            await self._count(f"{FAILURES}:{self.names.name(self.door, account)}:*", self._waits(FROM_ALL))
        await self._count_lockout(server, account)

    async def spend(self, limit: int, key: str = "") -> None:
        """Take one of ``limit`` failures an hour that this network has at this door, or that ``key`` stands for."""
        key = key or f"{failure_counters.SHARE}{self.door}:{self.network}"
        await failure_counters.spend(key, limit, self.now, HOUR)
        self._spent.append(key)

    async def give_back(self) -> None:
        """Give every counted try back: the password could not be looked at, or the try had to wait."""
        await self.password_was_right()
        await self.take_back_spent()

    async def password_was_right(self) -> None:
        """Give back what was counted under an account."""
        for key, waits in self._counted:
            await failure_counters.give_back(key, waits)
            under_way.end(key)
        self._counted.clear()

    async def take_back_spent(self) -> None:
        """Give back what was taken of the failures of networks and of everybody."""
        for key in self._spent:
            await failure_counters.take_back(key)
        self._spent.clear()

    async def succeed(self) -> None:
        """Somebody was let in by password: their failures from here are forgotten, and the network is known."""
        await self.give_back()
        for key in self._own:
            await failure_counters.forget(key)
        if self._mark:
            await failure_counters.mark(self._mark, self.now)

    async def _count_lockout(self, server: DirectoryServer, account: str) -> None:
        if not server.lockout_limit:
            return
        seconds = (0,) * server.lockout_limit + (server.lockout_minutes * 60,)
        name = self.names.name(self.door, account)
        await self._count(f"{LOCKOUT}:{name}", Waits(seconds, DAY, afresh=True), own=True)

    async def _count(self, key: str, waits: Waits, *, own: bool = False) -> None:
        network = None if self.door == LINK else self.network
        while True:
            try:
                await failure_counters.count_try(key, waits, self.now, network=network)
                break
            except SlowDown:
                # Of those that are looked at now some may be right, and given back.
                if not await under_way.another_ends(key):
                    raise
        under_way.begin(key)
        self._counted.append((key, waits))
        if own:
            self._own.append(key)

    def _waits(self, seconds: tuple[int, ...]) -> Waits:
        return Waits(seconds, DAY if self.door == LINK else HOUR)


async def begin(desk: Desk, door: str, network: str, now: datetime) -> Attempt:
    """Return a sign-in of which nothing is counted yet."""
    return Attempt(door, network[:64], now, await Names.of(desk))


async def count_at_the_door(attempt: Attempt, account: str, limits: dict[str, int]) -> None:
    """Count a try that anybody may make: under ``account`` ("" for none), then on the shares of failures.

    ``limits``: failures an hour by key, "" for this network's; an administrator who signed in from it before is held up
    by none of them. A try that has to wait is counted nowhere.
    """
    try:
        if account:
            await attempt.count(account)
        if not (attempt.known and attempt.door == CONSOLE):
            for key, limit in limits.items():
                await attempt.spend(limit, key)
    except SlowDown:
        await attempt.give_back()
        raise
