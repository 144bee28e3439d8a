"""`otae invite`, `invitation`, `profile` and `rehearse`: invitations, the single profile, and rehearsals.

The room `invitations` invites, `enrollment.profiles` makes the profile, and `rehearsal` simulates a Mac.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

import click

from otae.cli.command import (
    ACTOR,
    Work,
    as_json,
    as_row,
    commands,
    emit,
    fail,
    refuse_existing,
    run_with_desk,
    with_desk,
    write_csv,
)
from otae.cli.terms_options import terms_options
from otae.enrollment import approvals, profiles, sessions
from otae.errors import InvitationUnknown
from otae.invitations import exports, group_run, lifecycle, listing, resend_recipient
from otae.invitations.groups import GroupOrder
from otae.invitations.modes import known_mode
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.rehearsal import run as rehearsal
from otae.store import audit, database
from otae.store.desk import Desk
from otae.store.mode_table import DEFAULT
from otae.store.models import Invitation
from otae.store.states import InvitationStatus


@commands.command()
@click.option("--user", "user_name", help="User name of the person; DOMAIN/NAME of somebody in a directory.")
@click.option("--group", help="[DOMAIN/]NAME of a group: everybody in it.")
@terms_options
@click.option("--show-pin", is_flag=True, help="Print the PIN, this once.")
@click.option("--dry-run", is_flag=True, help="Group: only print who would be invited, and who not.")
@click.option("--key", help="Group: the same key again is the same order and invites nobody twice.")
@as_json
def invite(
    *,
    user_name: str | None,
    group: str | None,
    terms: InvitationTerms,
    show_pin: bool,
    dry_run: bool,
    key: str | None,
    json_wanted: bool,
) -> None:
    """Invite a person, or everybody in a group, to enroll a Mac."""
    if (user_name is None) == (group is None):
        raise click.UsageError("choose one of --user and --group")
    if group is not None:
        if terms.serial:
            raise click.UsageError("--serial is for one Mac: use it with --user")
        order = GroupOrder(group, terms, key)
        run_with_desk(_group_work(order, dry_run=dry_run, show_pin=show_pin, json_wanted=json_wanted))
        return
    if dry_run or key:
        raise click.UsageError("--dry-run and --key are for groups: use them with --group")
    one = InvitationOrder(user_name or "", terms, show_pin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        for row in await lifecycle.live_invitations(desk, one, now=now):
            until = f"until {listing.rfc3339(row.valid_until)}" if row.valid_until else "until it is used or revoked"
            click.echo(f"note: {row.person.name} has an invitation that works {until}: {row.id}", err=True)
        return listing.created_as_json(await lifecycle.create(desk, one, now=now, actor=ACTOR))

    emit(run_with_desk(work), json_wanted=json_wanted)


def _group_work(order: GroupOrder, *, dry_run: bool, show_pin: bool, json_wanted: bool) -> Work[None]:
    """Return the work that invites a group and prints each member as it is found, keeping none in memory."""

    async def work(desk: Desk, _now: datetime) -> None:
        results = group_run.run(desk, order, clock=database.now, actor=ACTOR, dry_run=dry_run, show_pin=show_pin)
        before = "["
        async for member in results:
            if json_wanted:
                click.echo(f"{before}\n  {json.dumps(member, ensure_ascii=False)}", nl=False)
                before = ","
            else:
                names = ("user", "error", "url", "pin", "status")
                click.echo("  ".join(str(member[name]) for name in names if name in member))
        if json_wanted:
            click.echo("\n]" if before == "," else "[]")

    return work


@commands.group()
def invitation() -> None:
    """Invitations."""


async def _invitation(text: str) -> Invitation:
    found = await listing.find_invitation(text)
    if found is None:
        raise InvitationUnknown(f"there is no invitation {text[:60]!r}")
    return found


@invitation.command(name="list")
@click.option("--status", type=click.Choice([status.value for status in InvitationStatus]))
@as_json
@with_desk
async def invitation_list(_desk: Desk, _now: datetime, status: str | None) -> list[dict[str, object]]:
    """List invitations, newest first."""
    rows: list[dict[str, object]] = []
    after: Invitation | None = None
    while page := await listing.list_invitations(status=status, after=after, limit=500):
        rows += [listing.as_json(row) for row in page]
        after = page[-1]
    return rows


@invitation.command(name="export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--status", help="Only those of this status.")
def invitation_export(*, file: Path, status: str | None) -> None:
    """Write all invitations as CSV into FILE ("-": standard output), newest first; links and PINs are not in it."""
    refuse_existing(file)

    async def work(_desk: Desk, _now: datetime) -> None:
        await write_csv(file, exports.invitations(status))

    run_with_desk(work)


@invitation.command(name="show")
@click.argument("invitation_id")
@as_json
def invitation_show(*, invitation_id: str, json_wanted: bool) -> None:
    """Show one invitation with everything that happened to it."""

    async def work(_desk: Desk, _now: datetime) -> dict[str, object]:
        row = await _invitation(invitation_id)
        names = ("at", "kind", "detail", "code", "support_code", "actor")
        events = [as_row(event, *names) for event in await listing.timeline(row)]
        return {**listing.as_json(row), "timeline": events}

    shown = run_with_desk(work)
    if json_wanted:
        emit(shown, json_wanted=True)
        return
    events = shown.pop("timeline")
    emit(shown, json_wanted=False)
    click.echo()
    emit(events, json_wanted=False)  # type: ignore[arg-type]  # the list made above


@invitation.command(name="resend")
@click.argument("invitation_id")
@click.option("--show-pin", is_flag=True, help="Print the new PIN, this once.")
@click.option(
    "--address",
    type=click.Choice(resend_recipient.ADDRESSES),
    default=resend_recipient.NEW,
    show_default=True,
    help="Where to, when the person's address or number changed since.",
)
@as_json
@with_desk
async def invitation_resend(
    desk: Desk, now: datetime, *, invitation_id: str, show_pin: bool, address: str
) -> dict[str, object]:
    """Send the link again, with a new PIN; notes about the address go to standard error."""
    row = await _invitation(invitation_id)
    made = await lifecycle.resend(desk, row, now=now, actor=ACTOR, show_pin=show_pin, address=address)
    if made.words:
        click.echo(f"note: {made.words}", err=True)
    return listing.created_as_json(made)


@invitation.command(name="revoke")
@click.argument("invitation_id")
@with_desk
async def invitation_revoke(desk: Desk, now: datetime, invitation_id: str) -> None:
    """Withdraw an invitation."""
    await lifecycle.revoke(desk, await _invitation(invitation_id), now=now, actor=ACTOR)


@commands.command()
@click.argument("invitation_token")
@click.option("--unsigned", is_flag=True, help="Leave the signature off, to read the profile.")
def profile(*, invitation_token: str, unsigned: bool) -> None:
    """Write the single enrollment profile of an invitation to standard output; it works once."""

    async def work(desk: Desk, now: datetime) -> bytes:
        found = await lifecycle.find_by_token(invitation_token)
        if found is None:
            raise InvitationUnknown("there is no invitation with this token")
        lifecycle.check_usable(found, now=now)
        await approvals.ask(desk, found, await found.person, await known_mode(found.mode), now=now)
        # before a session is opened, which would end the one of the person who waits
        await approvals.check_invitation(found.id, found.mode, now=now)
        subject, person = str(found.id), str(found.person_id)
        await audit.record(ACTOR, "profile.written", now=now, subject=subject, detail=person)
        session = await sessions.open_session(
            person=await found.person, invitation=found, mode=found.mode, ownership=found.ownership,
            way="profile", now=now,
        )  # fmt: skip
        return await profiles.single_profile(desk, session, now=now, signed=not unsigned, generated_topic=True)

    written = run_with_desk(work)
    sys.stdout.buffer.write(written)
    sys.stdout.buffer.flush()


@commands.command()
@click.option("--mode", default=DEFAULT, show_default=True)
@click.option("--url", "connect_to", help="Connect here wherever PUBLIC_URL is met; may be http.")
@as_json
def rehearse(*, mode: str, connect_to: str | None, json_wanted: bool) -> None:
    """Enroll a simulated Mac with the running server, step by step, and remove it afterwards."""

    def report(step: rehearsal.RehearsalStep) -> None:
        if not json_wanted:
            mark = "ok  " if step.ok else "FAIL"
            click.echo(f"{mark} {step.seconds:6.2f} s  {step.name}{': ' + step.words if step.words else ''}")
            if step.look_at:
                click.echo(f"                look at {step.look_at}")

    async def work(desk: Desk, _now: datetime) -> rehearsal.RehearsalResult:
        return await rehearsal.rehearse(desk, mode, clock=database.now, connect_to=connect_to, report=report)

    result = run_with_desk(work)
    if json_wanted:
        emit(result.as_json(), json_wanted=True)
    if not result.ok:
        fail(f"the rehearsal stopped: {result.words}")
    if not json_wanted:
        click.echo(f"The Mac is enrolled ({result.seconds:.1f} s).")
