"""The configured directories, LDAP servers and Active Directory domains: adding, changing, testing, removing them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from otae.authority.ca_files import read_authorities
from otae.directory.ldap import server_fields
from otae.directory.ldap.connection_test import run_steps
from otae.directory.ldap.pool import PASSWORD
from otae.errors import InputRefused
from otae.store import audit, failure_counters, jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Job, Person
from otae.text import identifier
from otae.translatable import N_

#: Name of the table's rows for rooms that may not import models.
DirectoryRow: TypeAlias = DirectoryServer

GONE: Final = N_("this directory does not exist any more")
#: Kind of the job that runs a connection test.
TEST_JOB: Final = "directory.test"
#: Most connection tests of one administrator in an hour.
TESTS_PER_HOUR: Final = 30
#: The fields that decide where the bind password is sent: when one changes, the password has to be entered again.
BIND_TARGET: Final = (
    "primary_host",
    "secondary_host",
    "port",
    "security",
    "ca_pem",
    "bind_name",
    "global_catalog_port",
)


@dataclass(frozen=True, kw_only=True)
class DirectoryEntry:
    """A directory's settings as an administrator enters them; the fields are the table's columns.

    ``password``: the bind password, None keeps the stored one. ``bind_name``: a DN, for an Active Directory also a
    user principal name; "" searches anonymously. ``attributes``: further attributes, which become properties of its
    people. ``lockout_limit``: 0 to 999, 0 for never. ``global_catalog_port``: 0 for no global catalog; with one, people
    are searched for there, below ``global_catalog_base`` ("" is everywhere).
    """

    domain: str
    alias: str = ""
    kind: str = "ldap"
    primary_host: str
    secondary_host: str = ""
    port: int = 389
    security: str = "starttls"
    ca_pem: str = ""
    bind_name: str = ""
    password: str | None = field(default=None, repr=False)
    user_base: str
    group_base: str
    search_by: str = "uid"
    attributes: str = ""
    lockout_limit: int = 0
    lockout_minutes: int = 1
    global_catalog_port: int = 0
    global_catalog_base: str = ""
    timeout: int = 5


async def add_directory(desk: Desk, entry: DirectoryEntry, *, now: datetime, actor: str) -> DirectoryServer:
    """Add a directory; the first one becomes the default. Raises InputRefused with each refused field."""
    row = DirectoryServer(created_at=now)
    await _apply(desk, row, entry)
    async with transaction():
        row.is_default = not await DirectoryServer.filter(is_default=True).exists()
        await row.save(force_create=True)
        detail = f"{row.kind} {row.primary_host}:{row.port} {row.security}"
        await audit.record(actor, "directory.added", now=now, subject=row.domain, detail=detail)
    return row


async def update_directory(
    desk: Desk, row: DirectoryServer, entry: DirectoryEntry, *, now: datetime, actor: str
) -> DirectoryServer:
    """Change a directory. Raises InputRefused with each refused field.

    The bind password is only sent to the server it was entered for: with another host, port, security, authority or
    bind name it has to be entered again. A domain cannot be renamed while people of it are known here.
    """
    before = dict(vars(row))
    await _apply(desk, row, entry)
    entered = {name: value for name, value in vars(row).items() if name[0] != "_" and value != before[name]}
    async with transaction():
        if entered and await DirectoryServer.filter(id=row.id).update(**entered) != 1:
            raise InputRefused({"": GONE})
        if detail := audit.describe_changes(before, entered):
            await audit.record(actor, "directory.changed", now=now, subject=row.domain, detail=detail)
    return row


async def remove_directory(row: DirectoryServer, *, now: datetime, actor: str) -> None:
    """Remove a directory; its people stay as last seen, and cannot sign in by password any more."""
    async with transaction():
        await DirectoryServer.filter(id=row.id).delete()
        await audit.record(actor, "directory.removed", now=now, subject=row.domain)


async def make_default(row: DirectoryServer, *, now: datetime, actor: str) -> None:
    """Make this the directory in which user names without a domain are looked up."""
    async with transaction():
        await DirectoryServer.filter(is_default=True).update(is_default=False)
        await DirectoryServer.filter(id=row.id).update(is_default=True)
        await audit.record(actor, "directory.default", now=now, subject=row.domain)
    row.is_default = True


async def list_directories() -> list[DirectoryServer]:
    """Return every directory, the default one first."""
    return await DirectoryServer.all().order_by("-is_default", "domain")


async def find_directory(name: str) -> DirectoryServer | None:
    """Return the directory with this domain or alias (case does not matter), None when there is none."""
    label = identifier(name).lower()
    if not label:
        return None
    return await DirectoryServer.get_or_none(domain=label) or await DirectoryServer.filter(alias=label).first()


async def directory_with_id(directory_id: UUID) -> DirectoryServer:
    """Return the directory with this id; InputRefused when there is none."""
    found = await DirectoryServer.get_or_none(id=directory_id)
    if found is None:
        raise InputRefused({"": GONE})
    return found


async def enqueue_test(desk: Desk, row: DirectoryServer, *, now: datetime, actor: str) -> Job:
    """Enqueue a connection test and return its job. Raises SlowDown after TESTS_PER_HOUR tests of one actor."""
    await failure_counters.count(
        f"directory.test:{actor}"[:200], failure_counters.Limit(TESTS_PER_HOUR, timedelta(hours=1)), now
    )
    async with transaction():
        job = await jobs.enqueue(TEST_JOB, {"directory": str(row.id)}, created_by=actor, now=now)
        await audit.record(actor, "directory.test", now=now, subject=row.domain)
    desk.bell.ring("job", job.id)
    return job


async def run_test(desk: Desk, job: Job, *, now: datetime) -> None:
    """Run the connection test of ``job`` and store its result.

    The job's output holds ``ok``, ``domain`` and ``steps``, those of `connection_test.run_steps`.
    """
    steps: list[dict[str, object]] = []
    domain = ""
    try:
        row = await directory_with_id(UUID(str(job.input["directory"])))
    except InputRefused as error:
        steps.append({"step": "settings", "ok": False, "words": str(error)})
    else:
        domain = row.domain
        async for step in run_steps(desk, row):
            steps.append(step)
            await jobs.progress(job, {"ok": False, "domain": domain, "steps": steps})
    ok = all(step["ok"] for step in steps)
    await jobs.finish(job, {"ok": ok, "domain": domain, "steps": steps}, now=now, failed=not ok)


@dataclass(frozen=True)
class DirectoryTest:
    """A connection test. ``status``: "queued", "running", "done" or "failed"; ``steps``: see `run_test`."""

    id: UUID
    status: str
    steps: list[dict[str, object]]
    created_by: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_running(self) -> bool:
        """Whether the test is queued or running."""
        return self.status in {"queued", "running"}


async def last_test(directory_id: UUID) -> DirectoryTest | None:
    """Return the newest test of the directory with this id, None when it is not among the last 200 tests."""
    recent = await Job.filter(kind=TEST_JOB).order_by("-created_at").limit(200)
    job = next((job for job in recent if job.input.get("directory") == str(directory_id)), None)
    if job is None:
        return None
    steps = job.output.get("steps")
    kept = steps if isinstance(steps, list) else []
    return DirectoryTest(job.id, job.status, kept, job.created_by, job.created_at, job.finished_at)


async def _apply(desk: Desk, row: DirectoryServer, entry: DirectoryEntry) -> None:
    """Check an entry against the rules and the other directories, and copy it to ``row``."""
    values = server_fields.normalized(vars(entry))
    wrong = server_fields.wrong_fields(values)
    try:
        values["ca_pem"] = read_authorities(values["ca_pem"].encode("utf-8", "replace")).pem
    except InputRefused as refusal:
        wrong |= refusal.fields
    names = {"domain": values["domain"], "alias": values["alias"]}
    async for other in DirectoryServer.exclude(id=row.id):
        for name, text in names.items():
            if text and text in {other.domain, other.alias}:
                wrong[name] = N_("another directory has this name")
    stored = bool(row.domain)
    if stored and row.domain != values["domain"] and await Person.filter(domain=row.domain).exists():
        wrong["domain"] = N_("people came from this domain: it keeps its name")
    password = values.pop("password")
    moved = stored and any(getattr(row, name) != values[name] for name in BIND_TARGET)
    if values["bind_name"] and not password and (row.bind_password_sealed is None or moved):
        again = N_("enter it again: it is only sent to the server and for the name it was entered for")
        wrong["password"] = again if row.bind_password_sealed else N_("is missing")
    if wrong:
        raise InputRefused(wrong)
    row.update_from_dict(values)
    if not row.bind_name:
        row.bind_password_sealed = None
    elif password:
        row.bind_password_sealed = desk.vault.seal(str(password).encode(), row.id, PASSWORD)
