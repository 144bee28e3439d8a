"""Recovery codes of administrators: ten at a time, each stands in for a second factor once.

They are stored as hashes under a key of the installation: 59 random bits alone could be tried out by whoever has a copy
of the database.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from otae.store.desk import Desk
from otae.store.keyring import installation_secret
from otae.store.models import RecoveryCode
from otae.store.support_codes import ALPHABET

NUMBER: Final = 10
LENGTH: Final = 12
_SEPARATORS: Final = str.maketrans("", "", " -\t\r\n")


def new_codes() -> list[str]:
    """Return ten random codes as they are shown: "ABCD-EFGH-JKMN"."""
    drawn = ("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(NUMBER))
    return ["-".join((code[:4], code[4:8], code[8:])) for code in drawn]


async def replace(administrator_id: UUID, hashes: list[str]) -> None:
    """Store the hashes of new codes in place of all earlier ones; call it in the transaction of that change."""
    await RecoveryCode.filter(administrator_id=administrator_id).delete()
    await RecoveryCode.bulk_create([RecoveryCode(administrator_id=administrator_id, code_hash=each) for each in hashes])


async def use_code(desk: Desk, administrator_id: UUID, code: str, *, now: datetime) -> bool:
    """Use up a code; False for one that is wrong or used already. Case, spaces and hyphens do not count."""
    code = code.translate(_SEPARATORS).upper()
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        return False
    (hashed,) = await hashes_of(desk, administrator_id, [code])
    unused = RecoveryCode.filter(administrator_id=administrator_id, code_hash=hashed, used_at=None)
    return await unused.update(used_at=now) == 1


async def count_left(administrator_id: UUID) -> int:
    """Return how many codes are not used yet."""
    return await RecoveryCode.filter(administrator_id=administrator_id, used_at=None).count()


async def hashes_of(desk: Desk, administrator_id: UUID, codes: list[str]) -> list[str]:
    """Return the keyed hashes (SHA-256, hex) of ``codes``."""
    key = HKDF(SHA256(), 32, None, b"otae recovery codes").derive(await installation_secret(desk.vault, "pepper"))
    texts = [administrator_id.bytes + code.replace("-", "").encode() for code in codes]
    return [hmac.new(key, text, hashlib.sha256).hexdigest() for text in texts]
