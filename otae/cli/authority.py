"""The certificate authority and the push certificate."""

import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import IO

import click

from otae.authority import issuers, push, root, rotation, uploads
from otae.cli.command import (
    ACTOR,
    _passphrase,
    as_json,
    commands,
    emit,
    passphrase_stdin,
    password_stdin,
    print_left_out,
    read_password,
    run_with_desk,
)
from otae.errors import InputRefused
from otae.invitations import listing
from otae.signing.certificates import fingerprint
from otae.store.desk import Desk


@commands.group(name="push")
def push_() -> None:
    """The push certificate."""


@push_.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option("--key", "key_file", type=click.File("rb"))
@password_stdin
@as_json
def push_import(*, file: IO[bytes], key_file: IO[bytes] | None, password_stdin: bool, json_wanted: bool) -> None:
    """Take a push certificate (PEM, PKCS#7 or PKCS#12) into use."""
    data, key_data, password = file.read(), key_file.read() if key_file else None, read_password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        uploaded = await push.import_push(desk, data, key_data, password, now=now, actor=ACTOR)
        print_left_out(uploaded.left_out)
        return _push_row(uploaded)

    emit(run_with_desk(work), json_wanted=json_wanted)


@push_.command(name="show")
@as_json
def push_show(*, json_wanted: bool) -> None:
    """Show the push certificate in use."""

    async def work(_desk: Desk, now: datetime) -> dict[str, object]:
        found = await push.show_push(now=now)
        if found is None:
            raise InputRefused({"": "no push certificate was imported: otae push import FILE --key FILE"})
        return _push_row(found)

    emit(run_with_desk(work), json_wanted=json_wanted)


def _push_row(found: push.PushCertificate) -> dict[str, object]:
    return {
        "topic": found.topic,
        "subject": found.subject,
        "sha256": found.sha256,
        "not_after": listing.rfc3339(found.not_after),
        "days_left": found.days_left,
    }


@commands.group()
def ca() -> None:
    """The certificate authority."""


@ca.command(name="show")
@as_json
def ca_show(*, json_wanted: bool) -> None:
    """Show the tree of certificates."""

    async def work(_desk: Desk, now: datetime) -> list[dict[str, object]]:
        return [{**row, "not_after": listing.rfc3339(row["not_after"])} for row in await issuers.tree(now)]

    emit(run_with_desk(work), json_wanted=json_wanted)


@ca.command(name="export-root")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to standard output.")
@as_json
def ca_export_root(*, output: Path | None, json_wanted: bool) -> None:
    """Write the root certificate (PEM)."""

    async def work(_desk: Desk, _now: datetime) -> tuple[bytes, str]:
        return await issuers.root_pem(), fingerprint(await issuers.root())

    text, sha256 = run_with_desk(work)
    if output:
        output.write_bytes(text)
    if json_wanted:
        emit({"certificate": text.decode(), "sha256": sha256}, json_wanted=True)
    elif not output:
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
            "not_after": listing.rfc3339(done.not_after),
            "former_sha256": done.former_sha256,
            "former_until": listing.rfc3339(done.former_until),
        }

    emit(run_with_desk(work), json_wanted=json_wanted)


def _upload(
    function: Callable[..., Awaitable[uploads.UploadedCertificate]], *, json_wanted: bool, **arguments: object
) -> None:
    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        uploaded = await function(desk, *arguments.values(), now=now, actor=ACTOR)
        print_left_out(uploaded.left_out)
        return {
            "purpose": uploaded.purpose,
            "subject": uploaded.subject,
            "sha256": uploaded.sha256,
            "not_after": listing.rfc3339(uploaded.not_after),
            "chain": uploaded.chain,
        }

    emit(run_with_desk(work), json_wanted=json_wanted)


@ca.command(name="import-signer")
@click.argument("file", type=click.File("rb"))
@click.option("--key", "key_file", type=click.File("rb"))
@password_stdin
@as_json
def ca_import_signer(*, file: IO[bytes], key_file: IO[bytes] | None, password_stdin: bool, json_wanted: bool) -> None:
    """Sign profiles with an own certificate and chain (PEM, PKCS#7 or PKCS#12)."""
    key_data = key_file.read() if key_file else None
    _upload(
        uploads.import_signer,
        json_wanted=json_wanted,
        data=file.read(),
        key=key_data,
        password=read_password(password_stdin),
    )


@ca.command(name="import-tls")
@click.argument("file", type=click.File("rb"))
@click.option("--key", "key_file", type=click.File("rb"))
@password_stdin
@as_json
def ca_import_tls(*, file: IO[bytes], key_file: IO[bytes] | None, password_stdin: bool, json_wanted: bool) -> None:
    """Serve TLS with an own certificate and chain (PEM, PKCS#7 or PKCS#12)."""
    key_data = key_file.read() if key_file else None
    _upload(
        uploads.import_tls,
        json_wanted=json_wanted,
        data=file.read(),
        key=key_data,
        password=read_password(password_stdin),
    )


@ca.command(name="remove-import")
@click.argument("purpose", type=click.Choice(["signer", "tls"]))
def ca_remove_import(*, purpose: str) -> None:
    """Go back to our own certificate instead of an imported one."""

    async def work(desk: Desk, now: datetime) -> None:
        await uploads.remove_upload(desk, "tls" if purpose == "tls" else "profile-signer", now=now, actor=ACTOR)

    run_with_desk(work)


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

    made = run_with_desk(work)
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

    emit(run_with_desk(work), json_wanted=json_wanted)


@ca.command(name="import-root-key")
@click.argument("file", type=click.File("rb"))
@passphrase_stdin
@as_json
def ca_import_root_key(*, file: IO[bytes], passphrase_stdin: bool, json_wanted: bool) -> None:
    """Bring the root's key back from its export."""
    data, passphrase = file.read(), _passphrase(passphrase_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        await root.restore_root_key(desk, data, passphrase, now=now, actor=ACTOR)
        return {"returned": True}

    emit(run_with_desk(work), json_wanted=json_wanted)
