"""Sealed values with an expiry, for cookies and hidden fields. Nothing is stored in the database.

AES-256-GCM under one key per purpose, derived from the installation secret "cookie".
"""

import base64
import binascii
import os
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otae.store.desk import Desk
from otae.store.keyring import installation_secret

_NONCE: Final = 12
_TIME: Final = 8


async def seal(desk: Desk, purpose: str, plain: bytes, *, until: datetime) -> str:
    """Return ``plain`` sealed for ``purpose``, base64url without padding; opens until ``until`` (whole seconds)."""
    nonce, end = os.urandom(_NONCE), int(until.timestamp()).to_bytes(_TIME, "big")
    sealed = (await _key(desk, purpose)).encrypt(nonce, end + plain, purpose.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


async def open_sealed(desk: Desk, purpose: str, value: str, *, now: datetime) -> bytes | None:
    """Return what was sealed for ``purpose``; None when it was not sealed here, was changed or has expired."""
    try:
        sealed = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        plain = (await _key(desk, purpose)).decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
    except (binascii.Error, InvalidTag, ValueError):
        return None
    end = datetime.fromtimestamp(int.from_bytes(plain[:_TIME], "big") + 1, UTC)
    return plain[_TIME:] if now <= end else None


async def _key(desk: Desk, purpose: str) -> AESGCM:
    secret = await installation_secret(desk.vault, "cookie")
    return AESGCM(HKDF(SHA256(), 32, None, purpose.encode()).derive(secret))
