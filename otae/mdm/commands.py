"""Answers a Mac at ServerURL: takes its status report and returns the next command.

https://developer.apple.com/documentation/devicemanagement/commands-and-queries
"""

from datetime import datetime

from otae.apple.commands import Status, parse_status
from otae.enrollment.support import record_refusals
from otae.mdm import identities, queue, renewal
from otae.mdm.signatures import check_enrolled, enrollment_of, verified_sender
from otae.store.database import transaction
from otae.store.desk import Desk


async def answer(desk: Desk, body: bytes, signature: str | None, *, now: datetime) -> bytes:
    """Answer a Mac's PUT with the next command as a property list, or zero bytes when there is none.

    Args:
        body: The raw bytes of the request (XML property list, at most 1 MiB).
        signature: The value of its Mdm-Signature header.

    Raises:
        Refusal: HTTP 400, recorded with a support code.
    """
    async with record_refusals(now) as context:
        certificate = await verified_sender(desk, body, signature, context, now)
        report = parse_status(body)
        async with transaction():
            enrollment, _ = await enrollment_of(certificate, report.udid, context, now=now)
            check_enrolled(enrollment)
            if report.user_id:
                return b""  # commands here are for Macs, not for people on them
            await queue.record_answer(enrollment, report, now=now)
            if certificate.id == enrollment.certificate_id:
                await identities.revoke_previous(enrollment, now)
            command = await queue.next_command(enrollment, after_not_now=report.status is Status.NOT_NOW)
        return await renewal.command(desk, enrollment, command, now=now) if command else b""
