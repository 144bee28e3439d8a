"""Two tabs, a reload, cookies that are off, a session that ended: a form stays that of its own invitation."""

import html
import re
from datetime import timedelta

import httpx2
import pytest

from otae.directory.local import people
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.paths import INSTALL, LOGIN, NEW_LINK, PROFILE
from otae.store import database
from otae.store.models import BrowserSession, EnrollmentSession, Event, Invitation, Pin
from otae.web.guards import PORTAL_COOKIE
from otae.web.portal.login import LINK_COOKIE, SESSION_LINK_COOKIE
from tests.web.conftest import PASSWORD, Invite, Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


def form_of(page: str) -> dict[str, str]:
    """Return what the sign-in form of a page sends by itself."""
    found = re.findall(r'<input[^>]*name="(link|name)"[^>]*value="([^"]*)"', page)
    return {"name": "ben", **dict(found)}


async def tab(site: Site, made: lifecycle.Created) -> dict[str, str]:
    """Open an invitation's link in another tab of the same browser."""
    return form_of((await site.client.get(f"{LOGIN}?e={made.token}", follow_redirects=True)).text)


async def tries(made: lifecycle.Created) -> int:
    return (await Pin.get(invitation_id=made.invitation.id, active=True)).link_tries


async def for_cleo(site: Site) -> lifecycle.Created:
    now = await database.now()
    await people.add_person(
        site.desk,
        name="cleo",
        display_name="Cleo Ito",
        email="cleo@example.test",
        password=PASSWORD,
        now=now,
        actor="a",
    )
    order = InvitationOrder("cleo", InvitationTerms(mode="username_pin", send=False), show_pin=True)
    return await lifecycle.create(site.desk, order, now=now, actor="ada")


async def test_each_tab_signs_in_with_its_own_invitation(site: Site, invite: Invite) -> None:
    first, second = await invite("username_pin"), await invite("username_pin")
    tab_first, tab_second = await tab(site, first), await tab(site, second)
    for made, sent in ((first, tab_first), (second, tab_second), (first, tab_first)):
        answer = await site.client.post(LOGIN, data=sent | {"pin": made.pin or ""})
        assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)
        session = await EnrollmentSession.all().order_by("-opened_at", "-id").first()
        assert session
        assert session.invitation_id == made.invitation.id
    assert (await tries(first), await tries(second)) == (0, 0)


async def test_a_wrong_entry_counts_on_the_tabs_own_invitation_and_shows_its_form(site: Site, invite: Invite) -> None:
    first, second = await invite("username_pin"), await for_cleo(site)
    tab_first, _ = await tab(site, first), await tab(site, second)
    answer = await site.client.post(LOGIN, data=tab_first | {"pin": "00000000"})
    assert answer.status_code == 422
    assert (await tries(first), await tries(second)) == (1, 0)
    assert 'value="ben" readonly' in answer.text
    assert "cleo" not in answer.text
    assert "Cleo" not in answer.text
    again = await site.client.post(LOGIN, data=form_of(answer.text) | {"pin": first.pin or ""})
    assert again.status_code == 303
    assert (await EnrollmentSession.get()).person_id == first.invitation.person_id


async def test_a_form_for_no_invitation_stays_one(site: Site, invite: Invite) -> None:
    bare = form_of((await site.client.get(LOGIN)).text)
    assert bare["link"] == ""
    await tab(site, await for_cleo(site))
    made = await invite("username_pin")
    answer = await site.client.post(LOGIN, data=bare | {"name": "ben", "pin": "00000000"})
    assert answer.status_code == 422
    assert "cleo" not in answer.text.lower()
    assert await tries(made) == 0
    assert (await site.client.post(LOGIN, data=bare | {"name": "ben", "pin": made.pin or ""})).status_code == 303


async def test_a_page_follows_its_own_session_and_downloads_no_other_ones_profile(site: Site, invite: Invite) -> None:
    first, second = await invite("username_pin"), await for_cleo(site)
    tab_first, tab_second = await tab(site, first), await tab(site, second)
    await site.client.post(LOGIN, data=tab_first | {"pin": first.pin or ""})
    page = (await site.client.get(INSTALL)).text
    asks = html.unescape(re.findall(r'hx-get="([^"]+)"', page)[0])
    download = re.findall(rf'href="({PROFILE}[^"]*)"', page)[0]
    assert (await site.client.get(asks, headers=PART)).status_code == 204
    await site.client.post(LOGIN, data=tab_second | {"pin": second.pin or ""})
    part = await site.client.get(asks, headers=PART)
    assert "Another sign-in in this browser took the place" in part.text
    assert "hx-get" not in part.text
    assert "again=1" not in part.text
    refused = await site.client.get(download)
    assert (refused.status_code, "Another sign-in" in refused.text) == (409, True)
    assert "cleo" not in (part.text + refused.text).lower()
    assert (await site.client.get(INSTALL)).status_code == 200


async def test_the_button_for_a_new_pin_is_for_its_own_invitation(site: Site, invite: Invite) -> None:
    first, second = await invite("username_pin"), await invite("username_pin")
    forms = []
    for made in (first, second):
        await Invitation.filter(id=made.invitation.id).update(send=True)
        await lifecycle.fail(made.invitation, now=await database.now(), why="the tries are used up")
        forms.append(await tab(site, made))
    await site.client.post(NEW_LINK, data={"link": forms[0]["link"]})
    states = [(await Invitation.get(id=made.invitation.id)).status for made in (first, second)]
    assert states == ["pending", "failed"]


async def test_a_form_that_was_changed_or_made_elsewhere_opens_nothing(site: Site, invite: Invite) -> None:
    made = await invite("username_pin")
    sealed = (await tab(site, made))["link"]
    cookie = site.client.cookies[LINK_COOKIE]
    for link in (sealed[:-3] + "xxx", "A", cookie, made.token, "é" * 30):
        answer = await site.client.post(LOGIN, data={"name": "ben", "link": link, "pin": made.pin or ""})
        assert answer.status_code == 410
        assert "open the link" in answer.text
    assert await EnrollmentSession.all().count() == 0
    assert await tries(made) == 0


@pytest.mark.parametrize("mode", ["username_pin", "two_factor", "username_password"])
async def test_after_a_wrong_entry_a_reload_counts_nothing(site: Site, invite: Invite, mode: str) -> None:
    made = await invite(mode)
    sent = await tab(site, made) | {"password": "wrong", "pin": "00000000"}
    browser = httpx2.AsyncClient(
        transport=site.transport, base_url=site.origin, headers=site.client.headers, cookies=site.client.cookies
    )
    async with browser:
        refused = await browser.post(LOGIN, data=sent, follow_redirects=True)
        assert (refused.status_code, refused.request.method, refused.request.url.path) == (422, "GET", LOGIN)
        assert "00000000" not in refused.text
        events = await Event.all().count()
        for _ in range(3):
            page = await browser.get(refused.request.url)
            assert (page.status_code, "did not match" in page.text) == (200, False)
        assert await Event.all().count() == events
    if mode != "username_password":
        assert await tries(made) == 1


async def test_after_sixty_minutes_the_page_says_so_and_leads_back_to_its_form(site: Site, invite: Invite) -> None:
    made = await invite("high_security")
    sent = await tab(site, made) | {"password": PASSWORD, "pin": made.pin or ""}
    assert (await site.client.post(LOGIN, data=sent)).status_code == 303
    await tab(site, await for_cleo(site))  # another link followed meanwhile
    past = await database.now() - timedelta(minutes=1)
    await EnrollmentSession.all().update(expires_at=past)
    await BrowserSession.all().update(expires_at=past)
    page = await site.client.get(INSTALL)
    assert page.status_code == 200
    assert "Your sign-in has ended: its time was over" in page.text
    assert "hx-trigger" not in page.text
    part = await site.client.get(f"{INSTALL}?seen=opened-0-live-", headers=PART)
    assert "Your sign-in has ended" in part.text
    download = await site.client.get(PROFILE)
    assert (download.status_code, "?again=1" in download.text) == (403, True)
    back = re.findall(r'href="([^"]+\?again=1)"', page.text)[0]
    form = await site.client.get(back, follow_redirects=True)
    assert str(form.request.url) == f"{site.origin}{LOGIN}"
    assert set(re.findall(r'<input[^>]*\bname="(\w+)"', form.text)) == {"link", "name", "password", "pin"}
    assert 'value="ben" readonly' in form.text
    given = form_of(form.text) | {"password": PASSWORD, "pin": made.pin or ""}
    for missing in ("password", "pin"):
        assert (await site.client.post(LOGIN, data=given | {missing: ""})).status_code == 422
    assert (await site.client.post(LOGIN, data=given)).status_code == 303
    session = await EnrollmentSession.get(status="opened")
    assert session.invitation_id == made.invitation.id


async def test_the_way_back_lasts_as_long_as_the_page_that_shows_it(site: Site, invite: Invite) -> None:
    made = await invite("high_security")
    sent = await tab(site, made) | {"password": PASSWORD, "pin": made.pin or ""}
    answer = await site.client.post(LOGIN, data=sent)
    ages = {
        line.partition("=")[0]: int(re.findall(r"Max-Age=(\d+)", line)[0])
        for line in answer.headers.get_list("set-cookie")
    }
    assert ages.keys() == {PORTAL_COOKIE, LINK_COOKIE, SESSION_LINK_COOKIE}
    assert len(set(ages.values())) == 1
    assert min(ages.values()) >= 2 * 60 * 60 - 5


async def test_much_later_the_login_page_says_that_the_session_ended(site: Site, invite: Invite) -> None:
    made = await invite("high_security")
    sent = await tab(site, made) | {"password": PASSWORD, "pin": made.pin or ""}
    await site.client.post(LOGIN, data=sent)
    await BrowserSession.all().delete()
    part = await site.client.get(INSTALL, headers=PART)
    assert part.status_code == 403
    page = await site.client.get(part.headers["hx-redirect"])
    assert "Your sign-in has ended." in page.text
    assert 'value="ben" readonly' in page.text
    for query in ("ended=1", "again=1"):  # the cookies that lead back are over as well
        stranger = await site.stranger().get(f"{LOGIN}?{query}", follow_redirects=True)
        assert "please open the link in it again" in stranger.text


@pytest.mark.parametrize("where", ["link", "wrong entry", "right entry"])
async def test_a_browser_that_keeps_no_cookies_is_told(site: Site, invite: Invite, where: str) -> None:
    made = await invite("username_password")
    headers = {"Sec-Fetch-Site": "same-origin"}

    async def go(method: str, url: str, **sent: str) -> httpx2.Response:
        """Do as a browser without cookies does: a new client for every request."""
        for _ in range(10):
            async with httpx2.AsyncClient(transport=site.transport, base_url=site.origin, headers=headers) as blank:
                answer = await blank.request(method, url, data=sent or None)
            if answer.status_code not in {302, 303}:
                return answer
            method, url, sent = "GET", answer.headers["location"], {}
        raise AssertionError("an endless loop")

    if where == "link":
        answer = await go("GET", made.url)
    else:
        answer = await go("POST", LOGIN, link="", name="ben", password=PASSWORD if where == "right entry" else "wrong")
    assert answer.status_code == 400
    assert "Please allow cookies" in answer.text
    assert "keeps no cookies" in answer.text


async def test_a_browser_with_cookies_ends_at_clean_addresses(site: Site, invite: Invite) -> None:
    made = await invite("username_password")
    page = await site.client.get(made.url, follow_redirects=True)
    assert str(page.request.url) == f"{site.origin}{LOGIN}"
    fresh = site.stranger(**{"Sec-Fetch-Site": "same-origin"})
    wrong = await fresh.post(LOGIN, data={"link": "", "name": "ben", "password": "wrong"})
    assert (wrong.status_code, str(wrong.request.url)) == (422, f"{site.origin}{LOGIN}")
    fresh = site.stranger(**{"Sec-Fetch-Site": "same-origin"})
    await fresh.post(LOGIN, data={"link": "", "name": "ben", "password": PASSWORD})
    shown = await fresh.get(f"{INSTALL}?cookies=1", follow_redirects=True)
    assert (shown.status_code, str(shown.request.url)) == (200, f"{site.origin}{INSTALL}")
