"""Manage → Approvals, and what the dashboard says about it."""

from datetime import datetime

import httpx2
import pytest

from otae.accounts.administrators import create_administrator
from otae.enrollment import approvals
from otae.enrollment.signin import SignInEntry, sign_in
from otae.invitations import mode_values
from otae.invitations.mode_values import ModeValues
from otae.paths import APPROVAL, APPROVALS, CONSOLE
from otae.store.models import Administrator, Approval, Person
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import PASSWORD, Site

pytestmark = pytest.mark.anyio


@pytest.fixture
async def waiting(site: Site, ben: Person, now: datetime) -> Approval:
    """Ben has signed in and waits; his manager is not known."""
    await mode_values.set_values("username_password", ModeValues(approval="manager"), now=now, actor="ada")
    await sign_in(site.desk, SignInEntry("ben", PASSWORD, network="203.0.113.9"), now=now)
    return await Approval.get()


async def test_who_waits_is_on_the_dashboard_and_is_approved_or_declined(
    console: httpx2.AsyncClient, waiting: Approval
) -> None:
    assert "1 person waits for an approval" in (await console.get(CONSOLE)).text
    page = (await console.get(APPROVALS)).text
    for words in ("Ben Okafor", "administrators", "no manager is known"):
        assert words in page
    where = APPROVAL(waiting.id)
    answer = await console.post(where, data={"decision": "approved", "seen": "waiting"}, follow_redirects=True)
    assert "Ben Okafor may enroll a Mac now, and is mailed." in answer.text
    assert "approval" not in (await console.get(CONSOLE)).text.partition("<main")[2].lower()
    late = await console.post(where, data={"decision": "declined", "seen": "waiting"}, follow_redirects=True)
    assert "Somebody else decided meanwhile" in late.text
    answer = await console.post(where, data={"decision": "declined", "seen": "approved"}, follow_redirects=True)
    assert "Ben Okafor was declined." in answer.text
    row = await Approval.get()
    assert (row.status, row.decided_by) == ("declined", "ada")
    await console.post(where, data={"decision": "approved", "seen": "declined"})
    assert (await Approval.get()).status == "approved"


@pytest.mark.parametrize("sent", [{}, {"decision": "waiting", "seen": "waiting"}, {"decision": "x", "seen": "waiting"}])
async def test_what_is_no_decision_changes_nothing(
    console: httpx2.AsyncClient, waiting: Approval, sent: dict[str, str]
) -> None:
    assert (await console.post(APPROVAL(waiting.id), data=sent)).status_code == 303
    assert (await Approval.get()).status == "waiting"


async def test_an_administrator_does_not_approve_themselves(console: httpx2.AsyncClient, waiting: Approval) -> None:
    await Administrator.filter(name="ada").update(email="BEN@example.test")
    where, sent = APPROVAL(waiting.id), {"decision": "approved", "seen": "waiting"}
    answer = await console.post(where, data=sent, follow_redirects=True)
    assert "Nobody decides on their own enrollment" in answer.text
    assert (await Approval.get()).status == "waiting"


async def test_a_role_without_the_permission_sees_and_decides_nothing(
    site: Site, waiting: Approval, now: datetime
) -> None:
    await create_administrator(site.desk, name="help", password=ADA_PASSWORD, role="SUPPORT", now=now, actor="ada")
    await site.client.post("/admin/sign-in", data={"name": "help", "password": ADA_PASSWORD})
    assert "waits for an approval" not in (await site.client.get(CONSOLE)).text
    assert (await site.client.get(APPROVALS)).status_code == 403
    answer = await site.client.post(APPROVAL(waiting.id), data={"decision": "approved", "seen": "waiting"})
    assert answer.status_code == 403
    assert not await approvals.decided(now=now)
