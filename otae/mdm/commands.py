"""What a Mac says at ServerURL: that it is idle, or what became of a command.

https://developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

from datetime import datetime

from otae.apple.commands import parse_status
from otae.enrollment.support import recorded
from otae.errors import DeviceUnknown
from otae.mdm.senders import enrollment_of, sender
from otae.store.desk import Desk
from otae.store.states import EnrollmentStatus


async def answer(desk: Desk, body: bytes, signature: str | None, *, now: datetime) -> bytes:
    """Answer a Mac's PUT: zero bytes, for there is nothing to do for it.

    ``body``: the raw bytes of the request (XML property list, at most 1 MiB); ``signature``: its Mdm-Signature header.
    Raises Refusal, recorded with a support code: HTTP 400.
    """
    del desk  # every room function that may come to need it takes it first
    async with recorded(now) as known:
        certificate = await sender(body, signature, known, now)
        said = parse_status(body)
        enrollment, _ = await enrollment_of(certificate, said.udid, known, now=now)
        if enrollment.status != EnrollmentStatus.ENROLLED:
            raise DeviceUnknown(f"the enrollment is {enrollment.status}")
    return b""
