"""What a wave makes for one person: the invitation, its PIN, and the messages that bring both."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from otae.delivery import batch
from otae.delivery.compose import invitation_url
from otae.invitations import handing, pins, tokens
from otae.invitations.channels import BY_HAND, SMS
from otae.invitations.modes import Mode
from otae.invitations.pins import Drawn
from otae.store.desk import Desk
from otae.store.models import Delivery, GroupInvitation, GroupInvitee, Invitation, Person, Pin


@dataclass(frozen=True)
class Made:
    """What a wave made for one person, for whoever started it and nobody else."""

    invitee: GroupInvitee
    invitation: Invitation
    pin: Pin | None
    url: str = field(repr=False)
    token: str = field(repr=False)
    clear: str | None = field(default=None, repr=False)


def wants_pins(row: GroupInvitation, mode: Mode, *, show_pin: bool) -> bool:
    """Tell whether an order makes PINs now; without messages and without anybody to see them it makes none."""
    return mode.secret and (show_pin or (row.send and row.pin_channel not in BY_HAND))


def make(
    desk: Desk,
    row: GroupInvitation,
    invitee: GroupInvitee,
    person: Person,
    *,
    mode: Mode,
    drawn: Drawn | None,
    region: str,
    now: datetime,
) -> Made:
    """Return the invitation of one person, not saved yet, with the PIN that was ``drawn`` for it, if any.

    ``region``: as `phones.own_region` gives it.
    """
    invitation = Invitation(
        person_id=person.id,
        mode=mode.name,
        ownership=row.ownership,
        platform=row.platform,
        valid_until=now + mode.valid_for if mode.valid_for else None,
        way=row.way,
        send=row.send,
        url_template_id=row.url_template_id,
        pin_template_id=row.pin_template_id,
        confirmation_template_id=row.confirmation_template_id,
        pin_channel=row.pin_channel,
        note=row.note,
        created_by=row.created_by,
        created_at=now,
    )
    token, columns = tokens.mint(desk, invitation)
    invitation.update_from_dict(columns | handing.snapshot(person, region))
    invitee.invitation_id = invitation.id
    url, sealed = invitation_url(desk.settings, token), row.send and row.pin_channel not in BY_HAND
    pin = pins.give(desk, invitation, drawn, now=now, sealed=sealed) if drawn else None
    return Made(invitee, invitation, pin, url, token, drawn.clear if drawn else None)


async def queue(row: GroupInvitation, invitations: list[Invitation], mode: Mode, *, now: datetime) -> list[UUID]:
    """Queue the messages of a wave by their channels, inside its transaction; return which to ring for."""
    mails = [(each, each.email or "") for each in invitations]
    deliveries: list[Delivery] = await batch.enqueue_all(mails, "url", now=now)
    if mode.secret and row.pin_channel == SMS:
        texts = [(each, each.phone or "") for each in invitations]
        deliveries += await batch.enqueue_all(texts, "pin", now=now, channel=SMS)
    elif mode.secret and row.pin_channel not in BY_HAND:
        deliveries += await batch.enqueue_all(mails, "pin", now=now)
    return [each.id for each in deliveries]
