"""Renewing registration authority and profile signer by the clock, and replacing the device CA by an administrator.

What was issued before stays valid to its own end (``revocation``): the former CA goes on signing its CRL (``crl``), and
messages to the former registration authority are still opened with its key.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority.issuers import active_row, is_uploaded, keyed, new_row_with_key, open_row, replace
from otae.authority.own_certificates import make_device_ca, make_ra, make_signer
from otae.authority.serving import LAST_DAY, RENEW_WITHIN
from otae.authority.uploads import use_own_signer
from otae.errors import EnvelopeUnreadable, StaleState
from otae.signing.certificates import Keyed, der, issuer_and_serial, new_key
from otae.signing.envelopes import recipients
from otae.store import audit, statements
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate

_Renewed = Literal["ra", "profile-signer"]
_MAKE: Final[dict[_Renewed, Callable[[rsa.RSAPrivateKey, Keyed, datetime], Keyed]]] = {
    "ra": make_ra,
    "profile-signer": make_signer,
}


@dataclass(frozen=True, slots=True)
class RotationResult:
    """The new device CA. ``former_until``: when the former one ends, its identities by then too; aware, UTC."""

    subject: str
    sha256: str
    not_after: datetime
    former_sha256: str
    former_until: datetime


async def rotate_device_ca(desk: Desk, *, now: datetime, actor: str) -> RotationResult:
    """Replace the device CA, with a new registration authority and profile signer; audited.

    Identities of the former device CA stay valid to their end. An uploaded profile signer stays in use.

    Raises:
        NotReady: the root's key is not on this server.
        StaleState: another rotation ran at the same time; one of the two was done.
    """
    root = await keyed(desk, "root")
    former, ra, signer = await active_row("device-ca"), await active_row("ra"), await active_row("profile-signer")
    number = await Certificate.filter(purpose="device-ca").count() + 1
    keys = await asyncio.gather(*(asyncio.to_thread(new_key) for _ in range(3)))
    device_ca = make_device_ca(keys[0], root, now, number=number)
    ca_row = new_row_with_key(desk.vault, device_ca, "device-ca", issuer=await active_row("root"), now=now)
    ra_row = new_row_with_key(desk.vault, make_ra(keys[1], device_ca, now), "ra", issuer=ca_row, now=now)
    signer_row = new_row_with_key(
        desk.vault, make_signer(keys[2], device_ca, now), "profile-signer", issuer=ca_row, now=now
    )
    uploaded = await is_uploaded(signer)
    async with transaction():
        await replace(former, ca_row)
        await replace(ra, ra_row)
        if uploaded:
            signer_row.active = False
            await signer_row.save()
        else:
            await replace(signer, signer_row)
        words = f"instead of {former.sha256}"
        await audit.record(actor, "ca.rotated", now=now, subject=ca_row.sha256 or "", detail=words)
    return RotationResult(ca_row.subject, ca_row.sha256 or "", ca_row.not_after, former.sha256 or "", former.not_after)


async def renew_due(desk: Desk, *, now: datetime) -> list[str]:
    """Renew registration authority and profile signer when they end within 30 days; return the renewed purposes.

    The device CA issues them; the root's key is not needed. One that ends with the device CA is not renewed, since only
    a rotation helps. An uploaded profile signer is replaced by our own on its last day. Keys of replaced certificates
    are deleted when those have ended. Safe to call at any time, from several processes.
    """
    renewed: list[str] = [purpose for purpose in _MAKE if await _renew(desk, purpose, now)]
    ended = Certificate.filter(purpose__in=("ra", "profile-signer", "tls"), active=False, not_after__lt=now)
    await ended.filter(key_sealed__not_isnull=True).update(key_sealed=None)
    return renewed


async def _renew(desk: Desk, purpose: _Renewed, now: datetime) -> bool:
    row = await active_row(purpose)
    if await is_uploaded(row):
        due = row.not_after - now <= LAST_DAY
        if due:
            await use_own_signer(desk, row, now=now, actor="clock")
        return due
    ca_row = await active_row("device-ca")
    if row.not_after - now > RENEW_WITHIN or (row.issuer_id == ca_row.id and row.not_after >= ca_row.not_after):
        return False
    made = _MAKE[purpose](await asyncio.to_thread(new_key), open_row(desk, ca_row), now)
    new = new_row_with_key(desk.vault, made, purpose, issuer=ca_row, now=now)
    try:
        async with transaction():
            await replace(row, new)
            await audit.record("clock", f"{purpose}.renewed", now=now, subject=new.sha256 or "")
    except StaleState:
        return False
    return True


class ScepAuthorities(NamedTuple):
    """The authorities for a SCEP request: ``ra`` opens it and signs the reply, ``device_ca`` issues the certificate."""

    ra: Keyed
    device_ca: Certificate


async def for_envelope(desk: Desk, envelope: bytes, *, now: datetime) -> ScepAuthorities:
    """Return the registration authority that an EnvelopedData names by issuer and serial number, and the device CA.

    Both are read at the same moment. An envelope that names no registration authority of ours gets the active one:
    opening it then fails as it does for every other wrong envelope. Raises NotReady before the key ceremony.
    """
    rows = await statements.several(Certificate, purpose__in=("ra", "device-ca"), not_after__gt=now)
    usable = [row for row in rows if row.key_sealed is not None]
    active_ca = (row for row in usable if row.purpose == "device-ca" and row.active)
    device_ca = next(active_ca, None) or await active_row("device-ca")
    newest_first = sorted(usable, key=lambda row: (row.active, row.created_at), reverse=True)
    candidates = [open_row(desk, row) for row in newest_first if row.purpose == "ra"]
    ra = candidates[0] if candidates else await keyed(desk, "ra")
    if len(candidates) > 1:
        with suppress(EnvelopeUnreadable):
            named = recipients(envelope)
            ra = next((each for each in candidates if issuer_and_serial(der(each.certificate)) in named), ra)
    return ScepAuthorities(ra, device_ca)
