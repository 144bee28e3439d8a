"""What a Mac says at ServerURL: that it is idle, or what became of a command; and what it is to do next.

https://developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

from datetime import datetime

from otae.apple.commands import Status, parse_status
from otae.enrollment.support import recorded
from otae.errors import DeviceUnknown
from otae.mdm import identities, queue, renewal
from otae.mdm.signatures import enrollment_of, sender
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.states import EnrollmentStatus


async def answer(desk: Desk, body: bytes, signature: str | None, *, now: datetime) -> bytes:
    """Answer a Mac's PUT: the next command as a property list, or zero bytes when nothing waits for it.

    ``body``: the raw bytes of the request (XML property list, at most 1 MiB); ``signature``: its Mdm-Signature header.
    Raises Refusal, recorded with a support code: HTTP 400.
    """
    async with recorded(now) as known:
        certificate = await sender(body, signature, known, now)
        said = parse_status(body)
        async with transaction():
            enrollment, _ = await enrollment_of(certificate, said.udid, known, now=now)
            if enrollment.status != EnrollmentStatus.ENROLLED:
                raise DeviceUnknown(f"the enrollment is {enrollment.status}")
            if said.user_id:
                return b""  # commands here are for Macs, not for people on them
            await queue.answered(enrollment, said, now=now)
            if certificate.id == enrollment.certificate_id:
                await identities.forget_previous(enrollment, now)
            waiting = await queue.waiting(enrollment, after_not_now=said.status is Status.NOT_NOW)
        return await renewal.command(desk, enrollment, waiting, now=now) if waiting else b""
