"""`otae audit`, `backup` and `restore`: the audit log (`store.audit`), backups (`store.backup`) and restoring one."""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import IO

import click

from otae import app
from otae.cli.command import ACTOR, as_json, as_row, commands, emit, refuse_existing, run_with_desk, settings, with_desk
from otae.directory import lookup
from otae.errors import InputRefused
from otae.invitations import listing
from otae.store import audit, backup, backup_file
from otae.store.audit_entries import AuditFilter, list_entries
from otae.store.desk import Desk


@commands.group(name="audit")
def audit_() -> None:
    """The audit log: who did what."""


@audit_.command(name="list")
@click.option("--search", default="", help="Only entries that hold this text.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@as_json
@with_desk
async def audit_list(_desk: Desk, _now: datetime, search: str, limit: int) -> list[dict[str, object]]:
    """List the audit log, newest first."""
    wanted = AuditFilter(parts=True, search=search, about=await lookup.id_of_user_name(search))
    rows = await list_entries(wanted, limit=limit)
    names = await lookup.names_in(text for row in rows for text in (row.actor, row.subject, row.detail))
    return [
        {
            "entry": row.id,
            "at": listing.rfc3339(row.at),
            "actor": names.get(row.actor, row.actor),
            "action": row.action,
            "subject": names.get(row.subject, row.subject),
            "detail": names.get(row.detail, row.detail),
        }
        for row in rows
    ]


@audit_.command(name="verify")
@click.option("--noted", help="What an earlier run printed as head: the log must still hold it.")
@click.option("--export", "exported", type=click.File(encoding="utf-8"), help="Check this JSON export of it instead.")
@as_json
def audit_verify(*, noted: str | None, exported: IO[str] | None, json_wanted: bool) -> None:
    """Check that the audit log is unchanged; otherwise name the first wrong entry."""
    count, _, mac = (noted or "0:").partition(":")
    if not count.isdecimal() or (noted and len(mac) != len(audit.ORIGIN)):
        raise click.UsageError("--noted takes a head as this command prints it: COUNT:PROOF")
    kept = audit.Head(int(count), mac) if noted else None

    async def work(_desk: Desk, _now: datetime) -> dict[str, object]:
        if exported:
            return {"entries": _verified(exported)}
        head = await audit.verify(kept)
        return {"entries": head.count, "head": str(head)}

    emit(run_with_desk(work), json_wanted=json_wanted)


def _verified(file: IO[str]) -> int:
    try:
        return audit.verify_exported(json.load(file))
    except (ValueError, KeyError, TypeError) as error:
        raise InputRefused({"": "this file is no JSON export of the audit log"}) from error


#: The note after a restore about what a backup does not contain; the time is filled in.
SINCE_THEN = """Not known here is what happened after {taken_at}:
 - certificates issued since then: Macs that enrolled or renewed since then are refused and enroll again
 - revocations, released Macs, changed settings and passwords since then: do them again
 - invitations used or withdrawn since then: they stand open again, without a PIN; withdraw them
 - a root key taken off the server since then is on it again: remove it once more
Ended by this restore, because it may have been used since: every open PIN, challenge, sign-in and setup link.
Send again the invitations that had a PIN; start every process anew."""


@commands.command(name="backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@as_json
def backup_(*, file: Path, json_wanted: bool) -> None:
    """Write an encrypted backup into FILE ("-": standard output); the master keys are not in it."""
    to_output = str(file) == "-"
    refuse_existing(file)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        if to_output:
            header, counts = await backup.back_up(desk, sys.stdout.buffer, now=now, actor=ACTOR)
        else:
            try:
                with backup_file.atomic_file(file) as opened:
                    header, counts = await backup.back_up(desk, opened, now=now, actor=ACTOR)
            except OSError as error:
                raise InputRefused({"": f"{file} cannot be written ({error.strerror})"}) from error
        return {
            "file": str(file),
            "id": str(header.id),
            "taken_at": listing.rfc3339(header.taken_at),
            "schema": header.schema,
            "rows": sum(counts.values()),
        }

    written = run_with_desk(work)
    if not to_output:
        emit(written, json_wanted=json_wanted)


@commands.command(name="restore")
@click.argument("file", type=click.File("rb"))
@as_json
def restore_(*, file: IO[bytes], json_wanted: bool) -> None:
    """Restore a backup into an empty installation that has the same master keys."""
    done = asyncio.run(app.restore(settings(), file))
    taken_at = listing.rfc3339(done.header.taken_at)
    names = ("rows", "pins", "deliveries", "challenges", "sessions", "setup_links", "jobs", "group_invitations")
    result = {"taken_at": taken_at, **as_row(done, *names)}
    emit(result, json_wanted=json_wanted)
    click.echo(SINCE_THEN.format(taken_at=taken_at), err=json_wanted)
