"""What the page behind an invitation's link shows, and how much of it the holder of a link may see (docs/adr/0014)."""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from otae.delivery.inviters import inviter_name
from otae.delivery.texts.languages import format_expiry
from otae.enrollment.rights import RightsSummary, summary
from otae.errors import InvitationFailed, ModeOff, NotAllowed
from otae.invitations import lifecycle, new_links, pins
from otae.invitations.channels import BY_HAND
from otae.invitations.modes import known_mode
from otae.store import properties
from otae.store.mode_table import Mode
from otae.store.models import Invitation
from otae.store.records import About, about
from otae.store.states import InvitationStatus
from otae.words import language


@dataclass(frozen=True)
class LinkPage:
    """An invitation as the page behind its link shows it.

    ``name``: the person's user name. ``inviter``: the administrator who invites, "" when nobody in person does.
    ``until``: the end in the organization's time zone and the page's language, "" when there is none.
    ``refusal``: why the link cannot be used, None when it can. With a refusal ``mode`` is None, ``pin_used_up`` says
    whether too many wrong PINs caused it, and ``offer`` whether a new link or a new PIN may be requested.
    ``tries_left``: how many tries the PIN has left through the link; None where the mode asks for a password, too.
    ``last_try``: whether the PIN has exactly one try left. ``new_pin_at``: when the PIN replaced an earlier one, None
    when it is the first; ``new_pin_sent``: whether it was sent.
    """

    invitation: Invitation
    about: About
    name: str
    display_name: str
    inviter: str
    until: str
    rights: RightsSummary
    mode: Mode | None
    rehearsal: bool
    refusal: NotAllowed | None = None
    pin_used_up: bool = False
    offer: new_links.Offer | None = None
    tries_left: int | None = None
    last_try: bool = False
    new_pin_at: datetime | None = None
    new_pin_sent: bool = False


async def read(invitation: Invitation, *, now: datetime) -> LinkPage:
    """Return what the page of ``invitation`` shows; its person must be fetched. Writes nothing."""
    person, zone = invitation.person, ZoneInfo(await properties.word("organization.timezone"))
    page = LinkPage(
        invitation,
        about(invitation),
        name=person.name,
        display_name=invitation.display_name or person.display_name or person.name,
        inviter=await inviter_name(invitation.created_by),
        until=format_expiry(invitation.valid_until, language(), zone) if invitation.valid_until else "",
        rights=summary(await properties.number(f"mdm.rights.{invitation.ownership}"), invitation.ownership),
        mode=None,
        rehearsal=invitation.rehearsal,
    )
    try:
        lifecycle.check_usable(invitation, now=now)
        mode = await known_mode(invitation.mode)
        if await pins.are_used_up(invitation, mode):
            raise InvitationFailed
    except NotAllowed as refusal:
        offer = await new_links.offer(invitation, now=now)
        return replace(page, refusal=refusal, offer=offer, pin_used_up=await _is_pin_used_up(invitation))
    pin = await pins.active_pin(invitation) if mode.secret else None
    if pin is None:
        return replace(page, mode=mode)
    left = mode.max_tries - pin.link_tries
    return replace(
        page,
        mode=mode,
        tries_left=None if mode.authentication else left,
        last_try=left == 1,
        new_pin_at=pin.created_at if pin.generation > 1 else None,
        new_pin_sent=invitation.send and invitation.pin_channel not in BY_HAND,
    )


async def _is_pin_used_up(invitation: Invitation) -> bool:
    if invitation.status not in {InvitationStatus.FAILED, InvitationStatus.PENDING}:
        return False
    try:
        return await pins.are_used_up(invitation, await known_mode(invitation.mode))
    except ModeOff:
        return False
