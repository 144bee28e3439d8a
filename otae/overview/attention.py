"""The dashboard: counts, the ten that most need somebody, certificates near their end, and the last rehearsal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tortoise.expressions import Q
from tortoise.functions import Count

from otae.directory.reach import EVERYBODY, Reach
from otae.overview.progress import INVITED, PATIENCE, Progress, progress_of
from otae.store import heartbeats
from otae.store.models import Certificate, Enrollment, EnrollmentSession, Invitation, Job
from otae.store.states import DeliveryStatus, EnrollmentStatus, InvitationStatus, SessionStatus

#: Certificates are shown this long before their end.
WARNING = timedelta(days=30)
#: How many candidates of each kind are looked at to find those that need somebody most, and how many are shown.
CANDIDATES, SHOWN = 100, 10

_UNDER_WAY = [SessionStatus.OPENED, SessionStatus.IDENTIFIED, SessionStatus.CERTIFIED, SessionStatus.CONFIGURED]


@dataclass(frozen=True)
class Needy:
    """An invitation that somebody should look at, and why. ``alike``: how many further ones wait for the same cause."""

    invitation: Invitation
    progress: Progress
    alike: int = 0


@dataclass(frozen=True)
class Dashboard:
    """Everything the first page shows. `devices`: enrolled and unenrolled Macs; `stuck`: how many `needy` is out of."""

    invitations: dict[str, int]
    devices: dict[str, int]
    needy: list[Needy]
    stuck: int
    certificates: list[Certificate]
    rehearsal: Job | None
    processes: list[heartbeats.Trouble]


async def dashboard(*, now: datetime, reach: Reach = EVERYBODY) -> Dashboard:
    """Read the dashboard; its counts and invitations are of the people within ``reach``."""
    whose = reach.people("person_id")
    asked = Invitation.filter(whose, rehearsal=False).annotate(n=Count("id")).group_by("status")
    counted = await asked.values("status", "n")
    counts = {str(status): 0 for status in InvitationStatus} | {row["status"]: row["n"] for row in counted}
    live = Enrollment.filter(whose, rehearsal=False)
    devices = {
        "enrolled": await live.filter(status=EnrollmentStatus.ENROLLED).count(),
        "unenrolled": await live.filter(status=EnrollmentStatus.UNENROLLED).count(),
    }
    waiting = await needy(now=now, reach=reach)
    return Dashboard(
        invitations=counts,
        devices=devices,
        needy=_by_cause(waiting)[:SHOWN],
        stuck=len(waiting),
        certificates=await ending(now=now),
        rehearsal=await Job.filter(kind="rehearsal").order_by("-created_at").first(),
        processes=await heartbeats.troubles(now=now),
    )


def _by_cause(found: Sequence[Needy]) -> list[Needy]:
    """Return the first of those whose messages got the very same answer: a mail server that is down is one cause."""
    causes: dict[object, list[Needy]] = {}
    for each in found:
        in_the_mail = each.progress.reached == INVITED
        causes.setdefault(each.progress.problem if in_the_mail else each.invitation.id, []).append(each)
    return [replace(same[0], alike=len(same) - 1) for same in causes.values()]


async def needy(*, now: datetime, reach: Reach = EVERYBODY) -> list[Needy]:
    """Return the invitations of people within ``reach`` with a problem, oldest problem first."""
    whose = reach.people("person_id")
    stuck = await EnrollmentSession.filter(
        Q(status__in=_UNDER_WAY, opened_at__lt=now - PATIENCE)
        | Q(status=SessionStatus.EXPIRED)
        | Q(refusal__isnull=False),
        whose,
        rehearsal=False,
        invitation__status__in=[InvitationStatus.PENDING, InvitationStatus.FAILED],
    ).order_by("-opened_at").limit(CANDIDATES).values_list("invitation_id", flat=True)  # fmt: skip
    undelivered = await Invitation.filter(
        Q(deliveries__status=DeliveryStatus.FAILED)
        | Q(deliveries__status=DeliveryStatus.QUEUED, deliveries__attempt__gt=0),
        whose,
        rehearsal=False,
        status__in=[InvitationStatus.PENDING, InvitationStatus.FAILED],
    ).order_by("-created_at").limit(CANDIDATES).values_list("id", flat=True)  # fmt: skip
    failed = await Invitation.filter(
        whose, rehearsal=False, status=InvitationStatus.FAILED
    ).order_by("-created_at").limit(CANDIDATES).values_list("id", flat=True)  # fmt: skip
    rows = await Invitation.filter(id__in={*stuck, *undelivered, *failed}).prefetch_related("person")
    progress = await progress_of(rows, now=now)
    found = [Needy(row, progress[row.id]) for row in rows if progress[row.id].problem]
    return sorted(found, key=lambda item: item.progress.since)


async def ending(*, now: datetime) -> list[Certificate]:
    """Return the installation's own certificates in use that end within WARNING, soonest first."""
    return await Certificate.filter(active=True, not_after__lt=now + WARNING).order_by("not_after")
