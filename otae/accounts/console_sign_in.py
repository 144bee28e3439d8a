"""Signing an administrator's browser in, each time with a new secret.

By password, and by a second factor after it where there is one; by a passkey alone; or by a setup link.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.accounts import administrators, browsers, passkeys, recheck, second_factors, throttle
from otae.accounts.passkeys import Answer
from otae.accounts.second_factors import Proof
from otae.errors import SigninFailed
from otae.store import audit, browser_seals
from otae.store.desk import Desk
from otae.store.models import Administrator
from otae.store.passwords import hash_token

#: How long after the password the second factor may be entered.
SECOND_STEP_LIFE: Final = timedelta(minutes=5)
#: What a passkey is asked for: the second step of signing in, or confirming before a critical action.
SECOND, AGAIN = "second step", "again"
_SECOND_STEP: Final = "otae second step"


@dataclass(frozen=True)
class Browser:
    """The browser of a sign-in.

    ``name``: from its User-Agent; ``secret``: the one in its cookie, which signing in replaces.
    """

    network: str
    name: str
    secret: str | None = field(repr=False)


@dataclass(frozen=True)
class SignInResult:
    """The administrator's name, and the secret for the browser's cookie."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class SecondStep:
    """The password was right, and a second factor is needed; ``sealed`` is for the browser's cookie until then."""

    sealed: str = field(repr=False)


async def sign_in(
    desk: Desk, name: str, password: str, browser: Browser, *, now: datetime
) -> SignInResult | SecondStep:
    """Sign a browser in by name and password, or begin to. Raises as `administrators.sign_in`."""
    row = await administrators.sign_in(desk, name, password, browser.network, now=now)
    if row.second_factor_at is None:
        return await open_session(row, browser, now=now)
    bound = f"{row.id} {hash_token(row.password_hash)}".encode()
    return SecondStep(await browser_seals.seal(desk, _SECOND_STEP, bound, until=now + SECOND_STEP_LIFE))


async def find_second_step(desk: Desk, sealed: str, *, now: datetime) -> Administrator | None:
    """Return whose second factor is asked for; None when the password was entered too long ago, or has changed."""
    opened = await browser_seals.open_sealed(desk, _SECOND_STEP, sealed, now=now) if sealed else None
    if opened is None:
        return None
    administrator_id, _, password_hash = opened.decode().partition(" ")
    row = await Administrator.get_or_none(id=UUID(administrator_id), disabled=False, second_factor_at__not_isnull=True)
    return row if row and hash_token(row.password_hash) == password_hash else None


async def take_second_step(
    desk: Desk, row: Administrator, proof: Proof, browser: Browser, *, now: datetime
) -> SignInResult:
    """Sign a browser in by the second factor, after the password. Raises as `second_factors.prove`."""
    found = await second_factors.prove(desk, row, proof, SECOND, browser.network, now=now)
    return await _open_proven(row, found, browser, now)


async def sign_in_by_passkey(desk: Desk, answer: Answer, browser: Browser, *, now: datetime) -> SignInResult:
    """Sign a browser in by a passkey alone.

    Raises:
        SigninFailed: the passkey is not known, or its administrator may not sign in.
        SlowDown: too many failures from this network.
        DirectoryUnavailable: the administrator's directory does not answer.
    """
    attempt = await throttle.begin(desk, throttle.CONSOLE, browser.network, now)
    limits = {"": second_factors.FAILURES_PER_NETWORK}
    await throttle.count_public_attempt(attempt, "", limits)
    passkey = await passkeys.check(desk, passkeys.SIGN_IN, answer, now=now)
    row = await recheck.current(desk, passkey.administrator_id, now=now) if passkey else None
    if passkey is None or row is None:
        raise SigninFailed("console")
    await attempt.give_back()
    return await _open_proven(row, f"passkey {passkey.name}", browser, now)


async def confirm(
    desk: Desk, row: Administrator, entered: str | Proof, browser: Browser, *, now: datetime
) -> SignInResult:
    """Sign a signed-in browser in again, by the password or a second factor other than a recovery code.

    Raises:
        SigninFailed, SlowDown, DirectoryUnavailable: as `administrators.sign_in` and `second_factors.prove`.
    """
    if isinstance(entered, Proof):
        found = await second_factors.prove(desk, row, entered, AGAIN, browser.network, now=now, recovery=False)
        return await _open_proven(row, found, browser, now)
    row = await administrators.sign_in(desk, row.name, entered, browser.network, now=now)
    proven = await browsers.factor_entered_at(browser.secret)
    return await open_session(row, browser, now=now, second_factor_at=proven)


async def _open_proven(row: Administrator, found: str, browser: Browser, now: datetime) -> SignInResult:
    detail = f"from {browser.network} with {found}"
    await audit.record(row.name, "administrator.signed-in", now=now, subject=row.name, detail=detail)
    return await open_session(row, browser, now=now, second_factor_at=now)


async def use_setup_link(
    desk: Desk,
    token: str,
    name: str,
    password: str,
    browser: Browser,
    *,
    email: str = "",
    display_name: str = "",
    now: datetime,
) -> SignInResult:
    """Create the administrator of a setup link and sign the browser in. Raises as `administrators.use_setup_link`."""
    row = await administrators.use_setup_link(
        desk, token, name, password, email=email, display_name=display_name, now=now
    )
    return await open_session(row, browser, now=now)


async def open_session(
    row: Administrator, browser: Browser, *, now: datetime, second_factor_at: datetime | None = None
) -> SignInResult:
    """Sign a browser in for an administrator whose identity is proven.

    ``second_factor_at``: when it was proven by a second factor, None for not.
    """
    opened_from = ", ".join(filter(None, (browser.name, browser.network)))
    secret = await browsers.open_browser(
        browsers.CONSOLE,
        row,
        now=now,
        replacing=browser.secret,
        opened_from=opened_from,
        second_factor_at=second_factor_at,
    )
    return SignInResult(row.name, secret)


async def name_of_setup_link(token: str, *, now: datetime) -> str | None:
    """Return the name that a setup link fixes, None when it is to be chosen. Raises SetupLinkUnknown."""
    return (await administrators.find_setup_link(token, now=now)).administrator_name
