"""Reloading what a form of the console answered: it acts, counts and sends no second time."""

from datetime import datetime

import httpx2
import pytest

from otae.delivery.texts import template_preview, templates
from otae.store.models import AuditEntry, Counter, Invitation, Job, Person, Pin
from tests.web.conftest import Invite, Site
from tests.web.page_forms import PageForm, form_of

pytestmark = pytest.mark.anyio

REPEATED = "What was shown then is not shown a second time."


async def form(console: httpx2.AsyncClient, page: str, action: str) -> PageForm:
    return form_of((await console.get(page)).text, action)


async def reloaded(console: httpx2.AsyncClient, sent: PageForm, **more: str) -> tuple[str, str]:
    """Send a form twice, as a reload of its answer does; return both pages."""
    data: dict[str, object] = {**sent.sent, **more}
    first = await console.post(sent.action, data=data)
    assert first.status_code == 200
    again = await console.post(sent.action, data=data)
    assert again.status_code == 303
    return first.text, (await console.get(again.headers["location"])).text


async def test_a_refused_sign_in_is_counted_once(site: Site, console: httpx2.AsyncClient) -> None:
    async with httpx2.AsyncClient(
        transport=site.transport, base_url=site.origin, headers={"Origin": site.origin}, follow_redirects=True
    ) as browser:
        wrong = await browser.post("/admin/sign-in?next=/admin/users", data={"name": "ada", "password": "wrong"})
        assert (wrong.status_code, wrong.request.method) == (422, "GET")
        assert wrong.request.url.query == b"next=/admin/users"
        assert "Name and password do not match." in wrong.text
        assert 'value="ada"' in wrong.text
        assert "wrong" not in wrong.text
        counted = [row.failures for row in await Counter.filter(key__startswith="admin:")]
        again = await browser.get(wrong.request.url)
        assert "do not match" not in again.text
        assert [row.failures for row in await Counter.filter(key__startswith="admin:")] == counted


async def test_one_setup_link_is_made(console: httpx2.AsyncClient) -> None:
    where = "/admin/administrators"
    first, again = await reloaded(console, await form(console, where, where), name="cleo", role="SUPPORT")
    assert "/admin/setup?s=" in first
    assert "/admin/setup?s=" not in again
    assert REPEATED in again
    assert await AuditEntry.filter(action="administrator.invited").count() == 1
    after = form_of(first, where)
    assert (await console.post(where, data=after.sent | {"name": "eve", "role": "SUPPORT"})).status_code == 200


async def test_a_refused_setup_link_can_be_asked_for_again(console: httpx2.AsyncClient) -> None:
    where = "/admin/administrators"
    sent = await form(console, where, where)
    refused = await console.post(where, data=sent.sent | {"name": "ada", "role": "SUPPORT"})
    assert refused.status_code == 422
    mended = form_of(refused.text, where)
    assert (await console.post(where, data=mended.sent | {"name": "cleo", "role": "SUPPORT"})).status_code == 200


async def test_one_password_link_is_made(console: httpx2.AsyncClient, ben: Person) -> None:
    page = f"/admin/users/{ben.id}"
    first, again = await reloaded(console, await form(console, page, f"{page}/password-link"))
    assert "/password?" in first
    assert REPEATED in again
    assert await AuditEntry.filter(action="person.password-link").count() == 1


async def test_a_pin_shown_once_stays_the_one_that_works(console: httpx2.AsyncClient, invite: Invite) -> None:
    row = (await invite("username_pin")).invitation
    await Invitation.filter(id=row.id).update(pin_channel="shown")
    page = f"/admin/invitations/{row.id}"
    first, again = await reloaded(console, await form(console, page, f"{page}/resend"))
    assert 'id="pin"' in first
    assert REPEATED in again
    assert [pin.generation for pin in await Pin.filter(active=True)] == [2]


async def test_a_template_is_sent_once_without_script(console: httpx2.AsyncClient, now: datetime) -> None:
    template = await templates.default_template("url")
    page = f"/admin/templates/{template.id}"
    sent = await form(console, page, page)
    data: dict[str, object] = {**sent.sent, "recipient": "ada@example.test"}
    for _ in range(2):
        assert (await console.post(f"{page}/send", data=data)).status_code == 200
    assert await Job.filter(kind=template_preview.JOB_KIND).count() == 1
