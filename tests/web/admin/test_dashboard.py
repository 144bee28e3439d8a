"""The dashboard: what is wrong, what needs somebody, and the rehearsal."""

from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from otae.enrollment import sessions
from otae.errors import DeviceMismatch
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import jobs
from otae.store.database import now as database_now
from otae.store.models import Certificate, Delivery, Heartbeat, Job, Person
from otae.store.records import about, note_refusal
from tests.desks import RecordingBell
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true"}


async def test_an_empty_installation_names_the_first_steps(console: httpx2.AsyncClient) -> None:
    page = (await console.get("/admin")).text
    assert "First steps" in page
    for address in ("/admin/notification-servers", "/admin/users", "/admin/invitations/add"):
        assert f'href="{address}"' in page
    assert "Nothing is stuck." in page
    assert 'href="/admin/mail"' in page


async def test_counts_lead_to_the_filtered_list(console: httpx2.AsyncClient, invite: Invite) -> None:
    await invite("two_factor")
    page = (await console.get("/admin")).text
    assert "First steps" not in page
    for status in ("pending", "stuck", "redeemed", "expired", "revoked", "failed"):
        assert f'href="/admin/invitations?status={status}"' in page
        assert (await console.get(f"/admin/invitations?status={status}")).status_code == 200


async def test_what_is_stuck_is_shown_with_the_reason(
    console: httpx2.AsyncClient, site: Site, invite: Invite, ben: Person, now: datetime
) -> None:
    created = await invite("two_factor")
    session = await sessions.open_session(
        person=ben, invitation=created.invitation, mode="two_factor", ownership="corporate", now=now
    )
    code = await note_refusal(DeviceMismatch(), now=now, about=about(session))
    page = (await console.get("/admin")).text
    assert f"/admin/invitations/{created.invitation.id}" in page
    assert "Refused: This enrollment belongs to another Mac." in page
    assert code in page


async def test_a_pin_that_did_not_arrive_is_stuck_on_every_page(
    console: httpx2.AsyncClient, site: Site, ben: Person, now: datetime
) -> None:
    created = await lifecycle.create(
        site.desk, InvitationOrder(ben.name, InvitationTerms(mode="two_factor")), now=now, actor="ada"
    )
    undelivered = Delivery.filter(invitation_id=created.invitation.id, kind="pin")
    assert await undelivered.update(status="failed", answer="550 5.1.1 no such mailbox") == 1
    await Delivery.filter(invitation_id=created.invitation.id, kind="url").update(status="sent", sent_at=now)
    here = f"/admin/invitations/{created.invitation.id}"
    for address in ("/admin", "/admin/invitations?status=stuck", here):
        page = (await console.get(address)).text
        assert "PIN not sent: 550 5.1.1 no such mailbox" in page, address
        assert here in page
    assert "The PIN did not reach the person. Correct the address or number" in (await console.get(here)).text


async def test_silent_processes_and_ending_certificates_are_named(console: httpx2.AsyncClient, now: datetime) -> None:
    await Certificate.filter(purpose="tls", active=True).update(not_after=now + timedelta(days=3))
    page = (await console.get("/admin")).text
    assert "The worker has not been heard of" in page
    assert "The clock has not been heard of" in page
    assert "TLS" in page
    for role in ("worker", "clock"):
        await Heartbeat.create(name=f"{role} 1", role=role, at=await database_now())
    assert "has not been heard of" not in (await console.get("/admin")).text


async def test_what_is_wrong_with_a_process_is_named(console: httpx2.AsyncClient, now: datetime) -> None:
    long_ago = now - timedelta(hours=1)
    started: dict[str, Any] = {"started_at": long_ago, "done": "deliveries"}
    await Heartbeat.create(name="worker:a:1", role="worker", at=now, done_at=now, **started)
    await Heartbeat.create(name="worker:b:2", role="worker", at=long_ago, done_at=long_ago, **started)
    await Heartbeat.create(name="clock:c:3", role="clock", at=now, done_at=long_ago, **started)
    page = (await console.get("/admin")).text
    assert "A worker (worker:b:2) has ended without a word" in page
    assert "The clock lives and does nothing" in page
    assert "clock:c:3" in page
    await Heartbeat.filter(role="clock").update(done_at=now, doing="directories", doing_since=long_ago)
    await Heartbeat.create(name="worker:d:4", role="worker", at=now, started_at=now - timedelta(minutes=5))
    page = (await console.get("/admin")).text
    assert "has ended without a word" not in page
    assert "The clock (clock:c:3) has got stuck with directories" in page


async def test_a_rehearsal_is_ordered_once_and_followed(
    console: httpx2.AsyncClient, bell: RecordingBell, now: datetime
) -> None:
    answer = await console.post("/admin/rehearsal", data={"mode": "username_pin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin#rehearsal")
    job = await Job.get(kind="rehearsal")
    assert (job.input, job.created_by, bell.rung) == ({"mode": "username_pin"}, "ada", [("job", job.id)])
    await console.post("/admin/rehearsal", data={"mode": "username_pin"})
    assert await Job.filter(kind="rehearsal").count() == 1
    page = (await console.get("/admin")).text
    assert "a rehearsal is running already" in page
    assert 'hx-trigger="every 2s"' in page
    seen = page.partition('hx-get="')[2].partition('"')[0]
    assert (await console.get(seen, headers=PART)).status_code == 204

    claimed = await jobs.claim(job.id, now)
    assert claimed is not None
    step = {"name": "sign in", "seconds": 0.4, "ok": True, "words": "as rehearsal"}
    await jobs.finish(claimed, {"ok": True, "words": "", "seconds": 3.2, "steps": [step]}, now=now)
    part = await console.get(seen, headers=PART)
    assert part.status_code == 200
    assert "<html" not in part.text
    assert "enrolled" in part.text
    assert "0.4 s" in part.text
    assert "hx-trigger" not in part.text


async def test_a_rehearsal_of_a_mode_that_is_off_is_refused(console: httpx2.AsyncClient) -> None:
    for mode in ("invitation_url", "", "<b>"):
        await console.post("/admin/rehearsal", data={"mode": mode})
    assert await Job.filter(kind="rehearsal").count() == 0
    assert "choose one of the modes" in (await console.get("/admin")).text
