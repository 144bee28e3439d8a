"""Settings → Notification Templates."""

from uuid import uuid4

import httpx2
import pytest

from otae.delivery import templates
from otae.store.models import AuditEntry, NotificationTemplate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pin_mail(console: httpx2.AsyncClient) -> NotificationTemplate:
    """The default template of the PIN mail."""
    return await templates.default_template("pin")


async def test_the_three_messages_are_listed(console: httpx2.AsyncClient) -> None:
    text = (await console.get("/admin/templates")).text
    for name in templates.DEFAULT_NAMES.values():
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
        ("subject", "x ${enrollment.pin}", "at character 3 is a secret"),
        ("text", "${enrollment.pin} ${user.password}", "${user.password} at character 19 is not known"),
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


async def test_no_template_has_this_id(console: httpx2.AsyncClient) -> None:
    assert (await console.get(f"/admin/templates/{uuid4()}")).status_code == 404
    for action in ("", "/restore"):
        assert (await console.post(f"/admin/templates/{uuid4()}{action}", data={})).status_code == 404
