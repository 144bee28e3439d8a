"""An administrator's browser arrives: proven or set up, and signed in with a secret that it did not bring along."""

from dataclasses import dataclass, field
from datetime import datetime

from otae.accounts import administrators, browsers
from otae.store.desk import Desk
from otae.store.models import Administrator


@dataclass(frozen=True)
class Browser:
    """Where somebody arrives from. ``name``: what it calls itself; ``secret``: the one it came with, which ends."""

    network: str
    name: str
    secret: str | None = field(repr=False)


@dataclass(frozen=True)
class Arrival:
    """Who arrived, and the secret for the browser's cookie."""

    name: str
    secret: str = field(repr=False)


async def sign_in(desk: Desk, name: str, password: str, browser: Browser, *, now: datetime) -> Arrival:
    """Sign a browser in by name and password; raises as `administrators.sign_in`."""
    return await let_in(await administrators.sign_in(desk, name, password, browser.network, now=now), browser, now=now)


async def set_up(
    desk: Desk, token: str, name: str, password: str, browser: Browser, *, email: str = "", now: datetime
) -> Arrival:
    """Make the administrator of a setup link and sign the browser in; raises as `administrators.use_setup_link`."""
    row = await administrators.use_setup_link(desk, token, name, password, email=email, now=now)
    return await let_in(row, browser, now=now)


async def let_in(row: Administrator, browser: Browser, *, now: datetime) -> Arrival:
    """Sign a browser in for somebody who has proven who they are."""
    opened_from = ", ".join(filter(None, (browser.name, browser.network)))
    opened = browsers.open_browser(browsers.CONSOLE, row, now=now, replacing=browser.secret, opened_from=opened_from)
    return Arrival(row.name, await opened)


async def name_for(token: str, *, now: datetime) -> str | None:
    """Return the name that the setup link fixes, None when it is chosen; SetupLinkUnknown when it works no more."""
    return (await administrators.find_setup_link(token, now=now)).administrator_name
