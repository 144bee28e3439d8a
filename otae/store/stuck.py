"""Queries for stuck invitations: the one definition, for counts, lists and causes.

An invitation is stuck when it failed, or when it is pending and either the link or PIN sent last was refused, returned
or deferred, or its newest sign-in was refused, ended, or made no progress for a while and waits for no approval.
`overview.progress` puts that into words. The SQL texts contain times and ids only, nothing that anybody entered.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tortoise.connection import get_connection
from tortoise.expressions import RawSQL

from otae.store.database import dialect
from otae.store.search_text import NO_ID

#: Condition for a link or PIN that did not arrive; that of a partial index.
UNDELIVERED: Final = (
    "kind IN ('url', 'pin') AND (status IN ('failed', 'bounced') OR (status = 'queued' AND attempt > 0))"
)
#: Condition for a sign-in without an enrolled Mac; that of a partial index.
UNFINISHED: Final = "status <> 'enrolled' AND invitation_id IS NOT NULL"

#: When neither link nor PIN arrived, only the link is counted.
_MESSAGE: Final = f"""
    FROM (SELECT * FROM delivery WHERE {UNDELIVERED}) d JOIN invitation i ON i.id = d.invitation_id
    WHERE (i.status = 'pending' OR (i.status = 'failed' AND d.kind = 'url')) AND NOT i.rehearsal
      AND d.generation = i.generation
      AND NOT EXISTS (SELECT 1 FROM enrollment_session s WHERE s.invitation_id = i.id AND s.opened_at >= d.created_at)
      AND (d.kind = 'url' OR NOT EXISTS (
            SELECT 1 FROM (SELECT * FROM delivery WHERE {UNDELIVERED}) link
            WHERE link.invitation_id = i.id AND link.kind = 'url' AND link.generation = d.generation))
"""  # noqa: S608 - made of the texts above
_FAILED_DELIVERY: Final = f"""
    SELECT d.invitation_id FROM (SELECT * FROM delivery WHERE {UNDELIVERED} AND status <> 'queued') d
    JOIN invitation i ON i.id = d.invitation_id AND i.generation = d.generation
"""  # noqa: S608 - as above
_SIGN_IN: Final = f"""
    FROM (SELECT * FROM enrollment_session WHERE {UNFINISHED}) s JOIN invitation i ON i.id = s.invitation_id
    WHERE i.status IN ('pending', 'failed') AND NOT i.rehearsal
      AND (s.refusal IS NOT NULL OR s.status = 'expired' OR coalesce(s.profile_fetched_at, s.opened_at) < %(before)s)
      AND NOT EXISTS (SELECT 1 FROM enrollment_session later
                      WHERE later.invitation_id = i.id AND later.opened_at > s.opened_at)
      AND NOT EXISTS (SELECT 1 FROM delivery d
                      WHERE d.invitation_id = i.id AND d.kind = 'url' AND d.created_at > s.opened_at)
      AND NOT EXISTS (SELECT 1 FROM approval a WHERE a.invitation_id = i.id AND a.status <> 'approved')
"""  # noqa: S608 - as above
_FAILED: Final = "FROM invitation i WHERE i.status = 'failed' AND NOT i.rehearsal"


@dataclass(frozen=True)
class Cause:
    """Undelivered messages of one kind, status and answer.

    Attributes:
        number: how many; one more than the ``most`` of `find` stands for any greater number.
        oldest: id of the invitation of the oldest one.
    """

    kind: str
    status: str
    answer: str
    number: int
    oldest: UUID


@dataclass(frozen=True)
class Stuck:
    """The stuck invitations.

    Attributes:
        number: how many; one more than the ``most`` of `find` stands for any greater number.
        causes: those stuck by an undelivered message, by cause.
        others: ids of those stuck by something else, newest first.
    """

    number: int
    causes: list[Cause]
    others: list[UUID]


def ids(before: datetime) -> RawSQL:
    """Return the ids of all stuck invitations, for `id__in`.

    Args:
        before: a sign-in whose last step is older than this is stuck.
    """
    moment = _moment(before)
    return RawSQL(
        f"(SELECT i.id {_FAILED} UNION SELECT i.id {_MESSAGE} UNION SELECT i.id {_SIGN_IN % {'before': moment}})"
    )


def failed_deliveries() -> RawSQL:
    """Return the ids of all invitations whose link or PIN, as last sent, was refused or bounced."""
    return RawSQL(f"({_FAILED_DELIVERY})")


async def find(before: datetime, group_ids: Collection[UUID] | None, *, most: int, limit: int) -> Stuck:
    """Return the stuck invitations.

    Args:
        before: a sign-in whose last step is older than this is stuck.
        group_ids: only invitations of people in these groups; None for all.
        most: count no more than this many.
        limit: most causes and most others to return.
    """
    reach = ""
    if group_ids is not None:
        listed = ", ".join(f"'{each}'" for each in group_ids or [NO_ID])
        member = f"SELECT 1 FROM membership m WHERE m.person_id = i.person_id AND m.group_id IN ({listed})"  # noqa: S608 - ids
        reach = f"AND EXISTS ({member})"
    fetch = get_connection("default").execute_query_dict
    messages = await fetch(
        f"WITH troubled AS (SELECT d.kind, d.status, d.answer, d.created_at, CAST(i.id AS CHAR(36)) AS id {_MESSAGE} "  # noqa: S608 - as above
        f"{reach} LIMIT {int(most) + 1}), "
        "numbered AS (SELECT *, count(*) OVER (PARTITION BY kind, status, answer) AS number, "
        "row_number() OVER (PARTITION BY kind, status, answer ORDER BY created_at, id) AS place FROM troubled) "
        "SELECT kind, status, answer, number, id AS oldest, sum(number) OVER () AS everything FROM numbered "
        f"WHERE place = 1 ORDER BY number DESC, created_at, id LIMIT {int(limit)}"
    )
    sign_in = _SIGN_IN % {"before": _moment(before)}
    others = await fetch(
        "SELECT CAST(id AS CHAR(36)) AS id, count(*) OVER () AS everything FROM (SELECT * FROM ("  # noqa: S608 - as above
        f"SELECT i.id, i.created_at {sign_in} {reach} UNION SELECT i.id, i.created_at {_FAILED} {reach} "
        f"EXCEPT SELECT i.id, i.created_at {_MESSAGE}) AS every LIMIT {int(most) + 1}) AS waiting "
        f"ORDER BY created_at DESC, id DESC LIMIT {int(limit)}"
    )
    number = sum(int(rows[0]["everything"]) for rows in (messages, others) if rows)
    return Stuck(
        number=min(number, most + 1),
        causes=[
            Cause(row["kind"], row["status"], row["answer"], row["number"], UUID(row["oldest"])) for row in messages
        ],
        others=[UUID(row["id"]) for row in others],
    )


def _moment(at: datetime) -> str:
    """Return a time as an SQL literal."""
    text = at.astimezone(UTC).isoformat(" ")  # as SQLite holds it
    return f"'{text}'::timestamptz" if dialect() == "postgres" else f"'{text}'"
