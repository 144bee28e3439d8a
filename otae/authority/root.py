"""The root's private key: export under a passphrase, removal from the server, restore from an export.

It signs a device CA or service CA every few years; in between it is only a risk on the server. It is removed only when
an export was made and tested, and somebody proves by its SHA-256 that they still have the file.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority.issuers import active_row, open_row
from otae.errors import InputRefused, NotReady
from otae.signing.certificates import Keyed, dump_key, load_certificate, pem
from otae.signing.encrypted_key import encrypted_pem
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Certificate
from otae.translatable import N_

MIN_PASSPHRASE: Final = 12
_MAX_PASSPHRASE: Final = 1024
_EXPORTED: Final = "root-key.exported"


@dataclass(frozen=True, slots=True)
class RootExport:
    """A file with the root's encrypted key and its certificate (PEM). ``sha256``: of the file, 64 hex digits."""

    data: bytes = field(repr=False)
    sha256: str


async def export_root_key(desk: Desk, passphrase: str, *, now: datetime, actor: str) -> RootExport:
    """Return the root's key encrypted under ``passphrase``, after testing that it opens; audited.

    Raises InputRefused (field "passphrase") unless it has 12 to 1024 characters, and NotReady when the key is not on
    this server.
    """
    if not MIN_PASSPHRASE <= len(passphrase) <= _MAX_PASSPHRASE:
        raise InputRefused(
            {"passphrase": N_("use %(min_passphrase)s characters or more", min_passphrase=MIN_PASSPHRASE)}
        )
    row = await active_row("root")
    root = open_row(desk, row)
    data = await asyncio.to_thread(_export, root, passphrase)
    sha256 = hashlib.sha256(data).hexdigest()
    await audit.record(actor, _EXPORTED, now=now, subject=row.sha256 or "", detail=sha256)
    return RootExport(data, sha256)


async def check_export(data: bytes, passphrase: str) -> str:
    """Return the SHA-256 of an export of the current root's key, after opening it.

    Raises InputRefused (fields "file", "passphrase").
    """
    await asyncio.to_thread(_read, data, passphrase, await active_row("root"))
    return hashlib.sha256(data).hexdigest()


async def remove_root_key(*, confirm: str, now: datetime, actor: str) -> None:
    """Remove the root's key from this server; audited.

    Certificates below the two CAs are renewed without it; docs/adr/0005 says what is not.

    Args:
        confirm: SHA-256 (hex) of a file that the key was exported to; InputRefused (field "confirm") for any other.

    Raises:
        NotReady: the key is not on this server.
    """
    row = await active_row("root")
    sha256 = confirm.strip().lower()
    if not await AuditEntry.exists(action=_EXPORTED, subject=row.sha256 or "", detail=sha256):
        raise InputRefused({"confirm": N_("no export of this root has this SHA-256: compare it with sha256sum FILE")})
    async with transaction():
        if await Certificate.filter(id=row.id, key_sealed__not_isnull=True).update(key_sealed=None) != 1:
            raise NotReady("the root's key is not on this server")
        await audit.record(actor, "root-key.removed", now=now, subject=row.sha256 or "", detail=sha256)


async def restore_root_key(desk: Desk, data: bytes, passphrase: str, *, now: datetime, actor: str) -> None:
    """Restore the root's key from an export; audited.

    Raises:
        InputRefused: the file does not open (fields "file", "passphrase"), holds another root's key, or the key is on
            this server already.
    """
    row = await active_row("root")
    key = await asyncio.to_thread(_read, data, passphrase, row)
    sealed = desk.vault.seal(dump_key(key), row.id, "key")
    async with transaction():
        if await Certificate.filter(id=row.id, key_sealed__isnull=True).update(key_sealed=sealed) != 1:
            raise InputRefused({"": N_("the root's key is on this server already")})
        await audit.record(actor, "root-key.returned", now=now, subject=row.sha256 or "")


def _export(root: Keyed, passphrase: str) -> bytes:
    key = encrypted_pem(root.key, passphrase)
    again = serialization.load_pem_private_key(key, passphrase.encode())
    if not isinstance(again, rsa.RSAPrivateKey) or again.private_numbers() != root.key.private_numbers():
        raise NotReady("the root's key could not be exported whole")
    return key + pem(root.certificate)


def _read(data: bytes, passphrase: str, row: Certificate) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(data, passphrase.encode()[:_MAX_PASSPHRASE] or None)
    except TypeError:
        raise InputRefused({"passphrase": N_("the file is encrypted: give its passphrase")}) from None
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED PRIVATE KEY" in data:
            raise InputRefused({"passphrase": N_("the passphrase does not open the file")}) from None
        raise InputRefused({"file": N_("not an export of the root's key")}) from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != load_certificate(row.der or b"").public_key():
        raise InputRefused({"file": N_("the key belongs to another root")})
    return key
