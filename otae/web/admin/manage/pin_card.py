"""The printed card of an invitation: where to go, as a code a camera reads, the user name, and the PIN on a strip."""

from dataclasses import dataclass, field
from typing import Final

import segno
from markupsafe import Markup

from otae.invitations.lifecycle import Created
from otae.invitations.modes import known_mode
from otae.web.paths import LOGIN

#: Size of a module of the code, in pixels of the screen; print scales it.
SCALE: Final = 4


@dataclass(frozen=True)
class Way:
    """Where the card leads: ``url``, "" when only the mailed link does; ``secret``: the address is the link itself."""

    url: str = field(repr=False)
    secret: bool


async def way_of(public_url: str, created: Created) -> Way:
    """Return where the card of an invitation leads.

    A link that was mailed stays out of the card, or whoever finds the card has both: it leads to the page where
    everybody signs in, or names the mail where the mode asks for the link. Nothing was mailed: it is the link.
    """
    if not created.invitation.send:
        return Way(created.url, secret=True)
    asks_for_link = (await known_mode(created.invitation.mode)).token
    return Way("" if asks_for_link else f"{public_url}{LOGIN}", secret=False)


def code_of(url: str) -> Markup:
    """Return a QR code (ISO 18004) of ``url`` as SVG, black on white whatever the page's colours are."""
    svg = segno.make_qr(url, error="m").svg_inline(scale=SCALE, border=4, light="#fff", dark="#000", omitsize=True)
    return Markup(svg)  # noqa: S704 - made here from modules alone: no text of anybody stands in it
