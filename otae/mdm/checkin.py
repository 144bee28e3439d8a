"""What a Mac says at CheckInURL, and what becomes of it.

https://developer.apple.com/documentation/devicemanagement/check-in
Every refusal is for HTTP 400: a Mac may take 401 for the end of its enrollment.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.apple import checkin as apple
from otae.authority import push, revocation
from otae.enrollment import allowed_devices, sessions
from otae.enrollment.support import Known, recorded
from otae.errors import (
    CheckinUnreadable,
    DeviceMismatch,
    DeviceUnknown,
    PlatformRefused,
    SessionClosed,
    StaleState,
)
from otae.invitations import lifecycle
from otae.mdm import identities
from otae.mdm.signatures import check_topic, enrollment_of, pinned, sender
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, Device, Enrollment, EnrollmentSession, Invitation, UserChannel
from otae.store.records import About, advance, note
from otae.store.records import about as about_row
from otae.store.session_ends import close_challenges
from otae.store.states import EnrollmentStatus, SessionStatus

#: What the sealed columns are sealed for.
PUSH_TOKEN, PUSH_MAGIC, BOOTSTRAP_TOKEN = "push_token", "push_magic", "bootstrap_token"

#: User channels that are kept of one Mac: the people who use it.
MOST_CHANNELS: Final = 50

_LIVE: Final = (EnrollmentStatus.AUTHENTICATED, EnrollmentStatus.ENROLLED)
_READY: Final = (SessionStatus.CERTIFIED, SessionStatus.CONFIGURED)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back to the Mac: HTTP status, body and Content-Type."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    content_type: str = "text/plain"


async def answer(desk: Desk, body: bytes, signature: str | None, *, now: datetime) -> Reply:
    """Answer a check-in.

    ``body``: the raw bytes of the request (XML property list, at most 1 MiB); ``signature``: its Mdm-Signature header.
    Raises Refusal, recorded with a support code, for whatever is not answered here: HTTP 400, and nothing has changed.
    """
    async with recorded(now) as known:
        certificate = await sender(body, signature, known, now)
        message = apple.parse(body)
        try:
            if isinstance(message, apple.Authenticate):
                await _authenticate(desk, certificate, message, known, now)
                return Reply()
            if isinstance(message, apple.TokenUpdate):
                deliveries = await _token_update(desk, certificate, message, known, now)
                for delivery in deliveries:
                    desk.bell.ring("delivery", delivery)
                return Reply()
            if isinstance(message, apple.CheckOut):
                await _check_out(certificate, message, known, now)
                return Reply()
            return await _of_an_enrolled_mac(desk, certificate, message, known, now)
        except StaleState:
            raise SessionClosed("the enrollment moved on meanwhile") from None


async def _authenticate(
    desk: Desk, certificate: Certificate, message: apple.Authenticate, known: Known, now: datetime
) -> None:
    """Begin an enrollment, pin a renewed certificate, or do nothing at all for a message seen before."""
    ours = await push.topic(desk, rehearsal=True)
    if known.session and known.session.status in _READY:
        await sessions.check_directory(desk, known.session, now=now)
    try:
        async with transaction():
            if certificate.session_id is None:
                raise DeviceUnknown("the session of the certificate was removed")
            session = await sessions.take(certificate.session_id)  # copies of one message wait for one another here
            free = session.udid is None
            await sessions.bind(session, udid=message.udid, serial=message.serial_number)
            if await _seen_before(certificate, message, known):
                return
            enrollment = await _running(session, message.udid)
            if enrollment is None:
                check_topic(message.topic, ours)
                allowed_devices.check_platform(message.product_name, message.model, message.model_name)
                known.ends_session = True  # bound by now: it is this Mac that breaks the rule
                await allowed_devices.check_reported(session, message.os_version, (message.product_name, message.model))
                known.ends_session = free  # a second Mac must not be able to end the session of the first
                await _begin(certificate, session, message, now)
            else:
                check_topic(message.topic, enrollment.topic)
                await _pin_again(enrollment, certificate, session, now)
    except (DeviceMismatch, PlatformRefused):
        await _take_back(certificate, now)
        raise


async def _seen_before(certificate: Certificate, message: apple.Authenticate, known: Known) -> bool:
    enrollment = await pinned(certificate)
    if enrollment is None:
        return False
    known.device_id = enrollment.device_id
    if (await Device.get(id=enrollment.device_id)).udid != message.udid:
        raise DeviceMismatch("the certificate belongs to another Mac")
    if enrollment.status == EnrollmentStatus.UNENROLLED:
        raise DeviceUnknown("this enrollment has ended")
    check_topic(message.topic, enrollment.topic)
    return True


async def _running(session: EnrollmentSession, udid: str) -> Enrollment | None:
    return await Enrollment.filter(session_id=session.id, device__udid=udid, status__in=_LIVE).first()


async def _begin(
    certificate: Certificate, session: EnrollmentSession, message: apple.Authenticate, now: datetime
) -> None:
    await sessions.check_live(session, now=now)
    if session.status not in _READY:
        raise SessionClosed(f"Authenticate while the session is {session.status}")
    await sessions.check_serial(session, session.serial or "")
    await sessions.check_free(message.udid, session)
    device, _ = await Device.get_or_create(
        defaults={"created_at": now, "seen_at": now, "rehearsal": session.rehearsal}, udid=message.udid
    )
    told = {
        "serial": session.serial or "",
        "name": message.device_name,
        "model": message.model,
        "model_name": message.model_name,
        "os_version": message.os_version,
        "build": message.build_version,
    }
    await Device.filter(id=device.id).update(**device.with_search_text(told), seen_at=now)
    enrollment = Enrollment(
        device_id=device.id,
        session_id=session.id,
        person_id=session.person_id,
        certificate_id=certificate.id,
        ownership=session.ownership,
        topic=message.topic,
        rehearsal=session.rehearsal,
        authenticated_at=now,
    )
    await enrollment.save()
    await note("checkin.authenticate", now=now, about=_about(session, device.id))


async def _pin_again(
    enrollment: Enrollment, certificate: Certificate, session: EnrollmentSession, now: datetime
) -> None:
    """Pin a new certificate of the same session to the running enrollment; nothing else of it changes."""
    if session.status == SessionStatus.ENROLLED:
        await sessions.check_person(session)
    else:
        await sessions.check_live(session, now=now)
    if enrollment.previous_certificate_id is not None:
        await identities.revoke(enrollment.previous_certificate_id, now)
    old = enrollment.certificate_id
    same = Enrollment.filter(id=enrollment.id, certificate_id=old, status=enrollment.status)
    if await same.update(certificate_id=certificate.id, previous_certificate_id=old) != 1:
        raise StaleState("the enrollment was pinned again meanwhile")
    about = _about(session, enrollment.device_id)
    await note("checkin.authenticate", now=now, about=about, detail="with a new certificate")


async def _take_back(certificate: Certificate, now: datetime) -> None:
    """Revoke a certificate that turned up on the wrong device, unless a Mac lives by it."""
    if await pinned(certificate) is None:
        await revocation.revoke(certificate, "privilegeWithdrawn", now=now, actor=identities.ACTOR)


async def _token_update(
    desk: Desk, certificate: Certificate, message: apple.TokenUpdate, known: Known, now: datetime
) -> list[UUID]:
    """Keep the push values; the first time, this enrolls the Mac. Returns deliveries to ring for."""
    async with transaction():
        enrollment, _ = await enrollment_of(certificate, message.udid, known, now=now, topic=message.topic)
        if message.is_user_channel:
            await _keep_user_channel(desk, enrollment, message, now)
            return []
        await Enrollment.filter(id=enrollment.id).update(
            push_token_sealed=desk.vault.seal(message.token, enrollment.id, PUSH_TOKEN),
            push_magic_sealed=desk.vault.seal(message.push_magic.encode(), enrollment.id, PUSH_MAGIC),
        )
        if enrollment.status == EnrollmentStatus.AUTHENTICATED:
            return await _enroll(enrollment, known, now)
        if certificate.id == enrollment.certificate_id:
            await identities.forget_previous(enrollment, now)
        return []


async def _enroll(enrollment: Enrollment, known: Known, now: datetime) -> list[UUID]:
    session = await EnrollmentSession.get(id=enrollment.session_id)
    await sessions.check_live(session, now=now)
    known.ends_session = True
    await sessions.check_free((await Device.get(id=enrollment.device_id)).udid, session)
    about = _about(session, enrollment.device_id)
    to = EnrollmentStatus.ENROLLED
    await advance(enrollment, to, event="checkin.enrolled", now=now, to_whom=about, enrolled_at=now)
    await advance(session, SessionStatus.ENROLLED, event="session.enrolled", now=now, to_whom=about, closed_at=now)
    await close_challenges(session, now=now)
    invitation = await Invitation.get(id=session.invitation_id) if session.invitation_id else None
    deliveries = await lifecycle.redeem(invitation, now=now) if invitation else []
    await _end_older(enrollment, now)
    await identities.forget_previous(enrollment, now)
    await identities.revoke_spares(enrollment, now)
    await Device.filter(id=enrollment.device_id).update(released=False)
    return deliveries


async def _end_older(enrollment: Enrollment, now: datetime) -> None:
    """End the Mac's other enrollments with their certificates: a Mac has one at a time."""
    for older in await Enrollment.filter(device_id=enrollment.device_id, status__in=_LIVE).exclude(id=enrollment.id):
        await _unenroll(older, "the Mac was enrolled again", now)


async def _unenroll(enrollment: Enrollment, why: str, now: datetime) -> None:
    session = await EnrollmentSession.get(id=enrollment.session_id)
    about = _about(session, enrollment.device_id)
    event = "checkin.checkout"
    await advance(
        enrollment, EnrollmentStatus.UNENROLLED, event=event, now=now, detail=why, to_whom=about, ended_at=now
    )
    await identities.forget_previous(enrollment, now)
    await identities.revoke(enrollment.certificate_id, now, "cessationOfOperation")


async def _keep_user_channel(desk: Desk, enrollment: Enrollment, message: apple.TokenUpdate, now: datetime) -> None:
    """Keep the push values of one person on the Mac, apart from the Mac's own."""
    _check_enrolled(enrollment)
    channel = await UserChannel.get_or_none(enrollment_id=enrollment.id, user_id=message.user_id)
    if channel is None:
        await _make_room(enrollment)
        channel = UserChannel(enrollment_id=enrollment.id, user_id=message.user_id)
    channel.short_name, channel.long_name = message.user_short_name, message.user_long_name
    channel.push_token_sealed = desk.vault.seal(message.token, channel.id, PUSH_TOKEN)
    channel.push_magic_sealed = desk.vault.seal(message.push_magic.encode(), channel.id, PUSH_MAGIC)
    channel.updated_at = now
    await channel.save()


async def _make_room(enrollment: Enrollment) -> None:
    """Forget the user channels of a Mac that were quiet for longest, so that a new one keeps within MOST_CHANNELS."""
    known = UserChannel.filter(enrollment_id=enrollment.id).order_by("-updated_at", "id")
    over = await known.offset(MOST_CHANNELS - 1).limit(MOST_CHANNELS).values_list("id", flat=True)
    if over:
        await UserChannel.filter(id__in=over).delete()


def _check_enrolled(enrollment: Enrollment) -> None:
    if enrollment.status != EnrollmentStatus.ENROLLED:
        raise DeviceUnknown(f"the enrollment is {enrollment.status}")


async def _check_out(certificate: Certificate, message: apple.CheckOut, known: Known, now: datetime) -> None:
    async with transaction():
        enrollment, _ = await enrollment_of(certificate, message.udid, known, now=now, topic=message.topic)
        await _unenroll(enrollment, "the profile was removed on the Mac", now)


async def _of_an_enrolled_mac(
    desk: Desk, certificate: Certificate, message: apple.Checkin, known: Known, now: datetime
) -> Reply:
    async with transaction():
        enrollment, _ = await enrollment_of(certificate, message.udid, known, now=now)
        _check_enrolled(enrollment)
        if isinstance(message, apple.SetBootstrapToken):
            token = message.bootstrap_token
            sealed = desk.vault.seal(token, enrollment.id, BOOTSTRAP_TOKEN) if token else None
            await Enrollment.filter(id=enrollment.id).update(bootstrap_token_sealed=sealed)
            return Reply()
        if isinstance(message, apple.GetBootstrapToken):
            sealed = enrollment.bootstrap_token_sealed
            token = desk.vault.open(sealed, enrollment.id, BOOTSTRAP_TOKEN) if sealed else None
            return Reply(body=apple.bootstrap_token_answer(token), content_type="application/xml")
        if isinstance(message, apple.UserAuthenticate):
            return Reply(status=410)  # "do not manage this directory user"
    raise CheckinUnreadable(f"{type(message).__name__} is not offered")


def _about(session: EnrollmentSession, device_id: UUID) -> About:
    return replace(about_row(session), device_id=device_id)
