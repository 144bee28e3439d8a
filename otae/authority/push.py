"""The push certificate: it names the topic that every enrolled Mac keeps, and later speaks to Apple's push service.

Apple issues it, not we: a file comes in, is checked and kept. The topic is the UID of its subject (OID
0.9.2342.19200300.100.1.1) and begins with com.apple.mgmt.
"""

import asyncio
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from tortoise.exceptions import IntegrityError

from otae.authority import files
from otae.authority.issuers import held, root
from otae.errors import InputRefused, NotReady
from otae.signing.certificates import KEY_BITS, UNREADABLE, Keyed, dump_key, fingerprint, load_certificate
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, Enrollment
from otae.store.states import EnrollmentStatus

TOPIC_PREFIX: Final = "com.apple.mgmt"
_TOPIC: Final = re.compile(r"com\.apple\.mgmt\.[A-Za-z0-9.-]{1,200}")


@dataclass(frozen=True)
class PushCertificate:
    """The push certificate in use. Times are aware UTC; ``days_left`` < 0: it has ended."""

    topic: str
    subject: str
    sha256: str
    not_before: datetime
    not_after: datetime
    days_left: int
    #: Certificates of the file that could not be read.
    left_out: tuple[str, ...] = ()


async def topic(desk: Desk, *, rehearsal: bool = False) -> str:
    """Return the push topic for a new enrollment.

    Without a push certificate a trial (PUBLIC_URL is this machine) and a rehearsal get a generated one, the same for
    the life of the installation; anybody else gets NotReady.
    """
    row = await Certificate.get_or_none(purpose="push", active=True)
    if row is not None and row.der is not None:
        return _uid(load_certificate(row.der))
    if not (desk.settings.trial or rehearsal):
        raise NotReady("no push certificate was imported")
    digest = hashlib.sha256(b"otae push topic" + bytes.fromhex(fingerprint(await root()))).digest()
    return f"{TOPIC_PREFIX}.External.{UUID(bytes=digest[:16], version=4)}"


async def show_push(*, now: datetime) -> PushCertificate | None:
    """Return the push certificate in use, None when none was imported."""
    row = await Certificate.get_or_none(purpose="push", active=True)
    if row is None or row.der is None:
        return None
    uid, days_left = _uid(load_certificate(row.der)), (row.not_after - now).days
    return PushCertificate(uid, row.subject, row.sha256 or "", row.not_before, row.not_after, days_left)


async def import_push(
    desk: Desk, data: bytes, key_data: bytes | None, password: str | None, *, now: datetime, actor: str
) -> PushCertificate:
    """Take a push certificate into use, audited, and return it.

    ``data``: PEM (certificate, perhaps with its key), DER, PKCS#7, or PKCS#12. ``key_data``: the private key (PEM or
    DER) when it is not in ``data``. ``password`` opens either. Raises InputRefused (fields "file", "key", "password")
    for what cannot be read, a key of another certificate, a subject UID that is no topic, a certificate that is not
    valid now, and another topic than the one that enrolled Macs use.
    """
    found, new_topic, left_out = await asyncio.to_thread(_read, data, key_data, password, now)
    try:
        async with transaction():
            await _check_enrolled(new_topic)
            await Certificate.filter(purpose="push", active=True).update(active=False)
            await _keep(desk, found, now)
            await audit.record(
                actor, "push.imported", now=now, subject=fingerprint(found.certificate), detail=new_topic
            )
    except IntegrityError as error:
        raise InputRefused({"": "another push certificate is being imported right now: try again"}) from error
    shown = await show_push(now=now)
    if shown is None:
        raise NotReady("the push certificate was taken out of use meanwhile")
    return replace(shown, left_out=left_out)


async def _keep(desk: Desk, found: Keyed, now: datetime) -> None:
    before = await Certificate.get_or_none(purpose="push", sha256=fingerprint(found.certificate))
    if before is None:
        await held(desk.vault, found, "push", issuer=None, now=now).save()
        return
    before.active, before.key_sealed = True, desk.vault.seal(dump_key(found.key), before.id, "key")
    await before.save()


async def _check_enrolled(new_topic: str) -> None:
    living = Enrollment.filter(status__in=(EnrollmentStatus.AUTHENTICATED, EnrollmentStatus.ENROLLED), rehearsal=False)
    broken = await living.exclude(topic=new_topic).count()
    if broken:
        macs = "1 enrolled Mac" if broken == 1 else f"{broken} enrolled Macs"
        raise InputRefused({
            "file": f"its topic is {new_topic}, under which {macs} would no longer be reached: renew the certificate "
            "with the Apple Account that made the one before, or release them first"
        })  # fmt: skip


def _check(certificate: x509.Certificate, now: datetime) -> str:
    """Return the topic of a certificate that may be used now."""
    uid = _uid(certificate)
    if not _TOPIC.fullmatch(uid):
        raise InputRefused({"file": f"not a push certificate for MDM: its UID does not begin with {TOPIC_PREFIX}"})
    if certificate.not_valid_after_utc <= now:
        raise InputRefused({"file": f"the certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}"})
    if certificate.not_valid_before_utc > now:
        raise InputRefused({"file": f"the certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"})
    return uid


def _uid(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.USER_ID)
    return str(found[0].value) if len(found) == 1 else ""


def _read(
    data: bytes, key_data: bytes | None, password: str | None, now: datetime
) -> tuple[Keyed, str, tuple[str, ...]]:
    """Return the certificate that belongs to the key, its topic, and what of the file could not be read."""
    handed = files.read(data, key_data, password)
    if handed.key is not None and not isinstance(handed.key, rsa.RSAPrivateKey):
        raise InputRefused({"key": "not an RSA key"})
    try:
        certificate = handed.belonging()
        uid = _check(certificate, now) if certificate else ""
    except UNREADABLE:
        raise InputRefused({"file": "the certificate is damaged"}) from None
    if handed.key is None:
        raise InputRefused({"key": "the file holds no private key: give the key that the request was made with"})
    if certificate is None:
        raise InputRefused({"key": handed.no_certificate})
    if handed.key.key_size < KEY_BITS:
        raise InputRefused({"key": f"the key has {handed.key.key_size} bits: {KEY_BITS} or more are needed"})
    return Keyed(certificate, handed.key), uid, handed.left_out
