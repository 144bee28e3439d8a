"""The steps with which a Mac leaves another MDM first: shown to the people of a campaign, and confirmed by them."""

from datetime import datetime

from otae.store.database import transaction
from otae.store.models import Campaign, EnrollmentSession, Invitation
from otae.store.records import about, note
from otae.store.states import SessionStatus


async def steps(session: EnrollmentSession) -> str:
    """Return the steps that have to be confirmed before ``session`` gets its profile, "" for none."""
    if session.invitation_id is None or session.status != SessionStatus.OPENED:
        return ""
    invitation = await Invitation.get(id=session.invitation_id).only("id", "campaign_id", "former_mdm_left_at")
    if invitation.campaign_id is None or invitation.former_mdm_left_at is not None:
        return ""
    campaign = await Campaign.get_or_none(id=invitation.campaign_id).only("id", "former_mdm")
    return campaign.former_mdm if campaign else ""


async def confirm(session: EnrollmentSession, *, now: datetime) -> None:
    """Record, once, that the person says that the Mac has left the other MDM."""
    async with transaction():
        mine = Invitation.filter(id=session.invitation_id, former_mdm_left_at=None)
        if await mine.update(former_mdm_left_at=now):
            await note("former-mdm.left", now=now, about=about(session))
