"""The printed PIN card of an invitation: address and QR code, user name, and the PIN on a strip."""

from dataclasses import dataclass, field
from typing import Final

import segno
from markupsafe import Markup

from otae import paths
from otae.invitations.lifecycle import Created
from otae.invitations.modes import known_mode

#: Size of a module of the code, in pixels of the screen; print scales it.
SCALE: Final = 4


@dataclass(frozen=True)
class CardTarget:
    """The address on the card.

    ``url`` is "" when only the mailed link leads on; ``secret`` says whether it is the invitation's link itself.
    """

    url: str = field(repr=False)
    secret: bool


async def card_target(public_url: str, created: Created) -> CardTarget:
    """Return the address for the card of an invitation.

    A link that was mailed is not printed as well, because whoever finds the card would have both link and PIN: the card
    names the sign-in page, or refers to the mail where the mode requires the link. A link that was not mailed is
    printed.
    """
    if not created.invitation.send:
        return CardTarget(created.url, secret=True)
    asks_for_link = (await known_mode(created.invitation.mode)).token
    return CardTarget("" if asks_for_link else f"{public_url}{paths.LOGIN}", secret=False)


def qr_code(url: str) -> Markup:
    """Return a QR code (ISO 18004) of ``url`` as SVG, black on white in every theme."""
    svg = segno.make_qr(url, error="m").svg_inline(scale=SCALE, border=4, light="#fff", dark="#000", omitsize=True)
    return Markup(svg)  # noqa: S704 - made here from modules alone: no text of anybody stands in it
