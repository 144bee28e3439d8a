"""Mail that came back, handed in over HTTP."""

import pytest

from otae.delivery.mail import bounces
from otae.delivery.queue import outbox
from otae.paths import BOUNCE
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation
from otae.web.callers import MIB
from tests.delivery.reports import report
from tests.desks import make_settings
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

BEARER = {"Authorization": "Bearer a long bearer"}


@pytest.fixture
async def sent(site: Site, invite: Invite) -> Delivery:
    """Let the door be open, and Ben's link be on its way."""
    await properties.write("mail.bounce.domain", "bounce.example.test")
    settings = make_settings(site.desk.settings.home, OTAE_BOUNCE_TOKEN="a long bearer")
    site.app.state.desk = Desk(settings, site.desk.vault, site.desk.bell)
    made, now = await invite("two_factor"), await database.now()
    invitation = await Invitation.get(id=made.invitation.id)
    row = await outbox.enqueue(invitation, "url", 1, "ben@example.test", now=now)
    await outbox.deliver(site.desk, row.id, now=now)
    return row


async def mail(site: Site, row: Delivery) -> bytes:
    address = (await bounces.return_addresses(site.desk, [row.id]))[row.id]
    return f"Delivered-To: {address}\r\n".encode() + report()


async def test_a_report_of_failure_marks_the_message_bounced(site: Site, sent: Delivery) -> None:
    machine = site.stranger(Host="mail-in.example.test", **BEARER)
    for _ in range(2):
        answer = await machine.post(BOUNCE, content=await mail(site, sent))
        assert (answer.status_code, answer.content) == (204, b"")
    await sent.refresh_from_db()
    assert (sent.status, sent.answer) == ("bounced", "5.1.1 550 5.1.1 nobody here")


async def test_without_the_bearer_there_is_no_such_address(site: Site, sent: Delivery) -> None:
    content = await mail(site, sent)
    for wrong in ({}, {"Authorization": "Bearer a longer bearer"}, {"Authorization": "a long bearer"}):
        assert (await site.stranger(**wrong).post(BOUNCE, content=content)).status_code == 404
    assert (await site.stranger(**BEARER).get(BOUNCE)).status_code == 405
    site.app.state.desk = site.desk
    assert (await site.stranger(**BEARER).post(BOUNCE, content=content)).status_code == 404
    await sent.refresh_from_db()
    assert sent.status == "sent"


async def test_mail_to_no_return_address_of_ours_is_refused_by_its_code(site: Site, sent: Delivery) -> None:
    forged = (await mail(site, sent)).replace(b"bounce+", b"bounce+0", 1)
    for content in (report(), forged, b"", b"\xff" * 1000):
        answer = await site.stranger(**BEARER).post(BOUNCE, content=content)
        assert (answer.status_code, answer.text.split()[0]) == (400, "bounce-unknown")
        assert answer.headers["content-type"].startswith("text/plain")
    answer = await site.stranger(**BEARER).post(BOUNCE, content=b"x" * (MIB + 1))
    assert (answer.status_code, answer.text.split()[0]) == (413, "too-large")


async def test_a_report_that_overtakes_its_message_comes_again(site: Site, sent: Delivery) -> None:
    await Delivery.filter(id=sent.id).update(status="sending")
    answer = await site.stranger(**BEARER).post(BOUNCE, content=await mail(site, sent))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    await Delivery.filter(id=sent.id).update(status="queued")
    assert (await site.stranger(**BEARER).post(BOUNCE, content=await mail(site, sent))).status_code == 204


async def test_what_is_no_report_is_taken_and_forgotten(site: Site, sent: Delivery) -> None:
    absent = (await mail(site, sent)).replace(b"Action: failed", b"Action: delayed")
    assert (await site.stranger(**BEARER).post(BOUNCE, content=absent)).status_code == 204
    await sent.refresh_from_db()
    assert sent.status == "sent"
