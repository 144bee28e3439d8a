"""One action on many invitations, each in a transaction of its own, so that a refusal stops none of the others.

A few are changed at once; more by a worker, as a job that keeps its place, so that a process that dies repeats none.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from otae.accounts.roles import powers_of
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused, Refusal, StaleState
from otae.invitations import deletion, lifecycle
from otae.store import audit, jobs, leases
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, Event, Invitation, Job
from otae.translatable import N_

#: The kind of the worker's job.
JOB: Final = "invitations"
#: The bulk actions, by name; each does what it does in `lifecycle` or `deletion`.
CHANGES: Final[Mapping[str, Callable[..., Awaitable[object]]]] = {
    "resend": lifecycle.resend,
    "extend": lifecycle.extend,
    "revoke": lifecycle.revoke,
    "delete": deletion.delete,
}
#: The permission that each takes.
NEEDED: Final[Mapping[str, str]] = {
    "resend": "invitation.notify",
    "extend": "invitation.notify",
    "revoke": "invitation.revoke",
    "delete": "invitation.revoke",
}
#: Actions that look people up in their directory.
ASKING: Final = ("resend", "extend")
#: The event that shows that an invitation was changed.
EVENTS: Final = {"resend": "invitation.resent", "extend": "invitation.extended", "revoke": "invitation.revoked"}
#: More than this many are changed by a worker, so many of them in one go.
AT_ONCE: Final = 50
#: Most invitations of one job.
MOST: Final = 10_000
#: Most refusals that a job keeps the reasons of.
KEPT: Final = 20


@dataclass
class Outcome:
    """Result of a bulk action.

    ``done``: how many invitations were changed. ``refused``: user name and reason of each that was not.
    ``unreachable``: domains whose directory did not answer. ``deletion_id``: what undoes it, for a deletion.
    """

    done: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    deletion_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class BulkProgress:
    """How far a worker's job is.

    ``number``: of the selected invitations; ``seen`` of them were tried, ``done`` changed and ``failed`` not, some of
    them with user name and reason in ``refused``.
    """

    action: str
    number: int
    seen: int
    done: int
    failed: int
    refused: list[tuple[str, str]]
    unreachable: list[str]
    finished: bool


async def change(
    desk: Desk, action: str, invitation_ids: Iterable[UUID], *, now: datetime, actor: str, reach: Reach = EVERYBODY
) -> Outcome:
    """Apply one of `CHANGES` to each invitation of a person within ``reach``; others are skipped.

    Raises:
        KeyError: ``action`` is not a name of `CHANGES`.
    """
    outcome, apply = Outcome(), CHANGES[action]
    selected = Invitation.filter(reach.people("person_id"), id__in=list(invitation_ids), rehearsal=False)
    rows = await selected.filter(deleted_at=None).order_by("created_at").prefetch_related("person")
    several = len(rows) > 1
    with audit.parts_of(await _record(action, len(rows), now=now, actor=actor) if several else None):
        for invitation in rows:
            await _change_one(partial(apply, desk), action, invitation, outcome, now=now, actor=actor)
    outcome.unreachable.sort()
    return outcome


async def _change_one(
    apply: Callable[..., Awaitable[object]],
    action: str,
    invitation: Invitation,
    outcome: Outcome,
    *,
    now: datetime,
    actor: str,
) -> None:
    domain = invitation.person.domain
    if action in ASKING:
        # A directory that did not answer once is not waited for again.
        apply = partial(apply, ask_directory=domain not in outcome.unreachable)
    elif action == "delete":
        apply = partial(apply, deletion_id=outcome.deletion_id)
    try:
        result = await apply(invitation, now=now, actor=actor)
    except InputRefused as refusal:
        outcome.refused.append((invitation.person.name, refusal.reasons))
    except Refusal as refusal:
        outcome.refused.append((invitation.person.name, refusal.words))
    except StaleState:
        outcome.refused.append((invitation.person.name, N_("it had moved on meanwhile")))
    else:
        outcome.done += 1
        if isinstance(result, lifecycle.Created) and result.unreachable and domain not in outcome.unreachable:
            outcome.unreachable.append(domain)


async def order(
    desk: Desk,
    action: str,
    invitation_ids: Iterable[UUID],
    *,
    now: datetime,
    actor: str,
    maker_id: UUID | None = None,
) -> UUID:
    """Let a worker apply one of `CHANGES` to these invitations; return the id of the job. Audited.

    Args:
        maker_id: The administrator who orders it. What the worker changes is within their powers at that time: nothing,
            once they are disabled or may not do this any more. None: without limits.
    """
    ids = [str(each) for each in invitation_ids]
    wanted: dict[str, object] = {"action": action, "ids": ids, "maker": str(maker_id) if maker_id else None}
    async with transaction():
        job = await jobs.enqueue(JOB, wanted, created_by=actor, now=now)
        entry = await _record(action, len(ids), now=now, actor=actor, subject=str(job.id))
        await Job.filter(id=job.id).update(input={**job.input, "entry": entry})
    desk.bell.ring("job", job.id)
    return job.id


async def _record(action: str, number: int, *, now: datetime, actor: str, subject: str = "") -> int:
    """Audit a bulk action, whose parts follow; return the entry's number."""
    detail = f"{action}, {number} invitations"
    return await audit.record(actor, "invitations.changed", now=now, subject=subject, detail=detail)


async def run_job(desk: Desk, job: Job, *, now: datetime) -> None:
    """Change the next `AT_ONCE` invitations of a job, and leave the others to the next worker that claims it."""
    action, ids, output = str(job.input["action"]), _texts(job.input["ids"]), dict(job.output or {})
    seen = int(str(output.get("seen", 0)))
    outcome = Outcome(unreachable=_texts(output.get("unreachable", [])), deletion_id=job.id)
    entry = job.input.get("entry")
    reach = await _reach_of_maker(job, action, now)
    if reach is None:
        outcome.refused.append((job.created_by, N_("may not do this any more")))
        await jobs.finish(job, _added(output, outcome, len(ids)), now=now, failed=True)
        return
    allowed = Invitation.filter(reach.people("person_id"), deleted_at=None, rehearsal=False)
    with audit.parts_of(entry if isinstance(entry, int) else None):
        for place, wanted in enumerate(ids[seen : seen + AT_ONCE]):
            row = await allowed.get_or_none(id=UUID(wanted)).prefetch_related("person")
            if row and place == 0 and await _is_done(job, row):
                outcome.done += 1
            elif row:
                await _change_one(partial(CHANGES[action], desk), action, row, outcome, now=now, actor=job.created_by)
            await jobs.progress(job, _added(output, outcome, seen + place + 1))
    if seen + AT_ONCE >= len(ids):
        await jobs.finish(job, _added(output, outcome, len(ids)), now=now)
    else:
        await leases.give_back(job)
        desk.bell.ring("job", job.id)


async def _reach_of_maker(job: Job, action: str, now: datetime) -> Reach | None:
    """Return whose invitations whoever ordered a job may change now, None when they may not."""
    maker = job.input.get("maker")
    if not maker:
        return EVERYBODY
    row = await Administrator.get_or_none(id=UUID(str(maker)), disabled=False)
    powers = await powers_of(row.role, now=now) if row else None
    return powers.reach if powers and powers.may(NEEDED[action]) else None


async def _is_done(job: Job, row: Invitation) -> bool:
    """Return whether a worker that died had changed this one already, and not counted it."""
    kind = EVENTS.get(str(job.input["action"]), "")
    done = Event.filter(invitation_id=row.id, kind=kind, actor=job.created_by, at__gte=job.created_at)
    return bool(kind) and await done.exists()


def _added(output: Mapping[str, Any], outcome: Outcome, seen: int) -> dict[str, object]:
    """Return what the job has done so far: what it had done before, and ``outcome``."""
    refused = [[name, str(why)] for name, why in outcome.refused]
    return {
        "seen": seen,
        "done": output.get("done", 0) + outcome.done,
        "failed": output.get("failed", 0) + len(refused),
        "refused": [*output.get("refused", []), *refused][:KEPT],
        "unreachable": outcome.unreachable,
    }


async def find_progress(job_id: UUID, actor: str) -> BulkProgress | None:
    """Return how far a job of this administrator is; None when there is none."""
    job = await Job.get_or_none(id=job_id, kind=JOB, created_by=actor)
    if job is None:
        return None
    output: dict[str, Any] = dict(job.output or {})
    return BulkProgress(
        action=str(job.input["action"]),
        number=len(_texts(job.input["ids"])),
        seen=output.get("seen", 0),
        done=output.get("done", 0),
        failed=output.get("failed", 0),
        refused=[(name, why) for name, why in output.get("refused", [])],
        unreachable=output.get("unreachable", []),
        finished=job.finished_at is not None,
    )


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
