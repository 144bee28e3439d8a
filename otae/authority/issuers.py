"""The certificates whose keys are held here, and issuing identities with them.

An identity is issued in steps, so that a crash leaves no unknown certificate: ``reserve`` stores serial number and
subject in the caller's transaction, ``build_reserved`` makes the certificate from that row alone, and ``store_signed``
stores it. Signing the same row again gives the same bytes.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, TypedDict
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from otae import paths
from otae.errors import CertificateMismatch, CertificateRevoked, NotReady, StaleState
from otae.settings import Settings
from otae.signing.certificates import Keyed, der, dump_key, fingerprint, load_certificate, name, new_serial, pem
from otae.signing.issuing import build_identity
from otae.store import properties, statements
from otae.store.desk import Desk
from otae.store.models import Certificate, EnrollmentSession
from otae.store.vault import Vault

Purpose = Literal["root", "device-ca", "service-ca", "ra", "profile-signer", "tls", "push"]
IdentityPurpose = Literal["ota-identity", "mdm-identity"]

#: Purposes of certificates for Macs; every other purpose is the installation's own.
IDENTITIES: Final[tuple[IdentityPurpose, ...]] = ("ota-identity", "mdm-identity")
#: The server properties that determine an identity's subject and lifetime.
IDENTITY_PROPERTIES: Final = ("organization.name", "identity.days")
#: Certificates are valid from this long before they are made, because clocks of Macs are wrong by minutes.
BACKDATED: Final = timedelta(minutes=10)

#: Purpose of the certificates in the chain of an uploaded one; nothing is issued by them here.
IMPORTED_ISSUER: Final = "imported-issuer"

_ORDER: Final = ("root", "device-ca", "ra", "profile-signer", "service-ca", "tls", "push")
_SUBJECT: Final = 300


class OpenedKeys(dict[UUID, Keyed]):
    """Certificates of this process whose private keys were unsealed, by row id."""


class TreeCertificate(TypedDict):
    """One certificate whose key is, or was, held here.

    ``not_after``: aware, UTC; ``days_left``: negative when it has ended; ``uploaded``: issued by another authority;
    ``key_held``: its private key is on this server now.
    """

    id: str
    purpose: str
    subject: str
    sha256: str
    not_after: datetime
    days_left: int
    active: bool
    uploaded: bool
    key_held: bool


def new_row_with_key(
    vault: Vault, keyed: Keyed, purpose: Purpose, *, issuer: Certificate | None, now: datetime
) -> Certificate:
    """Return the unsaved, active row of a certificate with its key, sealed."""
    row = new_row(keyed.certificate, purpose, issuer=issuer, now=now)
    row.active, row.key_sealed = True, vault.seal(dump_key(keyed.key), row.id, "key")
    return row


def new_row(certificate: x509.Certificate, purpose: str, *, issuer: Certificate | None, now: datetime) -> Certificate:
    """Return the unsaved row of a certificate, without a key and not active."""
    return Certificate(
        purpose=purpose,
        state="issued",
        serial_number=f"{certificate.serial_number:x}",
        subject=certificate.subject.rfc4514_string()[:_SUBJECT],
        sha256=fingerprint(certificate),
        der=der(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issuer_id=issuer.id if issuer else None,
        created_at=now,
    )


async def active_row(purpose: Purpose) -> Certificate:
    """Return the active row of ``purpose``. Raises NotReady when there is none."""
    row = await statements.one(Certificate, purpose=purpose, active=True)
    if row is None:
        raise NotReady(f"there is no {purpose} certificate")
    return row


async def keyed(desk: Desk, purpose: Purpose) -> Keyed:
    """Return the active certificate of ``purpose`` with its private key.

    Raises NotReady when there is none or its key is not on this server, and SealBroken when the key does not open.
    """
    return open_row(desk, await active_row(purpose))


async def keyed_with_chain(desk: Desk, purpose: Purpose) -> tuple[Keyed, list[x509.Certificate]]:
    """Return the results of ``keyed`` and ``chain`` for the same certificate, even while it is being replaced."""
    row = await active_row(purpose)
    return open_row(desk, row), await chain_of(row)


def open_row(desk: Desk, row: Certificate) -> Keyed:
    """Return the certificate of ``row``, active or not, with its private key. Raises as ``keyed``."""
    if row.key_sealed is None or row.der is None:
        raise NotReady(f"the key of the {row.purpose} certificate is not on this server")
    opened = desk.resources.get(OpenedKeys)
    found = opened.get(row.id) or Keyed.load(row.der, desk.vault.open(row.key_sealed, row.id, "key"))
    if row.purpose != "root":  # the root's key can be removed from the server: no process may keep it in memory
        opened[row.id] = found
    return found


async def is_uploaded(row: Certificate) -> bool:
    """Return whether ``row`` is a profile signer or TLS certificate that was uploaded, and not issued by us."""
    above = {"profile-signer": "device-ca", "tls": "service-ca"}.get(row.purpose)
    return above is not None and not await Certificate.exists(id=row.issuer_id, purpose=above)


async def replace(old: Certificate, new: Certificate) -> None:
    """Make ``new`` active instead of ``old``, in the caller's transaction. StaleState when another process did it."""
    if await Certificate.filter(id=old.id, active=True).update(active=False) != 1:
        raise StaleState(f"the {old.purpose} certificate was replaced meanwhile")
    await new.save()


async def certificate_of(purpose: Purpose) -> x509.Certificate:
    """Return the active certificate of ``purpose``. Raises NotReady when there is none."""
    return _certificate(await active_row(purpose))


async def chain(purpose: Purpose) -> list[x509.Certificate]:
    """Return the issuers of the active certificate of ``purpose``, its direct issuer first, without the root."""
    return await chain_of(await active_row(purpose))


async def chain_of(row: Certificate, *, with_root: bool = False) -> list[x509.Certificate]:
    """Return the issuers of the certificate of ``row``, active or not, its direct issuer first, without the root.

    ``with_root``: the root is the last of them.
    """
    above = list[x509.Certificate]()
    while row.issuer_id is not None:
        row = await Certificate.get(id=row.issuer_id)
        if with_root or row.issuer_id is not None:
            above.append(_certificate(row))
    return above


async def root() -> x509.Certificate:
    """Return the root certificate that Macs trust. Raises NotReady before the key ceremony."""
    return await certificate_of("root")


async def root_pem() -> bytes:
    """Return the root certificate as PEM."""
    return pem(await root())


async def tree(now: datetime) -> list[TreeCertificate]:
    """Return the installation's own certificates: active ones first, in the order of the tree, then replaced ones."""
    rows = await Certificate.filter(purpose__in=_ORDER).order_by("-not_after")
    rows.sort(key=lambda row: (not row.active, _ORDER.index(row.purpose)))
    return [
        TreeCertificate(
            id=str(row.id),
            purpose=row.purpose,
            subject=row.subject,
            sha256=row.sha256 or "",
            not_after=row.not_after,
            days_left=(row.not_after - now).days,
            active=row.active,
            uploaded=await is_uploaded(row),
            key_held=row.key_sealed is not None,
        )
        for row in rows
    ]


async def reserve(
    purpose: IdentityPurpose,
    *,
    common_name: str,
    session: EnrollmentSession,
    now: datetime,
    serial_number: str | None = None,
    values: Mapping[str, properties.Value] | None = None,
    issuer: Certificate | None = None,
) -> Certificate:
    """Store serial number and subject of an identity, in the transaction that uses its challenge.

    The subject is O (server property organization.name), CN and, when known, the Mac's serialNumber, each truncated to
    fit; nothing of it comes from the request. The identity is valid for identity.days, but no longer than its issuer.
    Raises NotReady before the key ceremony.

    Args:
        values: the values of IDENTITY_PROPERTIES, when the caller has read them already.
        issuer: the active device CA, when the caller has read it already.
    """
    issuer = issuer or await active_row("device-ca")
    values = values or await properties.read_some(*IDENTITY_PROPERTIES)
    named = truncated(serial_number) if serial_number else None
    subject = name(truncated(common_name), truncated(str(values["organization.name"])), named)
    begin = (now - BACKDATED).replace(microsecond=0)
    row = Certificate(
        purpose=purpose,
        state="reserved",
        serial_number=f"{new_serial():x}",
        subject=subject.rfc4514_string(),
        not_before=max(begin, issuer.not_before),
        not_after=min(begin + timedelta(days=int(values["identity.days"])), issuer.not_after),
        issuer=issuer,
        session_id=session.id,
        created_at=now,
    )
    await row.save()
    return row


async def build_reserved(desk: Desk, row: Certificate, public_key: rsa.RSAPublicKey) -> x509.Certificate:
    """Return the certificate that ``row`` reserved, signed but not stored; call it outside a transaction.

    It must not be sent to anybody before ``store_signed`` has stored it. Raises NotReady when the issuer's key is not
    on this server.
    """
    issuer = row.issuer if isinstance(row.issuer, Certificate) else await Certificate.get(id=row.issuer_id)
    return build_identity(
        public_key,
        x509.Name.from_rfc4514_string(row.subject),
        open_row(desk, issuer),
        serial=int(row.serial_number, 16),
        not_before=row.not_before,
        not_after=row.not_after,
        crl_url=crl_url(desk.settings, issuer.id),
    )


async def store_signed(row: Certificate, made: x509.Certificate | None, public_key: rsa.RSAPublicKey) -> bool:
    """Store the certificate of ``build_reserved`` and update ``row``; may take part in the caller's transaction.

    A row that was signed before keeps its certificate (RFC 8894 §4.3: a retransmission gets the same one).

    Args:
        made: None for a row that was signed before.

    Returns:
        False when the row was signed before.

    Raises:
        CertificateRevoked: it was revoked meanwhile.
        CertificateMismatch: it was signed for another key.
    """
    if made is not None:
        signed = {"state": "issued", "der": der(made), "sha256": fingerprint(made)}
        if await statements.change(Certificate, signed, id=row.id, state="reserved") == 1:
            row.update_from_dict(signed)
            return True
        await row.refresh_from_db()
    if row.state == "revoked":
        raise CertificateRevoked(f"certificate {row.serial_number} was revoked")
    if _certificate(row).public_key() != public_key:
        raise CertificateMismatch("the certificate was issued for another key")
    return False


def truncated(text: str, tail: str = "") -> str:
    """Return ``text`` truncated so that with ``tail`` appended it fits a part of a subject: 64 bytes of UTF-8."""
    return text.encode()[: 64 - len(tail.encode())].decode(errors="ignore") + tail


def crl_url(settings: Settings, issuer: UUID) -> str:
    """Return the URL of the CRL of the issuer with this row id."""
    return f"{settings.public_url}{paths.CRL(issuer)}"


def _certificate(row: Certificate) -> x509.Certificate:
    if row.der is None:
        raise NotReady(f"the {row.purpose} certificate {row.serial_number} is not signed yet")
    return load_certificate(row.der)
