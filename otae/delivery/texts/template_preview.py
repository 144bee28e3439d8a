"""Drafts of templates: previewing a wording that is not saved, and sending it to oneself.

Neither ever shows a working PIN or link: samples are inserted instead.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from otae import paths
from otae.contacts import MailAddressRefused, NumberRefused, e164, mail_address
from otae.delivery.catcher import MailCatcher, TextCatcher
from otae.delivery.inviters import inviter_name
from otae.delivery.mail.mime import MessageRefused, build, with_logo
from otae.delivery.mail.smtp import smtp_transport
from otae.delivery.servers import active_server, servers_in_order
from otae.delivery.sms.parts import Measure, measure, unicode_letters
from otae.delivery.sms.sender import CARRIER, CarrierTransport, gateway_transport
from otae.delivery.texts.compose import (
    MOST_PARTS,
    Organization,
    default_sender,
    fill_mail,
    fill_sms,
    invitation_page,
    invitation_url,
    load_organization,
    macro_values,
    objection_url,
)
from otae.delivery.texts.default_texts import Wording, default_in
from otae.delivery.texts.kinds import ADMINISTRATIVE
from otae.delivery.texts.languages import MAIN
from otae.delivery.texts.macros import has_value, properties_in
from otae.delivery.texts.template_editing import check_wording
from otae.delivery.transport import NotSent, Receipt, note_nothing
from otae.errors import InputRefused
from otae.store import audit, failure_counters, jobs
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.mode_table import SAMPLE
from otae.store.models import Invitation, Job, NotificationServer, NotificationTemplate, Person
from otae.store.properties import default_region
from otae.translatable import N_

#: The kind of the job that sends a draft.
JOB_KIND = "notification-template.send"
#: Most drafts that an administrator may send in an hour.
DRAFTS_PER_HOUR = 30
#: Seconds a server may take to answer: an administrator is watching.
TIMEOUT = 10
SAMPLE_PIN = "12345678"
SAMPLE_INVITER = "Grace Hopper"
SAMPLE_NOTE = "Please do this before Friday."
SAMPLE_REASON = "550 5.1.1 ben@example.test: there is no such mailbox"
SAMPLE_TROUBLE = "mail.example.test: 553 5.7.1 it@example.test: sender address rejected"
SAMPLE_TOKEN = "ep-00000000-0000-4000-8000-000000000000"  # noqa: S105 - opens nothing


@dataclass(frozen=True)
class Draft:
    """A wording with values inserted.

    ``sms``: "" for a kind without a text message; ``person``: whose values were inserted, "" for sample values;
    ``logo``: the PNG file that goes along, None without one.
    """

    subject: str
    text: str
    html: str
    sms: str
    person: str
    logo: bytes | None = field(default=None, repr=False)

    @property
    def page(self) -> str:
        """The HTML as a browser shows it, with the logo as data in it."""
        return with_logo(self.html, self.logo)

    @property
    def measure(self) -> Measure:
        """The length of the text message."""
        return measure(self.sms)

    @property
    def unicode_letters(self) -> str:
        """The characters that make the text message Unicode."""
        return unicode_letters(self.sms)


@dataclass(frozen=True)
class DraftStatus:
    """A draft being sent.

    ``status``: "queued", "running", "done" or "failed"; ``words``: why it failed, or the server's answer.
    """

    id: UUID
    status: str
    recipient: str
    through: str
    words: str

    @property
    def is_running(self) -> bool:
        """Whether it is queued or running."""
        return self.status in {"queued", "running"}


async def preview(
    desk: Desk,
    kind: str,
    wording: Wording,
    *,
    now: datetime,
    language: str = MAIN,
    organization: Organization | None = None,
) -> Draft:
    """Fill a ``wording`` of ``kind`` with the values of the newest pending invitation, or with sample values.

    Macros without a value in this kind are left as they are, so that they show.

    Args:
        organization: What is said about the sender; by default what is in force.
    """
    organization = organization or await load_organization(desk)
    newest = Invitation.filter(status="pending", rehearsal=False).order_by("-created_at").select_related("person")
    found = await newest.first()
    invitation, person = (found, found.person) if found else _sample(now, properties_in(*asdict(wording).values()))
    inviter = await inviter_name(invitation.created_by) if found else SAMPLE_INVITER
    values = macro_values(organization, invitation, person, language, inviter)
    values |= {"enrollment.url": invitation_url(desk.settings, SAMPLE_TOKEN), "enrollment.pin": SAMPLE_PIN}
    values |= {"objection.url": objection_url(desk.settings, "…")}
    values |= {"invitation.page": invitation_page(desk.settings, invitation), "failure.reason": SAMPLE_REASON}
    values |= {"approval.page": f"{desk.settings.public_url}{paths.APPROVALS}"}
    if kind == "trouble":
        values |= {"failure.page": f"{desk.settings.public_url}{paths.NOTIFICATION_SERVERS}"}
        values |= {"failure.reason": SAMPLE_TROUBLE}
    values = {name: value for name, value in values.items() if has_value(kind, name)}
    default = default_in(kind, language)
    if default and not wording.sms:
        wording = replace(wording, sms=default.sms)
    filled = fill_mail(wording, values)
    sms = fill_sms(kind, wording, values)
    logo = organization.logo.image if organization.logo else None
    return Draft(filled.subject, filled.text, filled.html, sms, found.person.name if found else "", logo)


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
    """Order ``wording`` to be sent to ``recipient`` and return the job; audited.

    Args:
        recipient: A mail address, or a phone number where ``channel`` is "sms".

    Raises:
        InputRefused: Names "recipient" or "phone", "subject", "text", "html" or "sms".
        SlowDown: After DRAFTS_PER_HOUR, mails and text messages together.
    """
    fields: dict[str, str] = {}
    try:
        await check_wording(template.kind, wording)
    except InputRefused as refusal:
        fields |= refusal.fields
    try:
        recipient = await _recipient(template.kind, recipient, channel)
    except InputRefused as refusal:
        fields |= refusal.fields
    if channel == "sms" and not fields:
        draft = await preview(desk, template.kind, wording, now=now, language=language)
        if draft.measure.parts > MOST_PARTS:
            fields["sms"] = N_("is longer than %(most_parts)s parts", most_parts=MOST_PARTS)
    if fields:
        raise InputRefused(fields)
    await failure_counters.count(
        f"{JOB_KIND}:{actor}"[:200], failure_counters.Limit(DRAFTS_PER_HOUR, timedelta(hours=1)), now
    )
    async with transaction():
        order: dict[str, object] = {"template": str(template.id), "kind": template.kind, "recipient": recipient}
        order |= {"subject": wording.subject, "text": wording.text, "html": wording.html, "sms": wording.sms}
        order |= {"language": language, "channel": channel}
        job = await jobs.enqueue(JOB_KIND, order, created_by=actor, now=now)
        await audit.record(actor, "template.sent", now=now, subject=template.name, detail=recipient)
    desk.bell.ring("job", job.id)
    return job


async def run_draft(desk: Desk, job: Job, *, now: datetime) -> None:
    """Send the draft of ``job`` through the active server of its channel, or to the catcher, and store the result.

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
    await jobs.finish(job, outcome, now=now, failed=not outcome["ok"])


async def _mail(
    desk: Desk, server: NotificationServer | None, draft: Draft, recipient: str, message_id: str, now: datetime
) -> Receipt:
    message = build(
        sender=(server.from_name, server.from_email) if server else await default_sender(desk),
        recipient=recipient,
        subject=draft.subject,
        text=draft.text,
        html=draft.html,
        message_id=message_id,
        now=now,
        logo=draft.logo,
    )
    transport = smtp_transport(desk, server, timeout=min(server.timeout, TIMEOUT)) if server else MailCatcher(desk, now)
    return await transport.send(message, recipient, note_nothing)


async def _text(
    desk: Desk, server: NotificationServer | None, draft: Draft, recipient: str, message_id: str, now: datetime
) -> Receipt:
    if server is None:
        return await TextCatcher(desk, now).send(draft.sms, recipient, note_nothing)
    if server.gateway == CARRIER:
        carrier, mail = str(server.options.get("carrier", "")), next(iter(await servers_in_order()), None)
        by_carrier = CarrierTransport(desk, server.name, carrier, mail, message_id, now, timeout=TIMEOUT)
        return await by_carrier.send(draft.sms, recipient, note_nothing)
    transport = gateway_transport(desk, server, timeout=min(server.timeout, TIMEOUT))
    return await transport.send(draft.sms, recipient, note_nothing)


async def _recipient(kind: str, entered: str, channel: str) -> str:
    """Return a draft's recipient in the form it is sent to; InputRefused ("recipient" or "phone")."""
    if channel != "sms":
        try:
            return mail_address(entered)
        except MailAddressRefused as error:
            raise InputRefused({"recipient": error.args[0]}) from None
    if kind in ADMINISTRATIVE:
        raise InputRefused({"phone": N_("this message is sent by mail alone")})
    try:
        number = e164(entered, region=await default_region())
    except NumberRefused as error:
        raise InputRefused({"phone": error.args[0]}) from None
    if await active_server("sms") is None and await active_server() is not None:
        raise InputRefused({"phone": N_("no SMS server is active under Notification servers")})
    return number


async def sent_draft(template_id: UUID, job_id: UUID) -> DraftStatus | None:
    """Return the status of a draft of this template; None when there is no such job."""
    job = await Job.get_or_none(id=job_id, kind=JOB_KIND)
    if job is None or job.input.get("template") != str(template_id):
        return None
    words, through = str(job.output.get("words", "")), str(job.output.get("through", ""))
    return DraftStatus(job.id, job.status, str(job.input["recipient"]), through, words)


def _sample(now: datetime, properties: Iterable[str]) -> tuple[Invitation, Person]:
    """Return an invitation and its person with sample values; each property says its own name."""
    ada = Person(name="ada", display_name="Ada Example", email="ada@example.test", phone=None, created_at=now)
    ada.properties = {name: name for name in properties}
    return Invitation(mode=SAMPLE, valid_until=now + timedelta(days=1), note=SAMPLE_NOTE), ada
