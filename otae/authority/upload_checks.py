"""Checks of an uploaded certificate: readable, valid now, with a complete chain, and fit for its use."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from otae.authority import files
from otae.authority.serving import covers_host
from otae.errors import InputRefused, KeyRefused, MessageUnreadable, SignerUntrusted
from otae.signing.certificates import (
    UNREADABLE,
    check_issued_by,
    dump_key,
    extension,
    is_authority,
    load_certificate,
    names,
    subject_text,
)
from otae.signing.csr import check_key
from otae.translatable import N_, joined

_DEPTH: Final = 8
#: 20 octets, the most that RFC 5280 §4.1.2.2 allows.
_MAX_SERIAL: Final = 1 << 160
_DAMAGED: Final = (*UNREADABLE, MessageUnreadable)


@dataclass(frozen=True, slots=True)
class CheckedUpload:
    """A certificate that passed the checks, its key (unencrypted PKCS#8, DER), and its chain from its issuer up."""

    certificate: x509.Certificate
    pkcs8: bytes = field(repr=False)
    chain: list[x509.Certificate]
    left_out: tuple[str, ...] = ()


def checked_signer(data: bytes, key_data: bytes | None, password: str | None, now: datetime) -> CheckedUpload:
    """Return an uploaded certificate that may sign profiles. Raises InputRefused as ``uploads.import_signer``."""
    checked = _checked(data, key_data, password, now)
    if not isinstance(checked.certificate.public_key(), rsa.RSAPublicKey):
        raise InputRefused({"file": N_("profiles are signed with RSA keys: this one is of another kind")})
    return checked


def checked_tls(data: bytes, key_data: bytes | None, password: str | None, host: str, now: datetime) -> CheckedUpload:
    """Return an uploaded certificate that may serve TLS for ``host``. Raises InputRefused as ``uploads.import_tls``."""
    checked = _checked(data, key_data, password, now)
    try:
        usage = extension(checked.certificate, x509.ExtendedKeyUsage)
        covered = covers_host(checked.certificate, host)
    except MessageUnreadable:
        raise InputRefused({"file": N_("the certificate is damaged")}) from None
    if usage is None or ExtendedKeyUsageOID.SERVER_AUTH not in usage:
        raise InputRefused({"file": N_("it is not for servers: its extended key usage lacks serverAuth")})
    if not covered:
        raise InputRefused(
            {"file": N_("it does not name %(host)s (PUBLIC_URL) in its subject alternative names", host=host)}
        )
    return checked


def _checked(data: bytes, key_data: bytes | None, password: str | None, now: datetime) -> CheckedUpload:
    contents = files.read(data, key_data, password)
    try:
        certificate = contents.matching_certificate()
        if contents.key is None:
            raise InputRefused({"key": N_("the file holds no private key: give the key of the certificate")})
        if certificate is None:
            raise InputRefused({"key": contents.no_certificate})
        _check_leaf(certificate, contents.key, now)
        chain = _chain(certificate, contents, now)
    except _DAMAGED:
        raise InputRefused({"file": N_("a certificate in the file is damaged")}) from None
    return CheckedUpload(certificate, dump_key(contents.key), chain, contents.left_out)


def _check_leaf(certificate: x509.Certificate, key: files.PrivateKey, now: datetime) -> None:
    certificate.subject.rfc4514_string()  # raises when the subject is damaged
    files.check_dates(certificate, now)
    if is_authority(certificate):
        raise InputRefused({"file": N_("this is the certificate of an authority: give the one that it issued")})
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise InputRefused({"file": N_("it must not sign: its key usage lacks digitalSignature")})
    if certificate.serial_number >= _MAX_SERIAL:
        raise InputRefused({"file": N_("its serial number is longer than allowed")})
    if isinstance(key, rsa.RSAPrivateKey):
        try:
            check_key(key.public_key())
        except KeyRefused as refusal:
            raise InputRefused({"key": N_("the key is too weak: %(detail)s", detail=refusal.detail)}) from None


def _chain(certificate: x509.Certificate, contents: files.FileContents, now: datetime) -> list[x509.Certificate]:
    """Return the issuers of ``certificate``, up to a self-signed one or one that this system trusts."""
    found: list[x509.Certificate] = []
    current, trusted = certificate, _system_roots()
    while len(found) < _DEPTH:
        issuer_name = names(current)[0]
        known = [load_certificate(data) for data in trusted if issuer_name in data]
        if above := _issuer(current, known, len(found), now):
            return [*found, above]
        above = _issuer(current, [other for other in contents.certificates if other != current], len(found), now)
        if above is None:
            break
        found.append(above)
        issuer, subject = names(above)
        if issuer == subject:  # self-signed
            return found
        current = above
    missing = subject_text(names(current)[0]) or "its issuer"
    words = N_("the chain is not complete: add the certificate of %(issuer)s, valid today", issuer=missing)
    raise InputRefused({"file": joined((words, *contents.left_out[:3]))})


def _issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate], depth: int, now: datetime
) -> x509.Certificate | None:
    issuer_name = names(certificate)[0]
    for candidate in candidates:
        if names(candidate)[1] != issuer_name or not _may_issue(candidate, depth, now):
            continue
        try:
            check_issued_by(certificate, candidate)
        except SignerUntrusted:
            continue  # the same name with another key
        return candidate
    return None


def _may_issue(candidate: x509.Certificate, depth: int, now: datetime) -> bool:
    """Return whether ``candidate`` is valid now, may sign, and allows ``depth`` CAs between itself and the leaf."""
    if not candidate.not_valid_before_utc <= now < candidate.not_valid_after_utc:
        return False
    usage, constraints = extension(candidate, x509.KeyUsage), extension(candidate, x509.BasicConstraints)
    if usage is not None and not usage.key_cert_sign:
        return False
    return constraints is None or constraints.path_length is None or constraints.path_length >= depth


def _system_roots() -> list[bytes]:
    """Return the TLS authorities of this system as DER, unparsed: some old ones break today's rules.

    They are those of OpenSSL's default store (SSL_CERT_FILE, SSL_CERT_DIR).
    """
    context, folder = ssl.create_default_context(), ssl.get_default_verify_paths().capath
    if folder and not context.get_ca_certs():  # OpenSSL reads a folder only when it searches for an issuer
        for file in Path(folder).glob("*.[0-9]"):
            context.load_verify_locations(cafile=file)
    return context.get_ca_certs(binary_form=True)
