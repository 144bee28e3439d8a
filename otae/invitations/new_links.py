"""A new link or PIN on request of the invited person, sent to the address on file only.

Whoever holds a link that expired or failed may ask on its page (`request`): the answer is the same whether something is
sent or not, and names no address. Rate limits keep the number of messages small.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from otae.errors import InputRefused, ModeOff, NotAllowed, NotOffered, SlowDown, StaleState
from otae.invitations import channels, lifecycle, pins, reminders, resend_recipient
from otae.invitations.modes import mode_of
from otae.invitations.self_made import ACTOR
from otae.store import failure_counters, properties
from otae.store.desk import Desk
from otae.store.failure_counters import Limit
from otae.store.models import Invitation
from otae.store.records import about, note
from otae.store.states import InvitationStatus as Status

#: Rate limits: new links of one invitation, in a short while and in a day, and requests from one network.
PER_WHILE, PER_DAY = Limit(1, timedelta(minutes=15)), Limit(3, timedelta(days=1))
PER_NETWORK: Final = Limit(20, timedelta(hours=1))
#: Wrong PINs, over all PINs of an invitation, after which only an administrator can send another.
MAX_WRONG_PINS: Final = 9


@dataclass(frozen=True)
class Offer:
    """What may be requested.

    ``pin``: whether it is a new PIN for the same link, rather than a new link; ``after``: not before then. ``works``:
    whether what was sent before can still be used.
    """

    pin: bool
    after: datetime | None = None
    works: bool = False


async def offer(invitation: Invitation, *, now: datetime) -> Offer | None:
    """Return what the holder of a link that no longer works may request; None when only an administrator can send it.

    Offered while the server property enrollment.newlink is on, and as `resend_offer` says.
    """
    found = await resend_offer(invitation, now=now)
    return found if found and not found.works and await properties.flag("enrollment.newlink") else None


async def resend_offer(invitation: Invitation, *, now: datetime) -> Offer | None:
    """Return what the invited person may have sent again; None when only an administrator can send it.

    Not offered for an invitation that was never sent, once it is redeemed or revoked, where its mode is off or a new
    PIN would need an administrator, or after `MAX_WRONG_PINS` wrong PINs.
    """
    try:
        mode = await mode_of(invitation.mode)
    except ModeOff:
        return None
    expired = invitation.status == Status.EXPIRED or (
        invitation.status == Status.PENDING and invitation.valid_until is not None and invitation.valid_until <= now
    )
    failed = invitation.status == Status.FAILED or (
        invitation.status == Status.PENDING and await pins.are_used_up(invitation, mode)
    )
    ended = invitation.status in {Status.REDEEMED, Status.REVOKED}
    if ended or not invitation.send or invitation.rehearsal:
        return None
    if await channels.new_pin_is_by_hand(invitation) or await pins.wrong_entries(invitation) >= MAX_WRONG_PINS:
        return None
    waits = [await failure_counters.exhausted_until(key, limit, now) for key, limit in _limits(invitation)]
    after = max((wait for wait in waits if wait), default=None)
    return Offer(pin=mode.secret and not expired, after=after, works=not (expired or failed))


async def count_resend(invitation: Invitation, *, now: datetime) -> None:
    """Count that ``invitation`` is sent again on request; SlowDown when that was done too often."""
    for key, limit in _limits(invitation):
        await failure_counters.count(key, limit, now)


def _limits(invitation: Invitation) -> tuple[tuple[str, Limit], ...]:
    return (f"new-link-soon:{invitation.id}", PER_WHILE), (f"new-link-daily:{invitation.id}", PER_DAY)


async def may_mail_link(invitation: Invitation, *, now: datetime) -> bool:
    """Return whether the link of an invitation that works may be mailed once more to where it went."""
    over = invitation.valid_until is not None and invitation.valid_until <= now
    working = invitation.status == Status.PENDING and not over
    mailed = invitation.send and not invitation.rehearsal
    return working and mailed and await properties.flag("enrollment.newlink")


async def request(
    desk: Desk, invitation: Invitation | None, *, network: str, now: datetime, again: bool = False
) -> None:
    """Send ``invitation`` again if that is offered and within the rate limits; the caller cannot tell whether it was.

    Once in fifteen minutes and three times a day for an invitation, twenty times an hour from a network. A request is
    recorded in the timeline.

    Args:
        invitation: None when the caller's link is not known.
        again: Mail the link of an invitation that works once more; link and PIN stay as they are.

    Raises:
        NotOffered: The server property enrollment.newlink is off.
    """
    if not await properties.flag("enrollment.newlink"):
        raise NotOffered
    try:
        await failure_counters.count(f"new-link:{network}", PER_NETWORK, now)
        if invitation is None:
            return
        if not (await may_mail_link(invitation, now=now) if again else await offer(invitation, now=now)):
            return
        await count_resend(invitation, now=now)
    except SlowDown:
        return
    if again:
        if await reminders.mail_link(desk, invitation, now=now):
            await note("link.requested", now=now, about=about(invitation), detail="the same link, sent where it went")
        return
    try:
        await lifecycle.resend(desk, invitation, now=now, actor=ACTOR, address=resend_recipient.OLD)
    except (InputRefused, NotAllowed, StaleState) as refusal:
        why = "; ".join(refusal.fields.values()) if isinstance(refusal, InputRefused) else str(refusal)
        await note("link.requested", now=now, about=about(invitation), detail=f"not sent: {why}"[:500])
    else:
        await note("link.requested", now=now, about=about(invitation), detail="sent to the address on file")
