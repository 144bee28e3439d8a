"""The person who waits for an approval, and the manager who decides behind a mailed link."""

import asyncio
import re
from datetime import datetime

import pytest

from otae.delivery import catcher
from otae.delivery.queue import outbox
from otae.enrollment import approvals
from otae.enrollment.approvals import Approver
from otae.invitations import mode_values
from otae.invitations.mode_values import ModeValues
from otae.paths import APPROVE, INSTALL, LOGIN, PROFILE
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Approval, EnrollmentSession, Invitation, Person
from tests.web.conftest import PASSWORD, Site
from tests.web.dump import dump
from tests.web.test_install import PART, mark_in

pytestmark = pytest.mark.anyio

ADA = Approver("ada")


async def waiting(site: Site, ben: Person, now: datetime, by: str = "administrator") -> Approval:
    """Let Ben sign in at the login page, where somebody has to approve."""
    await Person.filter(id=ben.id).update(properties={"manager": "mia@example.test"})
    await mode_values.set_values("username_password", ModeValues(approval=by), now=now, actor="ada")
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, INSTALL)
    return await Approval.get()


async def link_of(desk: Desk) -> str:
    """Give the address in the manager's mail."""
    now = await database.now()
    for delivery_id in await outbox.sweep(now):
        await outbox.deliver(desk, delivery_id, now=now)
    [row] = await catcher.list_caught()
    body = (await catcher.open_caught(desk, row.id)).get_body(("plain",))
    assert body is not None
    found = re.search(r"/approve/enrollment\?a=\S+", str(body.get_content()))
    assert found
    return found[0]


@pytest.mark.parametrize(
    ("by", "words"), [("administrator", "Your IT department was asked"), ("manager", "Your manager was asked")]
)
async def test_the_page_waits_and_goes_on_by_itself(
    site: Site, ben: Person, now: datetime, by: str, words: str
) -> None:
    row = await waiting(site, ben, now, by)
    page = (await site.client.get(INSTALL)).text
    assert words in page
    assert "you get a mail" in page
    assert PROFILE not in page
    seen = {"seen": mark_in(page)}
    assert (await site.client.get(INSTALL, params=seen, headers=PART)).status_code == 204
    assert (await site.client.get(PROFILE)).status_code == 403
    await approvals.decide(site.desk, row, "approved", ADA, now=now)
    part = await site.client.get(INSTALL, params=seen, headers=PART)
    assert 'id="progress"' in part.text
    assert f'href="{PROFILE}' in part.text
    assert (await site.client.get(PROFILE)).status_code == 200
    seen = {"seen": mark_in(part.text)}
    await approvals.decide(site.desk, row, "declined", ADA, now=now)
    part = await site.client.get(INSTALL, params=seen, headers=PART)
    assert "Your enrollment was declined" in part.text
    assert (await site.client.get(PROFILE)).status_code == 403


async def test_whoever_comes_back_after_the_sign_in_ended_is_told_that_it_still_waits(
    site: Site, ben: Person, now: datetime
) -> None:
    await waiting(site, ben, now)
    await EnrollmentSession.all().update(expires_at=now)
    page = (await site.client.get(INSTALL)).text
    assert "Somebody has to approve this first" in page
    assert "hx-get" not in page
    await approvals.decide(site.desk, await Approval.get(), "approved", ADA, now=now)
    assert "Sign in again" in (await site.client.get(INSTALL)).text


async def test_opening_the_managers_link_decides_nothing_and_a_press_decides_once(
    site: Site, ben: Person, now: datetime
) -> None:
    await waiting(site, ben, now, "manager")
    link, manager = await link_of(site.desk), site.stranger(**{"Sec-Fetch-Site": "same-origin", "Origin": site.origin})
    before = await dump()
    for method in ("GET", "HEAD", "GET"):
        answer = await manager.request(method, link)
        assert answer.status_code == 200
    assert before == await dump()
    page = (await manager.get(link)).text
    for words in ("Ben Okafor", "ben@example.test", "May this Mac be enrolled?"):
        assert words in page
    assert (await manager.post(link, data={"decision": "perhaps"})).status_code == 400
    answer = await manager.post(link, data={"decision": "approved"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{APPROVE}?done=approved")
    assert "You approved it" in (await manager.get(answer.headers["location"])).text
    for again in (await manager.get(link), await manager.post(link, data={"decision": "declined"})):
        assert again.status_code == 403
        assert "was decided or has ended" in again.text
    assert (await Approval.get()).status == "approved"


async def test_pressed_ten_times_at_once_the_managers_link_decides_once(site: Site, ben: Person, now: datetime) -> None:
    await waiting(site, ben, now, "manager")
    link, manager = await link_of(site.desk), site.stranger(**{"Sec-Fetch-Site": "same-origin", "Origin": site.origin})
    chosen = ["approved", "declined"] * 5
    answers = await asyncio.gather(*(manager.post(link, data={"decision": each}) for each in chosen))
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 9
    decided = next(each for each, answer in zip(chosen, answers, strict=True) if answer.status_code == 303)
    assert (await Approval.get()).status == decided


async def test_whoever_waits_cannot_use_the_managers_link_in_that_browser(
    site: Site, ben: Person, now: datetime
) -> None:
    await waiting(site, ben, now, "manager")
    answer = await site.client.post(await link_of(site.desk), data={"decision": "approved"})
    assert answer.status_code == 403
    assert "Nobody decides on their own enrollment" in answer.text
    assert (await Approval.get()).status == "waiting"


@pytest.mark.parametrize("token", ["", "x" * 22, "a" * 5000, "%00", "ep-x"])
async def test_a_link_that_is_none_says_the_same(site: Site, token: str) -> None:
    for answer in (await site.client.get(f"{APPROVE}?a={token}"), await site.client.post(f"{APPROVE}?a={token}")):
        assert answer.status_code == 403
        assert "was decided or has ended" in answer.text


async def test_the_link_of_a_withdrawn_invitation_decides_nothing(site: Site, ben: Person, now: datetime) -> None:
    await waiting(site, ben, now, "manager")
    link = await link_of(site.desk)
    await Invitation.all().update(status="revoked")
    assert (await site.client.post(link, data={"decision": "approved"})).status_code == 403
    assert (await Approval.get()).status == "waiting"
