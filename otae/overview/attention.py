"""The dashboard: counts, the ten invitations that most need attention, expiring certificates, the last rehearsal."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from otae.directory.reach import EVERYBODY, Reach
from otae.overview.progress import STALLED_AFTER, InvitationProgress, progress_of
from otae.store import heartbeats, stuck
from otae.store.models import Certificate, Enrollment, Invitation, Job
from otae.store.paging import COUNT_LIMIT, count_capped
from otae.store.states import EnrollmentStatus, InvitationStatus

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
    """Everything on the first page of the console; counts are bounded by COUNT_LIMIT.

    ``devices``: number of enrolled and of unenrolled Macs; ``stuck``: number of invitations that are stuck.
    """

    invitations: dict[str, int]
    devices: dict[str, int]
    attention_items: list[AttentionItem]
    stuck: int
    certificates: list[Certificate]
    rehearsal: Job | None
    processes: list[heartbeats.Problem]


async def dashboard(*, now: datetime, reach: Reach = EVERYBODY) -> Dashboard:
    """Return the dashboard; its counts and invitations are of people within ``reach``."""
    rows, macs = (
        kind.filter(reach.people("person_id", listed=kind), rehearsal=False) for kind in (Invitation, Enrollment)
    )
    alive = (EnrollmentStatus.ENROLLED, EnrollmentStatus.UNENROLLED)
    found = await stuck.find(now - STALLED_AFTER, reach.group_ids, most=COUNT_LIMIT, limit=CANDIDATES)
    return Dashboard(
        invitations={str(status): await count_capped(rows.filter(status=status)) for status in InvitationStatus},
        devices={str(status): await count_capped(macs.filter(status=status)) for status in alive},
        attention_items=(await attention_items(found, now=now, reach=reach))[:SHOWN],
        stuck=found.number,
        certificates=await expiring_certificates(now=now),
        rehearsal=await Job.filter(kind="rehearsal").order_by("-created_at").first(),
        processes=await heartbeats.find_problems(now=now),
    )


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


async def expiring_certificates(*, now: datetime) -> list[Certificate]:
    """Return the installation's own certificates in use that end within WARNING, soonest first."""
    return await Certificate.filter(active=True, not_after__lt=now + WARNING).order_by("not_after")
