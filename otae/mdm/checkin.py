"""Answers the messages that a Mac sends to CheckInURL.

Every refusal is answered with HTTP 400: a Mac may take 401 for the end of its enrollment.
https://developer.apple.com/documentation/devicemanagement/check-in
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from otae.apple import checkin as apple
from otae.authority import push, revocation
from otae.enrollment import allowed_devices, sessions
from otae.enrollment.support import RefusalContext, record_refusals
from otae.errors import (
    CheckinUnreadable,
    DeviceMismatch,
    DeviceUnknown,
    PlatformRefused,
    SessionClosed,
    StaleState,
)
from otae.invitations import lifecycle, mac_rules
from otae.mdm import current, identities
from otae.mdm.signatures import check_enrolled, check_topic, enrollment_of, find_pinned_enrollment, verified_sender
from otae.mdm.unenrollment import LIVE, end_enrollment
from otae.store import notices
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate, Device, Enrollment, EnrollmentSession, Invitation, UserChannel
from otae.store.records import About, advance, note
from otae.store.records import about as about_row
from otae.store.session_ends import close_challenges
from otae.store.states import EnrollmentStatus, SessionStatus

#: Purposes under which the push values and the bootstrap token are sealed.
PUSH_TOKEN, PUSH_MAGIC, BOOTSTRAP_TOKEN = "push_token", "push_magic", "bootstrap_token"

#: Most user channels (one per user of the Mac) that are kept of a Mac.
MAX_USER_CHANNELS: Final = 50

_READY: Final = (SessionStatus.CERTIFIED, SessionStatus.CONFIGURED)


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to the Mac: HTTP status, body and Content-Type."""

    status: int = 200
    body: bytes = field(default=b"", repr=False)
    content_type: str = "text/plain"


@dataclass(frozen=True)
class Sender:
    """The sender of a message: its verified certificate, what a refusal is recorded with, and the message's time."""

    desk: Desk
    certificate: Certificate
    context: RefusalContext
    now: datetime


async def answer(desk: Desk, body: bytes, signature: str | None, *, now: datetime) -> Reply:
    """Answer a check-in.

    Args:
        body: The raw bytes of the request (XML property list, at most 1 MiB).
        signature: The value of its Mdm-Signature header.

    Raises:
        Refusal: HTTP 400, recorded with a support code; nothing was changed.
    """
    async with record_refusals(now) as context:
        certificate = await verified_sender(desk, body, signature, context, now)
        message = apple.parse(body)
        try:
            return await ANSWERS[type(message)](Sender(desk, certificate, context, now), message)
        except StaleState:
            raise SessionClosed("the enrollment moved on meanwhile") from None


async def _authenticate(sender: Sender, message: apple.Authenticate) -> Reply:
    """Begin an enrollment, or pin a renewed certificate; a repeated message changes nothing."""
    certificate, context, now = sender.certificate, sender.context, sender.now
    our_topic = await push.topic(sender.desk, rehearsal=True)
    if context.session and context.session.status in _READY:
        await sessions.check_directory(sender.desk, context.session, now=now)
    try:
        async with transaction():
            await _bind(certificate, message, our_topic, context, now)
    except (DeviceMismatch, PlatformRefused):
        await _revoke_misplaced(certificate, now)
        raise
    return Reply()


async def _bind(
    certificate: Certificate, message: apple.Authenticate, our_topic: str, context: RefusalContext, now: datetime
) -> None:
    """Bind the certificate's session to the Mac, then begin its enrollment or pin the new certificate to it."""
    if certificate.session_id is None:
        raise DeviceUnknown("the session of the certificate was removed")
    # Copies of one message wait for one another here.
    session = await sessions.lock_session(certificate.session_id)
    free = session.udid is None
    await sessions.bind(session, udid=message.udid, serial=message.serial_number)
    if await _seen_before(certificate, message, context):
        return
    enrollment = await Enrollment.filter(session_id=session.id, device__udid=message.udid, status__in=LIVE).first()
    if enrollment is None:
        check_topic(message.topic, our_topic)
        allowed_devices.check_platform(message.product_name, message.model, message.model_name)
        context.ends_session = True  # bound by now: it is this Mac that breaks the rule
        await allowed_devices.check_reported(session, message.os_version, (message.product_name, message.model))
        await allowed_devices.check_mac(session, session.serial or "", message.udid)
        context.ends_session = free  # a second Mac must not be able to end the session of the first
        await _begin_enrollment(certificate, session, message, now)
    else:
        check_topic(message.topic, enrollment.topic)
        await _pin_renewed(enrollment, certificate, session, now)


async def _seen_before(certificate: Certificate, message: apple.Authenticate, context: RefusalContext) -> bool:
    """Return whether the certificate is pinned already, so that this message is a repeated one."""
    enrollment = await find_pinned_enrollment(certificate)
    if enrollment is None:
        return False
    context.device_id = enrollment.device_id
    if (await Device.get(id=enrollment.device_id)).udid != message.udid:
        raise DeviceMismatch("the certificate belongs to another Mac")
    if enrollment.status == EnrollmentStatus.UNENROLLED:
        raise DeviceUnknown("this enrollment has ended")
    check_topic(message.topic, enrollment.topic)
    return True


async def _begin_enrollment(
    certificate: Certificate, session: EnrollmentSession, message: apple.Authenticate, now: datetime
) -> None:
    """Store the Mac as it reports itself, and its enrollment with the certificate pinned to it."""
    await sessions.check_live(session, now=now)
    if session.status not in _READY:
        raise SessionClosed(f"Authenticate while the session is {session.status}")
    await sessions.check_serial(session, session.serial or "")
    await sessions.check_device_free(message.udid, session)
    device, _ = await Device.get_or_create(
        defaults={"created_at": now, "seen_at": now, "rehearsal": session.rehearsal}, udid=message.udid
    )
    reported = {
        "serial": session.serial or "",
        "name": message.device_name,
        "model": message.model,
        "model_name": message.model_name,
        "os_version": message.os_version,
        "build": message.build_version,
    }
    await Device.filter(id=device.id).update(**device.with_search_text(reported), seen_at=now)
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
    await current.keep(device.id)
    await note("checkin.authenticate", now=now, about=_about(session, device.id))


async def _pin_renewed(
    enrollment: Enrollment, certificate: Certificate, session: EnrollmentSession, now: datetime
) -> None:
    """Pin a new certificate of the same session to the running enrollment, and change nothing else of it."""
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


async def _revoke_misplaced(certificate: Certificate, now: datetime) -> None:
    """Revoke a certificate that turned up on the wrong device, unless an enrollment is pinned to it."""
    if await find_pinned_enrollment(certificate) is None:
        await revocation.revoke(certificate, "privilegeWithdrawn", now=now, actor=identities.ACTOR)


async def _token_update(sender: Sender, message: apple.TokenUpdate) -> Reply:
    """Store the push values; the first time, this enrolls the Mac."""
    vault, certificate, now = sender.desk.vault, sender.certificate, sender.now
    deliveries: list[UUID] = []
    async with transaction():
        if certificate.session_id is not None:
            await mac_rules.wait_for_turn(certificate.session_id)
        enrollment, _ = await enrollment_of(certificate, message.udid, sender.context, now=now, topic=message.topic)
        if message.is_user_channel:
            await _keep_user_channel(sender.desk, enrollment, message, now)
            return Reply()
        await Enrollment.filter(id=enrollment.id).update(
            push_token_sealed=vault.seal(message.token, enrollment.id, PUSH_TOKEN),
            push_magic_sealed=vault.seal(message.push_magic.encode(), enrollment.id, PUSH_MAGIC),
        )
        if enrollment.status == EnrollmentStatus.AUTHENTICATED:
            deliveries = await _enroll(enrollment, sender.context, now)
        elif certificate.id == enrollment.certificate_id:
            await identities.revoke_previous(enrollment, now)
    for delivery in deliveries:
        sender.desk.bell.ring("delivery", delivery)
    return Reply()


async def _enroll(enrollment: Enrollment, context: RefusalContext, now: datetime) -> list[UUID]:
    """Enroll the Mac: redeem the invitation, end its older enrollments, and revoke identities that are not used."""
    session = await EnrollmentSession.get(id=enrollment.session_id)
    await sessions.check_live(session, now=now)
    context.ends_session = True
    device = await Device.get(id=enrollment.device_id)
    await sessions.check_device_free(device.udid, session)
    if not session.rehearsal:
        await mac_rules.check_number(session.person_id, udid=device.udid)
    about = _about(session, enrollment.device_id)
    to = EnrollmentStatus.ENROLLED
    await advance(enrollment, to, event="checkin.enrolled", now=now, event_about=about, enrolled_at=now)
    await advance(session, SessionStatus.ENROLLED, event="session.enrolled", now=now, event_about=about, closed_at=now)
    await close_challenges(session, now=now)
    invitation = await Invitation.get(id=session.invitation_id) if session.invitation_id else None
    deliveries = await lifecycle.redeem(invitation, now=now) if invitation else []
    # A Mac has one enrollment at a time.
    for older in await Enrollment.filter(device_id=enrollment.device_id, status__in=LIVE).exclude(id=enrollment.id):
        await end_enrollment(older, "the Mac was enrolled again", now=now, ended_by="again")
    await Enrollment.filter(device_id=enrollment.device_id).update(trouble=None, trouble_at=None)
    await current.keep(enrollment.device_id)
    await identities.revoke_previous(enrollment, now)
    await identities.revoke_unused(enrollment, now)
    await Device.filter(id=enrollment.device_id).update(released=False)
    return deliveries


async def _keep_user_channel(desk: Desk, enrollment: Enrollment, message: apple.TokenUpdate, now: datetime) -> None:
    """Store the push values of one user of the Mac, apart from the Mac's own."""
    check_enrolled(enrollment)
    channel = await UserChannel.get_or_none(enrollment_id=enrollment.id, user_id=message.user_id)
    if channel is None:
        await _prune_user_channels(enrollment)
        channel = UserChannel(enrollment_id=enrollment.id, user_id=message.user_id)
    channel.short_name, channel.long_name = message.user_short_name, message.user_long_name
    channel.push_token_sealed = desk.vault.seal(message.token, channel.id, PUSH_TOKEN)
    channel.push_magic_sealed = desk.vault.seal(message.push_magic.encode(), channel.id, PUSH_MAGIC)
    channel.updated_at = now
    await channel.save()


async def _prune_user_channels(enrollment: Enrollment) -> None:
    """Delete the Mac's user channels that were idle longest, so that a new one stays within `MAX_USER_CHANNELS`."""
    channels = UserChannel.filter(enrollment_id=enrollment.id).order_by("-updated_at", "id")
    over = await channels.offset(MAX_USER_CHANNELS - 1).limit(MAX_USER_CHANNELS).values_list("id", flat=True)
    if over:
        await UserChannel.filter(id__in=over).delete()


async def _check_out(sender: Sender, message: apple.CheckOut) -> Reply:
    async with transaction():
        enrollment, _ = await enrollment_of(
            sender.certificate, message.udid, sender.context, now=sender.now, topic=message.topic
        )
        why = "the profile was removed on the Mac"
        await end_enrollment(enrollment, why, now=sender.now, ended_by="profile", trouble="removed")
        await notices.tell(notices.UNENROLLED, key=str(enrollment.id), now=sender.now, about=about_row(enrollment))
    return Reply()


async def _set_bootstrap_token(desk: Desk, enrollment: Enrollment, message: apple.SetBootstrapToken) -> Reply:
    token = message.bootstrap_token
    sealed = desk.vault.seal(token, enrollment.id, BOOTSTRAP_TOKEN) if token else None
    await Enrollment.filter(id=enrollment.id).update(bootstrap_token_sealed=sealed)
    return Reply()


async def _get_bootstrap_token(desk: Desk, enrollment: Enrollment, _message: apple.GetBootstrapToken) -> Reply:
    sealed = enrollment.bootstrap_token_sealed
    token = desk.vault.open(sealed, enrollment.id, BOOTSTRAP_TOKEN) if sealed else None
    return Reply(body=apple.bootstrap_token_answer(token), content_type="application/xml")


async def _decline_user(_desk: Desk, _enrollment: Enrollment, _message: apple.UserAuthenticate) -> Reply:
    return Reply(status=410)  # "do not manage this directory user"


async def _refuse(_desk: Desk, _enrollment: Enrollment, message: apple.Checkin) -> Reply:
    raise CheckinUnreadable(f"{type(message).__name__} is not offered")


def _about(session: EnrollmentSession, device_id: UUID) -> About:
    return replace(about_row(session), device_id=device_id)


Answer = Callable[[Sender, Any], Awaitable[Reply]]


def _for_enrolled(handle: Callable[[Desk, Enrollment, Any], Awaitable[Reply]]) -> Answer:
    """Return the answer to a message that only an enrolled Mac may send; ``handle`` runs in its transaction."""

    async def answer_enrolled(sender: Sender, message: apple.Checkin) -> Reply:
        async with transaction():
            enrollment, _ = await enrollment_of(sender.certificate, message.udid, sender.context, now=sender.now)
            check_enrolled(enrollment)
            return await handle(sender.desk, enrollment, message)

    return answer_enrolled


#: The answer to each of `apple.checkin.MESSAGE_TYPES`.
ANSWERS: Final[dict[type[apple.Checkin], Answer]] = {
    apple.Authenticate: _authenticate,
    apple.TokenUpdate: _token_update,
    apple.CheckOut: _check_out,
    apple.SetBootstrapToken: _for_enrolled(_set_bootstrap_token),
    apple.GetBootstrapToken: _for_enrolled(_get_bootstrap_token),
    apple.UserAuthenticate: _for_enrolled(_decline_user),
    apple.DeclarativeManagement: _for_enrolled(_refuse),
    apple.GetToken: _for_enrolled(_refuse),
}
