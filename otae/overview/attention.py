"""What needs attention: the ten invitations that need it most, expiring certificates, processes in trouble."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from otae.directory.reach import EVERYBODY, Reach
from otae.overview.progress import STALLED_AFTER, InvitationProgress, progress_of
from otae.store import heartbeats, stuck
from otae.store.models import Certificate, Enrollment, Invitation
from otae.store.paging import COUNT_LIMIT, count_capped
from otae.store.states import EnrollmentStatus

#: How long before their end certificates are shown.
WARNING = timedelta(days=30)
#: How many stuck invitations of each kind are examined, and how many of them are shown.
CANDIDATES, SHOWN = 100, 10


@dataclass(frozen=True)
class AttentionItem:
    """An invitation that needs attention, with its progress.

    ``similar``: how many further ones are stuck for the same reason.
    """

    invitation: Invitation
    progress: InvitationProgress
    similar: int = 0


@dataclass(frozen=True)
class Dashboard:
    """What needs attention. ``stuck``: number of invitations that are stuck, bounded by COUNT_LIMIT."""

    attention_items: list[AttentionItem]
    stuck: int
    processes: list[heartbeats.Problem]


async def dashboard(*, now: datetime, reach: Reach = EVERYBODY) -> Dashboard:
    """Return what needs attention; the invitations are of people within ``reach``."""
    found = await stuck.find(now - STALLED_AFTER, reach.group_ids, most=COUNT_LIMIT, limit=CANDIDATES)
    return Dashboard(
        attention_items=(await attention_items(found, now=now, reach=reach))[:SHOWN],
        stuck=found.number,
        processes=await heartbeats.find_problems(now=now),
    )


async def count_enrolled(reach: Reach = EVERYBODY) -> int:
    """Return the number of enrolled Macs of people within ``reach``, bounded by COUNT_LIMIT."""
    macs = Enrollment.filter(reach.people("person_id", listed=Enrollment), rehearsal=False)
    return await count_capped(macs.filter(status=EnrollmentStatus.ENROLLED))


async def attention_items(found: stuck.Stuck, *, now: datetime, reach: Reach = EVERYBODY) -> list[AttentionItem]:
    """Return those of the invitations ``found`` stuck that most need attention.

    First the causes that hold back many messages, the most first; then single invitations: the newest of them, listed
    with the oldest first.
    """
    similar = {cause.oldest: cause.number - 1 for cause in found.causes}
    ids = {*similar, *found.others}
    within = reach.people("person_id", listed=Invitation)
    rows = await Invitation.filter(within, id__in=ids).prefetch_related("person")
    progress = await progress_of(rows, now=now)
    listed = [AttentionItem(row, progress[row.id], similar.get(row.id, 0)) for row in rows if progress[row.id].problem]
    return sorted(listed, key=lambda item: (-item.similar, item.progress.since))


async def own_certificates() -> list[Certificate]:
    """Return the installation's own certificates in use, the one that ends soonest first."""
    return await Certificate.filter(active=True).order_by("not_after")
