"""The dashboard: what is wrong, what needs somebody, and the rehearsal."""

import html
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from otae.delivery import servers
from otae.delivery.servers import ServerEntry
from otae.enrollment import sessions
from otae.errors import DeviceMismatch
from otae.invitations import lifecycle
from otae.invitations.campaigns import Plan
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import jobs, rollout
from otae.store.database import now as database_now
from otae.store.desk import Desk
from otae.store.models import (
    Campaign,
    Certificate,
    Delivery,
    EnrollmentSession,
    GroupInvitation,
    GroupInvitee,
    Heartbeat,
    Job,
    Person,
    Property,
)
from otae.store.records import about, note_refusal
from otae.store.rollout import Step
from tests.desks import RecordingBell
from tests.invitations.crowds import crowd
from tests.invitations.following import started
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true"}


async def count_all() -> None:
    """Do what the clock does every other second."""
    while await rollout.count_entries():
        pass


async def test_an_empty_installation_names_the_first_steps(console: httpx2.AsyncClient) -> None:
    page = (await console.get("/admin")).text
    assert "First steps" in page
    for address in ("/admin/notification-servers", "/admin/users", "/admin/invitations/add"):
        assert f'href="{address}"' in page
    assert "Nothing is stuck." in page
    assert 'href="/admin/mail"' in page


async def test_the_first_steps_are_ticked_off_and_go_when_all_are_done(
    console: httpx2.AsyncClient, desk: Desk, invite: Invite, now: datetime
) -> None:
    await invite("two_factor")
    page = (await console.get("/admin")).text
    assert "First steps" in page
    assert page.count("(done)") == 2, "a person, and an invitation"
    await Property(name="organization.name", value="Example GmbH").save(force_create=True)
    entry = ServerEntry(name="House", host="mail.example.test", from_name="IT", from_email="it@example.test")
    await servers.add_server(desk, entry, now=now, actor="ada")
    await Certificate(
        purpose="push", serial_number="1f", subject="CN=push", not_before=now, not_after=now + timedelta(days=41),
        created_at=now, active=True,
    ).save(force_create=True)  # fmt: skip
    assert "First steps" in (await console.get("/admin")).text, "a push certificate that cannot be read"
    await Certificate.filter(purpose="push").delete()
    await Certificate.filter(purpose="tls").update(purpose="push")
    assert "First steps" not in (await console.get("/admin")).text


@pytest.mark.parametrize("text", ["", "1. Open System Settings"])
async def test_leaving_another_mdm_is_a_step_where_a_campaign_asks_for_it(
    site: Site, console: httpx2.AsyncClient, text: str
) -> None:
    await crowd(1)
    row = await started(site.desk, Plan("Autumn", former_mdm=text))
    await count_all()
    for path in ("/admin", f"/admin?campaign={row.id}"):
        page = (await console.get(path)).text
        assert "profile fetched" in page
        assert ("left the other MDM" in page) == bool(text)


async def test_each_step_leads_to_the_people_in_it(console: httpx2.AsyncClient, invite: Invite, now: datetime) -> None:
    opened = (await invite("two_factor")).invitation
    await lifecycle.record_link_opened(opened, now=now, browser="Safari on macOS")
    await count_all()
    page = (await console.get("/admin?days=7")).text
    first = (now - timedelta(days=6)).date()
    for step in set(Step) - {Step.LEFT_MDM}:
        assert f'href="/admin/invitations?from={first}&amp;reached={step.name.lower()}"' in page
    assert f'href="/admin/invitations?from={first}&amp;stopped=opened"' in page
    assert "stopped=invited" not in page, "the step was skipped, and nobody has stopped there"
    for name, here in (("opened", True), ("signed_in", False)):
        listed = await console.get(f"/admin/invitations?from={first}&reached={name}", follow_redirects=True)
        assert (f'href="/admin/invitations/{opened.id}"' in listed.text) == here
    for name, here in (("opened", True), ("accepted", False)):
        listed = await console.get(f"/admin/invitations?stopped={name}", follow_redirects=True)
        assert (f'href="/admin/invitations/{opened.id}"' in listed.text) == here
    assert (await console.get("/admin/invitations?stopped=nowhere")).status_code == 400
    rows = re.findall(r'scope="row">([^<]*)</th>\s*<td class="otae-number"><a href="[^"]*">(\d+)</a>', page)
    assert rows[:4] == [
        ("invited", "1"),
        ("accepted by the mail server", "1"),
        ("link opened", "1"),
        ("signed in", "0"),
    ]


async def test_the_page_polls_one_fragment_that_answers_only_news(
    console: httpx2.AsyncClient, invite: Invite, now: datetime
) -> None:
    opened = (await invite("two_factor")).invitation
    await count_all()
    page = (await console.get("/admin?days=7")).text
    address = html.unescape(page.partition('id="rollout-now"')[2].partition('hx-get="')[2].partition('"')[0])
    assert address.startswith("/admin?days=7&seen=")
    assert (await console.get(address, headers=PART)).status_code in {200, 204}, "a new minute may have begun"
    await lifecycle.record_link_opened(opened, now=now, browser="Safari on macOS")
    part = await console.get(address, headers=PART)
    assert part.status_code == 200
    assert "<html" not in part.text
    assert 'id="rollout-now"' in part.text
    assert "Needs somebody" not in part.text
    assert "Ben Okafor opened the link" in part.text
    assert 'hx-trigger="every 5s"' in part.text
    await count_all()
    uncounted = html.unescape(part.text.partition('hx-get="')[2].partition('"')[0])
    assert (await console.get(uncounted, headers=PART)).status_code == 200, "what is counted now is shown"


@pytest.mark.parametrize(
    "query", ["days=8", "days=", "days=-1", "days=٣٠", "days=" + "9" * 40, "campaign=", "campaign=x"]
)
async def test_an_unknown_period_or_no_campaign_shows_thirty_days_of_everybody(
    console: httpx2.AsyncClient, query: str
) -> None:
    page = await console.get(f"/admin?{query}")
    assert page.status_code == 200
    assert '<a class="otae-tab" href="/admin?days=30" aria-current="true">30 days</a>' in page.text


async def test_a_campaign_that_is_gone_is_said(console: httpx2.AsyncClient) -> None:
    answer = await console.get(f"/admin?campaign={uuid4()}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    assert "This campaign does not exist any more." in (await console.get("/admin")).text


async def test_a_campaign_has_a_funnel_of_its_own(console: httpx2.AsyncClient, invite: Invite, now: datetime) -> None:
    await invite("two_factor")
    await count_all()
    order = GroupInvitation(
        key="sales", name="<b>Sales", mode="two_factor", ownership="corporate", created_by="ada", created_at=now
    )
    await order.save()
    campaign = Campaign(group_invitation=order, name="<b>All of Sales", created_by="ada", created_at=now)
    await campaign.save()
    page = (await console.get(f"/admin?campaign={campaign.id}")).text
    assert "&lt;b&gt;All of Sales" in page
    assert "Nobody was invited in this time." in page
    assert "Nobody was invited in this time." not in (await console.get("/admin")).text


async def test_running_orders_are_shown_with_their_progress(console: httpx2.AsyncClient, now: datetime) -> None:
    order = GroupInvitation(
        key="sales", name="Sales", mode="two_factor", ownership="corporate", created_by="ada", created_at=now
    )
    order.status, order.found = "expanding", 3
    await order.save()
    done = [GroupInvitee(group_invitation=order, number=number, name=f"p{number}") for number in (1, 2, 3)]
    done[0].status = "invited"
    await GroupInvitee.bulk_create(done)
    page = (await console.get("/admin")).text
    assert "1 of 3" in page
    assert f'action="/admin/group-invitations/{order.id}/pause"' in page
    await GroupInvitation.filter(id=order.id).update(status="done")
    assert "1 of 3" not in (await console.get("/admin")).text


async def test_what_mends_it_stands_beside_what_needs_somebody(
    console: httpx2.AsyncClient, site: Site, invite: Invite, ben: Person, now: datetime
) -> None:
    row = (await invite("two_factor")).invitation
    session = await sessions.open_session(person=ben, invitation=row, mode="two_factor", ownership="corporate", now=now)
    await EnrollmentSession.filter(id=session.id).update(refusal="device-taken", udid="U-1")
    assert 'action="/admin/devices/U-1/release"' in (await console.get("/admin")).text
    await EnrollmentSession.filter(id=session.id).update(refusal=None, status="expired")
    assert f'action="/admin/invitations/{row.id}/resend"' in (await console.get("/admin")).text
    answer = await console.post(f"/admin/invitations/{row.id}/resend")
    assert answer.status_code in {200, 303}


async def test_recent_activity_is_in_words_and_leads_on(
    console: httpx2.AsyncClient, desk: Desk, invite: Invite, ben: Person, now: datetime
) -> None:
    await Person.filter(id=ben.id).update(display_name="<script>Ben")
    rows = [(await invite("two_factor")).invitation, (await invite("two_factor")).invitation]
    await note_refusal(DeviceMismatch(), now=now, about=about(rows[0]))
    await lifecycle.revoke(desk, rows[1], now=now, actor="ada")
    page = (await console.get("/admin")).text
    assert "ada invited 2 people" in page
    assert "ada revoked the invitation of &lt;script&gt;Ben" in page
    assert "&lt;script&gt;Ben was refused: This enrollment belongs to another Mac." in page
    assert "<script>Ben" not in page


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
    seen = html.unescape(page.partition('id="rehearsal"')[2].partition('hx-get="')[2].partition('"')[0])
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
