"""Settings → Notification templates."""

from uuid import uuid4

import httpx2
import pytest

from otae.delivery import catcher
from otae.delivery.texts import template_preview, templates
from otae.delivery.texts.default_texts import DEFAULT_NAMES, TRANSLATED
from otae.store.models import AuditEntry, Job, NotificationTemplate, Person
from otae.tasks.actors import run_job
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio


async def test_the_three_messages_are_listed(console: httpx2.AsyncClient) -> None:
    text = (await console.get("/admin/templates")).text
    for name in DEFAULT_NAMES.values():
        assert name in text


async def test_a_message_is_reworded_and_restored(console: httpx2.AsyncClient, pin_mail: NotificationTemplate) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    assert "${enrollment.pin}" in (await console.get(page)).text
    words = {"subject": "Hello", "text": "PIN\r\n${enrollment.pin}", "html": "<p>${enrollment.pin}</p>"}
    assert (await console.post(page, data=words)).status_code == 303
    assert (await NotificationTemplate.get(id=pin_mail.id)).text == "PIN\n${enrollment.pin}"
    text = (await console.get(page)).text
    assert "&lt;p&gt;${enrollment.pin}&lt;/p&gt;" in text
    assert "Restore the default wording" in text
    assert (await console.post(f"{page}/restore")).status_code == 303
    assert (await NotificationTemplate.get(id=pin_mail.id)).text == pin_mail.text
    assert "Restore the default wording" not in (await console.get(page)).text
    assert await AuditEntry.filter(actor="ada", action="template.changed", subject=pin_mail.name).count() == 2


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("subject", "x ${enrollment.pin}", "at line 1, column 3 is a secret"),
        ("text", "${enrollment.pin} ${user.password}", "${user.password} at line 1, column 19 is not known"),
        (
            "text",
            "${enrollment.pin}\n ${user.property.floor}",
            "${user.property.floor} at line 2, column 2 is not known",
        ),
        ("html", "</textarea><script>alert(1)</script>", "does not say ${enrollment.pin}"),
    ],
)
async def test_a_wording_that_cannot_be_sent_is_refused_at_its_field(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate, field: str, value: str, words: str
) -> None:
    given = {"subject": pin_mail.subject, "text": pin_mail.text, "html": pin_mail.html} | {field: value}
    answer = await console.post(f"/admin/templates/{pin_mail.id}", data=given)
    assert answer.status_code == 422
    assert f'id="{field}-errors"' in answer.text
    assert words in answer.text
    assert "<script>alert" not in answer.text
    kept = await NotificationTemplate.get(id=pin_mail.id)
    assert (kept.subject, kept.text, kept.html) == (pin_mail.subject, pin_mail.text, pin_mail.html)


HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
WORDS = {"subject": "Draft ${user.loginname}", "text": "It is ${enrollment.pin}", "html": "<b>${enrollment.pin}</b>"}


async def test_what_is_written_is_shown_with_values_and_not_saved(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    whole = await console.post(f"{page}/preview", data=WORDS)
    part = await console.post(f"{page}/preview", data=WORDS, headers=HTMX)
    for answer in (whole, part):
        assert answer.status_code == 200
        assert "Draft ada" in answer.text
        assert f"It is {template_preview.SAMPLE_PIN}" in answer.text
    assert "It is ${enrollment.pin}</textarea>" in whole.text
    assert "<textarea" not in part.text
    assert await NotificationTemplate.get(id=pin_mail.id) == pin_mail
    assert (await NotificationTemplate.get(id=pin_mail.id)).text == pin_mail.text


async def test_while_one_types_the_preview_says_what_is_wrong(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    wrong = WORDS | {"text": "${enrollment.pin}\n${user.phon}"}
    answer = await console.post(f"/admin/templates/{pin_mail.id}/preview", data=wrong, headers=HTMX)
    assert "Text: ${user.phon} at line 2, column 1 is not known" in answer.text


async def test_the_html_is_shown_in_a_frame_that_can_do_nothing(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    assert f'src="{page}/preview/html" sandbox' in (await console.get(page)).text
    written = WORDS | {"html": "<script>alert(1)</script><b>${enrollment.pin}</b>"}
    for answer in (await console.get(f"{page}/preview/html"), await console.post(f"{page}/preview/html", data=written)):
        assert answer.status_code == 200
        assert template_preview.SAMPLE_PIN in answer.text
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"


async def test_the_preview_shows_whom_was_invited_last_and_no_secret_of_his(
    site: Site, console: httpx2.AsyncClient, invite: Invite
) -> None:
    invited = await invite("two_factor")
    for kind in ("url", "pin"):
        template = await templates.default_template(kind)
        page = f"/admin/templates/{template.id}"
        shown = (await console.get(page)).text + (await console.get(f"{page}/preview/html")).text
        assert "As ben, the last person invited, gets it" in shown
        assert invited.token not in shown
        assert invited.pin is not None
        assert invited.pin not in shown


async def test_a_draft_is_sent_and_followed(
    site: Site, console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    answer = await console.post(f"{page}/send", data=WORDS | {"recipient": "ada@example.test"})
    assert answer.status_code == 200
    assert "It is ${enrollment.pin}</textarea>" in answer.text
    job = await Job.get(kind=template_preview.JOB_KIND)
    follow = f"{page}/sent/{job.id}"
    assert f'hx-get="{follow}?seen=queued"' in answer.text
    assert (await console.get(f"{follow}?seen=queued", headers=HTMX)).status_code == 204
    await run_job(site.desk, job.id)
    final = await console.get(f"{follow}?seen=queued", headers=HTMX)
    assert "Accepted" in final.text
    assert "hx-get" not in final.text
    assert "Accepted" in (await console.get(follow)).text
    assert [mail.subject for mail in await catcher.list_caught()] == ["Draft ada"]
    assert (await console.get(f"{page}/sent/{uuid4()}")).status_code == 404


async def test_a_property_of_people_is_offered_shown_saved_and_sent(
    site: Site, console: httpx2.AsyncClient, pin_mail: NotificationTemplate, invite: Invite
) -> None:
    page, macro = f"/admin/templates/{pin_mail.id}", "${user.property.department}"
    assert macro not in (await console.get(page)).text
    await invite("two_factor")
    await Person.filter(name="ben").update(properties={"department": "R&D <Berlin>"})
    assert f"<code data-insert>{macro}</code>" in (await console.get(page)).text
    words = WORDS | {"subject": f"For {macro}", "html": f"<p>{macro} ${{enrollment.pin}}</p>"}
    shown = await console.post(f"{page}/preview", data=words, headers=HTMX)
    assert "For R&amp;D &lt;Berlin&gt;" in shown.text
    assert "<p>R&amp;D &lt;Berlin&gt; " in (await console.post(f"{page}/preview/html", data=words)).text
    assert (await console.post(page, data=words)).status_code == 303
    assert (await NotificationTemplate.get(id=pin_mail.id)).subject == f"For {macro}"
    await console.post(f"{page}/send", data=words | {"recipient": "ada@example.test"})
    await run_job(site.desk, (await Job.get(kind=template_preview.JOB_KIND)).id)
    assert [mail.subject for mail in await catcher.list_caught()] == ["For R&D <Berlin>"]


@pytest.mark.parametrize("headers", [{}, HTMX])
async def test_what_cannot_be_sent_is_told_and_kept_on_the_page(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate, headers: dict[str, str]
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    wrong = WORDS | {"recipient": "nobody", "text": "no number"}
    answer = await console.post(f"{page}/send", data=wrong, headers=headers)
    assert answer.status_code == 422
    assert "this is no e-mail address" in answer.text
    assert "does not say ${enrollment.pin}" in answer.text
    assert await Job.filter(kind=template_preview.JOB_KIND).count() == 0


async def test_too_many_drafts_in_an_hour_are_told(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_preview, "DRAFTS_PER_HOUR", 0)
    sent = WORDS | {"recipient": "ada@example.test"}
    answer = await console.post(f"/admin/templates/{pin_mail.id}/send", data=sent)
    assert answer.status_code == 422
    assert "wait a little" in answer.text


async def test_a_template_is_cloned_renamed_chosen_and_deleted(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    assert "/remove" not in (await console.get(page)).text
    answer = await console.post(f"{page}/clone", data={"copy-name": "PIN <BYOD>"})
    copy = await NotificationTemplate.get(name="PIN <BYOD>")
    mine = f"/admin/templates/{copy.id}"
    assert answer.headers["location"] == mine
    assert "PIN &lt;BYOD&gt;" in (await console.get("/admin/invitations/add?mode=two_factor")).text
    assert (await console.post(f"{mine}/rename", data={"name": "BYOD"})).status_code == 303
    assert (await console.post(f"{mine}/rename", data={"name": pin_mail.name})).status_code == 422
    assert (await console.post(f"{mine}/clone", data={"copy-name": "BYOD"})).status_code == 422
    assert "BYOD" in (await console.get("/admin/templates")).text
    assert (await console.post(f"{mine}/remove")).status_code == 303
    assert (await console.get(mine)).status_code == 404
    for refused in ("rename", "remove"):
        assert (await console.post(f"{page}/{refused}", data={"name": "x"})).status_code == 422
    assert await NotificationTemplate.get(id=pin_mail.id) == pin_mail


async def test_no_template_has_this_id(console: httpx2.AsyncClient) -> None:
    assert (await console.get(f"/admin/templates/{uuid4()}")).status_code == 404
    for action in ("", "/restore", "/preview", "/preview/html", "/send", "/clone", "/rename", "/remove"):
        assert (await console.post(f"/admin/templates/{uuid4()}{action}", data={})).status_code == 404


async def test_a_template_is_translated_and_each_language_edited_by_itself(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    added = await console.post(f"{page}/languages", data={"language": "de"})
    assert added.headers["location"] == f"{page}?language=de"
    german = (await console.get(f"{page}?language=de")).text
    assert 'aria-current="page">Deutsch</a>' in german
    assert f'action="{page}?language=de"' in german
    assert "&lt;html lang=&#34;de&#34;" in german
    words = {"subject": "Hallo", "text": "${enrollment.pin} ${enrollment.mode}", "html": "${enrollment.pin}", "sms": ""}
    assert (await console.post(f"{page}?language=de", data=words)).headers["location"] == f"{page}?language=de"
    assert (await NotificationTemplate.get(id=pin_mail.id)).subject == pin_mail.subject
    assert f'<td data-label="Languages">{", ".join(TRANSLATED)}</td>' in (await console.get("/admin/templates")).text
    shown = await console.post(f"{page}/preview?language=de", data=words, headers=HTMX)
    assert "Ihr Passwort, Ihre PIN" in shown.text
    assert (await console.post(f"{page}/languages", data={"language": "de"})).status_code == 422
    assert (await console.post(f"{page}/languages", data={"language": "tlh"})).status_code == 422
    for address in (f"{page}?language=sv", f"{page}/preview/html?language=sv"):
        assert (await console.get(address)).status_code == 404
    assert (await console.post(f"{page}/languages/remove?language=de")).headers["location"] == page
    assert (await console.get(f"{page}?language=de")).status_code == 200
    entries = await AuditEntry.filter(actor="ada", subject=pin_mail.name).order_by("id")
    said = ["template.translated", "template.changed", "template.translation-removed"]
    assert [entry.action for entry in entries] == said


async def test_the_products_own_words_in_a_language_are_shown_changed_and_restored(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    shown = (await console.get(f"{page}?language=fr")).text
    assert "votre code PIN" in shown
    assert "own words in this language" in shown
    assert "Restore the default wording" not in shown
    words = {"subject": "Bonjour", "text": "${enrollment.pin}", "html": "${enrollment.pin}", "sms": ""}
    assert (await console.post(f"{page}?language=fr", data=words)).status_code == 303
    changed = (await console.get(f"{page}?language=fr")).text
    assert "Restore the default wording in Français" in changed
    restored = await console.post(f"{page}/restore?language=fr")
    assert restored.headers["location"] == f"{page}?language=fr"
    assert "votre code PIN" in (await console.get(f"{page}?language=fr")).text


async def test_a_draft_is_sent_in_the_language_it_is_written_for(
    site: Site, console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    await console.post(f"{page}/languages", data={"language": "de"})
    words = WORDS | {"subject": "${enrollment.mode}", "recipient": "ada@example.test"}
    await console.post(f"{page}/send?language=de", data=words)
    await run_job(site.desk, (await Job.get(kind=template_preview.JOB_KIND)).id)
    assert [mail.subject for mail in await catcher.list_caught()] == [
        "Ihr Passwort, Ihre PIN und den Link in der Einladung"
    ]


async def test_text_and_html_of_64_kib_each_are_taken_and_no_more(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page, longest = f"/admin/templates/{pin_mail.id}", "${enrollment.pin}" + "ж" * ((64 * 1024 - 17) // 2)
    words = {"subject": "Hello", "text": longest, "html": longest, "sms": ""}
    assert (await console.post(page, data=words)).status_code == 303
    assert (await NotificationTemplate.get(id=pin_mail.id)).html == longest
    assert (await console.post(page, data=words | {"text": longest + "жж"})).status_code == 422
    assert (await console.post(page, data=words | {"text": "ж" * 300_000})).status_code == 413


async def test_messages_that_nobody_chooses_have_no_clones(console: httpx2.AsyncClient) -> None:
    reminder = await templates.default_template("reminder")
    page = f"/admin/templates/{reminder.id}"
    assert "/clone" not in (await console.get(page)).text
    assert (await console.post(f"{page}/clone", data={"copy-name": "mine"})).status_code == 422
    assert await NotificationTemplate.filter(kind="reminder").count() == 1
