"""Certificates of other authorities in the place of ours: an organization's own profile signer and TLS certificate.

A profile signed under a public authority is "Verified" on a Mac that knows nothing of us yet. What comes in is checked
whole before it is used; our own stay behind it and take over when it is removed or ends.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from tortoise.exceptions import IntegrityError

from otae.authority import files
from otae.authority.issuers import IMPORTED_ISSUER, active_row, held, held_certificate, is_uploaded, kept, open_row
from otae.authority.making import make_signer
from otae.authority.serving import serve_own_leaf, speaks_for
from otae.errors import InputRefused, KeyRefused, MessageUnreadable, SignerUntrusted
from otae.signing.certificates import (
    check_issued_by,
    extension,
    fingerprint,
    is_authority,
    load_certificate,
    names,
    new_key,
    subject_text,
)
from otae.signing.csr import check_key
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate

UploadPurpose = Literal["profile-signer", "tls"]

_DEPTH: Final = 8
#: 20 octets, the most that RFC 5280 §4.1.2.2 allows.
_MAX_SERIAL: Final = 1 << 160
_DAMAGED: Final = (ValueError, UnsupportedAlgorithm, MessageUnreadable)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An uploaded certificate in use. Times are aware UTC; ``chain``: subjects from its issuer up."""

    purpose: str
    subject: str
    sha256: str
    not_after: datetime
    chain: list[str]


@dataclass(frozen=True, slots=True)
class _Found:
    certificate: x509.Certificate
    pkcs8: bytes = field(repr=False)
    chain: list[x509.Certificate]


async def import_signer(
    desk: Desk, data: bytes, key_data: bytes | None, password: str | None, *, now: datetime, actor: str
) -> Uploaded:
    """Sign profiles with an organization's own certificate from now on; audited.

    ``data``: PEM or PKCS#12 with the certificate and its chain, in any order; ``key_data``: its RSA key, when that is
    another file. Raises InputRefused (fields "file", "key", "password") for what cannot be read, another key, a chain
    that leads neither to a self-signed certificate nor to one that this system trusts, a certificate that is not valid
    now, a CA, and a key usage without digitalSignature.
    """
    found = await asyncio.to_thread(_checked_signer, data, key_data, password, now)
    return await _use(desk, found, "profile-signer", now=now, actor=actor)


async def import_tls(
    desk: Desk, data: bytes, key_data: bytes | None, password: str | None, *, now: datetime, actor: str
) -> Uploaded:
    """Serve TLS with an organization's own certificate from now on; audited, seen by ``serving.refresh``.

    As ``import_signer``, with an RSA or elliptic-curve key; it must also be for servers (extended key usage serverAuth)
    and name PUBLIC_URL's host in subjectAltName.
    """
    found = await asyncio.to_thread(_checked_tls, data, key_data, password, desk.settings.public_host, now)
    return await _use(desk, found, "tls", now=now, actor=actor)


async def remove_upload(desk: Desk, purpose: UploadPurpose, *, now: datetime, actor: str) -> None:
    """Go back to our own certificate; the uploaded key leaves this server. Audited.

    Raises InputRefused when no uploaded one is in use, NotReady without a device or service CA.
    """
    row = await active_row(purpose)
    if not await is_uploaded(row):
        raise InputRefused({"": "no uploaded certificate is in use"})
    if purpose == "tls":
        await serve_own_leaf(desk, row, now=now, actor=actor)
    else:
        await sign_ourselves(desk, row, now=now, actor=actor)


async def sign_ourselves(desk: Desk, instead: Certificate, *, now: datetime, actor: str) -> None:
    """Sign profiles with our own certificate, the one used before when it still may, instead of an uploaded one."""
    ca_row = await active_row("device-ca")
    own = await Certificate.filter(
        purpose="profile-signer", issuer_id=ca_row.id, key_sealed__not_isnull=True, not_after__gt=now
    ).first()
    if own is None:
        key = await asyncio.to_thread(new_key)
        own = held(desk.vault, make_signer(key, open_row(desk, ca_row), now), "profile-signer", issuer=ca_row, now=now)
        own.active = False
        await own.save()
    async with transaction():
        taken = Certificate.filter(id=instead.id, active=True).update(active=False, key_sealed=None)
        if await taken == 1:
            await Certificate.filter(id=own.id).update(active=True)
            await audit.record(actor, "profile-signer.removed", now=now, subject=instead.sha256 or "")


async def _use(desk: Desk, found: _Found, purpose: UploadPurpose, *, now: datetime, actor: str) -> Uploaded:
    try:
        async with transaction():
            before = await active_row(purpose)
            forgotten = {"key_sealed": None} if await is_uploaded(before) else {}
            await Certificate.filter(id=before.id).update(active=False, **forgotten)
            row = await _keep(desk, found, purpose, now)
            await audit.record(actor, f"{purpose}.imported", now=now, subject=row.sha256 or "", detail=row.subject)
    except IntegrityError as error:
        raise InputRefused({"": "another certificate is being imported right now: try again"}) from error
    above = [_text(certificate) for certificate in found.chain]
    return Uploaded(purpose, row.subject, row.sha256 or "", row.not_after, above)


async def _keep(desk: Desk, found: _Found, purpose: UploadPurpose, now: datetime) -> Certificate:
    issuer: Certificate | None = None
    for certificate in reversed(found.chain):
        above = await Certificate.get_or_none(sha256=fingerprint(certificate))
        if above is None:
            above = kept(certificate, IMPORTED_ISSUER, issuer=issuer, now=now)
            await above.save()
        issuer = above
    if issuer is None or issuer.purpose in {"device-ca", "service-ca"}:
        raise InputRefused({"file": "this installation issued it: an upload comes from another authority"})
    row = await Certificate.get_or_none(sha256=fingerprint(found.certificate))
    if row is None:
        row = held_certificate(desk.vault, found.certificate, found.pkcs8, purpose, issuer=issuer, now=now)
    elif row.purpose == purpose:
        row.active, row.key_sealed = True, desk.vault.seal(found.pkcs8, row.id, "key")
    else:
        raise InputRefused({"file": f"it is in use here as {row.purpose}: one certificate, one use"})
    await row.save()
    return row


def _checked_signer(data: bytes, key_data: bytes | None, password: str | None, now: datetime) -> _Found:
    found = _checked(data, key_data, password, now)
    if not isinstance(found.certificate.public_key(), rsa.RSAPublicKey):
        raise InputRefused({"file": "profiles are signed with RSA keys: this one is of another kind"})
    return found


def _checked_tls(data: bytes, key_data: bytes | None, password: str | None, host: str, now: datetime) -> _Found:
    found = _checked(data, key_data, password, now)
    try:
        usage = extension(found.certificate, x509.ExtendedKeyUsage)
        covered = speaks_for(found.certificate, host)
    except MessageUnreadable:
        raise InputRefused({"file": "the certificate is damaged"}) from None
    if usage is None or ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise InputRefused({"file": "it is not for servers: its extended key usage lacks serverAuth"})
    if not covered:
        raise InputRefused({"file": f"it does not name {host} (PUBLIC_URL) in its subject alternative names"})
    return found


def _checked(data: bytes, key_data: bytes | None, password: str | None, now: datetime) -> _Found:
    handed = files.read(data, key_data, password)
    try:
        certificate = handed.belonging()
        if handed.key is None:
            raise InputRefused({"key": "the file holds no private key: give the key of the certificate"})
        if certificate is None:
            raise InputRefused({"key": "the key belongs to another certificate"})
        _check_leaf(certificate, handed.key, now)
        chain = _chain(certificate, handed.certificates, now)
    except _DAMAGED:
        raise InputRefused({"file": "a certificate in the file is damaged"}) from None
    pkcs8 = handed.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return _Found(certificate, pkcs8, chain)


def _check_leaf(certificate: x509.Certificate, key: files.PrivateKey, now: datetime) -> None:
    _text(certificate)
    if certificate.not_valid_after_utc <= now:
        raise InputRefused({"file": f"the certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}"})
    if certificate.not_valid_before_utc > now:
        raise InputRefused({"file": f"the certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"})
    if is_authority(certificate):
        raise InputRefused({"file": "this is the certificate of an authority: give the one that it issued"})
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise InputRefused({"file": "it must not sign: its key usage lacks digitalSignature"})
    if certificate.serial_number >= _MAX_SERIAL:
        raise InputRefused({"file": "its serial number is longer than allowed"})
    if isinstance(key, rsa.RSAPrivateKey):
        try:
            check_key(key.public_key())
        except KeyRefused as refusal:
            raise InputRefused({"key": f"the key is too weak: {refusal.detail}"}) from None


def _chain(certificate: x509.Certificate, handed: Sequence[x509.Certificate], now: datetime) -> list[x509.Certificate]:
    """Return who issued ``certificate``, up to a self-signed one or one that this system trusts, its last."""
    found: list[x509.Certificate] = []
    current, trusted = certificate, _trusted_here()
    while len(found) < _DEPTH:
        if above := _issuer(current, trusted, len(found), now):
            return [*found, above]
        above = _issuer(current, [other for other in handed if other != current], len(found), now)
        if above is None:
            break
        found.append(above)
        if _signed_itself(above):
            return found
        current = above
    issuer = subject_text(names(current)[0]) or "its issuer"
    raise InputRefused({"file": f"the chain is not complete: add the certificate of {issuer}, valid today"})


def _issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate], depth: int, now: datetime
) -> x509.Certificate | None:
    wanted = names(certificate)[0]
    for candidate in candidates:
        if names(candidate)[1] != wanted or not _may_issue(candidate, depth, now):
            continue
        try:
            check_issued_by(certificate, candidate)
        except SignerUntrusted:
            continue
        return candidate
    return None


def _may_issue(candidate: x509.Certificate, depth: int, now: datetime) -> bool:
    """Whether it is valid now, may sign certificates, and may stand ``depth`` authorities above the leaf's issuer."""
    if not candidate.not_valid_before_utc <= now < candidate.not_valid_after_utc:
        return False
    usage, constraints = extension(candidate, x509.KeyUsage), extension(candidate, x509.BasicConstraints)
    if usage is not None and not usage.key_cert_sign:
        return False
    return constraints is None or constraints.path_length is None or constraints.path_length >= depth


def _signed_itself(certificate: x509.Certificate) -> bool:
    issuer, subject = names(certificate)
    return issuer == subject


def _trusted_here() -> list[x509.Certificate]:
    """Return what this system trusts for TLS: OpenSSL's default store, which SSL_CERT_FILE and SSL_CERT_DIR name."""
    context, folder = ssl.create_default_context(), ssl.get_default_verify_paths().capath
    if folder and not context.get_ca_certs():  # a folder alone is read by OpenSSL only when it looks for an issuer
        for file in Path(folder).glob("*.[0-9]"):
            context.load_verify_locations(cafile=file)
    found = []
    for data in context.get_ca_certs(binary_form=True):
        with contextlib.suppress(MessageUnreadable):
            found.append(load_certificate(data))
    return found


def _text(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()
