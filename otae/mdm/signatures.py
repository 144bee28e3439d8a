"""Authenticates a Mac: verifies the Mdm-Signature header, and finds the enrollment whose pinned certificate signed.

The header is the only thing that identifies a Mac here; behind a router that ends TLS there is no client certificate.
Everything at CheckInURL and ServerURL passes through these functions first.
"""

import base64
import binascii
from datetime import datetime
from typing import Final

from tortoise.expressions import Q

from otae.authority import revocation
from otae.enrollment import sessions
from otae.enrollment.support import RefusalContext
from otae.errors import (
    CertificateMismatch,
    DeviceMismatch,
    DeviceUnknown,
    MessageUnreadable,
    SignatureMissing,
    TooLarge,
    TopicMismatch,
)
from otae.signing.certificates import fingerprint
from otae.signing.cms import Policy, verify
from otae.store import old_algorithms, properties
from otae.store.desk import Desk
from otae.store.models import Certificate, Device, Enrollment, EnrollmentSession
from otae.store.states import EnrollmentStatus

#: In characters; real headers have about two thousand.
MAX_SIGNATURE: Final = 10 * 1024


async def verified_sender(
    desk: Desk, body: bytes, signature: str | None, context: RefusalContext, now: datetime
) -> Certificate:
    """Return the identity whose signature over the raw ``body`` is in the header.

    An expired identity is accepted for the server property identity.grace.days, so that it can be renewed.

    Args:
        signature: The value of Mdm-Signature: base64 of a detached CMS message, BER or DER.

    Raises:
        SignatureMissing, TooLarge: There is no header, or it is too long.
        Unreadable, Untrusted: As `signing.cms.verify`.
        SignerUntrusted, CertificateRevoked: The identity was not issued here, was revoked or has expired.
        CertificateMismatch: The certificate is not an MDM identity.
    """
    if not signature:
        raise SignatureMissing("no Mdm-Signature header")
    if len(signature) > MAX_SIGNATURE:
        raise TooLarge(f"an Mdm-Signature header of {len(signature)} characters")
    try:
        message = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageUnreadable("the Mdm-Signature header is no base64") from error
    values = await properties.read_some("mac.sha1", "identity.grace.days")
    policy = Policy(allow_sha1=bool(values["mac.sha1"]), attributes="optional")
    verified = verify(message, detached=body, policy=policy)
    issued = await Certificate.get_or_none(sha256=fingerprint(verified.signer))
    if issued is not None:
        context.session = await EnrollmentSession.get_or_none(id=issued.session_id)
    certificate = revocation.check_row(issued, now=now, grace_days=int(values["identity.grace.days"]))
    if certificate.purpose != sessions.MDM_IDENTITY:
        raise CertificateMismatch(f"a {certificate.purpose} certificate does not check in")
    await old_algorithms.count_use(desk.resources, verified.digest, now=now)
    return certificate


async def find_pinned_enrollment(certificate: Certificate) -> Enrollment | None:
    """Return the enrollment that ``certificate`` is pinned to, as its current or, during a renewal, previous one."""
    either = Q(certificate_id=certificate.id) | Q(previous_certificate_id=certificate.id)
    return await Enrollment.filter(either).first()


async def enrollment_of(
    certificate: Certificate, udid: str, context: RefusalContext, *, now: datetime, topic: str | None = None
) -> tuple[Enrollment, Device]:
    """Return the live enrollment that ``certificate`` authenticates, and record that its Mac was seen.

    Inside a transaction, other messages of the same Mac wait from here on.

    Args:
        topic: For messages that name one.

    Raises:
        DeviceUnknown: There is no such enrollment, or it has ended.
        DeviceMismatch: The enrollment is of a Mac with another ``udid``.
        TopicMismatch: ``topic`` is not the enrollment's.
    """
    enrollment = await find_pinned_enrollment(certificate)
    if enrollment is None:
        raise DeviceUnknown("the certificate is not pinned to a Mac")
    device = await Device.get(id=enrollment.device_id)
    context.device_id = device.id
    if device.udid != udid:
        raise DeviceMismatch("the certificate belongs to another Mac")
    await sessions.lock_session(enrollment.session_id)
    await Device.filter(id=device.id).update(seen_at=now)
    await enrollment.refresh_from_db()
    if enrollment.status == EnrollmentStatus.UNENROLLED:
        raise DeviceUnknown("this enrollment has ended")
    check_topic(topic, enrollment.topic)
    return enrollment, device


def check_enrolled(enrollment: Enrollment) -> None:
    """Raise DeviceUnknown unless the enrollment is complete and has not ended."""
    if enrollment.status != EnrollmentStatus.ENROLLED:
        raise DeviceUnknown(f"the enrollment is {enrollment.status}")


def check_topic(topic: str | None, ours: str) -> None:
    """Raise TopicMismatch when a message names another topic than ours; None passes."""
    if topic is not None and topic != ours:
        raise TopicMismatch
