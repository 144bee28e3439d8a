"""The master keys: reading them, proving that they are the right ones, and making those of a new installation.

A sealed key check in the database distinguishes a wrong or missing master key from a new installation: new keys are
never made silently over data that other keys sealed.
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
#: Names of the installation secrets; "key-check" is only opened to prove the master key.
SECRETS = ("key-check", "pepper", "cookie", "audit")


def new_master_key() -> str:
    """Return a new master key: 32 bytes in base64url without padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


async def open_vault(settings: Settings, *, first: bool = False) -> Vault:
    """Return the vault of the connected installation, and set the audit log's key for this process.

    Args:
        first: make the keys of a new installation when there are none (`migrate`, first embedded start).

    Raises:
        CannotStart: the keys are missing, wrong, or not made yet.
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
    audit.set_key(await installation_secret(vault, "audit"))
    return vault


def vault_from_settings(settings: Settings) -> Vault:
    """Return a vault of the configured master keys, without checking them against the database.

    Raises:
        CannotStart: no master key is configured.
    """
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
    """Return whether the database holds anything of an installation: new keys are made for an empty one only."""
    tables = (InstallationSecret, AuditEntry, AuditHead, Certificate, Administrator)
    return any([await table.exists() for table in tables])


async def _make_secrets(vault: Vault) -> None:
    """Create the keys and the audit log's head of a new installation, in one transaction.

    When several processes start at once, one creates them and the others find them.
    """
    made = {name: secrets.token_bytes(32) for name in SECRETS}
    try:
        async with transaction():
            for name, value in made.items():
                await _store(vault, name, value)
            audit.set_key(made["audit"])
            await audit.create_head()
    except IntegrityError:
        _check(vault, await InstallationSecret.get(name="key-check"))


async def _make_audit_key(vault: Vault) -> None:
    """Create a new key for an audit log that lost its own, with an entry at which `audit verify` fails for good."""
    value, now = secrets.token_bytes(32), await database.now()
    try:
        async with transaction():
            await _store(vault, "audit", value)
            audit.set_key(value)
            await audit.restart_without_key(now)
    except IntegrityError:
        return  # another process created it meanwhile


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
    """Write a file (mode 0600) atomically, and flush it to disk: it must be there before anything is sealed."""
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
