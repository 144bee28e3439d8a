"""Between following a mailed link and signing in, the browser carries the invitation token, sealed; no row is written.

AES-256-GCM under a key of its own, derived from the installation secret "cookie"; good for an hour.
"""

import base64
import binascii
import os
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otae.store.desk import Desk
from otae.store.keyring import installation_secret

GOOD_FOR: Final = timedelta(minutes=60)
_NONCE, _TIME = 12, 8
_BOUND: Final = b"otae invitation link"


async def seal(desk: Desk, token: str, *, now: datetime) -> str:
    """Return the value of the cookie that carries an invitation token."""
    nonce, made = os.urandom(_NONCE), int(now.timestamp()).to_bytes(_TIME, "big")
    sealed = (await _key(desk)).encrypt(nonce, made + token.encode(), _BOUND)
    return base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


async def open_sealed(desk: Desk, value: str, *, now: datetime) -> str | None:
    """Return the invitation token in a cookie's value; None when it is not ours, was changed or is over an hour old."""
    try:
        sealed = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        plain = (await _key(desk)).decrypt(sealed[:_NONCE], sealed[_NONCE:], _BOUND)
    except (binascii.Error, InvalidTag, ValueError):
        return None
    made = datetime.fromtimestamp(int.from_bytes(plain[:_TIME], "big"), UTC)
    return plain[_TIME:].decode() if made <= now <= made + GOOD_FOR + timedelta(seconds=1) else None


async def _key(desk: Desk) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, None, _BOUND).derive(await installation_secret(desk.vault, "cookie")))
