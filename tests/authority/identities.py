"""The identity of a Mac, issued as a test needs it."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority import issuers
from otae.authority.issuers import IdentityPurpose
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, EnrollmentSession


async def issue_identity(
    desk: Desk,
    *,
    public_key: rsa.RSAPublicKey,
    purpose: IdentityPurpose,
    common_name: str,
    session: EnrollmentSession,
    now: datetime,
) -> Certificate:
    """Reserve and sign in one call."""
    async with transaction():
        row = await issuers.reserve(purpose, common_name=common_name, session=session, now=now)
    return await sign(desk, row, public_key)


async def sign(desk: Desk, row: Certificate, public_key: rsa.RSAPublicKey) -> Certificate:
    """Sign and store the certificate that ``row`` reserved, or return the one that it has."""
    made = await issuers.build_reserved(desk, row, public_key) if row.state == "reserved" else None
    await issuers.store_signed(row, made, public_key)
    return row
