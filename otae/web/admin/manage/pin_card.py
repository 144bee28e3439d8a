"""Printed cards: address and QR code, user name and card code, and the PIN on a strip; one, or a sheet of a group's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import segno
from markupsafe import Markup
from starlette.responses import Response

from otae import paths
from otae.branding import logos
from otae.delivery.texts.languages import format_expiry
from otae.errors import Refusal, StaleState
from otae.invitations import cards, details, groups
from otae.invitations.cards import Card
from otae.store import properties
from otae.web.admin.page_parts import SENT_ALREADY, is_resubmitted, or_not_found, row_id
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import language

#: Size of a module of the code, in pixels of the screen; print scales it.
SCALE: Final = 4


@dataclass(frozen=True)
class ShownCard:
    """A card as the page shows it. ``url``: its address, "" when only the mailed link leads on; ``until``: its end."""

    card: Card
    url: str
    qr: Markup | None
    until: str


async def show(visit: Console) -> Response:
    """Print the card of one invitation: code and PIN are in this answer and nowhere else."""
    row = or_not_found(await details.read(row_id(visit.request), visit.reach)).invitation
    if await is_resubmitted(visit):
        return redirect(paths.INVITATION(row.id), "info", SENT_ALREADY)
    try:
        card = await cards.print_card(visit.desk, row, now=visit.now, actor=visit.actor)
    except Refusal as refusal:
        return redirect(paths.INVITATION(row.id), "danger", _(refusal.words))
    except StaleState:
        return redirect(paths.INVITATION(row.id), "warning", _("It had moved on meanwhile; here is where it stands."))
    return await show_cards(visit, [card], back=paths.INVITATION(row.id))


async def show_sheet(visit: Console) -> Response:
    """Print the next cards of a group invitation on one sheet."""
    order = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    back = paths.GROUP_INVITATION(order.id)
    if await is_resubmitted(visit):
        return redirect(back, "info", SENT_ALREADY)
    printed = await cards.print_sheet(visit.desk, order, now=visit.now, actor=visit.actor, reach=visit.reach)
    if not printed:
        return redirect(back, "info", _("Every card was printed already."))
    return await show_cards(visit, printed, back=back)


async def show_cards(visit: Console, printed: Sequence[Card], *, back: str, words: str = "") -> Response:
    """Show cards to be printed; ``back``: where they belong; ``words``: a note."""
    zone = ZoneInfo(await properties.word("organization.timezone"))
    public_url, shown = visit.desk.settings.public_url, []
    for card in printed:
        url = f"{public_url}{paths.GO}" if card.code else card.link
        until = format_expiry(card.invitation.valid_until, language(), zone) if card.invitation.valid_until else ""
        shown.append(ShownCard(card, url, qr_code(url) if url else None, until))
    context = {
        "cards": shown,
        "back": back,
        "logo": (await logos.stored()).get(logos.LIGHT),
        "flash": {"kind": "success", "text": words} if words else None,
    }
    return render(visit.request, "admin/manage/invitations/card.html", context)


def qr_code(url: str) -> Markup:
    """Return a QR code (ISO 18004) of ``url`` as SVG, black on white in every theme."""
    svg = segno.make_qr(url, error="m").svg_inline(scale=SCALE, border=4, light="#fff", dark="#000", omitsize=True)
    return Markup(svg)  # noqa: S704 - made here from modules alone: no text of anybody stands in it
