"""Printed cards: address, user name and card code of an invitation, and its PIN on a strip to cut off, printed once.

A PIN that goes out on a card is made by printing it, unless it was made with the invitation; nothing keeps it. Printing
again makes another card code, and no PIN.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tortoise.exceptions import IntegrityError
from tortoise.queryset import QuerySet

from otae.delivery.texts.compose import invitation_url
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InvitationFailed, NotAllowed, StaleState
from otae.invitations import go_codes, lifecycle, pins, tokens
from otae.invitations.channels import CARD
from otae.invitations.modes import known_mode
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.mode_table import MODES
from otae.store.models import GroupInvitation, Invitation, Pin
from otae.store.paging import count_capped
from otae.store.records import about, note
from otae.store.states import InvitationStatus

#: Cards that are printed at once; each PIN takes 20 ms to be made.
CARDS_AT_ONCE: Final = 24


@dataclass(frozen=True)
class Card:
    """One printed card.

    ``code``: the card code, "" in modes in which the link is a factor. ``pin``: the PIN, "" when this card has none.
    ``link``: the invitation's link, where it was not mailed and the mode asks for it.
    """

    invitation: Invitation
    code: str = field(repr=False)
    pin: str = field(repr=False)
    link: str = field(repr=False)


async def print_card(
    desk: Desk, invitation: Invitation, *, pin: str = "", again: bool = True, now: datetime, actor: str
) -> Card:
    """Return the card of an invitation, whose person must be fetched; recorded and audited.

    Args:
        pin: The PIN, when it was made a moment ago; else one is made if it goes out on a card and none was printed.
        again: Also when a card was printed before, whose code then ends.

    Raises:
        NotAllowed: The invitation does not work.
        StaleState: Another step changed the invitation meanwhile.
    """
    lifecycle.check_usable(invitation, now=now)
    mode, seen = await known_mode(invitation.mode), invitation.generation
    if await pins.are_used_up(invitation, mode):
        raise InvitationFailed
    row = None
    if mode.secret and invitation.pin_channel == CARD and not pin:
        row, pin = await pins.mint(desk, invitation, now=now, sealed=False, mode=mode)
    code, hashed = await go_codes.card_code(desk)
    async with transaction():
        person = invitation.person
        unprinted: dict[str, object] = {} if again else {"card_code_hash": None}
        await lifecycle.lock(invitation, generation=seen, status=InvitationStatus.PENDING, **unprinted)
        invitation.person = person
        if row and await Pin.exists(invitation_id=invitation.id, generation=seen):
            row, pin = None, ""
        if row:
            await row.save(force_create=True)
        if not mode.token:
            await Invitation.filter(id=invitation.id).update(card_code_hash=hashed)
        detail = "with the PIN" if pin else ""
        await note("card.printed", now=now, about=about(invitation), actor=actor, detail=detail)
        await audit.record(actor, "invitation.card-printed", now=now, subject=str(invitation.id), detail=detail)
    link = invitation_url(desk.settings, tokens.reveal(desk, invitation)) if mode.token and not invitation.send else ""
    return Card(invitation, "" if mode.token else code, pin, link)


async def print_sheet(
    desk: Desk, order: GroupInvitation, *, now: datetime, actor: str, reach: Reach = EVERYBODY
) -> list[Card]:
    """Return the next `CARDS_AT_ONCE` cards of a group invitation: of those who wait and whose card was not printed."""
    printed = []
    for invitation in await _unprinted(order, now, reach).limit(CARDS_AT_ONCE).prefetch_related("person"):
        try:
            printed.append(await print_card(desk, invitation, again=False, now=now, actor=actor))
        except (StaleState, NotAllowed, IntegrityError):
            continue  # it ended, or was printed or sent again, a moment ago
    return printed


async def left_to_print(order: GroupInvitation, *, now: datetime, reach: Reach = EVERYBODY) -> int:
    """Return how many cards of a group invitation were not printed yet (bounded); 0 where the link is a factor."""
    if order.mode not in MODES or MODES[order.mode].token:
        return 0
    return await count_capped(_unprinted(order, now, reach))


def _unprinted(order: GroupInvitation, now: datetime, reach: Reach) -> QuerySet[Invitation]:
    working = Invitation.filter(go_codes.working(now), reach.people("person_id", listed=Invitation))
    return working.filter(invitees__group_invitation_id=order.id, card_code_hash=None).order_by("invitees__number")
