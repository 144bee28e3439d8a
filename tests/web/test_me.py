"""The self-service page: who may sign in, what they see and do, and how it ends."""

import re
from datetime import datetime, timedelta

import httpx2
import pytest

from otae import paths
from otae.accounts import browsers, password_links
from otae.branding import portal_texts
from otae.directory.local import people
from otae.enrollment import approvals
from otae.invitations import self_made
from otae.invitations.mode_values import ModeValues, set_values
from otae.store import database, passwords, properties
from otae.store.desk import Desk
from otae.store.models import (
    Approval,
    AuditEntry,
    BrowserSession,
    Counter,
    Delivery,
    Device,
    Enrollment,
    EnrollmentSession,
    Event,
    Invitation,
    Person,
)
from otae.store.resources import Resources
from otae.web.guards import SELF_SERVICE_COOKIE
from tests.invitations.guests import PASSWORD as FURNISHED
from tests.store.furnish import furnish
from tests.web.conftest import PASSWORD, Invite, Site

pytestmark = pytest.mark.anyio

TEN_MINUTES = timedelta(minutes=11)


async def sign_in(browser: httpx2.AsyncClient, name: str = "ben", password: str = PASSWORD) -> httpx2.Response:
    return await browser.post(paths.ME_SIGN_IN, data={"name": name, "password": password})


async def say(browser: httpx2.AsyncClient, path: str, **sent: str) -> str:
    """Send a form of the page, and give the page that follows."""
    answer = await browser.post(path, data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, paths.ME)
    page = await browser.get(paths.ME)
    assert page.status_code == 200
    return page.text


async def for_self_service(*modes: str) -> None:
    for mode in modes:
        await set_values(mode, ModeValues(self_service=True), now=await database.now(), actor="ada")


async def test_who_is_not_signed_in_is_sent_to_sign_in(site: Site, ben: Person) -> None:
    for method, path in (("GET", paths.ME), ("POST", paths.ME_INVITE), ("POST", paths.ME_START)):
        answer = await site.client.request(method, path)
        assert (answer.status_code, answer.headers["location"]) == (303, paths.ME_SIGN_IN)
    refused = await sign_in(site.client, password="a wrong one")
    assert refused.status_code == 422
    assert "That did not match" in refused.text
    answer = await sign_in(site.client)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, paths.ME)
    assert SELF_SERVICE_COOKIE.startswith("__Host-")
    page = (await site.client.get(paths.ME)).text
    assert "Ben Okafor" in page
    assert "You have not enrolled a Mac." in page
    await site.client.post(paths.ME_SIGN_OUT)
    assert (await site.client.get(paths.ME)).status_code == 303
    assert not await BrowserSession.exists()


async def test_the_page_takes_neither_pin_nor_link(site: Site, invite: Invite) -> None:
    made = await invite("username_pin")
    answer = await site.client.post(paths.ME_SIGN_IN, data={"name": "ben", "pin": made.pin or "", "password": ""})
    assert "Please enter your password." in answer.text
    assert (await site.client.get(made.url, follow_redirects=True)).status_code == 200
    assert (await site.client.get(paths.ME)).status_code == 303
    assert not await BrowserSession.exists()


async def test_known_and_unknown_names_are_answered_alike(site: Site, ben: Person) -> None:
    seen = []
    for name in ("ben", "made-up"):
        answer = await sign_in(site.client, name, "a wrong one")
        seen.append((answer.status_code, re.sub(r"(?<=otae-code\">)\w+|ben|made-up", "", answer.text)))
    assert seen[0] == seen[1]
    assert [row.detail for row in await Event.filter(kind="signin.failed")] == [
        "password at the self-service page, from 203.0.113.0/24"
    ]


async def test_failures_here_and_at_the_login_page_are_one_count(site: Site, ben: Person) -> None:
    for _ in range(2):
        await sign_in(site.client, password="a wrong one")
        await site.client.post(paths.LOGIN, data={"name": "ben", "password": "a wrong one"})
    assert (await sign_in(site.client)).status_code == 429
    assert (await Counter.get(key="enrollment.guess")).failures == 3


async def test_switched_off_it_says_so_everywhere(site: Site, ben: Person) -> None:
    await sign_in(site.client)
    await properties.write("selfservice.enable", "false")
    for method, path in (
        ("GET", paths.ME),
        ("GET", paths.ME_SIGN_IN),
        ("POST", paths.ME_SIGN_IN),
        ("POST", paths.ME_START),
    ):
        answer = await site.client.request(method, path, data={"name": "ben"} if method == "POST" else None)
        assert answer.status_code == 403
        assert "is not offered here" in answer.text


async def test_somebody_disabled_or_with_another_password_is_out_at_once(
    site: Site, ben: Person, now: datetime
) -> None:
    await sign_in(site.client)
    await people.update_person(site.desk, ben, password="quite another phrase", now=now, actor="ada")
    assert (await site.client.get(paths.ME)).headers["location"] == paths.ME_SIGN_IN(ended=1)
    assert "signed out" in (await site.client.get(paths.ME_SIGN_IN(ended=1))).text
    assert (await sign_in(site.client)).status_code == 422
    await sign_in(site.client, password="quite another phrase")
    link = await password_links.make(site.desk, ben, now=now, actor="ada")
    await password_links.use(site.desk, link.partition("s=")[2], "once more another", now=now)
    assert (await site.client.get(paths.ME)).status_code == 303
    await sign_in(site.client, password="once more another")
    assert (await site.client.get(paths.ME)).status_code == 200
    await people.update_person(site.desk, ben, disabled=True, now=now, actor="ada")
    assert (await site.client.get(paths.ME)).status_code == 303
    assert (await sign_in(site.client, password="once more another")).status_code == 422


async def test_it_ends_when_left_alone_and_after_twelve_hours(site: Site, ben: Person, now: datetime) -> None:
    await sign_in(site.client)
    await BrowserSession.all().update(seen_at=now - browsers.IDLE - timedelta(seconds=1))
    assert (await site.client.get(paths.ME)).status_code == 303
    await sign_in(site.client)
    await BrowserSession.all().update(expires_at=now - timedelta(seconds=1))
    assert (await site.client.get(paths.ME)).status_code == 303


async def test_a_new_secret_each_time_and_none_that_was_given_beforehand(site: Site, ben: Person) -> None:
    site.client.cookies.set(SELF_SERVICE_COOKIE, "given", domain="localhost.local")
    await sign_in(site.client)
    first = await BrowserSession.get()
    await sign_in(site.client)
    assert (await BrowserSession.get()).secret_hash != first.secret_hash


async def test_somebody_invites_themselves_in_modes_for_it_twice_at_most(site: Site, ben: Person) -> None:
    await sign_in(site.client)
    assert "Send me an invitation" not in (await site.client.get(paths.ME)).text
    await for_self_service("two_factor", "high_security")
    page = (await site.client.get(paths.ME)).text
    assert "Send me an invitation" in page
    assert 'value="high_security"' in page
    assert "ben@example.test" in page
    assert "not possible" in await say(site.client, paths.ME_INVITE, mode="username_pin")
    assert "on its way" in await say(site.client, paths.ME_INVITE, mode="two_factor")
    page = await say(site.client, paths.ME_INVITE, mode="high_security")
    assert "two open invitations already" in page
    assert "two open invitations already" in await say(site.client, paths.ME_INVITE, mode="two_factor")
    rows = await Invitation.all().order_by("created_at")
    assert {(row.created_by, row.ownership, row.email) for row in rows} == {
        (self_made.ACTOR, "employee", "ben@example.test")
    }
    assert {row.recipient for row in await Delivery.all()} == {"ben@example.test"}
    assert {row.actor for row in await Event.filter(kind="invitation.created")} == {self_made.ACTOR}
    assert {row.actor for row in await AuditEntry.filter(action="invitation.created")} == {self_made.ACTOR}
    assert "ep-" not in page


async def test_by_invitation_only_nobody_starts_or_invites_themselves(site: Site, ben: Person) -> None:
    await for_self_service("two_factor")
    await sign_in(site.client)
    await properties.write("macos.otae.enable", "false")
    page = (await site.client.get(paths.ME)).text
    assert "by invitation" in page
    assert "Send me" not in page
    assert "by invitation" in await say(site.client, paths.ME_INVITE, mode="two_factor")
    assert "by invitation" in await say(site.client, paths.ME_START)
    assert not await Invitation.exists()
    assert not await EnrollmentSession.exists()


async def test_what_could_not_arrive_is_not_offered(site: Site, ben: Person) -> None:
    await for_self_service("two_factor")
    await Person.filter(id=ben.id).update(email=None)
    await sign_in(site.client)
    assert "Send me" not in (await site.client.get(paths.ME)).text
    assert "not possible" in await say(site.client, paths.ME_INVITE, mode="two_factor")
    assert not await Invitation.exists()


async def test_own_invitations_are_sent_again_and_withdrawn_and_those_of_others_are_unknown(
    site: Site, desk: Desk, ben: Person, now: datetime
) -> None:
    await for_self_service("two_factor")
    await sign_in(site.client)
    await say(site.client, paths.ME_INVITE, mode="two_factor")
    made = await Invitation.get()
    assert "once more" in await say(site.client, paths.ME_RESEND(made.id))
    assert (await Invitation.get()).generation == 2
    page = await say(site.client, paths.ME_RESEND(made.id))
    assert "Too many attempts" in page
    assert "a short while ago" in page
    await people.add_person(
        desk, name="cleo", email="c@example.test", password="cleo's own words", now=now, actor="ada"
    )
    stranger = site.stranger(Origin=site.origin, Sec_Fetch_Site="same-origin")
    await sign_in(stranger, "cleo", "cleo's own words")
    assert "cannot be sent again" in await say(stranger, paths.ME_RESEND(made.id))
    assert "ended already" in await say(stranger, paths.ME_WITHDRAW(made.id))
    assert (await Invitation.get()).status == "pending"
    page = await say(site.client, paths.ME_WITHDRAW(made.id))
    assert "The invitation is withdrawn." in page
    assert (await Event.get(kind="invitation.revoked")).actor == self_made.ACTOR
    assert "ended already" in await say(site.client, paths.ME_WITHDRAW(made.id))


async def test_this_mac_is_enrolled_from_here_with_a_fresh_password(site: Site, ben: Person, now: datetime) -> None:
    await sign_in(site.client)
    answer = await site.client.post(paths.ME_START)
    assert (answer.status_code, answer.headers["location"]) == (303, paths.INSTALL)
    session = await EnrollmentSession.get()
    assert (session.person_id, session.invitation_id, session.mode) == (ben.id, None, "username_password")
    assert "Enroll this Mac" in (await site.client.get(paths.INSTALL)).text
    await BrowserSession.filter(kind="person").update(created_at=now - TEN_MINUTES)
    answer = await site.client.post(paths.ME_START)
    assert answer.headers["location"] == paths.ME_SIGN_IN(again=1)
    assert "enter your password again" in (await site.client.get(paths.ME_SIGN_IN(again=1))).text


async def test_starting_takes_the_waiting_invitation_for_user_name_and_password(site: Site, invite: Invite) -> None:
    made = await invite("username_password")
    await set_values("username_password", ModeValues(enabled=False), now=await database.now(), actor="ada")
    await sign_in(site.client)
    await site.client.post(paths.ME_START)
    assert (await EnrollmentSession.get()).invitation_id == made.invitation.id


async def test_a_phone_is_told_to_go_to_the_mac(site: Site, ben: Person) -> None:
    await sign_in(site.client)
    agent = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"}
    page = (await site.client.get(paths.ME, headers=agent)).text
    assert "Open this page on the Mac" in page
    assert "Enroll this Mac" not in page


async def test_starting_here_asks_for_the_terms_of_use_as_well(site: Site, ben: Person, now: datetime) -> None:
    terms = await portal_texts.save("terms-of-use", "en", "Be kind.", now=now, actor="ada")
    await sign_in(site.client)
    assert "Be kind." in (await site.client.get(paths.ME)).text
    refused = await site.client.post(paths.ME_START)
    assert refused.status_code == 422
    assert "Please read and accept the terms of use." in refused.text
    assert not await EnrollmentSession.exists()
    assert terms is not None
    answer = await site.client.post(paths.ME_START, data={"terms_of_use": terms.sha256})
    assert answer.headers["location"] == paths.INSTALL


async def test_the_login_page_leads_here_where_it_is_offered(site: Site, ben: Person) -> None:
    assert f'href="{paths.ME}"' in (await site.client.get(paths.LOGIN)).text
    await properties.write("selfservice.enable", "false")
    assert f'href="{paths.ME}"' not in (await site.client.get(paths.LOGIN)).text


async def test_own_macs_are_shown_with_what_may_be_done_on_them_and_no_others(
    site: Site, desk: Desk, now: datetime
) -> None:
    await furnish(desk)
    mine = await Enrollment.all().prefetch_related("device").first()
    assert mine is not None
    await sign_in(site.client, name=(await Person.get(id=mine.person_id)).name, password=FURNISHED)
    await Device.filter(id=mine.device_id).update(name="Ben's Mac")
    page = (await site.client.get(paths.ME)).text
    assert "Ben&#39;s Mac" in page
    assert "Erase the Mac with everything on it" in page
    assert "When you leave" in page
    await people.add_person(desk, name="dora", password="dora's own words", now=now, actor="ada")
    await Enrollment.filter(id=mine.id).update(person_id=(await Person.get(name="dora")).id)
    assert "Ben&#39;s Mac" not in (await site.client.get(paths.ME)).text


async def test_every_name_takes_one_hash(
    site: Site, ben: Person, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.add_person(site.desk, name="dora", password="dora's own words", now=now, actor="ada")
    await Person.filter(name="dora").update(disabled=True)
    hashed: list[bool] = []
    verify = passwords.verify_secret

    async def counted(resources: Resources, secret: bytes, known: str | None) -> bool:
        hashed.append(True)
        return await verify(resources, secret, known)

    monkeypatch.setattr(passwords, "verify_secret", counted)
    for name in ("ben", "dora", "made-up"):
        hashed.clear()
        assert (await sign_in(site.client, name, "a wrong one")).status_code == 422
        assert len(hashed) == 1, name


async def test_who_waits_for_approval_sees_so_and_cannot_ask_anew_by_withdrawing(
    site: Site, desk: Desk, ben: Person, now: datetime
) -> None:
    await set_values("username_password", ModeValues(approval="administrator"), now=now, actor="ada")
    await sign_in(site.client)
    await site.client.post(paths.ME_START)
    asked = await Approval.get()
    page = (await site.client.get(paths.ME)).text
    assert "Waits for approval" in page
    assert "Withdraw this invitation" not in page
    await approvals.decide(desk, asked, "declined", approvals.Approver("ada"), now=now)
    assert "Not approved" in await say(site.client, paths.ME_WITHDRAW(asked.invitation_id))
    await site.client.post(paths.ME_START)
    assert await Approval.all().count() == 1
