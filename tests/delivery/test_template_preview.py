"""A wording that is not saved yet is shown and sent with samples in place of every secret."""

from uuid import uuid4

import pytest

from otae.delivery import catcher, servers
from otae.delivery.texts import template_preview, templates
from otae.delivery.texts.default_texts import Wording
from otae.errors import InputRefused, SlowDown
from otae.store import jobs
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Delivery, Invitation, Job, NotificationTemplate, Person
from tests.delivery.conftest import NOW, PIN, TOKEN, Invite, UseServer
from tests.delivery.texting import BEN, UseGateway
from tests.servers import sms
from tests.servers.sms import StartProvider
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio

LINK = Wording("To ${user.displayname}", "${enrollment.url} ${enrollment.pin}", "<b>${user.displayname}</b>")


@pytest.fixture
async def pending(invite: Invite) -> Invitation:
    """Ben's invitation waits for him."""
    return (await invite("url", "pin")).invitation


async def do(desk: Desk, job: Job) -> template_preview.DraftStatus:
    """Do the job as a worker would."""
    claimed = await jobs.claim(job.id, NOW)
    assert claimed is not None
    await template_preview.run_draft(desk, claimed, now=NOW)
    sent = await template_preview.sent_draft((await templates.default_template("pin")).id, job.id)
    assert sent is not None
    return sent


async def order(desk: Desk, template: NotificationTemplate, recipient: str = "ada@example.test") -> Job:
    wording = Wording("Draft for ${user.loginname}", "PIN ${enrollment.pin}", "<p>${enrollment.pin}</p>")
    return await template_preview.enqueue_draft(desk, template, wording, recipient, now=NOW, actor="ada")


async def test_without_an_invitation_somebody_made_up_is_shown(desk: Desk) -> None:
    shown = await template_preview.preview(desk, "url", LINK, now=NOW)
    assert shown.person == ""
    assert shown.subject == "To Ada Example"
    assert shown.text == f"{desk.settings.public_url}/zdm/su?e={template_preview.SAMPLE_TOKEN} ${{enrollment.pin}}"
    assert await Person.all().count() == await Invitation.all().count() == 0


async def test_a_property_of_somebody_made_up_says_its_name_and_a_persons_says_the_value(
    desk: Desk, invite: Invite
) -> None:
    wording = Wording("${user.property.department 'none'}", "x", "x")
    assert (await template_preview.preview(desk, "url", wording, now=NOW)).subject == "department"
    ben = await invite("url")
    assert (await template_preview.preview(desk, "url", wording, now=NOW)).subject == "none"
    await Person.filter(id=ben.person.id).update(properties={"department": "IT"})
    assert (await template_preview.preview(desk, "url", wording, now=NOW)).subject == "IT"


async def test_the_newest_pending_invitation_is_shown_without_its_secrets(desk: Desk, pending: Invitation) -> None:
    await Person.filter(id=pending.person_id).update(display_name="Ben <B>")
    shown = await template_preview.preview(desk, "url", LINK, now=NOW)
    assert (shown.person, shown.html) == ("ben", "<b>Ben &lt;B&gt;</b>")
    assert TOKEN not in repr(shown)
    pin = await template_preview.preview(desk, "pin", Wording("", "${enrollment.pin}", ""), now=NOW)
    assert pin.text == template_preview.SAMPLE_PIN != PIN


async def test_a_rehearsal_and_a_finished_invitation_are_nobody_to_show(desk: Desk, pending: Invitation) -> None:
    await Invitation.filter(id=pending.id).update(rehearsal=True)
    assert (await template_preview.preview(desk, "url", LINK, now=NOW)).person == ""
    await Invitation.filter(id=pending.id).update(rehearsal=False, status="revoked")
    assert (await template_preview.preview(desk, "url", LINK, now=NOW)).person == ""


async def test_without_a_server_the_catcher_takes_the_draft(desk: Desk, pending: Invitation) -> None:
    template = await templates.default_template("pin")
    before = await Delivery.all().count()
    sent = await do(desk, await order(desk, template))
    assert (sent.status, sent.through, sent.recipient) == ("done", "", "ada@example.test")
    mail = await catcher.open_caught(desk, (await catcher.list_caught())[0].id)
    assert mail["Subject"] == "Draft for ben"
    text = mail.as_string()
    assert template_preview.SAMPLE_PIN in text
    assert PIN not in text
    assert (await NotificationTemplate.get(id=template.id)).subject == template.subject
    assert await Delivery.all().count() == before
    entry = await AuditEntry.get(action="template.sent")
    assert (entry.actor, entry.subject, entry.detail) == ("ada", template.name, "ada@example.test")


async def test_the_active_server_takes_the_draft(desk: Desk, smtp_server: SMTPServer, use_server: UseServer) -> None:
    await use_server(smtp_server)
    sent = await do(desk, await order(desk, await templates.default_template("pin")))
    assert sent.status == "done", sent.words
    active = await servers.active_server()
    assert active is not None
    assert sent.through == active.name
    assert smtp_server.to("ada@example.test")
    assert await catcher.list_caught() == []


async def test_a_server_that_refuses_is_quoted(desk: Desk, smtp_server: SMTPServer, use_server: UseServer) -> None:
    await use_server(smtp_server)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    sent = await do(desk, await order(desk, await templates.default_template("pin")))
    assert sent.status == "failed"
    assert "nobody here" in sent.words


@pytest.mark.parametrize(
    "recipient", ["", "ada", "ada@example.test\nBcc: x@example.test", "a@example.test,b@example.test"]
)
async def test_a_draft_goes_to_one_plain_address_alone(desk: Desk, recipient: str) -> None:
    with pytest.raises(InputRefused) as refused:
        await order(desk, await templates.default_template("pin"), recipient)
    assert list(refused.value.fields) == ["recipient"]
    assert await Job.all().count() == 0


async def test_a_draft_that_could_not_be_saved_is_not_sent(desk: Desk) -> None:
    template = await templates.default_template("pin")
    wrong = Wording("x", "${user.password}", "\x00${enrollment.pin}")
    with pytest.raises(InputRefused) as refused:
        await template_preview.enqueue_draft(desk, template, wrong, "ada@example.test", now=NOW, actor="ada")
    assert "text" in refused.value.fields
    assert await Job.all().count() == 0


async def test_thirty_drafts_an_hour_are_enough(desk: Desk) -> None:
    template = await templates.default_template("pin")
    for _ in range(template_preview.DRAFTS_PER_HOUR):
        await order(desk, template)
    with pytest.raises(SlowDown):
        await order(desk, template)


async def test_a_job_is_only_followed_from_its_own_template(desk: Desk) -> None:
    template = await templates.default_template("pin")
    job = await order(desk, template)
    assert await template_preview.sent_draft(template.id, job.id) is not None
    assert await template_preview.sent_draft(uuid4(), job.id) is None
    assert await template_preview.sent_draft(template.id, uuid4()) is None


async def order_text(desk: Desk, phone: str, text: str = "PIN ${enrollment.pin}", kind: str = "pin") -> Job:
    said = Wording("Draft", "${enrollment.pin}", "${enrollment.pin}", text)
    if kind == "notice":
        said = Wording("Draft", "text", "html")
    template = await templates.default_template(kind)
    return await template_preview.enqueue_draft(desk, template, said, phone, now=NOW, actor="ada", channel="sms")


async def test_a_draft_goes_as_a_text_message_to_a_number_of_ones_own(
    desk: Desk, start_provider: StartProvider, use_gateway: UseGateway
) -> None:
    provider = start_provider(sms.vonage)
    await use_gateway(provider)
    sent = await do(desk, await order_text(desk, "+49 151 12345678"))
    assert (sent.status, sent.recipient, sent.through) == ("done", BEN, "Texts")
    [asked] = provider.asked
    assert asked.form["text"] == f"PIN {template_preview.SAMPLE_PIN}"
    assert (await AuditEntry.get(action="template.sent")).detail == BEN


async def test_without_any_server_the_catcher_takes_the_text_message(desk: Desk) -> None:
    sent = await do(desk, await order_text(desk, BEN))
    assert (sent.status, sent.through) == ("done", "")
    (caught,) = await catcher.list_caught()
    assert (caught.channel, catcher.open_text(desk, caught)) == ("sms", f"PIN {template_preview.SAMPLE_PIN}")


async def test_a_text_message_that_cannot_go_out_is_refused_beside_its_field(
    desk: Desk, smtp_server: SMTPServer, use_server: UseServer
) -> None:
    for phone, text, kind, field in (
        ("ben@example.test", "PIN ${enrollment.pin}", "pin", "phone"),
        ("0151 12345678", "PIN ${enrollment.pin}", "pin", "phone"),
        (BEN, "", "notice", "phone"),
        (BEN, "${enrollment.pin} " + "x" * 930, "pin", "sms"),
    ):
        with pytest.raises(InputRefused) as refused:
            await order_text(desk, phone, text, kind)
        assert set(refused.value.fields) == {field}, (phone, kind)
    await use_server(smtp_server)
    with pytest.raises(InputRefused) as refused:
        await order_text(desk, BEN)
    assert "no SMS server" in refused.value.fields["phone"]


async def test_drafts_by_mail_and_by_text_share_their_limit(desk: Desk) -> None:
    template = await templates.default_template("pin")
    for number in range(template_preview.DRAFTS_PER_HOUR):
        await (order(desk, template) if number % 2 else order_text(desk, BEN))
    with pytest.raises(SlowDown):
        await order_text(desk, BEN)
