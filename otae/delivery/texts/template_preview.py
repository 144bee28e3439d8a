"""A wording that is not saved yet: what it would say to somebody, and sending it to oneself.

Neither ever shows a PIN or a link that works: samples stand in their place.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from otae.contacts import MailAddressRefused, mail_address
from otae.delivery import phones
from otae.delivery.catcher import Catcher, TextCatcher
from otae.delivery.mail.mime import MessageRefused, build
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.servers import active_server, ways
from otae.delivery.sms.parts import Measure, foreign, measure
from otae.delivery.sms.sender import CARRIER, CarrierTransport, gateway_transport
from otae.delivery.texts.compose import (
    MOST_PARTS,
    filled_mail,
    filled_sms,
    house_sender,
    invitation_page,
    invitation_url,
    values_of,
)
from otae.delivery.texts.default_texts import DEFAULTS, Wording
from otae.delivery.texts.languages import MAIN
from otae.delivery.texts.macros import MACROS
from otae.delivery.texts.template_editing import check_wording
from otae.delivery.texts.translations import default_in
from otae.delivery.transport import NotSent, Receipt
from otae.errors import InputRefused
from otae.store import audit, failure_counters, jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Invitation, Job, NotificationServer, NotificationTemplate, Person

#: The kind of the job that sends a draft.
SEND = "notification-template.send"
#: Drafts sent an hour and administrator.
SENT = 30
#: Seconds an answer may take: somebody is watching.
PATIENCE = 10
SAMPLE_PIN = "12345678"
SAMPLE_NOTE = "Please do this before Friday."
SAMPLE_REASON = "550 5.1.1 ben@example.test: there is no such mailbox"
SAMPLE_TROUBLE = "mail.example.test: 553 5.7.1 it@example.test: sender address rejected"
SAMPLE_TOKEN = "ep-00000000-0000-4000-8000-000000000000"  # noqa: S105 - opens nothing


@dataclass(frozen=True)
class Draft:
    """What a wording says with values put in. ``person``: whose values they are, "" for made-up ones.

    ``sms``: "" for a kind without; ``measure`` says how long it is, ``foreign`` which letters make it Unicode.
    """

    subject: str
    text: str
    html: str
    sms: str
    person: str

    @property
    def measure(self) -> Measure:
        """How long the text message is."""
        return measure(self.sms)

    @property
    def foreign(self) -> str:
        """The letters that only a Unicode text message can carry."""
        return foreign(self.sms)


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


async def preview(desk: Desk, kind: str, wording: Wording, *, now: datetime, language: str = MAIN) -> Draft:
    """Return what a ``wording`` of ``kind`` says in ``language`` to the person of the newest pending invitation.

    Without any, to somebody made up. Macros without a value in such a message are left as they are written, so that
    they show.
    """
    newest = Invitation.filter(status="pending", rehearsal=False).order_by("-created_at").select_related("person")
    found = await newest.first()
    invitation, person = (found, found.person) if found else _made_up(now)
    values = await values_of(invitation, person, language)
    values |= {"enrollment.url": invitation_url(desk.settings, SAMPLE_TOKEN), "enrollment.pin": SAMPLE_PIN}
    values |= {"invitation.page": invitation_page(desk.settings, invitation), "failure.reason": SAMPLE_REASON}
    if kind == "trouble":
        values |= {"failure.page": f"{desk.settings.public_url}/admin/notification-servers"}
        values |= {"failure.reason": SAMPLE_TROUBLE}
    values = {name: value for name, value in values.items() if kind in MACROS[name]}
    spoken = default_in(kind, language)
    if spoken and not wording.sms:
        wording = replace(wording, sms=spoken.sms)
    filled = filled_mail(wording, values)
    sms = filled_sms(kind, wording, values)
    return Draft(filled.subject, filled.text, filled.html, sms, found.person.name if found else "")


async def enqueue_draft(
    desk: Desk,
    template: NotificationTemplate,
    wording: Wording,
    recipient: str,
    *,
    now: datetime,
    actor: str,
    language: str = MAIN,
    channel: str = "mail",
) -> Job:
    """Order ``wording`` to be sent to ``recipient`` with sample values and return the job to follow; audited.

    ``channel``: "mail", or "sms" to a phone number. Raises InputRefused ("recipient" or "phone", "subject", "text",
    "html", "sms") for what cannot be sent, SlowDown after thirty in an hour, mails and text messages together.
    """
    fields: dict[str, str] = {}
    try:
        check_wording(template.kind, wording)
    except InputRefused as refusal:
        fields |= refusal.fields
    try:
        recipient = await _recipient(template.kind, recipient, channel)
    except InputRefused as refusal:
        fields |= refusal.fields
    if channel == "sms" and not fields:
        draft = await preview(desk, template.kind, wording, now=now, language=language)
        if draft.measure.parts > MOST_PARTS:
            fields["sms"] = f"is longer than {MOST_PARTS} parts"
    if fields:
        raise InputRefused(fields)
    await failure_counters.spend(f"{SEND}:{actor}"[:200], SENT, now, timedelta(hours=1))
    async with transaction():
        order: dict[str, object] = {"template": str(template.id), "kind": template.kind, "recipient": recipient}
        order |= {"subject": wording.subject, "text": wording.text, "html": wording.html, "sms": wording.sms}
        order |= {"language": language, "channel": channel}
        job = await jobs.enqueue(SEND, order, created_by=actor, now=now)
        await audit.record(actor, "template.sent", now=now, subject=template.name, detail=recipient)
    desk.bell.ring("job", job.id)
    return job


async def run_draft(desk: Desk, job: Job, *, now: datetime) -> None:
    """Send the draft of ``job`` through the active server of its channel, to the catcher without one, and store it.

    The job's output: ``ok``, ``through`` (the server's name, "" for the catcher) and ``words``.
    """
    channel = str(job.input.get("channel", "mail"))
    server = await active_server("sms" if channel == "sms" else "smtp")
    outcome: dict[str, object] = {"ok": False, "through": server.name if server else "", "words": ""}
    given = Wording(*(str(job.input.get(part, "")) for part in ("subject", "text", "html", "sms")))
    kind, language, recipient = (str(job.input[part]) for part in ("kind", "language", "recipient"))
    draft = await preview(desk, kind, given, now=now, language=language)
    message_id = f"<{job.id}.draft@{desk.settings.public_host}>"
    send = _text if channel == "sms" else _mail
    try:
        receipt = await send(desk, server, draft, recipient, message_id, now)
        outcome |= {"words": receipt.words, "ok": True}
    except (NotSent, MessageRefused) as error:
        outcome["words"] = str(error)
    await jobs.finish(job.id, outcome, now=now, failed=not outcome["ok"])


async def _mail(
    desk: Desk, server: NotificationServer | None, draft: Draft, recipient: str, message_id: str, now: datetime
) -> Receipt:
    message = build(
        sender=(server.from_name, server.from_email) if server else await house_sender(desk),
        recipient=recipient,
        subject=draft.subject,
        text=draft.text,
        html=draft.html,
        message_id=message_id,
        now=now,
    )
    way = smtp_transport(desk, server, timeout=min(server.timeout, PATIENCE)) if server else Catcher(desk, now)
    return await way.send(message, recipient, _nothing_to_note)


async def _text(
    desk: Desk, server: NotificationServer | None, draft: Draft, recipient: str, message_id: str, now: datetime
) -> Receipt:
    if server is None:
        return await TextCatcher(desk, now).send(draft.sms, recipient, _nothing_to_note)
    if server.gateway == CARRIER:
        carrier, mail = str(server.options.get("carrier", "")), next(iter(await ways()), None)
        carried = CarrierTransport(desk, server.name, carrier, mail, message_id, now, patience=PATIENCE)
        return await carried.send(draft.sms, recipient, _nothing_to_note)
    through = gateway_transport(desk, server, patience=min(server.timeout, PATIENCE))
    return await through.send(draft.sms, recipient, _nothing_to_note)


async def _recipient(kind: str, entered: str, channel: str) -> str:
    """Return where a draft goes; InputRefused beside the field it was entered in."""
    if channel != "sms":
        try:
            return mail_address(entered)
        except MailAddressRefused as error:
            raise InputRefused({"recipient": str(error)}) from None
    if not DEFAULTS[kind].sms:
        raise InputRefused({"phone": "this message is sent by mail alone"})
    try:
        number = phones.e164(entered, region=await phones.own_region())
    except phones.NumberRefused as error:
        raise InputRefused({"phone": str(error)}) from None
    if await active_server("sms") is None and await active_server() is not None:
        raise InputRefused({"phone": "no SMS server is active under Notification servers"})
    return number


async def sent_draft(template_id: UUID, job_id: UUID) -> DraftSent | None:
    """Return how far sending a draft of this template is, None when there is no such job."""
    job = await Job.get_or_none(id=job_id, kind=SEND)
    if job is None or job.input.get("template") != str(template_id):
        return None
    words, through = str(job.output.get("words", "")), str(job.output.get("through", ""))
    return DraftSent(job.id, job.status, str(job.input["recipient"]), through, words)


def _made_up(now: datetime) -> tuple[Invitation, Person]:
    ada = Person(name="ada", display_name="Ada Example", email="ada@example.test", phone=None, created_at=now)
    return Invitation(mode="high_security", valid_until=now + timedelta(days=1), note=SAMPLE_NOTE), ada


async def _nothing_to_note() -> None:
    """A draft that breaks off is simply not sent."""
