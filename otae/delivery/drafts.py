"""A wording that is not saved yet: what it would say to somebody, and sending it to oneself.

Neither ever shows a PIN or a link that works: samples stand in their place.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from otae.delivery.catcher import Catcher
from otae.delivery.compose import house_sender, invitation_url, values_of
from otae.delivery.macros import MACROS, fill
from otae.delivery.message import MessageRefused, build, check_address
from otae.delivery.servers import active_server
from otae.delivery.smtp import smtp_transport
from otae.delivery.transport import NotSent
from otae.delivery.wording import Wording, check_wording
from otae.errors import InputRefused
from otae.store import audit, jobs, tries
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Invitation, Job, NotificationTemplate, Person

#: The kind of the job that sends a draft.
SEND = "notification-template.send"
#: Drafts sent an hour and administrator.
SENT = 30
#: Seconds an answer may take: somebody is watching.
PATIENCE = 10
SAMPLE_PIN = "12345678"
SAMPLE_TOKEN = "ep-00000000-0000-4000-8000-000000000000"  # noqa: S105 - opens nothing


@dataclass(frozen=True)
class Draft:
    """What a wording says with values put in. ``person``: whose values they are, "" for made-up ones."""

    subject: str
    text: str
    html: str
    person: str


@dataclass(frozen=True)
class DraftSent:
    """A draft on its way. ``status``: "queued", "running", "done" or "failed"; ``words``: the server's, or ours."""

    id: UUID
    status: str
    recipient: str
    through: str
    words: str

    @property
    def is_running(self) -> bool:
        """Tell whether it still waits or runs."""
        return self.status in {"queued", "running"}


async def preview(desk: Desk, kind: str, wording: Wording, *, now: datetime) -> Draft:
    """Return what a ``wording`` of ``kind`` says to the person of the newest pending invitation.

    Without any, to somebody made up. Macros without a value in such a message are left as they are written, so that
    they show.
    """
    newest = Invitation.filter(status="pending", rehearsal=False).order_by("-created_at").select_related("person")
    invitation = await newest.first()
    if invitation is None:
        values = await values_of(_somebody(now), "high_security", now + timedelta(days=1))
    else:
        values = await values_of(invitation.person, invitation.mode, invitation.valid_until)
    values |= {"enrollment.url": invitation_url(desk.settings, SAMPLE_TOKEN), "enrollment.pin": SAMPLE_PIN}
    values = {name: value for name, value in values.items() if kind in MACROS[name]}
    return Draft(
        subject=fill(wording.subject, values),
        text=fill(wording.text, values),
        html=fill(wording.html, values, escape=True),
        person=invitation.person.name if invitation else "",
    )


async def enqueue_draft(
    desk: Desk, template: NotificationTemplate, wording: Wording, recipient: str, *, now: datetime, actor: str
) -> Job:
    """Order ``wording`` to be sent to ``recipient`` with sample values and return the job to follow; audited.

    Raises InputRefused ("recipient", "subject", "text", "html") for what cannot be sent, SlowDown after thirty in an
    hour.
    """
    fields: dict[str, str] = {}
    try:
        check_wording(template.kind, wording)
    except InputRefused as refusal:
        fields |= refusal.fields
    try:
        check_address(recipient.strip(), "address")
    except MessageRefused as error:
        fields["recipient"] = str(error).partition(": ")[2]
    if fields:
        raise InputRefused(fields)
    await tries.spend(f"{SEND}:{actor}"[:200], SENT, now, timedelta(hours=1))
    async with transaction():
        order: dict[str, object] = {"template": str(template.id), "kind": template.kind, "recipient": recipient.strip()}
        order |= {"subject": wording.subject, "text": wording.text, "html": wording.html}
        job = await jobs.enqueue(SEND, order, created_by=actor, now=now)
        await audit.record(actor, "template.sent", now=now, subject=template.name, detail=recipient.strip())
    desk.bell.ring("job", job.id)
    return job


async def run_draft(desk: Desk, job: Job, *, now: datetime) -> None:
    """Send the draft of ``job`` through the active server, to the mail catcher without one, and store what came of it.

    The job's output: ``ok``, ``through`` (the server's name, "" for the catcher) and ``words``.
    """
    server = await active_server()
    outcome: dict[str, object] = {"ok": False, "through": server.name if server else "", "words": ""}
    given = Wording(*(str(job.input[part]) for part in ("subject", "text", "html")))
    draft, recipient = await preview(desk, str(job.input["kind"]), given, now=now), str(job.input["recipient"])
    try:
        message = build(
            sender=(server.from_name, server.from_email) if server else await house_sender(desk),
            recipient=recipient,
            subject=draft.subject,
            text=draft.text,
            html=draft.html,
            message_id=f"<{job.id}.draft@{desk.settings.public_host}>",
            now=now,
        )
        way = smtp_transport(desk, server, timeout=min(server.timeout, PATIENCE)) if server else Catcher(desk, now)
        outcome |= {"words": (await way.send(message, recipient, _nothing_to_note)).words, "ok": True}
    except (NotSent, MessageRefused) as error:
        outcome["words"] = str(error)
    await jobs.finish(job.id, outcome, now=now, failed=not outcome["ok"])


async def sent_draft(template_id: UUID, job_id: UUID) -> DraftSent | None:
    """Return how far sending a draft of this template is, None when there is no such job."""
    job = await Job.get_or_none(id=job_id, kind=SEND)
    if job is None or job.input.get("template") != str(template_id):
        return None
    words, through = str(job.output.get("words", "")), str(job.output.get("through", ""))
    return DraftSent(job.id, job.status, str(job.input["recipient"]), through, words)


def _somebody(now: datetime) -> Person:
    return Person(name="ada", display_name="Ada Example", email="ada@example.test", phone=None, created_at=now)


async def _nothing_to_note() -> None:
    """A draft that breaks off is simply not sent."""
