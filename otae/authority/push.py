"""The push certificate: the credential for Apple's push service, and the topic that enrolled Macs keep.

Apple issues it; an administrator uploads it here. The topic is the UID in its subject (OID 0.9.2342.19200300.100.1.1)
and begins with com.apple.mgmt.
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
from otae.authority.issuers import new_row, root
from otae.errors import InputRefused, NotReady
from otae.signing.certificates import KEY_BITS, UNREADABLE, Keyed, dump_key, fingerprint, load_certificate, read_names
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, Enrollment
from otae.store.states import EnrollmentStatus
from otae.translatable import N_, NN_

TOPIC_PREFIX: Final = "com.apple.mgmt"
_TOPIC: Final = re.compile(r"com\.apple\.mgmt\.[A-Za-z0-9.-]{1,200}")


@dataclass(frozen=True)
class PushCertificate:
    """The push certificate in use. Times are aware, UTC; ``days_left`` is negative when it has ended."""

    topic: str
    subject: str
    sha256: str
    not_before: datetime
    not_after: datetime
    days_left: int
    #: For each unreadable certificate of the file, what is wrong with it.
    left_out: tuple[str, ...] = ()


async def topic(desk: Desk, *, rehearsal: bool = False) -> str:
    """Return the push topic for a new enrollment. Raises NotReady when there is none.

    Without a push certificate, a trial (PUBLIC_URL is this machine) and a rehearsal get a generated topic, which stays
    the same for the installation.
    """
    row = await Certificate.get_or_none(purpose="push", active=True)
    if row is not None and row.der is not None:
        return _uid(load_certificate(row.der))
    if not (desk.settings.trial or rehearsal):
        raise NotReady("no push certificate was imported")
    digest = hashlib.sha256(b"otae push topic" + bytes.fromhex(fingerprint(await root()))).digest()
    return f"{TOPIC_PREFIX}.External.{UUID(bytes=digest[:16], version=4)}"


async def show_push(*, now: datetime) -> PushCertificate | None:
    """Return the push certificate in use; None when none was imported."""
    row = await Certificate.get_or_none(purpose="push", active=True)
    if row is None or row.der is None:
        return None
    uid, days_left = _uid(load_certificate(row.der)), (row.not_after - now).days
    return PushCertificate(uid, row.subject, row.sha256 or "", row.not_before, row.not_after, days_left)


async def import_push(
    desk: Desk, data: bytes, key_data: bytes | None, password: str | None, *, now: datetime, actor: str
) -> PushCertificate:
    """Import a push certificate, use it from now on, and return it; audited.

    Args:
        data: PEM (certificate, perhaps with its key), DER, PKCS#7 or PKCS#12.
        key_data: PEM or DER of the private key, when it is not in ``data``.
        password: of either file.

    Raises:
        InputRefused: fields "file", "key", "password". The file cannot be read, the key belongs to another certificate,
            the subject's UID is no topic, the certificate is not valid now, or enrolled Macs use another topic.
    """
    keyed, new_topic, left_out = await asyncio.to_thread(_read, data, key_data, password, now)
    try:
        async with transaction():
            await _check_enrolled(new_topic)
            await Certificate.filter(purpose="push", active=True).update(active=False)
            await _keep(desk, keyed, now)
            await audit.record(
                actor, "push.imported", now=now, subject=fingerprint(keyed.certificate), detail=new_topic
            )
    except IntegrityError as error:
        raise InputRefused({"": N_("another push certificate is being imported right now: try again")}) from error
    shown = await show_push(now=now)
    if shown is None:
        raise NotReady("the push certificate was taken out of use meanwhile")
    return replace(shown, left_out=left_out)


async def _keep(desk: Desk, keyed: Keyed, now: datetime) -> None:
    row = await Certificate.get_or_none(purpose="push", sha256=fingerprint(keyed.certificate))
    row = row or new_row(keyed.certificate, "push", issuer=None, now=now)
    row.active, row.key_sealed = True, desk.vault.seal(dump_key(keyed.key), row.id, "key")
    await row.save()


async def _check_enrolled(new_topic: str) -> None:
    enrollments = Enrollment.filter(
        status__in=(EnrollmentStatus.AUTHENTICATED, EnrollmentStatus.ENROLLED), rehearsal=False
    )
    broken = await enrollments.exclude(topic=new_topic).count()
    if broken:
        wrong = N_(
            "its topic is %(new_topic)s, under which %(macs)s would no longer be reached: renew the certificate with "
            "the Apple Account that made the one before, or release them first",
            new_topic=new_topic,
            macs=NN_("%(num)d enrolled Mac", "%(num)d enrolled Macs", broken),
        )
        raise InputRefused({"file": wrong})


def _uid(certificate: x509.Certificate) -> str:
    read_names(certificate)
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.USER_ID)
    return str(found[0].value) if len(found) == 1 else ""


def _read(
    data: bytes, key_data: bytes | None, password: str | None, now: datetime
) -> tuple[Keyed, str, tuple[str, ...]]:
    """Return certificate and key, the topic, and what is wrong with unreadable certificates. Raises InputRefused."""
    contents = files.read(data, key_data, password)
    if contents.key is not None and not isinstance(contents.key, rsa.RSAPrivateKey):
        raise InputRefused({"key": N_("not an RSA key")})
    uid = ""
    try:
        if certificate := contents.matching_certificate():
            uid = _uid(certificate)
            if not _TOPIC.fullmatch(uid):
                words = N_(
                    "not a push certificate for MDM: its UID does not begin with %(topic_prefix)s",
                    topic_prefix=TOPIC_PREFIX,
                )
                raise InputRefused({"file": words})
            files.check_dates(certificate, now)
    except UNREADABLE:
        raise InputRefused({"file": N_("the certificate is damaged")}) from None
    if contents.key is None:
        raise InputRefused({"key": N_("the file holds no private key: give the key that the request was made with")})
    if certificate is None:
        raise InputRefused({"key": contents.no_certificate})
    if (size := contents.key.key_size) < KEY_BITS:
        words = N_("the key has %(key_size)s bits: %(key_bits)s or more are needed", key_size=size, key_bits=KEY_BITS)
        raise InputRefused({"key": words})
    return Keyed(certificate, contents.key), uid, contents.left_out
