"""How far a rollout is: of the invitations of the last days, how many reached each step, and how long that took."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Final
from uuid import UUID

from tortoise.connection import get_connection

from otae.directory.reach import EVERYBODY, Reach
from otae.store.database import dialect
from otae.store.models import Invitation
from otae.store.paging import COUNT_LIMIT
from otae.store.rollout import ALL, BUCKETS, ENROLLMENTS, NO_TIME, Step
from otae.translatable import N_
from otae.words import gettext

#: How many days a funnel may look back; the first is shown where none is asked for.
PERIODS: Final = (30, 7, 90)
#: Most campaigns that are offered.
MAX_CAMPAIGNS: Final = 50
#: What an invitation has done that has reached each step.
WORDS: Final[Mapping[Step, str]] = MappingProxyType(
    {
        Step.INVITED: N_("invited"),
        Step.ACCEPTED: N_("accepted by the mail server"),
        Step.OPENED: N_("link opened"),
        Step.SIGNED_IN: N_("signed in"),
        Step.LEFT_MDM: N_("left the other MDM"),
        Step.PROFILE_FETCHED: N_("profile fetched"),
        Step.MAC_ANSWERED: N_("Mac answered"),
        Step.CERTIFIED: N_("certificate issued"),
        Step.ENROLLED: N_("enrolled"),
    }
)
#: The steps by the name that they have in addresses.
STEPS: Final[Mapping[str, Step]] = MappingProxyType({step.name.lower(): step for step in Step})


def words(name: str) -> str:
    """Return what an invitation has done that has reached the step of this name; "" for no step."""
    return gettext(WORDS[STEPS[name]]) if name in STEPS else ""


@dataclass(frozen=True)
class FunnelStep:
    """One step of a funnel.

    ``before``: the step before; of the first the first. ``left``: how many have stopped there; ``median``: time since
    it, None where not known.
    """

    step: Step
    before: Step
    number: int
    left: int
    median: timedelta | None

    @property
    def words(self) -> str:
        """What an invitation has done that has reached this step."""
        return WORDS[self.step]


@dataclass(frozen=True)
class Funnel:
    """The rollout of some days.

    ``enrollments``: number of Macs enrolled on each day, a day without any included. ``capped``: only the newest
    COUNT_LIMIT invitations were counted, for somebody who may not see everybody.
    """

    first_day: date
    steps: Sequence[FunnelStep]
    enrollments: Sequence[tuple[date, int]]
    capped: bool = False


@dataclass(frozen=True)
class OfferedCampaign:
    """A campaign whose funnel can be asked for. ``former_mdm``: whether its people leave another MDM first."""

    name: str
    former_mdm: bool


async def read_funnel(
    days: int, campaign: UUID | None = None, *, now: datetime, reach: Reach = EVERYBODY, former_mdm: bool = False
) -> Funnel:
    """Return the rollout of the last ``days``, today among them (days in UTC), of one campaign or of everybody.

    ``former_mdm``: whether the step of leaving another MDM is shown, which only campaigns ask for. An invitation that
    had no such step counts as having reached it as soon as it is further.

    For everybody it is read from the kept counts. Those cannot be split by reach: with a limited reach the invitations
    are counted, at most COUNT_LIMIT of them, and times are not known.
    """
    today = now.astimezone(UTC).date()
    listed = [today - timedelta(days=back) for back in reversed(range(days))]
    if reach.limited:
        numbers, enrolled, capped = await _within(reach, listed[0], campaign)
        times: dict[int, Counter[int]] = {}
    else:
        (numbers, times), enrolled, capped = (
            await _kept(listed[0], campaign),
            await _kept_days(listed[0], campaign),
            False,
        )
    order = [step for step in Step if former_mdm or step is not Step.LEFT_MDM]
    steps = [FunnelStep(order[0], order[0], numbers[order[0]], 0, None)]
    steps += [
        FunnelStep(
            step, before, numbers[step], max(0, numbers[before] - numbers[step]), median(times.get(step, Counter()))
        )
        for before, step in pairwise(order)
    ]
    return Funnel(listed[0], steps, [(day, enrolled[day.isoformat()]) for day in listed], capped)


async def _kept(first: date, campaign: UUID | None) -> tuple[Counter[int], dict[int, Counter[int]]]:
    """Return how many reached each step, and for each step how many needed the time of each bucket."""
    rows = await get_connection("default").execute_query_dict(
        f"SELECT step, bucket, sum(number) AS number FROM rollout_count WHERE {_which(first, campaign)} "  # noqa: S608 - an id and a day
        f"AND step < {ENROLLMENTS} GROUP BY step, bucket"
    )
    numbers: Counter[int] = Counter()
    times: dict[int, Counter[int]] = {}
    for row in rows:
        numbers[row["step"]] += row["number"]
        if row["bucket"] != NO_TIME:
            times.setdefault(row["step"], Counter())[row["bucket"]] += row["number"]
    return numbers, times


async def _kept_days(first: date, campaign: UUID | None) -> Counter[str]:
    rows = await get_connection("default").execute_query_dict(
        f"SELECT day, number FROM rollout_count WHERE {_which(first, campaign)} AND step = {ENROLLMENTS}"  # noqa: S608 - as above
    )
    return Counter({row["day"]: row["number"] for row in rows})


def _which(first: date, campaign: UUID | None) -> str:
    return f"campaign_id = '{campaign or ALL}' AND day >= '{first.isoformat()}'"


async def _within(reach: Reach, first: date, campaign: UUID | None) -> tuple[Counter[int], Counter[str], bool]:
    """Count the newest invitations of people within ``reach``; enrollments are those of these invitations."""
    since = datetime.combine(first, time(), UTC)
    newest = Invitation.filter(
        reach.people("person_id", listed=Invitation), rehearsal=False, deleted_at=None, created_at__gte=since
    )
    if campaign:
        newest = newest.filter(campaign_id=campaign)
    rows = newest.order_by("-created_at", "-id").limit(COUNT_LIMIT).values("furthest_step", "redeemed_at")
    rows._choose_db_if_not_chosen()  # noqa: SLF001 - as in `count_capped`
    rows._make_query()  # noqa: SLF001 - as above
    text, values = rows.query.get_parameterized_sql()
    day = (
        "to_char(redeemed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
        if dialect() == "postgres"
        else "substr(redeemed_at, 1, 10)"
    )
    found = await get_connection("default").execute_query_dict(
        f"SELECT furthest_step AS step, {day} AS day, count(*) AS number FROM ({text}) AS newest GROUP BY 1, 2",  # noqa: S608 - the ORM's own text
        values,
    )
    numbers: Counter[int] = Counter()
    enrolled: Counter[str] = Counter()
    for row in found:
        for step in Step:
            # One that an older release wrote and nobody has looked up yet was invited.
            if step <= max(row["step"], Step.INVITED):
                numbers[step] += row["number"]
        if row["day"]:
            enrolled[row["day"]] += row["number"]
    return numbers, enrolled, numbers[Step.INVITED] == COUNT_LIMIT


def median(times: Mapping[int, int]) -> timedelta | None:
    """Return the median of times counted by bucket, as if those of a bucket lay evenly in it; None without any."""
    half, below = sum(times.values()) / 2, 0
    for bucket in sorted(times):
        if below + times[bucket] >= half:
            lowest = BUCKETS[bucket - 1] if bucket else 0
            highest = BUCKETS[bucket] if bucket < len(BUCKETS) else lowest
            return timedelta(seconds=lowest + (highest - lowest) * (half - below) / times[bucket])
        below += times[bucket]
    return None


async def newest_campaigns(*, reach: Reach = EVERYBODY) -> dict[UUID, OfferedCampaign]:
    """Return the newest campaigns of groups within ``reach``, by id."""
    # Asked by every browser that shows the dashboard; the whole rows hold long texts that nothing here shows.
    rows = await get_connection("default").execute_query_dict(
        "SELECT c.id, c.name, c.former_mdm <> '' AS former_mdm, g.domain, g.name AS group_name "  # noqa: S608 - a number
        "FROM campaign c JOIN group_invitation g ON g.id = c.group_invitation_id "
        f"ORDER BY c.created_at DESC, c.id DESC LIMIT {MAX_CAMPAIGNS}"
    )
    return {
        UUID(str(row["id"])): OfferedCampaign(row["name"], bool(row["former_mdm"]))
        for row in rows
        if reach.includes_group(row["domain"], row["group_name"])
    }
