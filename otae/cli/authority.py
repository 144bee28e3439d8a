"""`otae ca` and `otae push`: the certificate authority and the push certificate, through the room `authority`."""

import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from otae.authority import issuers, push, root, rotation, uploads
from otae.cli.command import (
    ACTOR,
    as_json,
    as_row,
    commands,
    emit,
    passphrase_stdin,
    password_stdin,
    print_left_out,
    read_passphrase,
    read_password,
    run_with_desk,
    with_desk,
)
from otae.errors import InputRefused
from otae.invitations import listing
from otae.signing.certificates import fingerprint
from otae.store.desk import Desk

Imported = TypeVar("Imported", push.PushCertificate, uploads.UploadedCertificate)


@commands.group(name="push")
def push_() -> None:
    """The push certificate."""


def _certificate_options(command: Callable[..., None]) -> Callable[..., None]:
    key = click.option("--key", "key_file", type=click.File("rb"))
    return click.argument("file", type=click.File("rb"))(key(password_stdin(as_json(command))))


def _take_into_use(
    function: Callable[..., Awaitable[Imported]],
    as_row: Callable[[Imported], dict[str, object]],
    *,
    file: IO[bytes],
    key_file: IO[bytes] | None,
    password_stdin: bool,
    json_wanted: bool,
) -> None:
    data, key_data, password = file.read(), key_file.read() if key_file else None, read_password(password_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        imported = await function(desk, data, key_data, password, now=now, actor=ACTOR)
        print_left_out(imported.left_out)
        return as_row(imported)

    emit(run_with_desk(work), json_wanted=json_wanted)


@push_.command(name="import")
@_certificate_options
def push_import(**options: Any) -> None:  # noqa: ANN401 - those of _certificate_options
    """Import a push certificate (PEM, PKCS#7 or PKCS#12) and use it from now on."""
    _take_into_use(push.import_push, _push_row, **options)


@push_.command(name="show")
@as_json
@with_desk
async def push_show(_desk: Desk, now: datetime) -> dict[str, object]:
    """Show the push certificate in use."""
    certificate = await push.show_push(now=now)
    if certificate is None:
        raise InputRefused({"": "no push certificate was imported: otae push import FILE --key FILE"})
    return _push_row(certificate)


def _push_row(certificate: push.PushCertificate) -> dict[str, object]:
    return as_row(certificate, "topic", "subject", "sha256", "not_after", "days_left")


@commands.group()
def ca() -> None:
    """The certificate authority."""


@ca.command(name="show")
@as_json
@with_desk
async def ca_show(_desk: Desk, now: datetime) -> list[dict[str, object]]:
    """Show the tree of certificates."""
    return [{**row, "not_after": listing.rfc3339(row["not_after"])} for row in await issuers.tree(now)]


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
@with_desk
async def ca_rotate(desk: Desk, now: datetime) -> dict[str, object]:
    """Replace the device CA; certificates of the former one stay valid to their end."""
    done = await rotation.rotate_device_ca(desk, now=now, actor=ACTOR)
    return as_row(done, "subject", "sha256", "not_after", "former_sha256", "former_until")


@ca.command(name="import-signer")
@_certificate_options
def ca_import_signer(**options: Any) -> None:  # noqa: ANN401 - those of _certificate_options
    """Sign profiles with a certificate of another authority, from a file with its chain (PEM, PKCS#7 or PKCS#12)."""
    _take_into_use(uploads.import_signer, _upload_row, **options)


@ca.command(name="import-tls")
@_certificate_options
def ca_import_tls(**options: Any) -> None:  # noqa: ANN401 - those of _certificate_options
    """Serve TLS with a certificate of another authority, from a file with its chain (PEM, PKCS#7 or PKCS#12)."""
    _take_into_use(uploads.import_tls, _upload_row, **options)


def _upload_row(certificate: uploads.UploadedCertificate) -> dict[str, object]:
    return as_row(certificate, "purpose", "subject", "sha256", "not_after", "chain")


@ca.command(name="remove-import")
@click.argument("purpose", type=click.Choice(["signer", "tls"]))
@with_desk
async def ca_remove_import(desk: Desk, now: datetime, purpose: str) -> None:
    """Use this installation's own certificate again instead of an imported one."""
    await uploads.remove_upload(desk, "tls" if purpose == "tls" else "profile-signer", now=now, actor=ACTOR)


@ca.command(name="export-root-key")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write here, not to standard output.")
@passphrase_stdin
@as_json
def ca_export_root_key(*, output: Path | None, passphrase_stdin: bool, json_wanted: bool) -> None:
    """Write the root's key, encrypted with a passphrase, and its certificate (PEM)."""
    passphrase = read_passphrase(passphrase_stdin)
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
@with_desk
async def ca_remove_root_key(_desk: Desk, now: datetime, confirm: str) -> dict[str, object]:
    """Remove the root's key from this server after it was exported."""
    await root.remove_root_key(confirm=confirm, now=now, actor=ACTOR)
    return {"removed": True}


@ca.command(name="import-root-key")
@click.argument("file", type=click.File("rb"))
@passphrase_stdin
@as_json
def ca_import_root_key(*, file: IO[bytes], passphrase_stdin: bool, json_wanted: bool) -> None:
    """Restore the root's key from its export."""
    data, passphrase = file.read(), read_passphrase(passphrase_stdin)

    async def work(desk: Desk, now: datetime) -> dict[str, object]:
        await root.restore_root_key(desk, data, passphrase, now=now, actor=ACTOR)
        return {"returned": True}

    emit(run_with_desk(work), json_wanted=json_wanted)
