"""Makes the PIN of an invitation, stores to whom the invitation goes, and queues its messages by their channels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from otae.delivery.queue import bulk_enqueue
from otae.errors import InputRefused
from otae.invitations import channels, pins
from otae.invitations.channels import BY_HAND, MAIL, SMS, number_of
from otae.store.desk import Desk
from otae.store.mode_table import Mode
from otae.store.models import Invitation, Person, Pin
from otae.text import folded
from otae.translatable import N_


@dataclass(frozen=True)
class NewPin:
    """A new PIN. ``pin``: its row, None if none was made; ``clear``: the PIN, None unless it is to be shown."""

    pin: Pin | None
    clear: str | None = field(repr=False)


def snapshot(person: Person, region: str) -> dict[str, str | None]:
    """Return the columns that store the recipient as the person is now; phone numbers in E.164 form where possible.

    Args:
        region: As returned by `properties.default_region`.
    """
    return {
        "display_name": person.display_name,
        "sort_name": folded(person.display_name)[:200],
        "email": person.email,
        "phone": number_of(person, region) or person.phone,
        "language": person.language,
    }


async def channel_for_next_pin(
    invitation: Invitation, mode: Mode, person: Person, *, send: bool, show_pin: bool
) -> str:
    """Return the channel for the next PIN. Raises InputRefused when it cannot be delivered, or nobody would see it."""
    if invitation.rehearsal or not mode.secret:
        return invitation.pin_channel
    channel = await channels.channel_for_new_pin(mode, invitation.pin_channel, show_pin=show_pin)
    if channel in BY_HAND and not show_pin:
        how = channels.CHANNEL_PHRASES[channel]
        words = N_("the PIN is %(how)s: an administrator has to send this invitation from its own page", how=how)
        raise InputRefused({"pin_channel": words})
    if send and channel not in BY_HAND and (missing := await channels.why_undeliverable(channel, person)):
        raise InputRefused({"pin_channel": missing})
    return channel


async def make_pin(
    desk: Desk,
    invitation: Invitation,
    mode: Mode,
    *,
    channel: str,
    now: datetime,
    send: bool,
    show: bool,
    generation: int = 1,
) -> NewPin:
    """Make a PIN if the mode has one and somebody is to get it; it is sealed only when a message carries it.

    ``show``: an administrator is to see it.
    """
    by_hand = channel in BY_HAND
    if not mode.secret or not (send or show or by_hand):
        return NewPin(None, None)
    sealed = send and not by_hand
    pin, clear = await pins.mint(desk, invitation, now=now, generation=generation, sealed=sealed, mode=mode)
    return NewPin(pin, clear if show or by_hand else None)


async def save_and_queue(invitation: Invitation, pin: Pin | None, *, send: bool, now: datetime) -> tuple[UUID, ...]:
    """Save the PIN and queue its messages, inside the step's transaction; return the deliveries to ring for."""
    if pin:
        await pin.save(force_create=True)
    return tuple(await queue_messages([(invitation, pin)], now=now)) if send else ()


async def queue_messages(made: Sequence[tuple[Invitation, Pin | None]], *, now: datetime) -> list[UUID]:
    """Queue links, and PINs by their channels, in their transaction; return the deliveries to ring for."""
    mails = [(each, each.email) for each, _ in made if each.email]
    deliveries = await bulk_enqueue.enqueue_all(mails, "url", now=now)
    for channel, column in ((SMS, "phone"), (MAIL, "email")):
        with_pin = [each for each, pin in made if pin and each.pin_channel == channel]
        pins_to = [(each, to) for each in with_pin if (to := getattr(each, column))]
        deliveries += await bulk_enqueue.enqueue_all(pins_to, "pin", now=now, channel=channel)
    return [each.id for each in deliveries]
