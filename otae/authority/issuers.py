"""Who signs: the certificates whose keys are held here, opened when needed, and the identities they issue.

An identity is issued in two steps, so that a crash between them leaves no unknown certificate: ``reserve`` stores
serial number and intent inside the caller's transaction, ``sign`` makes the certificate from that row alone. Signing
the same row again gives the same bytes. This module is longer than 300 lines because reserving, making and storing are
one promise and belong beside the keys that sign.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, TypedDict
from uuid import UUID
from weakref import WeakKeyDictionary

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

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

#: What an identity is for; everything else in the table is ours.
IDENTITIES: Final[tuple[IdentityPurpose, ...]] = ("ota-identity", "mdm-identity")
#: The server properties that an identity is made by.
TERMS: Final = ("organization.name", "identity.days")
#: Clocks of Macs are wrong by minutes: what we issue is valid a little before it is made.
BACKDATED: Final = timedelta(minutes=10)

#: The purpose of certificates that came in with an uploaded one, for its chain: nothing here is issued by them.
IMPORTED_ISSUER: Final = "imported-issuer"

_ORDER: Final = ("root", "device-ca", "ra", "profile-signer", "service-ca", "tls", "push")
_SUBJECT: Final = 300
_opened: "WeakKeyDictionary[Vault, dict[UUID, Keyed]]" = WeakKeyDictionary()


class TreeRow(TypedDict):
    """One certificate whose key is, or was, held here. ``not_after`` is aware UTC; ``days_left`` < 0: it has ended.

    ``uploaded``: issued by somebody else; ``key_held``: its private key is on this server now.
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


def held(vault: Vault, keyed: Keyed, purpose: Purpose, *, issuer: Certificate | None, now: datetime) -> Certificate:
    """Return the unsaved, active row of a certificate whose key we hold, the key sealed for it."""
    return held_certificate(vault, keyed.certificate, dump_key(keyed.key), purpose, issuer=issuer, now=now)


def held_certificate(
    vault: Vault,
    certificate: x509.Certificate,
    pkcs8: bytes,
    purpose: Purpose,
    *,
    issuer: Certificate | None,
    now: datetime,
) -> Certificate:
    """As ``held``, for a key of any kind (unencrypted PKCS#8, DER)."""
    row = kept(certificate, purpose, issuer=issuer, now=now)
    row.active, row.key_sealed = True, vault.seal(pkcs8, row.id, "key")
    return row


def kept(certificate: x509.Certificate, purpose: str, *, issuer: Certificate | None, now: datetime) -> Certificate:
    """Return the unsaved row of a certificate, without a key and not in use."""
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
    """Return the row in use for ``purpose``. Raises NotReady when there is none."""
    row = await statements.one(Certificate, purpose=purpose, active=True)
    if row is None:
        raise NotReady(f"there is no {purpose} certificate")
    return row


async def keyed(desk: Desk, purpose: Purpose) -> Keyed:
    """Return the certificate in use for ``purpose`` with its private key.

    Raises NotReady when there is none or its key was taken off this server, SealBroken when it does not open.
    """
    return open_row(desk, await active_row(purpose))


async def keyed_with_chain(desk: Desk, purpose: Purpose) -> tuple[Keyed, list[x509.Certificate]]:
    """Return what ``keyed`` and ``chain`` do, of one and the same certificate also while it is being replaced."""
    row = await active_row(purpose)
    return open_row(desk, row), await chain_of(row)


def open_row(desk: Desk, row: Certificate) -> Keyed:
    """Return the certificate of ``row`` with its private key, also when it is no longer in use; raises as ``keyed``."""
    if row.key_sealed is None or row.der is None:
        raise NotReady(f"the key of the {row.purpose} certificate is not on this server")
    opened = _opened.setdefault(desk.vault, {})
    found = opened.get(row.id) or Keyed.load(row.der, desk.vault.open(row.key_sealed, row.id, "key"))
    if row.purpose != "root":  # a key that can be taken off the server is not kept in the memory of its processes
        opened[row.id] = found
    return found


async def is_uploaded(row: Certificate) -> bool:
    """Tell whether the profile signer or TLS certificate of ``row`` was issued by somebody else and brought in."""
    above = {"profile-signer": "device-ca", "tls": "service-ca"}.get(row.purpose)
    return above is not None and not await Certificate.exists(id=row.issuer_id, purpose=above)


async def replace(old: Certificate, new: Certificate) -> None:
    """Put ``new`` in use instead of ``old``, inside a transaction. Raises StaleState when somebody else was first."""
    if await Certificate.filter(id=old.id, active=True).update(active=False) != 1:
        raise StaleState(f"the {old.purpose} certificate was replaced meanwhile")
    await new.save()


async def certificate_of(purpose: Purpose) -> x509.Certificate:
    """Return the certificate in use for ``purpose``. Raises NotReady when there is none."""
    return _certificate(await active_row(purpose))


async def chain(purpose: Purpose) -> list[x509.Certificate]:
    """Return who issued the certificate in use for ``purpose``, from its issuer up to, without, the root."""
    return await chain_of(await active_row(purpose))


async def chain_of(row: Certificate) -> list[x509.Certificate]:
    """Return who issued the certificate of ``row``, in use or not, from its issuer up to, without, the root."""
    found = list[x509.Certificate]()
    while row.issuer_id is not None:
        row = await Certificate.get(id=row.issuer_id)
        if row.issuer_id is not None:
            found.append(_certificate(row))
    return found


async def root() -> x509.Certificate:
    """Return the root that Macs are asked to trust. Raises NotReady before the ceremony."""
    return await certificate_of("root")


async def root_pem() -> bytes:
    """Return the root as PEM, for export."""
    return pem(await root())


async def tree(now: datetime) -> list[TreeRow]:
    """Return our own certificates, root first, those in use before those replaced, newest first."""
    rows = await Certificate.filter(purpose__in=_ORDER).order_by("-not_after")
    rows.sort(key=lambda row: (not row.active, _ORDER.index(row.purpose)))
    return [
        TreeRow(
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
    wanted: Mapping[str, properties.Value] | None = None,
    issuer: Certificate | None = None,
) -> Certificate:
    """Store serial number and intent of an identity; call it inside the transaction that uses its challenge.

    The subject is O (server property organization.name), CN (``common_name``) and, when the Mac's is known,
    serialNumber, each cut to what a subject takes; nothing of it comes from a request. The life is identity.days, and
    ends with the issuer's. ``wanted``: the values of TERMS, and ``issuer``: the device CA in use, when the same step
    has read them with others. Raises NotReady before the ceremony.
    """
    issuer = issuer or await active_row("device-ca")
    wanted = wanted or await properties.read_some(*TERMS)
    named = fitted(serial_number) if serial_number else None
    subject = name(fitted(common_name), fitted(str(wanted["organization.name"])), named)
    begin = (now - BACKDATED).replace(microsecond=0)
    row = Certificate(
        purpose=purpose,
        state="reserved",
        serial_number=f"{new_serial():x}",
        subject=subject.rfc4514_string(),
        not_before=max(begin, issuer.not_before),
        not_after=min(begin + timedelta(days=int(wanted["identity.days"])), issuer.not_after),
        issuer=issuer,
        session_id=session.id,
        created_at=now,
    )
    await row.save()
    return row


async def sign(desk: Desk, row: Certificate, public_key: rsa.RSAPublicKey) -> Certificate:
    """Make the certificate that ``row`` reserved, for ``public_key``, and store it; call it outside a transaction.

    Returns the row with ``der`` and ``sha256``, in state "issued". A row signed before keeps what it has (RFC 8894
    §4.3: a retransmission gets the same certificate). Raises CertificateRevoked when it was revoked meanwhile,
    CertificateMismatch when it was signed for another key.
    """
    made = await make(desk, row, public_key) if row.state == "reserved" else None
    await keep(row, made, public_key)
    return row


async def make(desk: Desk, row: Certificate, public_key: rsa.RSAPublicKey) -> x509.Certificate:
    """Return the certificate that ``row`` reserved, signed and not stored yet; call it outside a transaction.

    Nobody may get it before ``keep`` has stored it. Raises NotReady when the issuer's key is not on this server.
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


async def keep(row: Certificate, made: x509.Certificate | None, public_key: rsa.RSAPublicKey) -> bool:
    """Store what ``make`` made of ``row``, perhaps inside the caller's transaction, and bring ``row`` up to date.

    ``made``: None for a row that was signed before. False when there was nothing to store. Raises as ``sign``.
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


def fitted(text: str, tail: str = "") -> str:
    """Return ``text`` cut so that with ``tail`` it fits a part of a subject: 64 bytes of UTF-8."""
    return text.encode()[: 64 - len(tail.encode())].decode(errors="ignore") + tail


def crl_url(settings: Settings, issuer: UUID) -> str:
    """Return where the CRL of the issuer with this row id is served."""
    return f"{settings.public_url}/crl/{issuer}.crl"


def _certificate(row: Certificate) -> x509.Certificate:
    if row.der is None:
        raise NotReady(f"the {row.purpose} certificate {row.serial_number} is not signed yet")
    return load_certificate(row.der)
