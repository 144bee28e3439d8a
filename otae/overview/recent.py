"""Recent activity: the newest events that are worth a line, with the person whom each is about."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tortoise.connection import get_connection

from otae.directory.reach import EVERYBODY, Reach
from otae.store.search_text import NO_ID

#: How many of the newest events are looked through: a large group invitation makes many that are not worth a line.
WINDOW: Final = 500
#: Kinds of events that are worth a line.
KINDS: Final = (
    "invitation.created", "invitation.resent", "invitation.extended", "invitation.revoked", "invitation.failed",
    "link.opened", "session.opened", "session.enrolled", "refused", "checkin.checkout",
    "approval.approved", "approval.declined",
)  # fmt: skip


@dataclass(frozen=True)
class Activity:
    """One event, or several of one kind at one moment by one actor. ``person_id`` and ``name``: of the newest one."""

    kind: str
    at: datetime
    number: int
    actor: str
    code: str
    invitation_id: UUID | None
    person_id: UUID | None
    name: str


async def recent(limit: int = 8, *, reach: Reach = EVERYBODY) -> list[Activity]:
    """Return the newest activity about people within ``reach``, newest first."""
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    person = "coalesce(e.person_id, (SELECT i.person_id FROM invitation i WHERE i.id = e.invitation_id))"
    within = ""
    if reach.group_ids is not None:
        groups = ", ".join(f"'{each}'" for each in reach.group_ids or [NO_ID])
        within = f"AND {person} IN (SELECT m.person_id FROM membership m WHERE m.group_id IN ({groups}))"  # noqa: S608 - ids
    rows = await get_connection("default").execute_query_dict(
        f"WITH newest AS (SELECT * FROM event ORDER BY id DESC LIMIT {WINDOW}), "  # noqa: S608 - names, numbers and ids of ours
        "shown AS (SELECT max(e.id) AS id, count(*) AS number FROM newest e "
        f"WHERE e.kind IN ({kinds}) AND NOT e.rehearsal {within} "
        f"GROUP BY e.kind, e.at, e.actor, e.code ORDER BY 1 DESC LIMIT {int(limit)}) "
        "SELECT s.number, e.kind, e.at, e.actor, e.code, e.invitation_id, p.id AS person_id, p.display_name AS name "
        f"FROM shown s JOIN event e ON e.id = s.id LEFT JOIN person p ON p.id = {person} ORDER BY e.id DESC"
    )
    return [
        Activity(
            row["kind"],
            row["at"] if isinstance(row["at"], datetime) else datetime.fromisoformat(row["at"]),
            row["number"],
            row["actor"],
            row["code"],
            UUID(str(row["invitation_id"])) if row["invitation_id"] else None,
            UUID(str(row["person_id"])) if row["person_id"] else None,
            row["name"] or "",
        )
        for row in rows
    ]


async def newest_change() -> str:
    """Return a text that changes with each event, and again once it is counted in the rollout."""
    [row] = await get_connection("default").execute_query_dict(
        "SELECT (SELECT max(id) FROM event) AS event, (SELECT max(id) FROM rollout_entry) AS entry, "
        "(SELECT count(*) FROM group_invitation WHERE status IN ('reading', 'dry-run')) AS orders"
    )
    return f"{row['event'] or 0}-{row['entry'] or 0}-{row['orders']}"
