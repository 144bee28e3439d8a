"""Templates as text messages: how long they are, and a draft of one to a number of one's own."""

import asyncio

import httpx2
import pytest

from otae.delivery import catcher
from otae.delivery.texts import template_preview, templates
from otae.store.models import Job, NotificationTemplate
from otae.tasks.actors import run_job
from tests.web.admin.test_templates import HTMX, WORDS
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


async def test_the_text_message_is_shown_with_its_length_and_parts(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    plain = await console.post(f"{page}/preview", data=WORDS | {"sms": "Es ist ${enrollment.pin} €"}, headers=HTMX)
    assert f"Es ist {template_preview.SAMPLE_PIN} €" in plain.text
    assert "18 characters" in plain.text
    assert "1 part" in plain.text
    assert "Only 70 characters" not in plain.text
    curly = await console.post(f"{page}/preview", data=WORDS | {"sms": "“${enrollment.pin}” " * 10}, headers=HTMX)
    assert "110 characters" not in plain.text
    assert "109 characters" in curly.text
    assert "2 parts" in curly.text
    assert "because of: “ ”" in curly.text
    saved = WORDS | {"sms": "PIN ${enrollment.pin}"}
    assert (await console.post(page, data=saved)).status_code == 303
    assert (await NotificationTemplate.get(id=pin_mail.id)).sms == "PIN ${enrollment.pin}"
    refused = await console.post(page, data=WORDS | {"sms": "no number"})
    assert 'id="sms-errors"' in refused.text
    notice = await templates.default_template("notice")
    assert "sms-length" not in (await console.get(f"/admin/templates/{notice.id}")).text


async def test_a_text_message_is_sent_to_a_number_of_ones_own(
    site: Site, console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page = f"/admin/templates/{pin_mail.id}"
    assert f'formaction="{page}/send/sms#sent"' in (await console.get(page)).text
    wrong = await console.post(f"{page}/send/sms", data=WORDS | {"phone": "ada"}, headers=HTMX)
    assert (wrong.status_code, "Phone number" in wrong.text) == (422, True)
    answer = await console.post(f"{page}/send/sms?language=de", data=WORDS | {"phone": "+49 151 12345678", "sms": ""})
    assert "On its way" in answer.text
    await run_job(site.desk, (await Job.get(kind=template_preview.JOB_KIND)).id)
    (caught,) = await catcher.list_caught()
    assert "Ihre PIN" in catcher.open_text(site.desk, caught)


@pytest.mark.parametrize(
    "phone",
    [
        "+49 151 12345678\r\nBcc: eve",
        "1" * 10_000,
        "+49 151 12345678, +49 170 1234567",
        "${user.phone}",
        "=1+1",
        "\x00",
    ],
)
async def test_a_text_message_goes_to_one_number_alone(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate, phone: str
) -> None:
    answer = await console.post(f"/admin/templates/{pin_mail.id}/send/sms", data=WORDS | {"phone": phone}, headers=HTMX)
    assert answer.status_code == 422
    assert "Phone number: " in answer.text
    assert await Job.filter(kind=template_preview.JOB_KIND).count() == 0


async def test_fifty_text_messages_at_once_are_as_many_as_an_hour_allows(
    console: httpx2.AsyncClient, pin_mail: NotificationTemplate
) -> None:
    page, words = f"/admin/templates/{pin_mail.id}/send/sms", WORDS | {"phone": "+49 151 12345678"}
    answers = await asyncio.gather(*(console.post(page, data=words, headers=HTMX) for _ in range(50)))
    assert [answer.status_code for answer in answers].count(200) == 30
    assert await Job.filter(kind=template_preview.JOB_KIND).count() == 30
