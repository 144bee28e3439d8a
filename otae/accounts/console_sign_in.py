"""Signing an administrator's browser in, by password or by a setup link, each time with a new secret."""

from dataclasses import dataclass, field
from datetime import datetime

from otae.accounts import administrators, browsers
from otae.store.desk import Desk
from otae.store.models import Administrator


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


async def sign_in(desk: Desk, name: str, password: str, browser: Browser, *, now: datetime) -> SignInResult:
    """Sign a browser in by name and password. Raises as `administrators.sign_in`."""
    row = await administrators.sign_in(desk, name, password, browser.network, now=now)
    return await open_session(row, browser, now=now)


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


async def open_session(row: Administrator, browser: Browser, *, now: datetime) -> SignInResult:
    """Sign a browser in for an administrator whose identity is proven."""
    opened_from = ", ".join(filter(None, (browser.name, browser.network)))
    opened = browsers.open_browser(browsers.CONSOLE, row, now=now, replacing=browser.secret, opened_from=opened_from)
    return SignInResult(row.name, await opened)


async def name_of_setup_link(token: str, *, now: datetime) -> str | None:
    """Return the name that a setup link fixes, None when it is to be chosen. Raises SetupLinkUnknown."""
    return (await administrators.find_setup_link(token, now=now)).administrator_name
