"""From a phone to the Mac: the link shows a code there, and the code opens the invitation here."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database, properties
from otae.store.models import Counter, Delivery, EnrollmentSession, Event, Invitation, ModePolicy, Pin
from tests.web.conftest import PASSWORD, Browser, Invite, Site, shown_code

pytestmark = pytest.mark.anyio

LOGIN, INSTALL, PROFILE = "/zdm/macos/otae/login", "/zdm/macos/otae/install", "/zdm/macos/otae/profile"
NEW_LINK, GO, CODE = "/zdm/macos/otae/new-link", "/go", "/go/code"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"
OTHERS = (
    PHONE,
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)


@pytest.fixture
def phone(site: Site) -> Browser:
    """Give the browser of a phone, which sends what one on our pages sends."""
    return site.stranger(User_Agent=PHONE, Sec_Fetch_Site="same-origin", Origin=site.origin)


def inputs(page: str) -> set[str]:
    return set(re.findall(r'<input[^>]*\bname="(\w+)"', page)) - {"link", "again", "back"}


async def code_on(phone: Browser, made: lifecycle.Created) -> str:
    """Open the link on the phone, press the button, and read the code."""
    page = (await phone.get(made.url, follow_redirects=True)).text
    sealed = re.findall(r'name="link" value="([^"]*)"', page)[0]
    page = (await phone.post(CODE, data={"link": sealed}, follow_redirects=True)).text
    return str(re.findall(r'otae-go-code">([A-Z ]+)<', page)[0]).replace(" ", "")


# The other device -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", OTHERS)
async def test_another_device_gets_no_form_and_no_download(site: Site, invite: Invite, agent: str) -> None:
    made = await invite("two_factor")
    before = await Event.all().count()
    for path in (LOGIN, GO, made.url):
        answer = await site.client.get(path, headers={"User-Agent": agent}, follow_redirects=True)
        assert answer.status_code == 200
        assert "Continue on your Mac" in answer.text
        assert inputs(answer.text) == set()
    assert await Event.all().count() == before
    assert (await Invitation.get()).go_code_hash is None, "a GET makes no code"
    await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD, "pin": made.pin or ""})
    for path in (INSTALL, PROFILE):
        answer = await site.client.get(path, headers={"User-Agent": agent}, follow_redirects=True)
        assert "Continue on your Mac" in answer.text
        assert "Show me a code" in answer.text


@pytest.mark.parametrize("mode", ["high_security", "invitation_url", "invitation_url_pin", "invitation_url_password"])
async def test_where_the_link_is_a_factor_there_is_no_code(phone: Browser, invite: Invite, mode: str) -> None:
    await ModePolicy.update_or_create(defaults={"options": {"enabled": True}}, mode=mode)
    page = (await phone.get((await invite(mode)).url, follow_redirects=True)).text
    assert "Open the invitation mail on your Mac" in page
    assert CODE not in page
    sealed = re.findall(r'name="link" value="([^"]*)"', page) or [""]
    await phone.post(CODE, data={"link": sealed[0]})
    await phone.post(CODE)
    assert (await Invitation.get()).go_code_hash is None


async def test_the_phone_shows_address_code_and_support_code_until_the_code_ends(
    site: Site, phone: Browser, invite: Invite
) -> None:
    made = await invite("two_factor")
    code = await code_on(phone, made)
    page = (await phone.get(LOGIN)).text
    assert f"{site.origin}/go<" in page
    assert f"{code[:4]} {code[4:]}" in page
    assert shown_code(page) == made.invitation.support_code
    assert "Ben Okafor" not in page
    another = await code_on(phone, made)
    assert another != code
    await Invitation.filter(id=made.invitation.id).update(go_code_until=await database.now() - timedelta(seconds=1))
    page = (await phone.get(LOGIN)).text
    assert "otae-go-code" not in page
    assert "Show me a code" in page


async def test_who_was_misread_says_so(site: Site, phone: Browser, invite: Invite) -> None:
    made = await invite("username_password")
    page = (await phone.get(made.url, follow_redirects=True)).text
    assert f'href="{LOGIN}?mac=1"' in page
    page = (await phone.get(f"{LOGIN}?mac=1", follow_redirects=True)).text
    assert inputs(page) == {"name", "password"}
    assert "data-not-a-mac" not in page
    assert (await phone.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 303
    assert "Download profile" in (await phone.get(INSTALL)).text
    ipad = (await site.client.get(made.url, follow_redirects=True)).text
    assert f'data-not-a-mac="{LOGIN}?mac=0"' in ipad
    assert "Show me a code" in (await site.client.get(f"{LOGIN}?mac=0", follow_redirects=True)).text
    stranger = site.stranger(User_Agent=PHONE)
    answer = await stranger.get(f"{LOGIN}?mac=1")
    stranger.cookies.clear()
    assert "Please allow cookies" in (await stranger.get(answer.headers["location"])).text


async def test_by_invitation_only_the_phone_says_so(site: Site, phone: Browser, invite: Invite) -> None:
    await properties.write("macos.otae.enable", "false")
    assert (await phone.get(LOGIN)).status_code == 403
    made = await invite("username_password")
    code = await code_on(phone, made)
    assert (await site.client.post(GO, data={"code": code})).headers["location"].startswith(LOGIN)
    assert inputs((await site.client.get(LOGIN)).text) == {"name", "password"}
    assert (await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 303


# The link again -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("ben")
async def test_the_link_is_mailed_again_and_link_and_pin_stay(site: Site, phone: Browser) -> None:
    order = InvitationOrder("ben", InvitationTerms(mode="two_factor"))
    made = await lifecycle.create(site.desk, order, now=await database.now(), actor="ada")
    page = (await phone.get(made.url, follow_redirects=True)).text
    assert "Mail me the link again" in page
    pin = await Pin.get()
    for _ in range(3):
        answer = await phone.post(NEW_LINK, data={"again": "1"}, follow_redirects=True)
        assert "once more to the address it was sent to" in answer.text
        assert "ben@" not in answer.text
    rows = await Delivery.filter(kind__startswith="reminder").all()
    assert [(row.kind, row.recipient, row.generation) for row in rows] == [("reminder-1", "ben@example.test", 1)]
    await pin.refresh_from_db()
    assert pin.active
    assert await Event.filter(kind="link.requested").count() == 1


async def test_the_link_is_not_mailed_where_it_was_not_or_that_is_off(phone: Browser, invite: Invite) -> None:
    made = await invite("two_factor")
    answers = set()
    for url in (made.url, f"{LOGIN}?e=ep-00000000-0000-0000-0000-000000000000"):
        page = (await phone.get(url, follow_redirects=True)).text
        assert "Mail me the link again" not in page
        sent = await phone.post(NEW_LINK, data={"again": "1", "link": ""})
        answers.add((sent.status_code, sent.headers["location"]))
    assert len(answers) == 1
    assert not await Delivery.exists()


# On the Mac -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        ("username_password", {"name", "password"}),
        ("two_factor", {"name", "password", "pin"}),
        ("username_pin", {"name", "pin"}),
    ],
)
async def test_the_code_opens_the_invitation_with_the_user_name_alone(
    site: Site, phone: Browser, invite: Invite, mode: str, asked: set[str]
) -> None:
    made = await invite(mode)
    code = await code_on(phone, made)
    shown = (await site.client.get(GO)).text
    assert inputs(shown) == {"code"}
    assert "If you were given a link and no code, open the link on this Mac." in shown
    answer = await site.client.post(GO, data={"code": f"{code[:4].lower()} {code[4:]}"}, follow_redirects=True)
    page = answer.text
    assert inputs(page) == asked
    assert 'value="ben"' in page
    assert "Okafor" not in page
    assert shown_code(page) == made.invitation.support_code
    assert not await EnrollmentSession.exists(), "nothing is spent"
    entered = {"name": "ben", "password": PASSWORD, "pin": made.pin or ""}
    wrong = await site.client.post(LOGIN, data=dict.fromkeys(asked, "wrong-1") | {"name": "ben"})
    assert wrong.status_code == 422
    assert inputs(wrong.text) == asked
    answer = await site.client.post(LOGIN, data={name: entered[name] for name in asked})
    assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)
    assert (await EnrollmentSession.get()).invitation_id == made.invitation.id
    again = await site.client.post(GO, data={"code": code})
    assert again.status_code == 422


async def test_wrong_codes_are_answered_alike(site: Site, phone: Browser, invite: Invite) -> None:
    made = await invite("two_factor")
    old, new = await code_on(phone, made), await code_on(phone, made)
    await site.stranger(Sec_Fetch_Site="same-origin", Origin=site.origin).post(GO, data={"code": new})
    pages = set()
    for code in (old, new, "BCDFGHJK"):
        answer = await site.client.post(GO, data={"code": code})
        assert answer.status_code == 422
        pages.add(answer.text.replace(code, ""))
    assert len(pages) == 1
    assert "otae-code" not in pages.pop(), "a page of no invitation"


@pytest.mark.parametrize("code", ["", "BCDF", "ABCDEFGH", "12345678", "x" * 300, "\x00\ud800"])
async def test_what_can_be_no_code_is_said_and_not_counted(site: Site, code: str) -> None:
    sent = urlencode({"code": code}, errors="surrogatepass")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await site.client.post(GO, content=sent, headers=kind)
    assert answer.status_code == 422
    assert not await Counter.exists(key__startswith="share:go")


async def test_too_many_wrong_codes_have_to_wait(site: Site) -> None:
    await properties.write("enrollment.guess.network", "10")
    for _ in range(10):
        await site.client.post(GO, data={"code": "BCDFGHJK"})
    answer = await site.client.post(GO, data={"code": "BCDFGHJK"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_what_ended_after_the_code_was_entered_says_why(site: Site, phone: Browser, invite: Invite) -> None:
    made = await invite("two_factor")
    code = await code_on(phone, made)
    await site.client.post(GO, data={"code": code})
    await lifecycle.revoke(site.desk, made.invitation, now=await database.now(), actor="ada")
    answer = await site.client.get(LOGIN)
    assert answer.status_code == 410
    assert "withdrawn" in answer.text
    assert shown_code(answer.text) == made.invitation.support_code


async def test_who_opened_by_a_code_makes_no_further_code(site: Site, phone: Browser, invite: Invite) -> None:
    made = await invite("two_factor")
    await site.client.post(GO, data={"code": await code_on(phone, made)})
    assert (await site.client.post(CODE)).status_code == 303
    assert (await Invitation.get()).go_code_hash is None
