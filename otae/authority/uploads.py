"""Uploaded certificates in place of our own: an organization's profile signer and TLS certificate.

A profile signed under a public authority is "Verified" on a Mac that does not trust our root yet. An upload is checked
completely before it is used (``upload_checks``); our own certificate replaces it when it is removed or ends.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from tortoise.exceptions import IntegrityError

from otae.authority.issuers import (
    IMPORTED_ISSUER,
    active_row,
    is_uploaded,
    new_row,
    new_row_with_key,
    open_row,
    root,
)
from otae.authority.own_certificates import make_signer
from otae.authority.serving import serve_own_leaf
from otae.authority.upload_checks import CheckedUpload, checked_signer, checked_tls
from otae.errors import InputRefused
from otae.signing.certificates import fingerprint, load_certificate, new_key
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate
from otae.translatable import N_

UploadPurpose = Literal["profile-signer", "tls"]


@dataclass(frozen=True, slots=True)
class UploadedCertificate:
    """An uploaded certificate in use. ``not_after``: aware, UTC; ``chain``: subjects from its issuer up."""

    purpose: str
    subject: str
    sha256: str
    not_after: datetime
    chain: list[str]
    #: For each unreadable certificate of the file, what is wrong with it.
    left_out: tuple[str, ...] = ()


async def import_signer(
    desk: Desk, data: bytes, key_data: bytes | None, password: str | None, *, now: datetime, actor: str
) -> UploadedCertificate:
    """Import a certificate that signs profiles from now on; audited.

    Args:
        data: PEM, PKCS#7 or PKCS#12 with the certificate and its chain, in any order.
        key_data: PEM or DER of its RSA key, when that is another file.
        password: of either file.

    Raises:
        InputRefused: fields "file", "key", "password". The file cannot be read, the key does not match, the chain leads
            neither to a self-signed certificate nor to one that this system trusts, the certificate is not valid now,
            is a CA, or its key usage lacks digitalSignature.
    """
    checked = await asyncio.to_thread(checked_signer, data, key_data, password, now)
    return await _use(desk, checked, "profile-signer", now=now, actor=actor)


async def import_tls(
    desk: Desk, data: bytes, key_data: bytes | None, password: str | None, *, now: datetime, actor: str
) -> UploadedCertificate:
    """Import a certificate that serves TLS, from the next ``serving.refresh`` on; audited.

    Arguments and errors as ``import_signer``, except that the key may be RSA or elliptic-curve, and that the
    certificate must have the extended key usage serverAuth and PUBLIC_URL's host in its subjectAltName.
    """
    checked = await asyncio.to_thread(checked_tls, data, key_data, password, desk.settings.public_host, now)
    return await _use(desk, checked, "tls", now=now, actor=actor)


async def remove_upload(desk: Desk, purpose: UploadPurpose, *, now: datetime, actor: str) -> None:
    """Use our own certificate again, and delete the uploaded one's key; audited.

    Raises InputRefused when no uploaded certificate is in use, and NotReady without a device or service CA.
    """
    row = await active_row(purpose)
    if not await is_uploaded(row):
        raise InputRefused({"": N_("no uploaded certificate is in use")})
    if purpose == "tls":
        await serve_own_leaf(desk, row, now=now, actor=actor)
    else:
        await use_own_signer(desk, row, now=now, actor=actor)


async def use_own_signer(desk: Desk, instead: Certificate, *, now: datetime, actor: str) -> None:
    """Sign profiles with our own certificate again instead of the uploaded ``instead``.

    The one that was in use before is taken if it is still valid, else a new one is made.
    """
    ca_row = await active_row("device-ca")
    own = await Certificate.filter(
        purpose="profile-signer", issuer_id=ca_row.id, key_sealed__not_isnull=True, not_after__gt=now
    ).first()
    if own is None:
        made = make_signer(await asyncio.to_thread(new_key), open_row(desk, ca_row), now)
        own = new_row_with_key(desk.vault, made, "profile-signer", issuer=ca_row, now=now)
        own.active = False
        await own.save()
    async with transaction():
        taken = Certificate.filter(id=instead.id, active=True).update(active=False, key_sealed=None)
        if await taken == 1:
            await Certificate.filter(id=own.id).update(active=True)
            await audit.record(actor, "profile-signer.removed", now=now, subject=instead.sha256 or "")


async def trust_anchors() -> list[x509.Certificate]:
    """Return the trust anchors of our profiles and TLS: our root, and the last of each active upload's chain.

    A Mac that enrolls here trusts our root because of our profile, and the others by itself.
    """
    anchors = [await root()]
    for row in await Certificate.filter(purpose__in=("profile-signer", "tls"), active=True):
        above: Certificate | None = row
        while above is not None and above.issuer_id is not None:
            above = await Certificate.get_or_none(id=above.issuer_id)
        if above is not None:
            anchors.append(load_certificate(above.der or b""))
    return list(dict.fromkeys(anchors))


async def _use(
    desk: Desk, checked: CheckedUpload, purpose: UploadPurpose, *, now: datetime, actor: str
) -> UploadedCertificate:
    try:
        async with transaction():
            before = await active_row(purpose)
            forgotten = {"key_sealed": None} if await is_uploaded(before) else {}
            await Certificate.filter(id=before.id).update(active=False, **forgotten)
            row = await _keep(desk, checked, purpose, now)
            await audit.record(actor, f"{purpose}.imported", now=now, subject=row.sha256 or "", detail=row.subject)
    except IntegrityError as error:
        raise InputRefused({"": N_("another certificate is being imported right now: try again")}) from error
    above = [certificate.subject.rfc4514_string() for certificate in checked.chain]
    return UploadedCertificate(purpose, row.subject, row.sha256 or "", row.not_after, above, checked.left_out)


async def _keep(desk: Desk, checked: CheckedUpload, purpose: UploadPurpose, now: datetime) -> Certificate:
    issuer: Certificate | None = None
    for certificate in reversed(checked.chain):
        above = await Certificate.get_or_none(sha256=fingerprint(certificate))
        if above is None:
            above = new_row(certificate, IMPORTED_ISSUER, issuer=issuer, now=now)
            await above.save()
        issuer = above
    if issuer is None or issuer.purpose in {"device-ca", "service-ca"}:
        raise InputRefused({"file": N_("this installation issued it: an upload comes from another authority")})
    row = await Certificate.get_or_none(sha256=fingerprint(checked.certificate))
    if row is None:
        row = new_row(checked.certificate, purpose, issuer=issuer, now=now)
    elif row.purpose != purpose:
        raise InputRefused(
            {"file": N_("it is in use here as %(purpose)s: one certificate, one use", purpose=row.purpose)}
        )
    row.active, row.key_sealed = True, desk.vault.seal(checked.pkcs8, row.id, "key")
    await row.save()
    return row
