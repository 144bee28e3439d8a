"""The rollout in numbers: the furthest step of each invitation, and how many reached each step, counted by day.

An invitation reaches a step by compare-and-set, in the transaction of the event, together with an entry of a log. The
clock adds the entries to the counts and deletes them, in one transaction: a crash loses none and counts none twice, and
no two Macs wait for the count of today (docs/adr/0038).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.fields.base import Field

from otae.store.database import dialect, transaction
from otae.store.models import Event, Invitation, RolloutCount, RolloutEntry


class Step(IntEnum):
    """The steps of an invitation, in order; numbered so that others fit between them."""

    INVITED = 10
    ACCEPTED = 20
    OPENED = 30
    SIGNED_IN = 40
    LEFT_MDM = 45
    PROFILE_FETCHED = 50
    MAC_ANSWERED = 60
    CERTIFIED = 70
    ENROLLED = 80


#: In place of a step: the Macs that were enrolled on a day, with and without an invitation.
ENROLLMENTS: Final = 100
#: In place of a step: not looked up yet, in a row that an older release wrote.
NOT_KNOWN: Final = 0
#: Events that say that an invitation has reached a step. ACCEPTED and INVITED are reached by many at once.
STEP_OF_EVENT: Final[Mapping[str, Step]] = MappingProxyType(
    {
        "link.opened": Step.OPENED,
        "session.opened": Step.SIGNED_IN,
        "former-mdm.left": Step.LEFT_MDM,
        "profile.fetched": Step.PROFILE_FETCHED,
        "session.identified": Step.MAC_ANSWERED,
        "session.certified": Step.CERTIFIED,
        "session.enrolled": Step.ENROLLED,
    }
)
#: The counts of all invitations together, in place of a campaign's id.
ALL: Final = UUID(int=0)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
#: The longest time, in seconds, of each bucket; one more bucket holds what took longer.
BUCKETS: Final = (
    1, 2, 5, 10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR,
    8 * _HOUR, 16 * _HOUR, _DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY, 14 * _DAY,
)  # fmt: skip
NO_TIME: Final = -1
#: Entries counted in one transaction, and rows looked up in one.
BATCH_SIZE: Final = 1000

#: Campaign, day, step and bucket of a count.
_Key = tuple[UUID, str, int, int]


async def reach(step: Step, invitations: Collection[UUID], *, now: datetime) -> bool:
    """Record that these invitations have reached ``step``; those that have been further stay there.

    Return whether any has. Call it in the transaction of the event. The rows stay locked until it ends; where it locks
    messages as well, call this first, as every other step does that locks both.
    """
    if not invitations:
        return False
    at, ids = _written(Invitation, "furthest_at", now), [_written(Invitation, "id", each) for each in invitations]
    postgres, connection = dialect() == "postgres", get_connection("default")
    sign = "$" if postgres else "?"
    marks = ", ".join(f"{sign}{number}" for number in range(2, len(ids) + 2))
    behind = f"furthest_step < {int(step)} AND NOT rehearsal AND id IN ({marks})"
    moment, lock = ("$1::timestamptz", " FOR NO KEY UPDATE") if postgres else ("?1", "")
    moved = await connection.execute_query_dict(
        "INSERT INTO rollout_entry (invited_at, campaign_id, previous, step, since, at) "  # noqa: S608 - names and numbers of ours
        f"SELECT created_at, campaign_id, furthest_step, {int(step)}, furthest_at, {moment} "
        f"FROM invitation WHERE {behind} ORDER BY id{lock} RETURNING id",
        [at, *ids],
    )
    if moved:
        # From here on each step is one of the person or the Mac.
        seen = f", seen_at = {moment}" if step >= Step.OPENED else ""
        columns = f"furthest_at = {moment}, furthest_step = {int(step)}{seen}"
        await connection.execute_query(f"UPDATE invitation SET {columns} WHERE {behind}", [at, *ids])  # noqa: S608 - as above
    return bool(moved)


async def reach_by(events: Sequence[Event]) -> None:
    """Record the steps that ``events`` say, and when the person or Mac was last heard of.

    Call it in the transaction that stores them.
    """
    for event in events:
        step = STEP_OF_EVENT.get(event.kind)
        if step is None or event.rehearsal:
            continue
        if event.invitation_id is not None:
            if not await reach(step, [event.invitation_id], now=event.at):
                await Invitation.filter(id=event.invitation_id).update(seen_at=event.at)
        elif step is Step.ENROLLED:
            await RolloutEntry(invited_at=event.at, previous=step, step=step, at=event.at).save()


async def add_invited(invitations: Iterable[Invitation]) -> None:
    """Record the first step of new invitations, in the transaction that stores them; see `first_step`."""
    entries = [
        RolloutEntry(
            invited_at=row.created_at,
            campaign_id=row.campaign_id,
            previous=NOT_KNOWN,
            step=Step.INVITED,
            at=row.created_at,
        )
        for row in invitations
        if not row.rehearsal
    ]
    if entries:
        await RolloutEntry.bulk_create(entries)


def first_step(now: datetime) -> dict[str, object]:
    """Return the columns of a new invitation that say how far it is."""
    return {"furthest_step": int(Step.INVITED), "furthest_at": now}


async def count_entries() -> int:
    """Add the oldest entries to the counts and delete them; return how many. Safe to run in several processes."""
    if not await RolloutEntry.exists():
        return 0
    async with transaction():
        entries = await RolloutEntry.all().order_by("id").limit(BATCH_SIZE).select_for_update()
        counts: Counter[_Key] = Counter()
        for entry in entries:
            _count(entry, counts)
        await _add(counts)
        await RolloutEntry.filter(id__in=[entry.id for entry in entries]).delete()
    return len(entries)


def _count(entry: RolloutEntry, counts: Counter[_Key]) -> None:
    """Count an entry for its step, and without a time for the steps that were skipped on the way there."""
    time = NO_TIME if entry.since is None else bisect_left(BUCKETS, (entry.at - entry.since).total_seconds())
    keys = [
        (_day(entry.invited_at), int(step), time if step == entry.step else NO_TIME)
        for step in Step
        if entry.previous < step <= entry.step
    ]
    if entry.step == Step.ENROLLED:
        keys.append((_day(entry.at), ENROLLMENTS, NO_TIME))
    for campaign in {ALL, entry.campaign_id or ALL}:
        counts.update((campaign, *key) for key in keys)


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


async def _add(counts: Mapping[_Key, int]) -> None:
    """Add numbers to the stored counts, always in the same order, so that two processes wait for one another."""
    marks = "$1, $2, $3, $4, $5" if dialect() == "postgres" else "?, ?, ?, ?, ?"
    sql = (
        f"INSERT INTO rollout_count (campaign_id, day, step, bucket, number) VALUES ({marks}) "  # noqa: S608 - no value
        "ON CONFLICT (campaign_id, day, step, bucket) DO UPDATE SET number = rollout_count.number + excluded.number"
    )
    rows = [
        [_written(RolloutCount, "campaign_id", campaign), day, step, bucket, number]
        for (campaign, day, step, bucket), number in sorted(counts.items())
    ]
    if rows:
        await get_connection("default").execute_many(sql, rows)


async def look_up_steps() -> int:
    """Look up and count how far invitations are that an older release wrote, some at a time; return how many.

    How long their steps took is not counted. Safe to run in several processes.
    """
    async with transaction():
        found = Invitation.filter(furthest_step=NOT_KNOWN, rehearsal=False).order_by("created_at", "id")
        rows = await found.limit(BATCH_SIZE).select_for_update().only("id", "created_at", "redeemed_at", "campaign_id")
        if not rows:
            return 0
        ids = ", ".join(f"'{row.id}'" for row in rows)
        asked = f"SELECT CAST(i.id AS CHAR(36)) AS id, {_FURTHEST} AS step FROM invitation i WHERE i.id IN ({ids})"  # noqa: S608 - ids
        steps = {UUID(row["id"]): row["step"] for row in await get_connection("default").execute_query_dict(asked)}
        counts: Counter[_Key] = Counter()
        for row in rows:
            entry = RolloutEntry(
                invited_at=row.created_at,
                campaign_id=row.campaign_id,
                previous=NOT_KNOWN,
                step=steps[row.id],
                at=row.redeemed_at or row.created_at,
            )
            _count(entry, counts)
        for step in set(steps.values()):
            await Invitation.filter(id__in=[key for key, value in steps.items() if value == step]).update(
                furthest_step=step
            )
        await _add(counts)
    return len(rows)


#: The furthest step of invitation `i`, by what is stored about its messages, sign-ins and certificates.
_SESSION: Final = "SELECT 1 FROM enrollment_session s WHERE s.invitation_id = i.id"
_FURTHEST: Final = f"""CASE
    WHEN i.status = 'redeemed' THEN {Step.ENROLLED:d}
    WHEN EXISTS ({_SESSION} AND EXISTS (
        SELECT 1 FROM certificate c WHERE c.session_id = s.id AND c.sha256 IS NOT NULL)) THEN {Step.CERTIFIED:d}
    WHEN EXISTS ({_SESSION} AND s.udid IS NOT NULL) THEN {Step.MAC_ANSWERED:d}
    WHEN EXISTS ({_SESSION} AND s.profile_fetched_at IS NOT NULL) THEN {Step.PROFILE_FETCHED:d}
    WHEN EXISTS ({_SESSION}) THEN {Step.SIGNED_IN:d}
    WHEN EXISTS (SELECT 1 FROM event e WHERE e.invitation_id = i.id AND e.kind = 'link.opened') THEN {Step.OPENED:d}
    WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.invitation_id = i.id AND d.kind = 'url'
                 AND d.status IN ('sent', 'bounced')) THEN {Step.ACCEPTED:d}
    ELSE {Step.INVITED:d} END"""  # noqa: S608 - made of the texts above


def _written(kind: type[Invitation | RolloutCount], name: str, value: object) -> object:
    """Return ``value`` as the database writes it in a column."""
    field: Field[object] = kind._meta.fields_map[name]  # noqa: SLF001 - where the ORM keeps how a column's values are written
    return field.to_db_value(value, kind)
