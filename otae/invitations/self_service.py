"""What people may do with their invitations on the self-service page: invite themselves, send again, withdraw.

Everything goes to the address on file, never onto a page. Each function takes the person who is signed in, and treats
the invitations of others as unknown.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.errors import InvitationOnly, ModeOff, NotAllowed, StaleState, TooManyInvitations
from otae.invitations import channels, lifecycle, new_links, self_made
from otae.invitations.modes import enabled_modes
from otae.invitations.new_links import Offer
from otae.invitations.orders import InvitationOrder, what_is_missing
from otae.invitations.terms import InvitationTerms
from otae.store import failure_counters, properties
from otae.store.desk import Desk
from otae.store.failure_counters import Limit
from otae.store.mode_table import MODES, Mode
from otae.store.models import Approval, Invitation, Person
from otae.store.states import InvitationStatus as Status

#: How often somebody may invite themselves.
PER_DAY: Final = Limit(5, timedelta(days=1))
#: Most invitations on the page; the newest are shown.
MAX_ROWS: Final = 20


@dataclass(frozen=True)
class OwnInvitation:
    """One invitation as its person sees it.

    ``needs``: what they sign in with. ``status``: one of `InvitationStatus`; "expired" as soon as the end is past.
    ``approval``: one of `ApprovalStatus`, "" when nobody was asked. ``resend``: what may be sent again, None for
    nothing. ``open``: whether it can be used. ``may_withdraw``: not where it only carries a request for approval, since
    whoever withdrew a declined one and started again would ask anew each time.
    """

    id: UUID
    needs: str
    status: str
    created_at: datetime
    valid_until: datetime | None
    serial: str
    support_code: str
    approval: str
    resend: Offer | None
    open: bool
    may_withdraw: bool


async def own_invitations(person: Person, *, now: datetime) -> list[OwnInvitation]:
    """Return the invitations of ``person``, newest first."""
    rows = Invitation.filter(person_id=person.id, rehearsal=False).order_by("-created_at", "-id").limit(MAX_ROWS)
    offered = {mode.name for mode in await offered_modes()}
    return [await _as_seen(row, offered, now) for row in await rows]


async def _as_seen(row: Invitation, offered: set[str], now: datetime) -> OwnInvitation:
    over = row.status == Status.PENDING and row.valid_until is not None and row.valid_until <= now
    is_open = row.status in {Status.PENDING, Status.FAILED} and not over
    asked = await Approval.filter(invitation_id=row.id).order_by("-number").first()
    may_resend = row.created_by != self_made.ACTOR or row.mode in offered
    return OwnInvitation(
        id=row.id,
        needs=MODES[row.mode].sign_in,
        status=Status.EXPIRED if over else row.status,
        created_at=row.created_at,
        valid_until=row.valid_until,
        serial=row.serial or "",
        support_code=row.support_code or "",
        approval=asked.status if asked else "",
        resend=await new_links.resend_offer(row, now=now) if may_resend else None,
        open=is_open,
        may_withdraw=is_open and row.created_by != self_made.SELF_STARTED,
    )


async def offered_modes() -> list[Mode]:
    """Return the modes in which people may invite themselves; none while the server takes invited people only."""
    if not await properties.flag("macos.otae.enable"):
        return []
    policies = await channels.policies()
    return [
        mode for mode in await enabled_modes() if mode.self_service and policies.get(mode.name) not in channels.BY_HAND
    ]


async def modes_for(person: Person) -> list[Mode]:
    """Return the modes in which ``person`` may invite themselves: those whose link, and PIN if any, would arrive."""
    policies = await channels.policies()
    return [
        mode
        for mode in await offered_modes()
        if not what_is_missing(person, mode, sending=True)
        and not await channels.why_undeliverable(policies.get(mode.name, channels.MAIL), person)
    ]


async def create(desk: Desk, person: Person, mode_name: str, *, now: datetime) -> None:
    """Invite ``person`` at their own request, to the address on file; whatever lets people do so calls this.

    Raises:
        InvitationOnly: The server property macos.otae.enable is off.
        ModeOff: The mode is not for self-service, or its messages would not reach the person.
        TooManyInvitations: They have `self_made.MAX_LIVE` invitations of their own making already.
        SlowDown: They did so too often today.
    """
    if not await properties.flag("macos.otae.enable"):
        raise InvitationOnly
    if mode_name not in {mode.name for mode in await modes_for(person)}:
        raise ModeOff(f"nobody invites themselves in the mode {mode_name[:40]!r}")
    if await self_made.count_live(person.id, now=now) >= self_made.MAX_LIVE:
        raise TooManyInvitations
    await failure_counters.count(f"self-invite:{person.id}", PER_DAY, now)
    ownership = await properties.word("enrollment.selfstart.ownership")
    order = InvitationOrder(person.name, InvitationTerms(mode=mode_name, ownership=ownership), person=person)
    await lifecycle.create(desk, order, now=now, actor=self_made.ACTOR)


async def resend(desk: Desk, person: Person, invitation_id: UUID, *, now: datetime) -> bool:
    """Send an invitation of ``person`` again; False when they have none with this id that can be sent.

    Raises:
        SlowDown: That was done too often.
        TooManyInvitations: It has ended, and they have as many other invitations of their own making as allowed.
    """
    invitation = await _own(person, invitation_id)
    offered = {mode.name for mode in await offered_modes()}
    if invitation is None or (await _as_seen(invitation, offered, now)).resend is None:
        return False
    await new_links.count_resend(invitation, now=now)
    await lifecycle.resend(desk, invitation, now=now, actor=self_made.ACTOR)
    return True


async def withdraw(desk: Desk, person: Person, invitation_id: UUID, *, now: datetime) -> bool:
    """Revoke an invitation of ``person``; False when they have none with this id that could be used."""
    invitation = await _own(person, invitation_id)
    if invitation is None or invitation.created_by == self_made.SELF_STARTED:
        return False
    try:
        await lifecycle.revoke(desk, invitation, now=now, actor=self_made.ACTOR)
    except (NotAllowed, StaleState):  # it was redeemed or revoked meanwhile
        return False
    return True


async def _own(person: Person, invitation_id: UUID) -> Invitation | None:
    return await Invitation.get_or_none(id=invitation_id, person_id=person.id, rehearsal=False)
