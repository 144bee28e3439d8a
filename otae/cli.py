"""The `otae` command: every command of the contract, none of the logic.

Exit status: 0 done, 1 refused with one clear line on standard error, 2 wrong usage. It is longer than 300 lines because
it is the one table of all commands, and splitting a table hides half of it.
"""

import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, NoReturn, TypeVar

import click

from otae import __version__, app
from otae.accounts import administrators
from otae.authority import issuers, push, root, rotation, uploads
from otae.delivery import servers
from otae.directory import local
from otae.enrollment import profiles, sessions
from otae.errors import DeviceUnknown, InputRefused, InvitationUnknown, OtaeError, StaleState
from otae.invitations import lifecycle, listing
from otae.invitations.orders import InvitationOrder
from otae.mdm import devices
from otae.overview import doctor as overview_doctor
from otae.rehearsal import run as rehearsal
from otae.settings import Settings
from otae.store import audit, backup, backup_file, database, jobs, keyring, properties, sealed
from otae.store.desk import Desk
from otae.store.models import Invitation, NotificationServer
from otae.store.outage import OUTAGES
from otae.tasks import broker

ACTOR = "command line"

Result = TypeVar("Result")
Work = Callable[[Desk, datetime], Awaitable[Result]]

as_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of a table.")
password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
passphrase_stdin = click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input.")


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        code = commands.main(prog_name="otae", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except StaleState:
        _fail("somebody else changed this a moment ago: look again, then decide")
    except OtaeError as error:
        _fail(str(error))
    except OUTAGES as error:
        _fail(f"the database does not answer: {error}")
    sys.exit(code if isinstance(code, int) else 0)


def _fail(words: str) -> NoReturn:
    click.echo(f"otae: {' '.join(words.split())}", err=True)
    sys.exit(1)


def settings() -> Settings:
    """Read this process's environment."""
    return Settings.load(os.environ)


def at_the_desk(work: Work[Result]) -> Result:
    """Open the installation, do ``work``, close it; a server that runs beside finds what was queued by its sweep."""

    async def opened() -> Result:
        async with app.opened(settings()) as desk:
            return await work(desk, await database.now())

    return asyncio.run(opened())


def emit(rows: Sequence[dict[str, object]] | dict[str, object], *, json_wanted: bool) -> None:
    """Print a result: JSON for scripts, aligned columns or "name: value" lines for people."""
    if json_wanted:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=str))
    elif isinstance(rows, dict):
        for name, value in rows.items():
            click.echo(f"{name}: {_shown(value)}")
    elif rows:
        names = list(rows[0])
        widths = [max(len(name), *(len(_shown(row[name])) for row in rows)) for name in names]
        click.echo("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
        for row in rows:
            cells = (_shown(row[name]).ljust(width) for name, width in zip(names, widths, strict=True))
            click.echo("  ".join(cells).rstrip())


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None or value == "" else str(value)


def _password(wanted: bool) -> str | None:  # noqa: FBT001 - the flag itself
    return sys.stdin.readline().rstrip("\r\n") if wanted else None


def _passphrase(wanted: bool) -> str:  # noqa: FBT001 - the flag itself
    """Return a passphrase from standard input; nothing secret is ever an argument, where everybody reads it."""
    if not wanted:
        raise click.UsageError("give --passphrase-stdin and the passphrase on standard input")
    return sys.stdin.readline().rstrip("\r\n")


@click.group(name="otae", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otae")
def commands() -> None:
    """The enrollment desk for Macs."""


@commands.command()
def serve() -> None:
    """Serve console, portal and devices; embedded, also work and tick."""
    app.serve(settings())


@commands.command()
def worker() -> None:
    """Do the work that waits: mails, tests, rehearsals."""
    app.work(settings())


@commands.command()
def clock() -> None:
    """Ring for what is due."""
    app.tick(settings())


@commands.command()
def migrate() -> None:
    """Bring the database up to date and make the first keys, once."""
    asyncio.run(app.prepare(settings()))
    click.echo("The database is up to date and the keys are there.")


@commands.group()
def admin() -> None:
    """Administrators."""


@admin.command(name="create")
@click.argument("name")
@click.option("--role", default="ADMIN", type=click.Choice(["ADMIN"]))
@click.option("--setup-link", is_flag=True, help="Print a link with which the person chooses the password.")
@password_stdin
@as_json
def admin_create(*, name: str, role: str, setup_link: bool, password_stdin: bool, json_wanted: bool) -> None:
    """Create an administrator."""
    if setup_link == password_stdin:
        raise click.UsageError("choose one of --password-stdin and --setup-link")
    password = _password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        if password is None:
            link = await administrators.new_setup_link(desk, now=now, name=name, role=role)
            return {"name": name, "role": role, "setup_link": link}
        given = {"name": name, "password": password, "role": role}
        made = await administrators.create_administrator(desk, **given, now=now, actor=ACTOR)
        return {"name": made.name, "role": made.role}

    emit(at_the_desk(work), json_wanted=json_wanted)


@commands.group()
def user() -> None:
    """Local people."""


@user.command(name="add")
@click.argument("name")
@click.option("--email")
@click.option("--display-name", default="")
@click.option("--phone")
@click.option("--group", "groups", multiple=True)
@password_stdin
@as_json
def user_add(
    *,
    name: str,
    email: str | None,
    display_name: str,
    phone: str | None,
    groups: tuple[str, ...],
    password_stdin: bool,
    json_wanted: bool,
) -> None:
    """Add a local person."""
    password = _password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        person = await local.add_person(
            desk,
            name=name,
            display_name=display_name,
            email=email,
            phone=phone,
            password=password,
            groups=groups,
            now=now,
            actor=ACTOR,
        )
        return {"name": person.name, "email": person.email, "phone": person.phone, "groups": list(groups)}

    emit(at_the_desk(work), json_wanted=json_wanted)


@user.command(name="list")
@as_json
def user_list(*, json_wanted: bool) -> None:
    """List the local people."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        return [
            {"name": row.name, "display_name": row.display_name, "email": row.email, "disabled": row.disabled}
            for row in await local.list_people(limit=100_000)
        ]

    emit(at_the_desk(work), json_wanted=json_wanted)


@commands.group(name="notification-server")
def notification_server() -> None:
    """Servers that mail goes out through."""


@notification_server.group(name="add")
def notification_server_add() -> None:
    """Add a server."""


@notification_server_add.command(name="smtp")
@click.option("--name", required=True)
@click.option("--host", required=True)
@click.option("--port", default=25, show_default=True)
@click.option("--security", default="none", type=click.Choice(["none", "starttls", "tls"]), show_default=True)
@click.option("--username")
@click.option("--from-name", required=True)
@click.option("--from-email", required=True)
@password_stdin
@as_json
def smtp_add(*, password_stdin: bool, json_wanted: bool, **entered: str) -> None:
    """Add an SMTP server; it is made active when none is."""
    entry = servers.ServerEntry(password=_password(password_stdin), **entered)  # type: ignore[arg-type]  # click's types

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        return _server_row(await servers.add_server(desk, entry, now=now, actor=ACTOR))

    emit(at_the_desk(work), json_wanted=json_wanted)


def _server_row(row: NotificationServer) -> dict[str, object]:
    names = ("name", "kind", "host", "port", "security", "from_email", "active")
    return {name: getattr(row, name) for name in names}


@notification_server.command(name="list")
@as_json
def server_list(*, json_wanted: bool) -> None:
    """List the servers."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        return [_server_row(row) for row in await servers.list_servers()]

    emit(at_the_desk(work), json_wanted=json_wanted)


@notification_server.command(name="activate")
@click.argument("name")
def server_activate(*, name: str) -> None:
    """Send through this server from now on."""

    async def work(_desk: Desk, now: datetime) -> None:
        await servers.activate(await servers.find_server(name), now=now, actor=ACTOR)

    at_the_desk(work)


@notification_server.command(name="test")
@click.argument("name")
@click.option("--to", "recipient", required=True)
@as_json
def server_test(*, name: str, recipient: str, json_wanted: bool) -> None:
    """Send a test mail and print what the server said."""

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        server = await servers.find_server(name)
        job = await servers.enqueue_test(desk, server, recipient, now=now, actor=ACTOR)
        if claimed := await jobs.claim(job.id, now):
            await servers.run_test(desk, claimed, now=now)
        return dict(await jobs.outcome(job.id))

    output = at_the_desk(work)
    emit(output, json_wanted=json_wanted)
    if not output.get("ok"):
        sys.exit(1)


@commands.command()
@click.option("--user", "user_name", required=True, help="User name of the person.")
@click.option("--mode", help="Enrollment mode; the server property's default when left out.")
@click.option("--ownership", default="corporate", type=click.Choice(["corporate", "employee"]), show_default=True)
@click.option("--platform", default="macos", type=click.Choice(["macos"]), show_default=True)
@click.option("--serial", help="Serial number of the one Mac this invitation is for.")
@click.option("--no-send", is_flag=True, help="Send nothing.")
@click.option("--show-pin", is_flag=True, help="Print the PIN, this once.")
@as_json
def invite(*, user_name: str, no_send: bool, json_wanted: bool, **entered: str) -> None:
    """Invite a person to enroll a Mac."""
    order = InvitationOrder(user=user_name, send=not no_send, **entered)  # type: ignore[arg-type]  # click's types

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        return listing.created_as_json(await lifecycle.create(desk, order, now=now, actor=ACTOR))

    emit(at_the_desk(work), json_wanted=json_wanted)


@commands.group()
def invitation() -> None:
    """Invitations."""


async def _invitation(text: str) -> Invitation:
    found = await listing.find_invitation(text)
    if found is None:
        raise InvitationUnknown(f"there is no invitation {text[:60]!r}")
    return found


@invitation.command(name="list")
@click.option("--status")
@as_json
def invitation_list(*, status: str | None, json_wanted: bool) -> None:
    """List invitations, newest first."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        after: str | None = None
        while page := await listing.list_invitations(status=status, after=after, limit=500):
            rows += [listing.as_json(row) for row in page]
            after = str(page[-1].id)
        return rows

    emit(at_the_desk(work), json_wanted=json_wanted)


@invitation.command(name="show")
@click.argument("invitation_id")
@as_json
def invitation_show(*, invitation_id: str, json_wanted: bool) -> None:
    """Show one invitation with everything that happened to it."""

    async def work(_desk: Desk, _now: datetime) -> dict[str, object]:
        row = await _invitation(invitation_id)
        names = ("kind", "detail", "code", "support_code", "actor")
        events = [
            {"at": listing.stamp(event.at), **{name: getattr(event, name) for name in names}}
            for event in await listing.timeline(row)
        ]
        return {**listing.as_json(row), "timeline": events}

    shown = at_the_desk(work)
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
@as_json
def invitation_resend(*, invitation_id: str, show_pin: bool, json_wanted: bool) -> None:
    """Send link and a new PIN again."""

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        row = await _invitation(invitation_id)
        return listing.created_as_json(
            await lifecycle.resend(desk, row, now=now, actor=ACTOR, show_pin=show_pin)
        )  # fmt: skip

    emit(at_the_desk(work), json_wanted=json_wanted)


@invitation.command(name="revoke")
@click.argument("invitation_id")
def invitation_revoke(*, invitation_id: str) -> None:
    """Withdraw an invitation."""

    async def work(desk: Desk, now: datetime) -> None:
        await lifecycle.revoke(desk, await _invitation(invitation_id), now=now, actor=ACTOR)

    at_the_desk(work)


@commands.group()
def device() -> None:
    """Macs."""


@device.command(name="list")
@as_json
def device_list(*, json_wanted: bool) -> None:
    """List the Macs."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        return [row.as_json() for row in await devices.list_devices(limit=100_000)]

    emit(at_the_desk(work), json_wanted=json_wanted)


@device.command(name="show")
@click.argument("udid")
@as_json
def device_show(*, udid: str, json_wanted: bool) -> None:
    """Show one Mac."""

    async def work(_desk: Desk, _now: datetime) -> dict[str, object]:
        found = await devices.find_device(udid)
        if found is None:
            raise DeviceUnknown(f"there is no Mac {udid[:64]!r}")
        return found.as_json()

    emit(at_the_desk(work), json_wanted=json_wanted)


@device.command(name="release")
@click.argument("udid")
def device_release(*, udid: str) -> None:
    """Let somebody else enroll this Mac."""

    async def work(_desk: Desk, now: datetime) -> None:
        await devices.release(udid, now=now, actor=ACTOR)

    at_the_desk(work)


@commands.group(name="property")
def property_() -> None:
    """Server properties."""


@property_.command(name="list")
@as_json
def property_list(*, json_wanted: bool) -> None:
    """List the server properties with the values in force."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        values = await properties.read_all()
        return [
            {"name": row.name, "value": values[row.name], "default": row.default, "help": row.help}
            for row in properties.PROPERTIES
        ]

    emit(at_the_desk(work), json_wanted=json_wanted)


@property_.command(name="get")
@click.argument("name")
@as_json
def property_get(*, name: str, json_wanted: bool) -> None:
    """Print one server property."""

    async def work(_desk: Desk, _now: datetime) -> properties.Value:
        return await properties.read(name)

    value = at_the_desk(work)
    click.echo(json.dumps({"name": name, "value": value}) if json_wanted else _shown(value))


@property_.command(name="set")
@click.argument("name")
@click.argument("value")
def property_set(*, name: str, value: str) -> None:
    """Change one server property."""

    async def work(_desk: Desk, now: datetime) -> None:
        async with database.transaction():
            await properties.write(name, value)
            await audit.record(ACTOR, "property.set", now=now, subject=name, detail=value)

    at_the_desk(work)


@commands.group(name="push")
def push_() -> None:
    """The push certificate."""


@push_.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option("--key", "key_file", type=click.File("rb"))
@password_stdin
@as_json
def push_import(*, file: IO[bytes], key_file: IO[bytes] | None, password_stdin: bool, json_wanted: bool) -> None:
    """Take a push certificate (PEM or PKCS#12) into use."""
    data, key_data, password = file.read(), key_file.read() if key_file else None, _password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        return _push_row(await push.import_push(desk, data, key_data, password, now=now, actor=ACTOR))

    emit(at_the_desk(work), json_wanted=json_wanted)


@push_.command(name="show")
@as_json
def push_show(*, json_wanted: bool) -> None:
    """Show the push certificate in use."""

    async def work(_desk: Desk, now: datetime) -> dict[str, object]:
        found = await push.show_push(now=now)
        if found is None:
            raise InputRefused({"": "no push certificate was imported: otae push import FILE --key FILE"})
        return _push_row(found)

    emit(at_the_desk(work), json_wanted=json_wanted)


def _push_row(found: push.PushCertificate) -> dict[str, object]:
    return {
        "topic": found.topic,
        "subject": found.subject,
        "sha256": found.sha256,
        "not_after": listing.stamp(found.not_after),
        "days_left": found.days_left,
    }


@commands.command()
@click.argument("invitation_token")
@click.option("--unsigned", is_flag=True, help="Leave the signature off, to read the profile.")
def profile(*, invitation_token: str, unsigned: bool) -> None:
    """Write the single enrollment profile of an invitation to standard output; it works once."""

    async def work(desk: Desk, now: datetime) -> bytes:
        found = await lifecycle.by_token(invitation_token)
        if found is None:
            raise InvitationUnknown("there is no invitation with this token")
        lifecycle.check_usable(found, now=now)
        await audit.record(ACTOR, "profile.written", now=now, subject=str(found.id))
        session = await sessions.open_session(
            desk, person=await found.person, invitation=found, mode=found.mode, ownership=found.ownership,
            way="profile", now=now,
        )  # fmt: skip
        return await profiles.single_profile(desk, session, now=now, signed=not unsigned, generated_topic=True)

    written = at_the_desk(work)
    sys.stdout.buffer.write(written)
    sys.stdout.buffer.flush()


@commands.command()
@click.option("--mode", default="two_factor", show_default=True)
@click.option("--url", "connect_to", help="Connect here wherever PUBLIC_URL is met; may be http.")
@as_json
def rehearse(*, mode: str, connect_to: str | None, json_wanted: bool) -> None:
    """Let a simulated Mac go the whole way against this server."""

    def report(step: rehearsal.Step) -> None:
        if not json_wanted:
            mark = "ok  " if step.ok else "FAIL"
            click.echo(f"{mark} {step.seconds:6.2f} s  {step.name}{': ' + step.words if step.words else ''}")
            if step.look_at:
                click.echo(f"                look at {step.look_at}")

    async def work(desk: Desk, _now: datetime) -> rehearsal.Result:
        return await rehearsal.rehearse(desk, mode, clock=database.now, connect_to=connect_to, report=report)

    result = at_the_desk(work)
    if json_wanted:
        emit(result.as_json(), json_wanted=True)
    if not result.ok:
        _fail(f"the rehearsal stopped: {result.words}")
    if not json_wanted:
        click.echo(f"The Mac is enrolled ({result.seconds:.1f} s).")


@commands.group()
def ca() -> None:
    """The certificate authority."""


@ca.command(name="show")
@as_json
def ca_show(*, json_wanted: bool) -> None:
    """Show the tree of certificates."""

    async def work(_desk: Desk, now: datetime) -> list[dict[str, object]]:
        return [{**row, "not_after": listing.stamp(row["not_after"])} for row in await issuers.tree(now)]

    emit(at_the_desk(work), json_wanted=json_wanted)


@ca.command(name="export-root")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to standard output.")
def ca_export_root(*, output: Path | None) -> None:
    """Write the root certificate (PEM)."""

    async def work(_desk: Desk, _now: datetime) -> bytes:
        return await issuers.root_pem()

    text = at_the_desk(work)
    if output:
        output.write_bytes(text)
    else:
        click.echo(text.decode(), nl=False)


@ca.command(name="rotate")
@as_json
def ca_rotate(*, json_wanted: bool) -> None:
    """Issue to Macs from a new device authority; what the former one issued stays good to its end."""

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        done = await rotation.rotate_device_ca(desk, now=now, actor=ACTOR)
        return {
            "subject": done.subject,
            "sha256": done.sha256,
            "not_after": listing.stamp(done.not_after),
            "former_sha256": done.former_sha256,
            "former_until": listing.stamp(done.former_until),
        }

    emit(at_the_desk(work), json_wanted=json_wanted)


def _upload(function: Callable[..., Awaitable[uploads.Uploaded]], *, json_wanted: bool, **handed: object) -> None:
    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        taken = await function(desk, *handed.values(), now=now, actor=ACTOR)
        return {
            "purpose": taken.purpose,
            "subject": taken.subject,
            "sha256": taken.sha256,
            "not_after": listing.stamp(taken.not_after),
            "chain": taken.chain,
        }

    emit(at_the_desk(work), json_wanted=json_wanted)


@ca.command(name="import-signer")
@click.argument("file", type=click.File("rb"))
@click.option("--key", "key_file", type=click.File("rb"))
@password_stdin
@as_json
def ca_import_signer(*, file: IO[bytes], key_file: IO[bytes] | None, password_stdin: bool, json_wanted: bool) -> None:
    """Sign profiles with an own certificate and chain (PEM or PKCS#12)."""
    key_data = key_file.read() if key_file else None
    _upload(
        uploads.import_signer,
        json_wanted=json_wanted,
        data=file.read(),
        key=key_data,
        password=_password(password_stdin),
    )


@ca.command(name="import-tls")
@click.argument("file", type=click.File("rb"))
@click.option("--key", "key_file", type=click.File("rb"))
@password_stdin
@as_json
def ca_import_tls(*, file: IO[bytes], key_file: IO[bytes] | None, password_stdin: bool, json_wanted: bool) -> None:
    """Serve TLS with an own certificate and chain (PEM or PKCS#12)."""
    key_data = key_file.read() if key_file else None
    _upload(
        uploads.import_tls,
        json_wanted=json_wanted,
        data=file.read(),
        key=key_data,
        password=_password(password_stdin),
    )


@ca.command(name="remove-import")
@click.argument("purpose", type=click.Choice(["signer", "tls"]))
def ca_remove_import(*, purpose: str) -> None:
    """Go back to our own certificate instead of an imported one."""

    async def work(desk: Desk, now: datetime) -> None:
        await uploads.remove_upload(desk, "tls" if purpose == "tls" else "profile-signer", now=now, actor=ACTOR)

    at_the_desk(work)


@ca.command(name="export-root-key")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to standard output.")
@passphrase_stdin
@as_json
def ca_export_root_key(*, output: Path | None, passphrase_stdin: bool, json_wanted: bool) -> None:
    """Write the root's key under a passphrase, and its certificate (PEM)."""
    passphrase = _passphrase(passphrase_stdin)
    if output and output.exists():
        raise InputRefused({"": f"{output} is there already: choose another name"})

    async def work(desk: Desk, now: datetime) -> root.RootExport:
        return await root.export_root_key(desk, passphrase, now=now, actor=ACTOR)

    made = at_the_desk(work)
    if output:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(made.data)
    elif not json_wanted:
        click.echo(made.data.decode(), nl=False)
    if json_wanted:
        emit({"sha256": made.sha256, **({} if output else {"pem": made.data.decode()})}, json_wanted=True)


@ca.command(name="remove-root-key")
@click.option("--confirm", required=True, metavar="SHA256", help="What `sha256sum` says of the exported file.")
@as_json
def ca_remove_root_key(*, confirm: str, json_wanted: bool) -> None:
    """Take the root's key off this server, once it was exported."""

    async def work(_desk: Desk, now: datetime) -> dict[str, object]:
        await root.remove_root_key(confirm=confirm, now=now, actor=ACTOR)
        return {"removed": True}

    emit(at_the_desk(work), json_wanted=json_wanted)


@ca.command(name="import-root-key")
@click.argument("file", type=click.File("rb"))
@passphrase_stdin
@as_json
def ca_import_root_key(*, file: IO[bytes], passphrase_stdin: bool, json_wanted: bool) -> None:
    """Bring the root's key back from its export."""
    data, passphrase = file.read(), _passphrase(passphrase_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        await root.bring_root_key_back(desk, data, passphrase, now=now, actor=ACTOR)
        return {"returned": True}

    emit(at_the_desk(work), json_wanted=json_wanted)


@commands.group()
def keys() -> None:
    """Master keys."""


@keys.command(name="generate")
@as_json
def keys_generate(*, json_wanted: bool) -> None:
    """Print a new master key for OTAE_MASTER_KEYS."""
    key = keyring.new_master_key()
    click.echo(json.dumps({"key": key}) if json_wanted else key)


@keys.command(name="rotate")
@as_json
def keys_rotate(*, json_wanted: bool) -> None:
    """Seal every secret again with the first master key, while everything runs."""

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        return dataclasses.asdict(await sealed.reseal(desk.vault, now=now, actor=ACTOR))

    done = at_the_desk(work)
    emit(done, json_wanted=json_wanted)
    if done["unopened"]:
        _fail(f"{done['unopened']} values do not open with any key that is given: see `otae keys check`")


@keys.command(name="check")
@as_json
def keys_check(*, json_wanted: bool) -> None:
    """Show how many secrets each master key opens; one that opens none may be dropped."""

    async def work(desk: Desk, _now: datetime) -> sealed.Census:
        return await sealed.census(desk.vault)

    found = at_the_desk(work)
    emit([dataclasses.asdict(use) for use in found.keys], json_wanted=json_wanted)
    if found.foreign or found.broken:
        _fail(f"{found.foreign} values are sealed with keys that are not given, {found.broken} are damaged")


@commands.command()
@as_json
def doctor(*, json_wanted: bool) -> None:
    """Check this installation; exit 1 when a check failed."""

    async def work(desk: Desk, now: datetime) -> list[overview_doctor.Check]:
        return await overview_doctor.examine(desk, now=now, redis=await broker.look_at_redis(desk.settings))

    checks = at_the_desk(work)
    emit(
        [{"check": row.name, "state": row.state, "words": row.words, "advice": row.advice} for row in checks],
        json_wanted=json_wanted,
    )
    if any(row.state == "failed" for row in checks):
        sys.exit(1)


@commands.group(name="audit")
def audit_() -> None:
    """Who did what."""


@audit_.command(name="list")
@click.option("--search", default="", help="Only entries that hold this text.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 100_000))
@as_json
def audit_list(*, search: str, limit: int, json_wanted: bool) -> None:
    """List the audit log, newest first."""

    async def work(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
        return [
            {
                "entry": row.id,
                "at": listing.stamp(row.at),
                **{name: getattr(row, name) for name in ("actor", "action", "subject", "detail")},
            }
            for row in await audit.list_entries(search=search, limit=limit)
        ]

    emit(at_the_desk(work), json_wanted=json_wanted)


@audit_.command(name="verify")
@click.option("--noted", help="What an earlier run printed as head: the log must still hold it.")
@as_json
def audit_verify(*, noted: str | None, json_wanted: bool) -> None:
    """Check that the audit log is as it was written; name the first entry that is not."""
    count, _, mac = (noted or "0:").partition(":")
    if not count.isdecimal() or (noted and len(mac) != len(audit.ORIGIN)):
        raise click.UsageError("--noted takes a head as this command prints it: COUNT:PROOF")
    kept = audit.Head(int(count), mac) if noted else None

    async def work(_desk: Desk, _now: datetime) -> dict[str, object]:
        head = await audit.verify(kept)
        return {"entries": head.count, "head": str(head)}

    emit(at_the_desk(work), json_wanted=json_wanted)


#: What is not in a backup, told whoever restores one; the time goes in.
SINCE_THEN = """Not known here is what happened after {taken_at}:
 - certificates issued since then: Macs that enrolled or renewed since then are refused and enroll again
 - revocations, released Macs, withdrawn invitations, changed settings and passwords since then: do them again
Ended by this restore, because it may have been used since: every open PIN, challenge, sign-in and setup link.
Send again the invitations that had a PIN; start every process anew."""


@commands.command(name="backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@as_json
def backup_(*, file: Path, json_wanted: bool) -> None:
    """Write an encrypted backup into FILE ("-": standard output); the master keys are not in it."""
    to_output = str(file) == "-"
    if file.exists() and not to_output:
        raise InputRefused({"": f"{file} exists already: name a file that does not"})

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        if to_output:
            header, counts = await backup.back_up(desk, sys.stdout.buffer, now=now, actor=ACTOR)
        else:
            with backup_file.whole(file) as opened:
                header, counts = await backup.back_up(desk, opened, now=now, actor=ACTOR)
        return {
            "file": str(file),
            "id": str(header.id),
            "taken_at": listing.stamp(header.taken_at),
            "schema": header.schema,
            "rows": sum(counts.values()),
        }

    written = at_the_desk(work)
    if not to_output:
        emit(written, json_wanted=json_wanted)


@commands.command(name="restore")
@click.argument("file", type=click.File("rb"))
@as_json
def restore_(*, file: IO[bytes], json_wanted: bool) -> None:
    """Bring a backup up on an empty installation that has the same master keys."""
    done = asyncio.run(app.restore(settings(), file))
    taken_at = listing.stamp(done.header.taken_at)
    names = ("rows", "pins", "deliveries", "challenges", "sessions", "setup_links", "jobs")
    result = {"taken_at": taken_at, **{name: getattr(done, name) for name in names}}
    emit(result, json_wanted=json_wanted)
    click.echo(SINCE_THEN.format(taken_at=taken_at), err=json_wanted)
