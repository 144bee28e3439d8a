"""Where the master keys come from, and the proof that they are the right ones.

A key check sealed in the database tells a wrong or missing master key from a new installation: keys are never silently
made again over data that others sealed.
"""

import base64
import os
import secrets
from pathlib import Path

from pydantic import SecretStr
from tortoise.exceptions import IntegrityError

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import audit, database
from otae.store.database import transaction
from otae.store.models import Administrator, AuditEntry, AuditHead, Certificate, InstallationSecret
from otae.store.vault import SealBroken, Vault

KEY_FILE = "master.key"
#: The secrets every installation has; "key-check" is only ever opened to see that it opens.
SECRETS = ("key-check", "pepper", "cookie", "audit")


def new_master_key() -> str:
    """Return a fresh master key as base64url of 32 bytes, without padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


async def open_vault(settings: Settings, *, first: bool = False) -> Vault:
    """Return the vault of this installation, and let this process write its audit log; the database is connected.

    ``first``: this process may make the keys of a new installation (`migrate`, first embedded start); they are made
    together, once. Raises CannotStart when the keys are missing, wrong, or not made yet.
    """
    check = await _key_check()
    if check is None and not first:
        raise CannotStart("this installation has no keys yet: run `otae migrate` first")
    if check is None and await _holds_data() and (check := await _key_check()) is None:
        raise CannotStart(
            "this database holds an installation whose key check is missing: restore a backup; nothing was changed"
        )
    vault = Vault(settings.sealing_keys() or _key_file(settings, may_create=check is None))
    if check is None:
        await _make_secrets(vault)
    else:
        _check(vault, check)
        if not await InstallationSecret.exists(name="audit"):
            if not first:
                raise CannotStart("this installation lacks the key of its audit log: run `otae migrate` first")
            await _make_audit_key(vault)
    audit.hold_key(await installation_secret(vault, "audit"))
    return vault


def given_vault(settings: Settings) -> Vault:
    """Return a vault of the master keys that are given, without a look at the database; CannotStart without one."""
    return Vault(settings.sealing_keys() or _key_file(settings, may_create=False))


def _check(vault: Vault, check: InstallationSecret) -> None:
    try:
        vault.open(check.value_sealed, check.id, "secret")
    except SealBroken as error:
        raise CannotStart(
            "the master key does not open this installation's data: give OTAE_MASTER_KEYS (or the key file in "
            "OTAE_HOME) the key it was set up with; nothing was changed"
        ) from error


async def _key_check() -> InstallationSecret | None:
    return await InstallationSecret.get_or_none(name="key-check")


async def _holds_data() -> bool:
    """Tell whether there is anything that an installation has: keys are made beside nothing that others sealed."""
    tables = (InstallationSecret, AuditEntry, AuditHead, Certificate, Administrator)
    return any([await table.exists() for table in tables])


async def _make_secrets(vault: Vault) -> None:
    """Make the keys of a new installation and the beginning of its audit log, in one transaction.

    Of processes that start at the same moment one makes them; the others find them.
    """
    made = {name: secrets.token_bytes(32) for name in SECRETS}
    try:
        async with transaction():
            for name, value in made.items():
                await _store(vault, name, value)
            audit.hold_key(made["audit"])
            await audit.begin()
    except IntegrityError:
        _check(vault, await InstallationSecret.get(name="key-check"))


async def _make_audit_key(vault: Vault) -> None:
    """Make a key for a log that lost its own; the log says so in an entry that `audit verify` never passes."""
    value, now = secrets.token_bytes(32), await database.now()
    try:
        async with transaction():
            await _store(vault, "audit", value)
            audit.hold_key(value)
            await audit.go_on_without_key(now)
    except IntegrityError:
        return  # another process made it at the same moment


async def _store(vault: Vault, name: str, value: bytes) -> None:
    row = InstallationSecret(name=name)
    row.value_sealed = vault.seal(value, row.id, "secret")
    await row.save(force_create=True)


async def installation_secret(vault: Vault, name: str) -> bytes:
    """Return the 32 bytes of the installation secret ``name``."""
    row = await InstallationSecret.get(name=name)
    return vault.open(row.value_sealed, row.id, "secret")


def _key_file(settings: Settings, *, may_create: bool) -> list[bytes]:
    if not settings.embedded:
        raise CannotStart(
            "OTAE_MASTER_KEYS is required with DATABASE_URL: make one with `otae keys generate` and keep it"
        )
    path = settings.home / KEY_FILE
    if not path.exists():
        if not may_create:
            raise CannotStart(
                f"{path} is missing, and data sealed with it exists: put it back, or set OTAE_MASTER_KEYS"
            )
        _write_private(path, new_master_key())
    try:
        return settings.model_copy(update={"master_keys": SecretStr(path.read_text().strip())}).sealing_keys()
    except CannotStart as error:
        raise CannotStart(f"{path} holds no master key: put back the one this installation was set up with") from error


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all, and onto the disk before anything is sealed."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
