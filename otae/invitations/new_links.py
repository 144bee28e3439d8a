"""A new link or PIN for somebody whose invitation expired or failed: sent to where it was sent, and nowhere else.

Whoever holds the old link may ask. What is answered is the same whatever comes of it, and says no address; asking often
brings no more mail than asking seldom.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from otae.errors import InputRefused, ModeOff, NotAllowed, NotOffered, SlowDown, StaleState
from otae.invitations import channels, lifecycle, pins, resend_recipient
from otae.invitations.modes import mode_of
from otae.store import failure_counters, properties
from otae.store.desk import Desk
from otae.store.models import Invitation
from otae.store.records import about, note
from otae.store.states import InvitationStatus as Status

#: Who, the timeline says, sent the invitation again.
ACTOR: Final = "the invited person"
#: New links of one invitation, and how often one network may ask for any.
SOON, DAILY, DAY = timedelta(minutes=15), 3, timedelta(days=1)
ASKED, HOUR = 20, timedelta(hours=1)
#: Wrong entries, over all PINs of an invitation, after which only an administrator can send another.
MOST_WRONG: Final = 9


@dataclass(frozen=True)
class Offer:
    """Something new may be asked for. ``pin``: a PIN for the same link, else a link; ``after``: not before, if set."""

    pin: bool
    after: datetime | None = None


async def offer(invitation: Invitation, *, now: datetime) -> Offer | None:
    """Return what may be asked for; None when only an administrator can send something.

    Offered while the server property enrollment.newlink is on, for an invitation that was sent, and that has expired or
    failed or whose PIN has no try left. Not once it is redeemed or revoked, not while it still works, not where a new
    PIN would need an administrator, and not after as many wrong PINs as `MOST_WRONG`.
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
    by_hand = mode.secret and await channels.again(mode, invitation.pin_channel) in channels.BY_HAND
    if by_hand or await pins.wrong_entries(invitation) >= MOST_WRONG or not await properties.flag("enrollment.newlink"):
        return None
    waits = [await failure_counters.spent_until(key, limit, now, window) for key, limit, window in _limits(invitation)]
    return Offer(pin=mode.secret and not expired, after=max((wait for wait in waits if wait), default=None))


def _limits(invitation: Invitation) -> tuple[tuple[str, int, timedelta], ...]:
    return (f"new-link-soon:{invitation.id}", 1, SOON), (f"new-link-daily:{invitation.id}", DAILY, DAY)


async def ask(desk: Desk, invitation: Invitation | None, *, network: str, now: datetime) -> None:
    """Send ``invitation`` again, if that is offered and was not done too often; nothing tells the caller which.

    Once in fifteen minutes and three times a day for an invitation, twenty times an hour from a network. ``None``: the
    caller holds no link that is known. What was asked stands in the timeline. Raises NotOffered while the server
    property enrollment.newlink is off.
    """
    if not await properties.flag("enrollment.newlink"):
        raise NotOffered
    try:
        await failure_counters.spend(f"new-link:{network}", ASKED, now, HOUR)
        if invitation is None or await offer(invitation, now=now) is None:
            return
        for key, limit, window in _limits(invitation):
            await failure_counters.spend(key, limit, now, window)
    except SlowDown:
        return
    try:
        await lifecycle.resend(desk, invitation, now=now, actor=ACTOR, address=resend_recipient.OLD)
    except (InputRefused, NotAllowed, StaleState) as refusal:
        why = "; ".join(refusal.fields.values()) if isinstance(refusal, InputRefused) else str(refusal)
        await note("link.requested", now=now, about=about(invitation), detail=f"not sent: {why}"[:500])
    else:
        await note("link.requested", now=now, about=about(invitation), detail="sent to the address on file")
