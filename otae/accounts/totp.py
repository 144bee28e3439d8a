"""One-time codes of an authenticator app (TOTP, RFC 6238): six digits, another every 30 seconds."""

import re
from datetime import datetime
from typing import Final

import pyotp
from tortoise.expressions import Q

from otae.store.desk import Desk
from otae.store.models import Administrator

SEAL: Final = "administrator.totp"
#: Steps of 30 seconds by which the clocks of server and phone may differ.
SKEW: Final = 1


def new_key() -> str:
    """Return a random key of 160 bits, in Base32."""
    return pyotp.random_base32()


def key_address(key: str, name: str, issuer: str) -> str:
    """Return the otpauth: address of a key, which authenticator apps read from a QR code."""
    return pyotp.TOTP(key).provisioning_uri(name=name, issuer_name=issuer)


def step_of(key: str, code: str, now: datetime) -> int | None:
    """Return the time step that ``code`` belongs to; None when it belongs to none of now."""
    code, totp = re.sub(r"[\s-]", "", code), pyotp.TOTP(key)
    if not re.fullmatch("[0-9]{6}", code, re.ASCII):
        return None
    present = int(now.timestamp()) // totp.interval
    steps = range(present - SKEW, present + SKEW + 1)
    return next((step for step in steps if pyotp.utils.strings_equal(code, totp.generate_otp(step))), None)


async def use_code(desk: Desk, row: Administrator, code: str, *, now: datetime) -> bool:
    """Use up a code of the administrator's app; False for one that is wrong or whose time step was used already."""
    if row.totp_sealed is None:
        return False
    step = step_of(desk.vault.open(row.totp_sealed, row.id, SEAL).decode(), code, now)
    if step is None:
        return False
    unused = Administrator.filter(Q(totp_step=None) | Q(totp_step__lt=step), id=row.id, totp_sealed__not_isnull=True)
    return await unused.update(totp_step=step) == 1
