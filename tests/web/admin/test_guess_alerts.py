"""What the dashboard says when somebody may be guessing, and how it goes away."""

from datetime import datetime

import httpx2
import pytest

from otae.accounts import guess_alerts, throttle
from otae.accounts.administrators import create_administrator
from otae.paths import CONSOLE, GUESSING_SEEN, INVITATION, LOGIN
from otae.store.models import AuditEntry, Counter, Event
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio


async def test_alerts_stand_on_the_dashboard_until_somebody_has_seen_them(
    console: httpx2.AsyncClient, invite: Invite, now: datetime
) -> None:
    invitation = (await invite("high_security")).invitation
    for number in range(3):
        detail = f"password, from 203.0.113.{number}"
        await Event.create(kind="signin.failed", at=now, invitation_id=invitation.id, detail=detail)
    await guess_alerts.look_at_invitation(invitation, now=now)
    page = (await console.get(CONSOLE)).text
    assert "Sign-ins with the invitation of Ben Okafor failed from several networks" in page
    assert f'href="{INVITATION(invitation.id)}"' in page
    timeline = (await console.get(INVITATION(invitation.id))).text
    assert "Somebody may be guessing: failures from 3 networks within an hour" in timeline
    answer = await console.post(GUESSING_SEEN, data={"key": f"guessing:networks:{invitation.id}"})
    assert (answer.status_code, answer.headers["location"]) == (303, CONSOLE)
    assert "Somebody may be guessing" not in (await console.get(CONSOLE)).text
    assert (await AuditEntry.get(action="guessing.seen")).actor == "ada"


async def test_a_role_that_does_not_read_the_audit_log_gets_no_alert(site: Site, now: datetime) -> None:
    await create_administrator(site.desk, name="help", password=ADA_PASSWORD, role="SUPPORT", now=now, actor="ada")
    await Counter.create(key="guessing:names:203.0.113.9", window_start=now, failures=1)
    await site.client.post("/admin/sign-in", data={"name": "help", "password": ADA_PASSWORD})
    assert "Somebody may be guessing" not in (await site.client.get(CONSOLE)).text
    assert (await site.client.post(GUESSING_SEEN, data={"key": "guessing:names:203.0.113.9"})).status_code == 403


async def test_the_login_page_says_how_long_to_wait(site: Site) -> None:
    free = throttle.WAITS_PER_NETWORK.count(0)
    answers = [await site.client.post(LOGIN, data={"name": "ben", "password": "wrong"}) for _ in range(free + 1)]
    assert "Too many attempts" not in answers[0].text
    assert "Please try again in 1 second." in answers[-1].text
    assert answers[-1].headers["retry-after"] == "1"
