"""Sealed secrets: AES-256-GCM under a new key per value, and that key wrapped by the first master key.

A sealed value is bound to its row and purpose: copied to another row or column it does not open. Layout: version (1
byte), master key id (8), wrap nonce (12), wrapped key (48), nonce (12), ciphertext with tag.
"""

import hashlib
import os
from collections.abc import Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otae.errors import OtaeError

VERSION = b"\x01"
KEY_ID, NONCE, WRAPPED = 8, 12, 48


class SealBroken(OtaeError):
    """A sealed value does not open: wrong master key, row or purpose, or changed bytes."""


class Vault:
    """The master keys. ``keys``: 32 bytes each; values are sealed under the first and opened with any."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("a vault needs keys of 32 bytes")
        self._keys = {_key_id(key): _wrapping_key(key) for key in keys}
        self._first = _key_id(keys[0])

    def __repr__(self) -> str:
        return f"<Vault of {len(self._keys)} keys>"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Ids (hex) of the master keys in their order: the first seals."""
        return tuple(key_id.hex() for key_id in self._keys)

    def seal(self, plain: bytes, row: UUID, purpose: str) -> bytes:
        """Return ``plain`` sealed for ``row`` and ``purpose``."""
        bound = _associated_data(row, purpose)
        key, wrap_nonce, nonce = AESGCM.generate_key(256), os.urandom(NONCE), os.urandom(NONCE)
        wrapped = self._keys[self._first].encrypt(wrap_nonce, key, bound)
        return VERSION + self._first + wrap_nonce + wrapped + nonce + AESGCM(key).encrypt(nonce, plain, bound)

    def open(self, sealed: bytes, row: UUID, purpose: str) -> bytes:
        """Return the value that was sealed for ``row`` and ``purpose``.

        Raises:
            SealBroken: wrong master key, row or purpose, or changed bytes.
        """
        bound, at = _associated_data(row, purpose), len(VERSION)
        key_id, at = sealed[at : at + KEY_ID], at + KEY_ID
        wrap_nonce, at = sealed[at : at + NONCE], at + NONCE
        wrapped, at = sealed[at : at + WRAPPED], at + WRAPPED
        nonce, at = sealed[at : at + NONCE], at + NONCE
        if sealed[:1] != VERSION or key_id not in self._keys:
            raise SealBroken("sealed with a master key that is not given")
        try:
            key = self._keys[key_id].decrypt(wrap_nonce, wrapped, bound)
            return AESGCM(key).decrypt(nonce, sealed[at:], bound)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the sealed value does not belong here or was changed") from error


def key_id_of(sealed: bytes) -> str:
    """Return the id (hex) of the master key that ``sealed`` was sealed under; "" when it is no sealed value."""
    at = len(VERSION)
    return sealed[at : at + KEY_ID].hex() if sealed[:at] == VERSION else ""


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"otae key id" + key).digest()[:KEY_ID]


def _wrapping_key(key: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, None, b"otae wrapping key").derive(key))


def _associated_data(row: UUID, purpose: str) -> bytes:
    return row.bytes + purpose.encode()
