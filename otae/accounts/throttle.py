"""Throttling of password guesses: under which keys a sign-in is counted, and how long the next one waits (ADR 0019).

Each attempt counts under the typed name, without case, accents and hidden characters: once together with the network it
came from, and once over all networks. When a directory has found the person, it counts under that person as well. Each
page that takes a password has counters of its own, so that attempts at the login page, which anybody can open, do not
slow down the holder of a mailed link. Whether there is a person of that name changes neither what is counted nor when
it expires.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otae.accounts import guess_alerts
from otae.errors import SlowDown
from otae.store import failure_counters
from otae.store.desk import Desk
from otae.store.failure_counters import Backoff, Limit, Rule
from otae.store.keyring import installation_secret
from otae.store.models import DirectoryServer

#: The pages that take a password: that of a mailed link, the bare login page together with the self-service page, the
#: console, and the bare login page for local people while the default directory does not answer; and the page that
#: takes a code to continue on a Mac.
LINK, BARE, CONSOLE, OUTAGE, GO = "link", "bare", "console", "outage", "go"
#: Prefixes of counters: failures, those during an outage of a directory, and the lockouts that directories configure.
FAILURES, DURING_OUTAGE, LOCKOUT = "password", "outage", "lockout"
#: How long failures are remembered: those at the page LINK for a day, all others for an hour.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Seconds to wait after each further failure of one account: from one network, and over all.
WAITS_PER_NETWORK: Final = (0, 0, 0, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 900)
WAITS_OVER_ALL: Final = (0,) * 10 + (1, 2, 4, 8, 15, 30, 60, 120, 300)


class AccountKeys:
    """Makes the keys under which accounts are counted: keyed hashes, because a password may be typed as the name."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    async def of(cls, desk: Desk) -> "AccountKeys":
        """Return the keys of this installation."""
        secret = await installation_secret(desk.vault, "pepper")
        return cls(HKDF(SHA256(), 32, None, b"otae failure counters").derive(secret))

    def key(self, page: str, account: str) -> str:
        """Return the key of ``account`` at ``page``: 32 hex digits."""
        text = f"{page}\0{account}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:32]


def account_by_id(domain: str, directory_id: str) -> str:
    """Return the account of a person that the directory ``domain`` has found."""
    return f"{domain}#{directory_id}"


def account_by_name(domain: str, folded: str) -> str:
    """Return the account of a typed name, which is not looked up yet.

    ``domain``: "" when none was typed; ``folded``: the name as `text.folded` returns it.
    """
    return f"{domain}\\{folded}" if domain else folded


@dataclass
class Attempt:
    """One sign-in at one page, and the counters it was counted in so far; made by `begin`.

    ``network``: where it comes from. ``known``: the account has signed in from this network before. Each ``count…``
    method raises SlowDown when the attempt has to wait.
    """

    page: str
    network: str
    now: datetime
    keys: AccountKeys
    known: bool = False
    _own: list[str] = field(default_factory=list)
    _counted: list[tuple[str, Rule]] = field(default_factory=list)
    _limited: list[tuple[str, Rule]] = field(default_factory=list)
    _mark: str = ""

    async def count(self, account: str, *, over: str = "") -> None:
        """Count the attempt under ``account`` with its network, and over all networks.

        From a network where ``account`` has signed in before, the count over all networks is left out, so that failures
        from elsewhere do not slow it down. ``over``: suffix of the key that is counted over all networks.
        """
        name = self.keys.key(self.page, account)
        self._mark = f"{failure_counters.MARK_PREFIX}{name}:{self.network}"
        self.known = await failure_counters.is_marked(self._mark, self.now)
        kind = DURING_OUTAGE if self.page == OUTAGE else FAILURES
        await self._count(f"{kind}:{name}:{self.network}", self._waits(WAITS_PER_NETWORK), own=True)
        if not self.known:
            await self._count(f"{kind}:{name}:*{over}", self._waits(WAITS_OVER_ALL))

    async def count_named(self, server: DirectoryServer, folded: str) -> None:
        """Count the attempt under the typed name (``folded``), before the directory is searched for it."""
        await self._count_lockout(server, account_by_name(server.domain, folded))

    async def count_found(self, server: DirectoryServer, directory_id: str | None, folded: str) -> None:
        """Count the attempt under the person that the directory found, before it checks the password.

        ``directory_id``: None when nobody was found, which is counted in the same way, under the name.
        """
        account = account_by_id(server.domain, directory_id or f"nobody {folded}")
        if not self.known:
            await self._count(f"{FAILURES}:{self.keys.key(self.page, account)}:*", self._waits(WAITS_OVER_ALL))
        await self._count_lockout(server, account)

    async def count_limited(self, failures: int, key: str = "") -> None:
        """Count the attempt against a limit of ``failures`` an hour.

        ``key``: the counter to use, "" for the one of this network at this page.
        """
        key = key or f"{failure_counters.SHARE_PREFIX}{self.page}:{self.network}"
        limit = Limit(failures, HOUR)
        await failure_counters.count(key, limit, self.now)
        self._limited.append((key, limit))

    async def give_back(self) -> None:
        """Uncount the attempt everywhere: the password could not be checked, or the attempt had to wait."""
        await self.give_back_to_accounts()
        await self.give_back_to_limits()

    async def give_back_to_accounts(self) -> None:
        """Uncount the attempt under accounts: the password was right."""
        await _give_back(self._counted)

    async def give_back_to_limits(self) -> None:
        """Uncount the attempt against the limits of networks and of everybody."""
        await _give_back(self._limited)

    async def succeed(self) -> None:
        """Record a successful sign-in: delete the account's failures from here, and remember the network."""
        await self.give_back()
        if self._own:
            await failure_counters.reset(*self._own)
        if self._mark:
            await failure_counters.mark(self._mark, self.now)

    async def _count_lockout(self, server: DirectoryServer, account: str) -> None:
        if not server.lockout_limit:
            return
        seconds = (0,) * server.lockout_limit + (server.lockout_minutes * 60,)
        name = self.keys.key(self.page, account)
        await self._count(f"{LOCKOUT}:{name}", Backoff(seconds, DAY, reset_after_wait=True), own=True)

    async def _count(self, key: str, waits: Backoff, *, own: bool = False) -> None:
        network = None if self.page == LINK else self.network
        await failure_counters.count(key, waits, self.now, network=network)
        self._counted.append((key, waits))
        if own:
            self._own.append(key)

    def _waits(self, seconds: tuple[int, ...]) -> Backoff:
        return Backoff(seconds, DAY if self.page == LINK else HOUR)


async def _give_back(counted: list[tuple[str, Rule]]) -> None:
    while counted:
        await failure_counters.give_back(*counted[-1])
        counted.pop()


async def begin(desk: Desk, page: str, network: str, now: datetime) -> Attempt:
    """Return an attempt that is not counted anywhere yet."""
    return Attempt(page, network[:64], now, await AccountKeys.of(desk))


async def count_public_attempt(attempt: Attempt, account: str, limits: dict[str, int]) -> None:
    """Count an attempt at a page that anybody can open: under ``account`` ("" for none), then against ``limits``.

    ``limits``: failures an hour by counter key, "" for this network's. They do not apply to an administrator who has
    signed in from this network before. For an attempt that has to wait, nothing is counted and SlowDown is raised.
    """
    try:
        if account:
            await attempt.count(account)
        if not (attempt.known and attempt.page == CONSOLE):
            for key, limit in limits.items():
                await attempt.count_limited(limit, key)
    except SlowDown:
        await attempt.give_back()
        await guess_alerts.look_at_limits(limits, now=attempt.now)
        raise
