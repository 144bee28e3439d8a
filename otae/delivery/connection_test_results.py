"""What came of testing a notification server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from otae.delivery.servers import TEST
from otae.store.models import Job

#: How many tests are looked through for the last one of a server.
LOOKED_AT = 200


@dataclass(frozen=True)
class ServerTest:
    """One test.

    ``status``: "queued", "running", "done" or "failed"; ``words``: what the server said, or what went wrong; ``tls``:
    version and cipher, "" when the line was in clear; the others as `tryout.try_out` gives them.
    """

    id: UUID
    status: str
    recipient: str
    words: str
    tls: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    said: list[str]
    certificate_names: list[str]
    certificate_until: str
    findings: list[dict[str, str]]

    @property
    def is_running(self) -> bool:
        """Tell whether it still waits or runs."""
        return self.status in {"queued", "running"}


async def last_test(server_id: UUID) -> ServerTest | None:
    """Return the newest test of the server with this id, None when there was none lately."""
    jobs = await Job.filter(kind=TEST).order_by("-created_at").limit(LOOKED_AT)
    job = next((job for job in jobs if job.input.get("server") == str(server_id)), None)
    if job is None:
        return None
    return ServerTest(
        id=job.id,
        status=job.status,
        recipient=str(job.input.get("recipient", "")),
        words=str(job.output.get("words", "")),
        tls=str(job.output.get("tls", "")),
        created_by=job.created_by,
        created_at=job.created_at,
        finished_at=job.finished_at,
        said=_list(job, "said"),
        certificate_names=_list(job, "certificate_names"),
        certificate_until=str(job.output.get("certificate_until", "")),
        findings=_list(job, "findings"),
    )


def mark_of(test: ServerTest | None) -> str:
    """Return a text that changes when what is shown of a test changes."""
    return f"{test.id}-{test.status}" if test else "none"


def _list(job: Job, name: str) -> list[Any]:
    kept = job.output.get(name)
    return kept if isinstance(kept, list) else []
