"""Rehearsals started from the dashboard: queued as a job, one at a time; the last one is shown."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from otae.errors import InputRefused
from otae.invitations.modes import enabled_modes, title_of
from otae.store import jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Job
from otae.translatable import N_

KIND = "rehearsal"


@dataclass(frozen=True)
class StoredStep:
    """One step of a rehearsal, as reported by the simulated Mac."""

    name: str
    length: timedelta | None
    ok: bool
    words: str


@dataclass(frozen=True)
class Rehearsal:
    """The last rehearsal. ``status``: "queued", "running", "done" or "failed". ``words``: what went wrong, or ""."""

    id: UUID
    mode: str
    status: str
    ok: bool
    steps: list[StoredStep]
    total: timedelta | None
    words: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_running(self) -> bool:
        """Whether it is queued or running."""
        return self.status in {"queued", "running"}


async def last() -> Rehearsal | None:
    """Return the newest rehearsal, None when there was none."""
    job = await Job.filter(kind=KIND).order_by("-created_at").first()
    return _read(job) if job else None


async def start(desk: Desk, mode: str, *, now: datetime, actor: str) -> None:
    """Queue a rehearsal of ``mode``; InputRefused ("mode") when the mode is off, or while another rehearsal runs."""
    if mode not in {each.name for each in await enabled_modes()}:
        raise InputRefused({"mode": N_("choose one of the modes that are on")})
    async with transaction():
        if await Job.filter(kind=KIND, status__in=["queued", "running"], created_at__gt=now - jobs.LEASE).exists():
            raise InputRefused({"mode": N_("a rehearsal is running already")})
        job = await jobs.enqueue(KIND, {"mode": mode}, created_by=actor, now=now)
    desk.bell.ring("job", job.id)


def _read(job: Job) -> Rehearsal:
    output = job.output
    steps = output.get("steps")
    return Rehearsal(
        id=job.id,
        mode=title_of(str(job.input.get("mode", ""))),
        status=job.status,
        ok=bool(output.get("ok")),
        steps=[_step(each) for each in steps if isinstance(each, dict)] if isinstance(steps, list) else [],
        total=_length(output.get("seconds")),
        words=str(output.get("words", "")),
        created_by=job.created_by,
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


def _step(given: dict[str, object]) -> StoredStep:
    length, ok = _length(given.get("seconds")), bool(given.get("ok"))
    return StoredStep(str(given.get("name", "")), length, ok, str(given.get("words", "")))


def _length(seconds: object) -> timedelta | None:
    return timedelta(seconds=seconds) if isinstance(seconds, int | float) else None
