"""A new link or PIN on request of a person whose invitation expired or failed, sent to the address on file only.

Whoever holds the old link may ask. The answer is the same whether something is sent or not, and names no address; rate
limits keep the number of messages small.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from otae.errors import InputRefused, ModeOff, NotAllowed, NotOffered, SlowDown, StaleState
from otae.invitations import channels, lifecycle, pins, resend_recipient
from otae.invitations.modes import mode_of
from otae.store import failure_counters, properties
from otae.store.desk import Desk
from otae.store.failure_counters import Limit
from otae.store.models import Invitation
from otae.store.records import about, note
from otae.store.states import InvitationStatus as Status

#: Actor in the timeline when an invitation is sent again on request.
ACTOR: Final = "the invited person"
#: Rate limits: new links of one invitation, in a short while and in a day, and requests from one network.
PER_WHILE, PER_DAY = Limit(1, timedelta(minutes=15)), Limit(3, timedelta(days=1))
PER_NETWORK: Final = Limit(20, timedelta(hours=1))
#: Wrong PINs, over all PINs of an invitation, after which only an administrator can send another.
MAX_WRONG_PINS: Final = 9


@dataclass(frozen=True)
class Offer:
    """What may be requested. ``pin``: a PIN for the same link, else a new link; ``after``: not before then."""

    pin: bool
    after: datetime | None = None


async def offer(invitation: Invitation, *, now: datetime) -> Offer | None:
    """Return what the holder of the link may request; None when only an administrator can send something.

    Offered while the server property enrollment.newlink is on, for an invitation that was sent, and that has expired or
    failed or whose PIN has no try left. Not offered once it is redeemed or revoked, while it still works, where a new
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
    if not (expired or failed) or not invitation.send or invitation.rehearsal:
        return None
    if (
        await channels.new_pin_is_by_hand(invitation)
        or await pins.wrong_entries(invitation) >= MAX_WRONG_PINS
        or not await properties.flag("enrollment.newlink")
    ):
        return None
    waits = [await failure_counters.exhausted_until(key, limit, now) for key, limit in _limits(invitation)]
    return Offer(pin=mode.secret and not expired, after=max((wait for wait in waits if wait), default=None))


def _limits(invitation: Invitation) -> tuple[tuple[str, Limit], ...]:
    return (f"new-link-soon:{invitation.id}", PER_WHILE), (f"new-link-daily:{invitation.id}", PER_DAY)


async def request(desk: Desk, invitation: Invitation | None, *, network: str, now: datetime) -> None:
    """Send ``invitation`` again if that is offered and within the rate limits; the caller cannot tell whether it was.

    Once in fifteen minutes and three times a day for an invitation, twenty times an hour from a network. A request is
    recorded in the timeline.

    Args:
        invitation: None when the caller's link is not known.

    Raises:
        NotOffered: The server property enrollment.newlink is off.
    """
    if not await properties.flag("enrollment.newlink"):
        raise NotOffered
    try:
        await failure_counters.count(f"new-link:{network}", PER_NETWORK, now)
        if invitation is None or await offer(invitation, now=now) is None:
            return
        for key, limit in _limits(invitation):
            await failure_counters.count(key, limit, now)
    except SlowDown:
        return
    try:
        await lifecycle.resend(desk, invitation, now=now, actor=ACTOR, address=resend_recipient.OLD)
    except (InputRefused, NotAllowed, StaleState) as refusal:
        why = "; ".join(refusal.fields.values()) if isinstance(refusal, InputRefused) else str(refusal)
        await note("link.requested", now=now, about=about(invitation), detail=f"not sent: {why}"[:500])
    else:
        await note("link.requested", now=now, about=about(invitation), detail="sent to the address on file")
