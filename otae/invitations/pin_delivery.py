"""Handing an invitation over: its PIN made, whom it is for written down, its messages queued by their channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from otae.delivery.queue import bulk_enqueue
from otae.errors import InputRefused
from otae.invitations import channels, pins
from otae.invitations.channels import BY_HAND, MAIL, SMS, number_of
from otae.invitations.modes import Mode
from otae.store.desk import Desk
from otae.store.models import Invitation, Person, Pin


@dataclass(frozen=True)
class Handed:
    """A PIN that was made, if any; ``clear`` only when its maker is to see it."""

    pin: Pin | None
    clear: str | None

    def __repr__(self) -> str:
        return f"<Handed {'with' if self.pin else 'without'} a PIN>"


def snapshot(person: Person, region: str) -> dict[str, str | None]:
    """Return the columns that keep whom an invitation is for, as the person is now; a number as it is dialled.

    ``region``: as `phones.default_region` gives it.
    """
    return {
        "display_name": person.display_name,
        "email": person.email,
        "phone": number_of(person, region) or person.phone,
        "language": person.language,
    }


async def channel_again(invitation: Invitation, mode: Mode, person: Person, *, send: bool, show_pin: bool) -> str:
    """Return how the next PIN of ``invitation`` goes out; InputRefused when it cannot, or nobody would see it."""
    if invitation.rehearsal or not mode.secret:
        return invitation.pin_channel
    channel = await channels.again(mode, invitation.pin_channel, shown_too=show_pin)
    if channel in BY_HAND and not show_pin:
        words = f"the PIN is {channels.WORDS[channel]}: an administrator has to send this invitation from its own page"
        raise InputRefused({"pin_channel": words})
    if send and channel not in BY_HAND and (missing := await channels.lacking(channel, person)):
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
) -> Handed:
    """Make the PIN when the mode has one and somebody is to get it by ``channel``; sealed only for a message."""
    by_hand = channel in BY_HAND
    if not mode.secret or not (send or show or by_hand):
        return Handed(None, None)
    sealed = send and not by_hand
    pin, clear = await pins.mint(desk, invitation, now=now, generation=generation, sealed=sealed, mode=mode)
    return Handed(pin, clear if show or by_hand else None)


async def hand_out(invitation: Invitation, pin: Pin | None, *, send: bool, now: datetime) -> tuple[UUID, ...]:
    """Save the PIN and queue its message and the link's; inside the step's transaction. Returns deliveries to ring."""
    if pin:
        await pin.save(force_create=True)
    return tuple(await queue([(invitation, pin)], now=now)) if send else ()


async def queue(made: Sequence[tuple[Invitation, Pin | None]], *, now: datetime) -> list[UUID]:
    """Queue the link of invitations, and their PINs by their channels, in the transaction that makes both.

    Returns deliveries to ring for.
    """
    mails = [(each, each.email) for each, _ in made if each.email]
    deliveries = await bulk_enqueue.enqueue_all(mails, "url", now=now)
    for channel, column in ((SMS, "phone"), (MAIL, "email")):
        theirs = [each for each, pin in made if pin and each.pin_channel == channel]
        pins_to = [(each, to) for each in theirs if (to := getattr(each, column))]
        deliveries += await bulk_enqueue.enqueue_all(pins_to, "pin", now=now, channel=channel)
    return [each.id for each in deliveries]
