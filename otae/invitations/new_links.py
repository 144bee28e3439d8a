"""A new link for somebody whose invitation expired or failed: mailed to where it was sent, and nowhere else.

Whoever holds the old link may ask. What is answered is the same whatever comes of it, and says no address: the page is
no way to learn anything, and asking often brings no more mail than asking seldom.
"""

from datetime import datetime, timedelta
from typing import Final

from otae.errors import InputRefused, ModeOff, NotAllowed, NotOffered, SlowDown, StaleState
from otae.invitations import afresh, channels, lifecycle
from otae.invitations.modes import mode_of
from otae.store import properties, tries
from otae.store.desk import Desk
from otae.store.models import Invitation
from otae.store.records import about, note
from otae.store.states import InvitationStatus as Status

#: Who, the timeline says, sent the invitation again.
ACTOR: Final = "the invited person"
#: New links of one invitation, and how often one network may ask for any.
SOON, DAILY, DAY = timedelta(minutes=15), 3, timedelta(days=1)
ASKED, HOUR = 20, timedelta(hours=1)


async def is_offered(invitation: Invitation, *, now: datetime) -> bool:
    """Tell whether a new link may be asked for: server property enrollment.newlink, and an invitation that was sent.

    Not once it is redeemed or revoked, not while it still works, and not where a new PIN would need an administrator.
    """
    over = invitation.status in {Status.EXPIRED, Status.FAILED} or (
        invitation.status == Status.PENDING and invitation.valid_until is not None and invitation.valid_until <= now
    )
    if not over or not invitation.send or invitation.rehearsal or not await properties.flag("enrollment.newlink"):
        return False
    try:
        mode = await mode_of(invitation.mode)
    except ModeOff:
        return False
    return not mode.secret or await channels.again(mode, invitation.pin_channel) not in channels.BY_HAND


async def ask(desk: Desk, invitation: Invitation | None, *, network: str, now: datetime) -> None:
    """Send ``invitation`` again, if that is offered and was not done too often; nothing tells the caller which.

    Once in fifteen minutes and three times a day for an invitation, twenty times an hour from a network. ``None``: the
    caller holds no link that is known. What was asked stands in the timeline. Raises NotOffered while the server
    property enrollment.newlink is off.
    """
    if not await properties.flag("enrollment.newlink"):
        raise NotOffered
    try:
        await tries.spend(f"new-link:{network}", ASKED, now, HOUR)
        if invitation is None or not await is_offered(invitation, now=now):
            return
        await tries.spend(f"new-link-soon:{invitation.id}", 1, now, SOON)
        await tries.spend(f"new-link-daily:{invitation.id}", DAILY, now, DAY)
    except SlowDown:
        return
    try:
        await lifecycle.resend(desk, invitation, now=now, actor=ACTOR, address=afresh.OLD)
    except (InputRefused, NotAllowed, StaleState) as refusal:
        why = "; ".join(refusal.fields.values()) if isinstance(refusal, InputRefused) else str(refusal)
        await note("link.requested", now=now, about=about(invitation), detail=f"not sent: {why}"[:500])
    else:
        await note("link.requested", now=now, about=about(invitation), detail="sent to the address on file")
