"""The install page and its downloads: for who signed in, live, and without a word too much."""

import plistlib
import re

import pytest

from otae.invitations import lifecycle
from otae.invitations.campaigns import Plan
from otae.paths import FORMER_MDM_LEFT, INSTALL, LOGIN, PROFILE, ROOT
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession, Event, Invitation
from otae.store.records import advance
from otae.web.guards import PORTAL_COOKIE
from tests.invitations.crowds import crowd
from tests.invitations.following import planned
from tests.web.conftest import PASSWORD, Invite, Site, shown_code
from tests.web.dump import dump

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


async def signed_in(site: Site, invite: Invite, way: str = "ota") -> EnrollmentSession:
    """Sign Ben in through his link."""
    made = await invite("username_password", way=way)
    await site.client.get(f"{LOGIN}?e={made.token}")
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    assert answer.status_code == 303
    return await EnrollmentSession.get(status="opened").prefetch_related("invitation")


def mark_in(page: str) -> str:
    found = re.search(r"seen=([\w-]+)", page)
    assert found
    return found[1]


@pytest.mark.parametrize("path", [INSTALL, PROFILE])
async def test_nobody_gets_there_without_signing_in(site: Site, path: str) -> None:
    answer = await site.client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, LOGIN)
    part = await site.client.get(path, headers=PART)
    assert (part.status_code, part.headers["hx-redirect"]) == (403, f"{LOGIN}?ended=1")


async def test_the_cookie_of_a_signed_in_browser_is_new_and_locked(site: Site, invite: Invite) -> None:
    await signed_in(site, invite)
    first = site.client.cookies[PORTAL_COOKIE]
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    header = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(PORTAL_COOKIE))
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {part.strip() for part in header.split(";")}
    assert site.client.cookies[PORTAL_COOKIE] != first
    stale = await site.stranger(Cookie=f"{PORTAL_COOKIE}={first}").get(INSTALL)
    assert stale.headers["location"] == f"{LOGIN}?ended=1"


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_the_download_is_the_profile_of_the_session(site: Site, invite: Invite, way: str) -> None:
    session = await signed_in(site, invite, way)
    answer = await site.client.get(PROFILE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-apple-aspen-config"
    assert answer.headers["content-disposition"] == 'attachment; filename="enroll.mobileconfig"'
    assert (b"Profile Service" in answer.content) is (way == "ota")
    assert await Challenge.filter(session_id=session.id).count() == 1


async def test_looking_at_the_download_mints_nothing(site: Site, invite: Invite) -> None:
    await signed_in(site, invite)
    before = await dump()
    assert (await site.client.head(PROFILE)).status_code == 200
    assert await dump() == before


async def test_the_page_follows_each_step_and_stops_at_the_last(site: Site, invite: Invite) -> None:
    session = await signed_in(site, invite)
    page = (await site.client.get(INSTALL)).text
    assert 'id="step-trust" aria-current="step"' in page
    await site.client.get(PROFILE)
    page = (await site.client.get(INSTALL)).text
    assert 'id="step-install" aria-current="step"' in page
    for to in ("identified", "certified", "configured"):
        await advance(session, to, event=f"session.{to}", now=await database.now())
        fresh = await site.client.get(f"{INSTALL}?seen={mark_in(page)}", headers=PART)
        if fresh.status_code == 204:
            assert to == "configured"  # one step to the person before the Mac
            continue
        page = fresh.text
        assert page.lstrip().startswith('<div id="progress"')
        assert (await site.client.get(f"{INSTALL}?seen={mark_in(page)}", headers=PART)).status_code == 204
    await advance(session, "enrolled", event="session.enrolled", now=await database.now())
    last = (await site.client.get(f"{INSTALL}?seen={mark_in(page)}", headers=PART)).text
    assert "This Mac is enrolled" in last
    assert "hx-trigger" not in last
    assert "hx-get" not in last


async def test_a_refusal_shows_words_and_support_code(site: Site, invite: Invite) -> None:
    session = await signed_in(site, invite)
    await advance(
        session,
        "refused",
        event="session.refused",
        now=await database.now(),
        refusal="device-taken",
        support_code="K7QX2",
    )
    page = (await site.client.get(INSTALL)).text
    assert "This Mac is enrolled for somebody else." in page
    assert session.invitation
    assert shown_code(page) == session.invitation.support_code
    assert "hx-trigger" not in page


async def test_a_withdrawn_invitation_refuses_the_download_with_a_support_code(
    site: Site, desk: Desk, invite: Invite
) -> None:
    session = await signed_in(site, invite)
    assert session.invitation
    await lifecycle.revoke(desk, session.invitation, now=await database.now(), actor="ada")
    assert "withdrawn" in (await site.client.get(INSTALL)).text
    answer = await site.client.get(PROFILE)
    assert answer.status_code in {403, 410}
    assert shown_code(answer.text) == session.invitation.support_code
    assert not await Challenge.exists(session_id=session.id)


async def test_the_root_is_handed_out_as_profile_and_as_certificate(site: Site) -> None:
    profile = await site.client.get(ROOT)
    assert profile.headers["content-type"] == "application/x-apple-aspen-config"
    assert b"com.apple.security.root" in profile.content
    certificate = await site.client.get(f"{ROOT}?format=cer")
    assert certificate.headers["content-type"] == "application/x-x509-ca-cert"
    assert certificate.content[:1] == b"\x30"
    start = profile.content.index(b"<?xml")
    end = profile.content.index(b"</plist>") + len(b"</plist>")
    assert plistlib.loads(profile.content[start:end])["PayloadContent"][0]["PayloadContent"] == certificate.content


async def test_fetching_the_root_stands_in_the_timeline_of_who_is_signed_in(site: Site, invite: Invite) -> None:
    before = await dump()
    await site.client.get(ROOT)
    assert await dump() == before
    session = await signed_in(site, invite)
    await site.client.get(ROOT)
    await site.client.head(ROOT)
    assert await Event.filter(kind="root.fetched", session_id=session.id).count() == 1


@pytest.mark.parametrize("way", ["ota", "profile"])
@pytest.mark.parametrize(("refusal", "again"), [("platform-refused", False), ("scep-challenge", True)])
async def test_a_refused_way_shows_no_step_under_way(
    site: Site, invite: Invite, way: str, refusal: str, *, again: bool
) -> None:
    session = await signed_in(site, invite, way)
    refused = {"status": "certified", "refusal": refusal, "support_code": "K7QXM"}
    await EnrollmentSession.filter(id=session.id).update(**refused)
    page = (await site.client.get(INSTALL)).text
    assert "K7QXM" in page
    assert "This takes a few seconds" not in page
    assert '<li class="current"' not in page
    assert '<li class="failed" id="step-enrolled">' in page
    assert ("Download again" in page) is ("download the profile once more" in page) is again
    # It goes on by itself as soon as the device gets on.
    await EnrollmentSession.filter(id=session.id).update(refusal=None, support_code=None)
    page = (await site.client.get(INSTALL)).text
    assert 'id="step-enrolled" aria-current="step"' in page
    assert "This takes a few seconds" in page


async def test_a_former_mdm_is_left_and_that_is_confirmed_before_there_is_a_profile(site: Site, invite: Invite) -> None:
    session = await signed_in(site, invite)
    await crowd(1, "former")
    campaign = await planned(site.desk, Plan("Autumn", former_mdm="1. Open <b>Settings</b>\n2. Leave"), "former")
    await Invitation.filter(id=session.invitation_id).update(campaign_id=campaign.id)
    page = (await site.client.get(INSTALL)).text
    assert "Leave the former management first" in page
    assert "1. Open &lt;b&gt;Settings&lt;/b&gt;</p>" in page
    answer = await site.client.get(PROFILE)
    assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)
    assert not await Challenge.exists()
    for _ in range(2):
        answer = await site.client.post(FORMER_MDM_LEFT)
        assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)
    assert "Download the profile" in (await site.client.get(INSTALL)).text
    assert (await site.client.get(PROFILE)).status_code == 200
    assert await Event.filter(kind="former-mdm.left").count() == 1
