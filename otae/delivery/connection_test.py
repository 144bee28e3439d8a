"""Testing a notification server: one message, the transcript, and what DNS says about the sender.

A test runs as a job: `enqueue_test` orders it, `run_test` carries it out, `last_test` returns its result.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from otae.contacts import MailAddressRefused, NumberRefused, e164, mail_address
from otae.delivery.mail.mime import Mail, MessageRefused, build
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.mail.transcript import Transcript, certificate_names
from otae.delivery.servers import server_of, servers_in_order
from otae.delivery.sms.sender import CARRIER, CarrierTransport, TextTransport, gateway_transport
from otae.delivery.transport import NotSent, note_nothing
from otae.errors import InputRefused
from otae.store import audit, failure_counters, jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Job, NotificationServer
from otae.store.properties import default_region

#: The kind of a test's job.
TEST = "notification-server.test"
#: Most tests an administrator may order in an hour.
TESTS_PER_HOUR = 30
#: Seconds a server may take to answer: an administrator is watching.
TIMEOUT = 10
#: How many of the newest tests are searched for the last one of a server.
SEARCHED = 200


@dataclass(frozen=True)
class ServerTest:
    """One test. ``status``: "queued", "running", "done" or "failed"; results as `send_test_mail` returns them."""

    id: UUID
    status: str
    recipient: str
    words: str
    tls: str
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    transcript: list[str]
    certificate_names: list[str]
    certificate_until: str
    findings: list[dict[str, str]]

    @property
    def is_running(self) -> bool:
        """Whether it is queued or running."""
        return self.status in {"queued", "running"}


async def check_recipient(server: NotificationServer, recipient: str) -> str:
    """Return ``recipient`` in the form that a test through ``server`` is sent to.

    Raises InputRefused when it is no mail address, or no phone number where ``server`` is an SMS gateway.
    """
    try:
        if server.kind == "sms":
            return e164(recipient, region=await default_region())
        return mail_address(recipient)
    except (MailAddressRefused, NumberRefused) as error:
        raise InputRefused({"recipient": str(error)}) from None


async def enqueue_test(desk: Desk, server: NotificationServer, recipient: str, *, now: datetime, actor: str) -> Job:
    """Order a test message through ``server`` and return its job.

    Raises InputRefused when `check_recipient` does, SlowDown after TESTS_PER_HOUR.
    """
    recipient = await check_recipient(server, recipient)
    await failure_counters.count(
        f"notification-server.test:{actor}"[:200], failure_counters.Limit(TESTS_PER_HOUR, timedelta(hours=1)), now
    )
    async with transaction():
        order: dict[str, object] = {"server": str(server.id), "recipient": recipient}
        job = await jobs.enqueue(TEST, order, created_by=actor, now=now)
        await audit.record(actor, "notification-server.test", now=now, subject=server.name, detail=recipient)
    desk.bell.ring("job", job.id)
    return job


async def run_test(desk: Desk, job: Job, *, now: datetime) -> None:
    """Send the test message of ``job`` and store the result.

    The job's output: ``server`` (its name) and what `send_test_mail` or `send_test_text` returns.
    """
    outcome: dict[str, object] = {"ok": False, "server": "", "words": "", "tls": ""}
    try:
        server = await server_of(UUID(str(job.input["server"])))
    except InputRefused as error:
        outcome["words"] = str(error)
    else:
        message_id = f"<{job.id}.test@{desk.settings.public_host}>"
        outcome |= {"server": server.name}
        recipient = str(job.input["recipient"])
        if server.kind == "sms":
            mail = next(iter(await servers_in_order()), None)
            outcome |= await send_test_text(desk, server, recipient, mail=mail, message_id=message_id, now=now)
        else:
            outcome |= await send_test_mail(desk, server, recipient, message_id=message_id, now=now)
    await jobs.finish(job, outcome, now=now, failed=not outcome["ok"])


async def last_test(server_id: UUID) -> ServerTest | None:
    """Return the newest test of the server with this id; None when there is none among the last SEARCHED tests."""
    jobs = await Job.filter(kind=TEST).order_by("-created_at").limit(SEARCHED)
    job = next((job for job in jobs if job.input.get("server") == str(server_id)), None)
    if job is None:
        return None
    return ServerTest(
        id=job.id,
        status=job.status,
        recipient=str(job.input.get("recipient", "")),
        words=str(job.output.get("words", "")),
        tls=str(job.output.get("tls", "")),
        created_by=job.created_by,
        created_at=job.created_at,
        finished_at=job.finished_at,
        transcript=_list(job, "said"),
        certificate_names=_list(job, "certificate_names"),
        certificate_until=str(job.output.get("certificate_until", "")),
        findings=_list(job, "findings"),
    )


def change_mark(test: ServerTest | None) -> str:
    """Return a text that changes with the test's status, for a page that polls."""
    return f"{test.id}-{test.status}" if test else "none"


async def send_test_mail(
    desk: Desk, server: NotificationServer, recipient: str, *, message_id: str, now: datetime
) -> dict[str, object]:
    """Send a test mail through ``server`` over a connection of its own and return the results to show.

    Returns:
        ``ok``: whether it was accepted; ``words``: the server's, or why nothing was sent; ``tls``: version and cipher,
        "" without TLS; ``said``: the lines of the transcript, without secrets; ``certificate_names``;
        ``certificate_until``; ``findings``: as `deliverability.check_sender_domain` returns them.
    """
    transport = smtp_transport(desk, server, timeout=min(server.timeout, TIMEOUT))
    transcript = Transcript(tuple(filter(None, (transport.endpoint.password,))))
    outcome: dict[str, object] = {"ok": False, "words": "", "tls": ""}
    try:
        message = _message(desk, server, recipient, message_id, now)
        receipt = await transport.send(message, recipient, note_nothing, transcript)
        outcome |= {"ok": True, "words": receipt.words, "tls": receipt.tls}
    except (NotSent, MessageRefused) as error:
        outcome["words"] = str(error)
    return outcome | {
        "said": transcript.lines,
        "certificate_names": certificate_names(transcript.certificate),
        "certificate_until": str(transcript.certificate.get("notAfter", "")),
        "findings": await _findings(server),
    }


async def send_test_text(
    desk: Desk,
    server: NotificationServer,
    recipient: str,
    *,
    mail: NotificationServer | None,
    message_id: str,
    now: datetime,
) -> dict[str, object]:
    """Send a test text through the SMS gateway ``server`` to ``recipient`` (E.164) and return the results to show.

    ``mail``: the mail server that carriers are reached by. The results are ``ok``, ``words``, ``tls`` and ``said``, as
    `send_test_mail` returns them.
    """
    transport: TextTransport
    if server.gateway == CARRIER:
        carrier = str(server.options.get("carrier", ""))
        transport = CarrierTransport(desk, server.name, carrier, mail, message_id, now, timeout=TIMEOUT)
        secrets = tuple(filter(None, (smtp_transport(desk, mail).endpoint.password,))) if mail else ()
    else:
        transport = gateway_transport(desk, server, timeout=min(server.timeout, TIMEOUT))
        secrets = transport.secret_forms()
    transcript = Transcript(secrets)
    outcome: dict[str, object] = {"ok": False, "words": "", "tls": ""}
    text = f"Test message: text messages go out through {server.name}. {desk.settings.public_url}"
    try:
        receipt = await transport.send(text, recipient, note_nothing, transcript)
        outcome |= {"ok": True, "words": receipt.words, "tls": receipt.tls}
    except (NotSent, MessageRefused) as error:
        outcome["words"] = str(error)
    return outcome | {"said": transcript.lines}


async def _findings(server: NotificationServer) -> list[dict[str, str]]:
    try:
        from otae.delivery.mail import deliverability  # noqa: PLC0415 - a test goes without where dnspython is not installed
    except ModuleNotFoundError:
        return []
    return await deliverability.check_sender_domain(server.from_email.rpartition("@")[2], server.dkim_selector)


def _message(desk: Desk, server: NotificationServer, recipient: str, message_id: str, now: datetime) -> Mail:
    return build(
        sender=(server.from_name, server.from_email),
        recipient=recipient,
        subject=f"Test message from {server.from_name}",
        text=f"This message shows that mail goes out through {server.host}.\n\n{desk.settings.public_url}\n",
        html=None,
        message_id=message_id,
        now=now,
    )


def _list(job: Job, name: str) -> list[Any]:
    kept = job.output.get(name)
    return kept if isinstance(kept, list) else []
