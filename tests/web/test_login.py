"""The login page: what each mode asks, what wrong entries are told, and that looking changes nothing."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from otae.accounts import password_links
from otae.enrollment import link_cookie
from otae.invitations import lifecycle
from otae.invitations.mode_values import ModeValues, set_values
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.paths import INSTALL, INVITATION_LINK, LOGIN, NOT_YOU, OPENED
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Administrator, EnrollmentSession, Event, Invitation, Person
from otae.web.portal.login import LINK_COOKIE
from tests.web.conftest import PASSWORD, Invite, Site, shown_code
from tests.web.dump import dump
from tests.web.refused_fields import refused_fields

pytestmark = pytest.mark.anyio

FIELDS = {
    "username_password": {"name", "password"},
    "username_pin": {"name", "pin"},
    "two_factor": {"name", "password", "pin"},
    "high_security": {"name", "password", "pin"},
}


async def open_link(site: Site, url: str) -> None:
    """Follow a mailed link as a browser does, up to the clean page."""
    first = await site.client.get(url)
    assert (first.status_code, first.headers["location"].partition("?")[0]) == (302, LOGIN)
    second = await site.client.get(first.headers["location"], follow_redirects=True)
    assert str(second.request.url) == f"{site.origin}{LOGIN}", "the address says nothing of the invitation"


def fields(page: str) -> set[str]:
    return set(re.findall(r'<input[^>]*\bname="(\w+)"', page)) - {"link", "back"}


def sealed(page: str) -> str:
    """Return which invitation the form of a page is for, "" for none."""
    found = re.search(r'<input type="hidden" name="link" value="([^"]*)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("mode", FIELDS)
async def test_the_page_behind_a_link_asks_what_the_mode_needs(site: Site, invite: Invite, mode: str) -> None:
    await open_link(site, (await invite(mode)).url)
    page = await site.client.get(LOGIN)
    assert page.status_code == 200
    assert fields(page.text) == FIELDS[mode]
    assert 'value="ben" readonly' in page.text


@pytest.mark.parametrize("mode", FIELDS)
async def test_what_the_mode_asks_for_signs_in(site: Site, invite: Invite, mode: str) -> None:
    made = await invite(mode)
    await open_link(site, made.url)
    entries = {"name": "ben", "password": PASSWORD, "pin": made.pin or ""}
    answer = await site.client.post(LOGIN, data={name: entries[name] for name in FIELDS[mode]})
    assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)
    assert (await EnrollmentSession.get()).mode == mode
    assert (await site.client.get(INSTALL)).status_code == 200


async def test_a_pin_may_be_typed_in_groups(site: Site, invite: Invite) -> None:
    made = await invite("username_pin")
    assert made.pin
    await open_link(site, made.url)
    answer = await site.client.post(LOGIN, data={"name": "ben", "pin": f" {made.pin[:4]} - {made.pin[4:]} "})
    assert answer.status_code == 303


async def test_the_token_stands_in_no_address_after_the_first_and_the_cookie_is_sealed(
    site: Site, invite: Invite
) -> None:
    made = await invite("two_factor")
    await open_link(site, made.url)
    cookie = next(cookie for cookie in site.client.cookies.jar if cookie.name == LINK_COOKIE)
    assert cookie.value is not None
    assert made.token not in cookie.value
    assert cookie.secure
    assert cookie.path == "/"
    assert made.token not in (await site.client.get(LOGIN)).text


async def test_get_and_head_of_links_and_login_page_write_nothing(site: Site, invite: Invite) -> None:
    made = await invite("two_factor")
    before = await dump()
    for _ in range(10):
        for path in (f"{INVITATION_LINK}?e={made.token}", f"{LOGIN}?e={made.token}", LOGIN, f"{LOGIN}?bare=1"):
            await site.client.get(path)
            await site.client.head(path)
    assert await dump() == before


async def test_the_page_tells_once_that_it_was_opened(site: Site, invite: Invite) -> None:
    await open_link(site, (await invite("two_factor")).url)
    assert 'data-opened="/zdm/macos/otae/opened"' in (await site.client.get(LOGIN)).text
    safari = {"User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Version/18 Safari/605"}
    for _ in range(3):
        assert (await site.client.post(OPENED, headers=safari)).status_code == 204
    assert [event.detail for event in await Event.filter(kind="link.opened")] == ["Safari on macOS"]


async def test_wrong_entries_keep_the_page_and_give_a_support_code(site: Site, invite: Invite) -> None:
    await open_link(site, (await invite("two_factor")).url)
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": "wrong", "pin": "00000000"})
    assert answer.status_code == 422
    shown = shown_code(answer.text)
    assert len(shown) == 8
    assert await Event.exists(kind="signin.failed", support_code=shown)
    assert fields(answer.text) == FIELDS["two_factor"]
    assert "wrong" not in re.findall(r'value="([^"]*)"', answer.text)


async def test_known_and_unknown_names_get_the_same_page(site: Site, invite: Invite) -> None:
    await invite("two_factor")
    pages = []
    for name in ("ben", "cleo"):
        answer = await site.client.post(LOGIN, data={"name": name, "password": "wrong", "pin": "12345678"})
        assert answer.status_code == 422
        pages.append(re.sub(r'otae-code">[A-Z2-9]{5}<', "", answer.text).replace(f'value="{name}"', ""))
    assert pages[0] == pages[1]


async def test_no_user_name_is_asked_for_beside_the_field(site: Site) -> None:
    answer = await site.client.post(LOGIN, data={"name": "", "password": "x"})
    assert answer.status_code == 422
    assert 'href="#name"' in answer.text


async def test_too_many_wrong_entries_ask_to_wait(site: Site, invite: Invite) -> None:
    await open_link(site, (await invite("username_password")).url)
    answers = [await site.client.post(LOGIN, data={"name": "ben", "password": "wrong"}) for _ in range(8)]
    assert answers[0].status_code == 422
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_a_made_up_forwarded_address_does_not_help_guessing(site: Site, invite: Invite) -> None:
    await open_link(site, (await invite("username_password")).url)
    statuses = [
        (
            await site.client.post(
                LOGIN, data={"name": "ben", "password": "wrong"}, headers={"X-Forwarded-For": f"198.51.{n}.1"}
            )
        ).status_code
        for n in range(8)
    ]
    assert 429 in statuses


@pytest.mark.parametrize("what", ["unknown", "revoked", "expired", "redeemed", "failed"])
async def test_a_dead_link_says_what_to_do(site: Site, desk: Desk, invite: Invite, what: str) -> None:
    made = await invite("two_factor")
    token, now = made.token, await database.now()
    if what == "unknown":
        token = token[:-1] + ("0" if token[-1] != "0" else "1")
    elif what == "revoked":
        await lifecycle.revoke(desk, made.invitation, now=now, actor="ada")
    elif what == "redeemed":
        await lifecycle.redeem(made.invitation, now=now)
    elif what == "failed":
        await lifecycle.fail(made.invitation, now=now, why="the tries are used up")
    else:
        made.invitation.valid_until = now
        await made.invitation.save()
        await lifecycle.expire_due(now)
    answer = await site.client.get(f"{LOGIN}?e={token}", follow_redirects=True)
    assert answer.status_code == (404 if what == "unknown" else 410)
    assert "IT department" in answer.text or "whole link" in answer.text
    assert token not in answer.text


async def test_a_form_sent_after_the_invitation_was_withdrawn_is_recorded(
    site: Site, desk: Desk, invite: Invite
) -> None:
    made = await invite("username_password")
    await open_link(site, made.url)
    await lifecycle.revoke(desk, made.invitation, now=await database.now(), actor="ada")
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    assert answer.status_code == 410
    event = await Event.get(kind="refused", invitation_id=made.invitation.id)
    assert event.support_code == made.invitation.support_code == shown_code(answer.text)
    assert event.code == "invitation-revoked"


async def test_a_page_left_open_too_long_asks_for_the_link_again(site: Site, invite: Invite) -> None:
    token, now = (await invite("username_password")).token, await database.now()
    old = await link_cookie.seal(site.desk, token, now=now - timedelta(minutes=61), purpose=link_cookie.Purpose.FORM)
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD, "link": old})
    assert answer.status_code == 410
    assert "open the link" in answer.text


async def test_by_invitation_only_is_said_kindly_and_the_link_still_works(site: Site, invite: Invite) -> None:
    await properties.write("macos.otae.enable", "false")
    bare = await site.client.get(LOGIN)
    assert (bare.status_code, "by invitation" in bare.text) == (403, True)
    assert (await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 403
    await open_link(site, (await invite("username_password")).url)
    assert (await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 303


async def test_the_page_says_who_invites_to_what_and_until_when(site: Site, desk: Desk, ben: Person) -> None:
    now = await database.now()
    row = Administrator(name="ada", display_name="Ada Lovelace", password_hash="", created_at=now)
    await row.save(force_create=True)
    await properties.write("organization.name", "Example <GmbH>")
    await properties.write("organization.timezone", "Europe/Berlin")
    terms = InvitationTerms(
        mode="two_factor", ownership="employee", serial="C02ABCDEFGHJ", note="Welcome\n<b>Ben</b>", send=False
    )
    made = await lifecycle.create(desk, InvitationOrder(ben.name, terms), now=now, actor="ada")
    await Invitation.all().update(valid_until=datetime(2099, 12, 24, 18, tzinfo=UTC))
    await open_link(site, made.url)
    page = (await site.client.get(LOGIN)).text
    assert "<bdi>Ada Lovelace</bdi> invites you to enroll this Mac with <bdi>Example &lt;GmbH&gt;</bdi>" in page
    assert "Welcome\n&lt;b&gt;Ben&lt;/b&gt;</blockquote>" in page
    assert "Your own" in page
    assert "C02ABCDEFGHJ</span>" in page
    assert "24 December 2099, 19:00 CET" in page
    assert "<bdi>Ben Okafor</bdi>" in page
    assert "(<bdi>ben</bdi>)" in page
    german = (await site.client.get(LOGIN, headers={"Accept-Language": "de"})).text
    assert "24. Dezember 2099, 19:00 MEZ" in german
    assert "lädt Sie ein" in german


def summaries(page: str) -> tuple[str, str, str]:
    """Return what a page says that the organization may do, may not do, and what happens on leaving."""
    folded = page[page.index('<details id="rights">') :].partition("</details>")[0]
    _, may, may_not, leaving = re.split("<h2[ >]", folded)
    return may, may_not, leaving


@pytest.mark.parametrize("ownership", ["corporate", "employee"])
async def test_what_the_organization_may_see_and_do_is_said_before_and_after_signing_in(
    site: Site, desk: Desk, ben: Person, ownership: str
) -> None:
    await properties.write("organization.name", "Example GmbH")
    await properties.write("mdm.rights.corporate", str(8191 - 8))
    terms = InvitationTerms(mode="username_password", ownership=ownership, send=False)
    made = await lifecycle.create(desk, InvitationOrder(ben.name, terms), now=await database.now(), actor="ada")
    await open_link(site, made.url)
    page = (await site.client.get(LOGIN)).text
    assert "What <bdi>Example GmbH</bdi> will be able to see and do</summary>" in page
    may, may_not, leaving = summaries(page)
    corporate = ownership == "corporate"
    assert [words in may for words in ("Lock,", "See which apps", "Install apps")] == [corporate] * 3
    assert [words in may_not for words in ("Lock,", "See which apps", "Install apps")] == [not corporate] * 3
    assert "Erase the Mac" in may_not
    for words in ("your files", "messages", "web pages"):
        assert words in may_not
    assert "remove an account" in may
    assert ("belongs to <bdi>Example GmbH" in leaving, "leave at any time" in leaving) == (corporate, not corporate)
    assert (await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 303
    await properties.write(f"mdm.rights.{ownership}", "1043")
    assert summaries((await site.client.get(INSTALL)).text) == (may, may_not, leaving), "what this sign-in gave"
    assert "<details id" not in (await site.client.get(f"{LOGIN}?bare=1", follow_redirects=True)).text


async def test_the_page_of_an_invitation_by_command_names_the_organization(site: Site, invite: Invite) -> None:
    await properties.write("organization.name", "Example GmbH")
    await open_link(site, (await invite("username_password")).url)
    page = (await site.client.get(LOGIN)).text
    assert "<bdi>Example GmbH</bdi> invites you to enroll this Mac." in page
    assert "Belongs to <bdi>Example GmbH</bdi>" in page
    assert "Valid until" not in page, "this one has no end"


async def test_the_persons_name_is_shown_behind_the_link_alone(site: Site, invite: Invite) -> None:
    await invite("two_factor")
    assert "Okafor" not in (await site.client.get(LOGIN)).text
    wrong = await site.client.post(LOGIN, data={"name": "ben", "password": "wrong"})
    assert "Okafor" not in wrong.text


@pytest.mark.parametrize(
    ("mode", "asked", "button"),
    [
        ("invitation_url", set(), "Start"),
        ("invitation_url_pin", {"pin"}, "Sign in"),
        ("invitation_url_password", {"password"}, "Sign in"),
    ],
)
async def test_a_link_that_needs_nothing_more_is_a_start(
    site: Site, invite: Invite, mode: str, asked: set[str], button: str
) -> None:
    now = await database.now()
    await set_values(mode, ModeValues(enabled=True), now=now, actor="ada")
    made = await invite(mode)
    await open_link(site, made.url)
    page = (await site.client.get(LOGIN)).text
    assert fields(page) == {"name"} | asked
    assert f'type="submit">{button}</button>' in page
    assert ("Sign in" in page, "Signing in as" in page) == (bool(asked), bool(asked))
    entries = {"password": PASSWORD, "pin": made.pin or ""}
    answer = await site.client.post(LOGIN, data={"name": "ben"} | {name: entries[name] for name in asked})
    assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)


@pytest.mark.parametrize("enabled", ["true", "false"])
async def test_not_you_says_what_to_do_and_writes_nothing(site: Site, invite: Invite, enabled: str) -> None:
    await properties.write("macos.otae.enable", enabled)
    await properties.write("support.contact", "it@example.test")
    await open_link(site, (await invite("two_factor")).url)
    assert f'href="{NOT_YOU}"' in (await site.client.get(LOGIN)).text
    before = await dump()
    answer = await site.client.get(NOT_YOU)
    assert (answer.status_code, "it@example.test" in answer.text) == (200, True)
    assert not fields(answer.text)
    assert "ben" not in answer.text.lower().replace("haben", "")
    assert ("bare=1" in answer.text) is (enabled == "true"), "a link to a page that refuses everybody helps nobody"
    assert await dump() == before
    assert 'value="ben" readonly' in (await site.client.get(LOGIN)).text, "the way back is open"


async def test_not_you_leads_to_the_bare_page(site: Site, invite: Invite) -> None:
    await open_link(site, (await invite("high_security")).url)
    answer = await site.client.get(f"{LOGIN}?bare=1", follow_redirects=True)
    assert 'value="ben"' not in answer.text
    assert fields(answer.text) == {"name", "password", "pin"}


@pytest.mark.parametrize(("system", "hint"), [("iPhone", True), ("Windows NT 10.0", True), ("Macintosh", False)])
async def test_other_devices_are_told_that_this_is_for_a_mac(site: Site, system: str, *, hint: bool) -> None:
    answer = await site.client.get(LOGIN, headers={"User-Agent": f"Mozilla/5.0 ({system})"})
    assert ("This is for a Mac." in answer.text) is hint
    assert fields(answer.text) == (set() if hint else {"name", "password", "pin"})


async def test_a_cookie_that_was_changed_or_is_too_old_is_none(site: Site, invite: Invite) -> None:
    await open_link(site, (await invite("two_factor")).url)
    value = site.client.cookies[LINK_COOKIE]
    for wrong in (value[:-2] + "xx", "A", "", "=" * 8, "é" * 40):
        answer = await site.stranger(Cookie=f"{LINK_COOKIE}={wrong}".encode()).get(LOGIN)
        assert answer.status_code == 200
        assert 'value="ben"' not in answer.text


async def test_a_refused_field_says_so_to_screen_readers_and_the_summary_leads_to_it(
    site: Site, ben: Person, now: datetime
) -> None:
    answer = await site.client.post(LOGIN, data={"name": "x" * 2000, "password": "", "pin": "1" * 2000, "link": ""})
    assert refused_fields(answer.text) == ["name", "pin"]
    assert "User name: Field cannot be longer than" in answer.text
    assert re.search(r'<details class="otae-more[^>]* open', answer.text), "a link into what is folded leads nowhere"
    link = await password_links.make(site.desk, ben, now=now, actor="ada")
    answer = await site.client.post(link, data={"password": "five more quiet words", "again": "another"})
    assert refused_fields(answer.text) == ["again"]
    assert "The same password again: The two passwords differ." in answer.text
