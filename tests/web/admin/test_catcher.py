"""The mail catcher's pages."""

from datetime import datetime
from uuid import uuid4

import httpx2
import pytest

from otae.delivery.catcher import MailCatcher
from otae.delivery.mail.mime import build
from otae.store.models import AuditEntry, CaughtMail
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

PIN = "91736450"


async def nothing() -> None:
    """A catcher announces nothing."""


async def catch(
    site: Site, now: datetime, subject: str = "Your PIN", html: str | None = "<p>html</p>", *, rehearsal: bool = False
) -> CaughtMail:
    message = build(
        sender=("Example", "it@example.test"),
        recipient="ben@example.test",
        subject=subject,
        text=f"Your PIN: {PIN}\n<script>alert(1)</script>\n",
        html=html,
        message_id=f"<{uuid4()}@example.test>",
        now=now,
    )
    await MailCatcher(site.desk, now, rehearsal).send(message, "ben@example.test", nothing)
    return await CaughtMail.all().order_by("-caught_at").get(subject=subject)


async def test_an_empty_catcher_leads_to_an_invitation(console: httpx2.AsyncClient) -> None:
    text = (await console.get("/admin/mail")).text
    assert "No mail yet" in text
    assert 'href="/admin/invitations/add"' in text


async def test_the_list_shows_no_pin_and_rehearsals_only_when_asked(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    await catch(site, now, "Enroll <b>your</b> Mac")
    await catch(site, now, "A rehearsal's", rehearsal=True)
    text = (await console.get("/admin/mail")).text
    assert "Enroll &lt;b&gt;your&lt;/b&gt; Mac" in text
    assert PIN not in text
    assert "A rehearsal&#39;s" not in text
    assert "A rehearsal&#39;s" in (await console.get("/admin/mail?rehearsal=1")).text
    assert await AuditEntry.filter(action="mail.opened").count() == 0


async def test_opening_a_mail_shows_it_as_text_and_is_recorded(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    mail = await catch(site, now)
    text = (await console.get(f"/admin/mail/{mail.id}")).text
    assert PIN in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "recorded" in text
    entry = await AuditEntry.get(action="mail.opened")
    assert (entry.actor, entry.subject) == ("ada", str(mail.id))
    assert PIN not in entry.detail


async def test_the_html_part_comes_in_a_cage(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    mail = await catch(site, now, html='<p style="color:red">Hello</p><script>alert(1)</script>')
    page = (await console.get(f"/admin/mail/{mail.id}?part=html")).text
    assert f'src="/admin/mail/{mail.id}/html" sandbox ' in page
    answer = await console.get(f"/admin/mail/{mail.id}/html")
    policy = answer.headers["content-security-policy"]
    assert policy == "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["cache-control"] == "no-store"
    assert await AuditEntry.filter(action="mail.opened").count() == 2


async def test_a_mail_without_html_has_no_html_page(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    mail = await catch(site, now, html=None)
    assert "<iframe" not in (await console.get(f"/admin/mail/{mail.id}?part=html")).text
    assert (await console.get(f"/admin/mail/{mail.id}/html")).status_code == 404


async def test_a_mail_that_is_not_kept_is_nowhere(site: Site, console: httpx2.AsyncClient) -> None:
    for path in (f"/admin/mail/{uuid4()}", f"/admin/mail/{uuid4()}/html", "/admin/mail/x"):
        assert (await console.get(path)).status_code == 404
    assert await AuditEntry.filter(action="mail.opened").count() == 0
