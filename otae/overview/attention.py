"""The dashboard: counts, the ten that most need somebody, certificates near their end, and the last rehearsal."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from otae.directory.reach import EVERYBODY, Reach
from otae.overview.progress import PATIENCE, Progress, progress_of
from otae.store import heartbeats, stuck
from otae.store.models import Certificate, Enrollment, Invitation, Job
from otae.store.paging import MOST_COUNTED, counted
from otae.store.states import EnrollmentStatus, InvitationStatus

#: Certificates are shown this long before their end.
WARNING = timedelta(days=30)
#: How many candidates of each kind are looked at to find those that need somebody most, and how many are shown.
CANDIDATES, SHOWN = 100, 10


@dataclass(frozen=True)
class Needy:
    """An invitation that somebody should look at, and why. ``alike``: how many further ones wait for the same cause."""

    invitation: Invitation
    progress: Progress
    alike: int = 0


@dataclass(frozen=True)
class Dashboard:
    """Everything the first page shows. `devices`: enrolled and unenrolled Macs; `stuck`: how many are stuck.

    A count ends behind MOST_COUNTED.
    """

    invitations: dict[str, int]
    devices: dict[str, int]
    needy: list[Needy]
    stuck: int
    certificates: list[Certificate]
    rehearsal: Job | None
    processes: list[heartbeats.Trouble]


async def dashboard(*, now: datetime, reach: Reach = EVERYBODY) -> Dashboard:
    """Read the dashboard; its counts and invitations are of the people within ``reach``."""
    rows, macs = (
        kind.filter(reach.people("person_id", listed=kind), rehearsal=False) for kind in (Invitation, Enrollment)
    )
    alive = (EnrollmentStatus.ENROLLED, EnrollmentStatus.UNENROLLED)
    found = await stuck.find(now - PATIENCE, reach.group_ids, most=MOST_COUNTED, limit=CANDIDATES)
    return Dashboard(
        invitations={str(status): await counted(rows.filter(status=status)) for status in InvitationStatus},
        devices={str(status): await counted(macs.filter(status=status)) for status in alive},
        needy=(await needy(found, now=now, reach=reach))[:SHOWN],
        stuck=found.number,
        certificates=await ending(now=now),
        rehearsal=await Job.filter(kind="rehearsal").order_by("-created_at").first(),
        processes=await heartbeats.troubles(now=now),
    )


async def needy(found: stuck.Stuck, *, now: datetime, reach: Reach = EVERYBODY) -> list[Needy]:
    """Return what most needs somebody: what keeps many messages back, the most first, then one by one, oldest first.

    ``found``: all that is stuck. Of the single ones those are looked at that were made last.
    """
    alike = {cause.oldest: cause.number - 1 for cause in found.causes}
    ids = {*alike, *found.others}
    within = reach.people("person_id", listed=Invitation)
    rows = await Invitation.filter(within, id__in=ids).prefetch_related("person")
    progress = await progress_of(rows, now=now)
    listed = [Needy(row, progress[row.id], alike.get(row.id, 0)) for row in rows if progress[row.id].problem]
    return sorted(listed, key=lambda item: (-item.alike, item.progress.since))


async def ending(*, now: datetime) -> list[Certificate]:
    """Return the installation's own certificates in use that end within WARNING, soonest first."""
    return await Certificate.filter(active=True, not_after__lt=now + WARNING).order_by("not_after")
