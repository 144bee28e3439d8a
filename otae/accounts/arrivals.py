"""An administrator's browser arrives: proven or set up, and signed in with a secret that it did not bring along."""

from dataclasses import dataclass, field
from datetime import datetime

from otae.accounts import administrators, browsers
from otae.store.desk import Desk


@dataclass(frozen=True)
class Arrival:
    """Who arrived, and the secret for the browser's cookie."""

    name: str
    secret: str = field(repr=False)


async def sign_in(
    desk: Desk, name: str, password: str, network: str, *, now: datetime, replacing: str | None
) -> Arrival:
    """Sign a browser in by name and password; raises as `administrators.sign_in`.

    ``replacing``: the secret that the browser came with, which ends.
    """
    row = await administrators.sign_in(desk, name, password, network, now=now)
    return Arrival(row.name, await browsers.open_browser(browsers.CONSOLE, row, now=now, replacing=replacing))


async def set_up(
    desk: Desk, token: str, name: str, password: str, *, email: str = "", now: datetime, replacing: str | None
) -> Arrival:
    """Make the administrator of a setup link and sign the browser in; raises as `administrators.use_setup_link`."""
    row = await administrators.use_setup_link(desk, token, name, password, email=email, now=now)
    return Arrival(row.name, await browsers.open_browser(browsers.CONSOLE, row, now=now, replacing=replacing))


async def name_for(token: str, *, now: datetime) -> str | None:
    """Return the name that the setup link fixes, None when it is chosen; SetupLinkUnknown when it works no more."""
    return (await administrators.find_setup_link(token, now=now)).administrator_name
