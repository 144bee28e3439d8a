"""Campaigns: group invitations that follow their group until it is enrolled.

draft → running ⇄ asking, ⇄ paused; ended can follow each. The people are the invitees of the campaign's group
invitation, which has the terms and makes the invitations: a campaign decides who is next (`campaign_run`), a group
worker invites them. Between two waves the group invitation is ready.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from tortoise.expressions import Q, Subquery
from tortoise.functions import Count
from tortoise.queryset import QuerySet

from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused, StaleState
from otae.invitations import groups
from otae.invitations.groups import GroupOrder
from otae.store import audit, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Campaign, CampaignDay, Enrollment, GroupInvitation, GroupInvitee
from otae.store.paging import EPOCH, older_than
from otae.store.states import CampaignStatus as Status
from otae.store.states import EnrollmentStatus, InvitationStatus
from otae.text import cleaned_line, why_refused
from otae.translatable import N_

#: Names for the web, which shows rows and may not import the tables.
CampaignRow: TypeAlias = Campaign
DayRow: TypeAlias = CampaignDay

#: States in which a campaign looks at its group.
FOLLOWING: Final = (Status.RUNNING, Status.ASKING)
#: Status of an invitee of a campaign: waits for a wave; waits for an administrator to agree; is no longer in the group.
LATER, HELD, LEFT = "later", "held", "left"
#: Statuses of the people whom a campaign counts.
COUNTED: Final = (LATER, "waiting", "invited", "skipped")
#: States of invitations with which somebody may still enroll, or ask for a new link.
#: Time between the two look-ups of a group in which somebody has to be missing to lose the link.
SECOND_LOOK_AFTER: Final = timedelta(minutes=10)
OPEN: Final = (InvitationStatus.PENDING, InvitationStatus.FAILED, InvitationStatus.EXPIRED)
LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 4000
MOST_REMINDERS: Final = 20
LONGEST_REMINDER: Final = 90
MOST_OF_A_WAVE: Final = 100_000
#: The latest target date, from now.
LONGEST: Final = timedelta(days=730)
#: Rows changed in one statement.
BATCH: Final = 500
NAME: Final = N_("use 1 to %(most)s characters in one line", most=LONGEST_NAME)
HOURS: Final = N_("use hours from 0 to 23 with spaces between them, such as 9 13")
#: The columns that hold a plan.
PLAN: Final = (
    "name", "target", "wave_hours", "wave_size", "weekdays_only", "remind_days", "remind_most", "tell_manager",
    "former_mdm",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What an administrator says of a campaign, apart from its group and the terms.

    ``target``: the day until which everybody is to be enrolled, None for none. ``wave_hours``: hours of the day at
    which a wave is invited, in the organization's time zone; empty: people are invited at once. ``wave_size``: most
    people of a wave, 0 for all who wait. ``weekdays_only``: no wave on Saturday and Sunday. ``remind_days``: days
    without enrollment after which somebody is reminded, 0 for never; ``remind_most``: how many times.
    ``tell_manager``: mail the manager once when the reminders are used up. ``former_mdm``: the steps with which a Mac
    leaves another MDM, shown to people first; "" for none.
    """

    name: str
    target: date | None = None
    wave_hours: tuple[int, ...] = ()
    wave_size: int = 0
    weekdays_only: bool = False
    remind_days: int = 0
    remind_most: int = 3
    tell_manager: bool = False
    former_mdm: str = ""


async def create(
    desk: Desk, group_order: GroupOrder, plan: Plan, *, now: datetime, actor: str, reach: Reach = EVERYBODY
) -> Campaign:
    """Store a campaign with its group invitation, whose people are looked up by a worker; nobody is invited yet.

    Raises:
        InputRefused: A field of the plan, or as `groups.order`; also "key", when it was used without a campaign.
    """
    campaign = Campaign(created_by=actor[:100], created_at=now, **_columns(plan))
    order = await groups.order(
        desk, group_order, now=now, actor=actor, reach=reach, campaign=campaign, wrong=_problems(plan, now=now)
    )
    found = await of_order(order)
    if found is None:
        raise InputRefused({"key": N_("this key was used for another order")})
    return found


async def change(
    row: Campaign, plan: Plan, *, now: datetime, actor: str, seen: Mapping[str, object] = MappingProxyType({})
) -> None:
    """Change the plan of a campaign that has not ended; the next wave follows the new hours.

    Args:
        seen: The columns of the plan as they were when it was changed, from `plan_columns`.

    Raises:
        InputRefused: A field of the plan.
        StaleState: It has ended, or somebody else has changed what was seen.
    """
    if wrong := _problems(plan, now=now, before=row):
        raise InputRefused(wrong)
    values = _columns(plan)
    if row.started_at:
        values["next_wave_at"] = await next_wave_of(Campaign(**values), now)
    async with transaction():
        present = await Campaign.filter(id=row.id).exclude(status=Status.ENDED).select_for_update().first()
        if present is None or any(getattr(present, name) != value for name, value in seen.items()):
            raise StaleState(f"campaign {row.id} has ended, or is not as it was seen")
        await Campaign.filter(id=row.id).update(**values)
        await audit.record(actor, "campaign.changed", now=now, subject=str(row.id), detail=plan.name)
    row.update_from_dict(values)


async def find(campaign_id: UUID, reach: Reach = EVERYBODY) -> Campaign | None:
    """Return a campaign with its group invitation; None when there is none, or its group is not within ``reach``."""
    return await _rows(reach).get_or_none(id=campaign_id)


async def of_order(order: GroupInvitation) -> Campaign | None:
    """Return the campaign of a group invitation, None for one that follows nothing."""
    return await Campaign.get_or_none(group_invitation_id=order.id).select_related("group_invitation")


async def list_campaigns(before: UUID | None = None, limit: int = 50, *, reach: Reach = EVERYBODY) -> list[Campaign]:
    """Return campaigns of groups within ``reach``, newest first; with ``before`` those older than that id."""
    last = await find(before, reach) if before else None
    return await _rows(reach).filter(older_than(last)).order_by("-created_at", "-id").limit(limit)


async def running(*, reach: Reach = EVERYBODY, limit: int = 10) -> list[Campaign]:
    """Return the campaigns that are going on, those that ask first, then the oldest."""
    rows = _rows(reach).filter(status__in=FOLLOWING)
    return await rows.order_by("status", "created_at").limit(limit)


async def count(row: Campaign) -> dict[str, int]:
    """Return how many people of a campaign have each status."""
    people = GroupInvitee.filter(group_invitation_id=row.group_invitation_id).annotate(number=Count("id"))
    return {each["status"]: each["number"] for each in await people.group_by("status").values("status", "number")}


async def last_days(rows: Collection[Campaign]) -> dict[UUID, CampaignDay]:
    """Return the last day of each campaign that has one, by its id."""
    last = {row.id: await CampaignDay.filter(campaign_id=row.id).order_by("-day").first() for row in rows}
    return {key: day for key, day in last.items() if day}


def plan_columns(row: Campaign) -> dict[str, object]:
    """Return the columns of a campaign's plan."""
    return {name: getattr(row, name) for name in PLAN}


async def days(row: Campaign, limit: int = 400) -> list[CampaignDay]:
    """Return the last ``limit`` days of a campaign, oldest first."""
    return list(reversed(await CampaignDay.filter(campaign_id=row.id).order_by("-day").limit(limit)))


def leavers(row: Campaign) -> QuerySet[GroupInvitee]:
    """Select the people whose links are to be revoked: missing for long enough (`missing`), and not enrolled."""
    people = GroupInvitee.filter(group_invitation_id=row.group_invitation_id, status="invited")
    return people.filter(missing(row.looked_at), invitation__status__in=OPEN)


def missing(looked_at: datetime | None) -> Q:
    """Return the condition for people missing in two complete look-ups, the later one at ``looked_at``.

    The first was SECOND_LOOK_AFTER before that: two presses of a button are one look.
    """
    return Q(missing_since__lte=(looked_at or EPOCH) - SECOND_LOOK_AFTER)


def enrolled(order: GroupInvitation) -> Q:
    """Return the condition for invitees of ``order`` who need not enroll any more."""
    condition = Q(invitation__status=InvitationStatus.REDEEMED) | Q(reason="enrolled")
    if order.include_enrolled:
        return condition  # those who had a Mac were to enroll another one
    macs = Enrollment.filter(status=EnrollmentStatus.ENROLLED, rehearsal=False)
    return condition | Q(person_id__in=Subquery(macs.values("person_id")))


def to_enroll(order: GroupInvitation) -> Q:
    """Return the condition for invitees of ``order`` who are to enroll and have not."""
    need_not = GroupInvitee.filter(enrolled(order), group_invitation_id=order.id)
    return Q(status__in=COUNTED) & Q(id__not_in=Subquery(need_not.values("id")))


async def set_status(people: QuerySet[GroupInvitee], to: str) -> None:
    """Give people another status, inside the caller's transaction."""
    ids = await people.values_list("id", flat=True)
    for at in range(0, len(ids), BATCH):
        await GroupInvitee.filter(id__in=ids[at : at + BATCH]).update(status=to)


async def next_wave_of(row: Campaign, now: datetime) -> datetime | None:
    """Return when the next wave of a campaign is due, None when it has no hours."""
    zone = ZoneInfo(await properties.word("organization.timezone"))
    return next_wave(hours_of(row), zone, now, weekdays_only=row.weekdays_only)


def next_wave(hours: tuple[int, ...], zone: ZoneInfo, now: datetime, *, weekdays_only: bool = False) -> datetime | None:
    """Return when the next wave is due, after ``now``; None without hours."""
    here = now.astimezone(zone)
    for ahead in range(9):
        day = here.date() + timedelta(days=ahead)
        if weekdays_only and day.weekday() > 4:
            continue
        for hour in sorted(hours):
            at = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            if at.timestamp() > now.timestamp():
                return at.astimezone(now.tzinfo)
    return None


def hours_of(row: Campaign) -> tuple[int, ...]:
    """Return the hours of a campaign's waves."""
    return tuple(int(each) for each in row.wave_hours.split())


def _rows(reach: Reach) -> QuerySet[Campaign]:
    return Campaign.filter(groups.within(reach, "group_invitation__")).select_related("group_invitation")


def _columns(plan: Plan) -> dict[str, object]:
    return {
        "name": cleaned_line(plan.name, LONGEST_NAME),
        "target": plan.target.isoformat() if plan.target else "",
        "wave_hours": " ".join(str(hour) for hour in sorted(set(plan.wave_hours))),
        "wave_size": plan.wave_size,
        "weekdays_only": plan.weekdays_only,
        "remind_days": plan.remind_days,
        "remind_most": plan.remind_most,
        "tell_manager": plan.tell_manager,
        "former_mdm": plan.former_mdm.replace("\r\n", "\n").strip(),
    }


def _problems(plan: Plan, *, now: datetime, before: Campaign | None = None) -> dict[str, str]:
    """Return what is wrong with a plan, by field; a target date may be past when it was set ``before``."""
    wrong: dict[str, str] = {}
    if not cleaned_line(plan.name) or len(plan.name) > LONGEST_NAME or why_refused(plan.name):
        wrong["name"] = NAME
    unchanged = before is not None and plan.target is not None and plan.target.isoformat() == before.target
    if plan.target and not unchanged and not now.date() <= plan.target <= (now + LONGEST).date():
        wrong["target"] = N_("use a day within the next two years")
    if any(not 0 <= hour <= 23 for hour in plan.wave_hours):
        wrong["wave_hours"] = HOURS
    if not 0 <= plan.wave_size <= MOST_OF_A_WAVE:
        wrong["wave_size"] = N_("use a whole number from 0 to %(most)s", most=MOST_OF_A_WAVE)
    if plan.wave_size and not plan.wave_hours:
        wrong["wave_hours"] = N_("enter the hours at which the waves begin")
    if not 0 <= plan.remind_days <= LONGEST_REMINDER:
        wrong["remind_days"] = N_("use a whole number from 0 to %(most)s", most=LONGEST_REMINDER)
    if not 1 <= plan.remind_most <= MOST_REMINDERS:
        wrong["remind_most"] = N_("use a whole number from 1 to %(most)s", most=MOST_REMINDERS)
    if plan.tell_manager and not plan.remind_days:
        wrong["tell_manager"] = N_("the manager is told after the reminders: enter after how many days to remind")
    text = plan.former_mdm.replace("\r", "").replace("\n", "")
    if len(plan.former_mdm) > LONGEST_TEXT or why_refused(text):
        wrong["former_mdm"] = N_("use at most %(most)s characters, none that hides or turns text", most=LONGEST_TEXT)
    return wrong
