"""Entering a PIN: how it may be pasted, what a mistyped one says, and what comes after the last try."""

import re

import pytest

from otae.invitations import lifecycle
from otae.invitations.mode_values import ModeValues, set_values
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.paths import INSTALL, LOGIN, NEW_LINK
from otae.store import database, properties
from otae.store.models import Counter, Delivery, EnrollmentSession, Event, Invitation, Pin
from tests.web.conftest import PASSWORD, Invite, Site, shown_code
from tests.web.refused_fields import refused_fields

pytestmark = pytest.mark.anyio

BETWEEN = {
    "space": " ",
    "no-break space": "\u00a0",
    "thin space": "\u2009",
    "ideographic space": "\u3000",
    "tab": "\t",
    "line break": "\r\n",
    "hyphen": "-",
    "no-break hyphen": "\u2011",
    "en dash": "–",
    "minus": "−",
    "soft hyphen": "\u00ad",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "zero-width non-joiner": "\u200c",
    "word joiner": "\u2060",
    "left-to-right mark": "\u200e",
    "embedding": "\u202a",
    "isolate": "\u2066",
    "byte order mark": "\ufeff",
    "dot": ".",
}


def wide(pin: str) -> str:
    return "".join(chr(ord(digit) + 0xFEE0) for digit in pin)


def wrong(pin: str | None) -> str:
    return f"{(int(pin or 0) + 1) % 10**8:08}"


async def send_again(site: Site, made: lifecycle.Created) -> str:
    """Let an administrator send the invitation again; return the new PIN."""
    row = await Invitation.get(id=made.invitation.id).prefetch_related("person")
    again = await lifecycle.resend(site.desk, row, now=await database.now(), actor="ada", show_pin=True)
    return again.pin or ""


async def sent(site: Site, mode: str = "username_pin", *, channel: str | None = None) -> lifecycle.Created:
    """Invite Ben by mail."""
    order = InvitationOrder("ben", InvitationTerms(mode=mode, pin_channel=channel), show_pin=True)
    return await lifecycle.create(site.desk, order, now=await database.now(), actor="ada")


async def enter(site: Site, **entered: str) -> tuple[int, str]:
    """Sign in as a browser does, with what stands in the page's form; return status and text of where it leads."""
    page = (await site.client.get(LOGIN)).text
    link = re.findall(r'name="link" value="([^"]*)"', page)[0]
    answer = await site.client.post(LOGIN, data={"name": "ben", "link": link, **entered})
    return answer.status_code, answer.text


async def enter_wrong(site: Site, times: int = 3) -> str:
    """Enter a wrong PIN some times; return the last page."""
    pages = [(await enter(site, pin="00000000"))[1] for _ in range(times)]
    return pages[-1]


async def test_a_pin_counts_by_its_letters_and_digits_whatever_was_pasted_with_it(site: Site, invite: Invite) -> None:
    made = await invite("username_pin")
    pin = made.pin or ""
    await site.client.get(f"{LOGIN}?e={made.token}")
    pasted = [f"{each}{pin[:4]}{each}{pin[4:]}{each}" for each in BETWEEN.values()]
    for entered in [*pasted, wide(pin), f"\ufeff{wide(pin)}\u200b", f"\u2068{pin}\u2069"]:
        assert (await enter(site, pin=entered))[0] == 303, ascii(entered)
    assert (await Pin.get(invitation_id=made.invitation.id)).link_tries == 0
    assert (await enter(site, pin="\u200b- \ufeff"))[0] == 422
    assert (await Pin.get(invitation_id=made.invitation.id)).link_tries == 0, "nothing was entered"


@pytest.mark.usefixtures("ben")
async def test_letters_count_in_any_case_and_width(site: Site) -> None:
    await set_values("username_pin", ModeValues(pin_letters=True), now=await database.now(), actor="ada")
    made = await sent(site)
    pin = made.pin or ""
    await site.client.get(f"{LOGIN}?e={made.token}")
    for entered in (pin.lower(), f"{pin[:4].lower()} {pin[4:]}", wide(pin), wide(pin.lower())):
        assert (await enter(site, pin=entered))[0] == 303, ascii(entered)
    assert (await Pin.get(invitation_id=made.invitation.id)).link_tries == 0


@pytest.mark.parametrize("typed", ["\ufeffben", " ben\u00a0", "be\u200bn", "ｂｅｎ", "BEN\u200e", "\u202aben\u202c"])
async def test_a_user_name_counts_by_what_can_be_seen(site: Site, invite: Invite, typed: str) -> None:
    await invite("username_password")
    answer = await site.client.post(LOGIN, data={"name": typed, "password": PASSWORD, "link": ""})
    assert answer.status_code == 303
    assert await EnrollmentSession.all().count() == 1


async def test_a_link_counts_by_what_can_be_seen(site: Site, invite: Invite) -> None:
    made = await invite("username_pin")
    for pasted in (f"{made.token}%E2%80%8B", f"%EF%BB%BF{made.token}", f"{made.token}%C2%A0"):
        page = await site.client.get(f"{LOGIN}?e={pasted}", follow_redirects=True)
        assert (page.status_code, 'value="ben" readonly' in page.text) == (200, True)


@pytest.mark.usefixtures("ben")
async def test_where_the_pin_is_the_only_secret_a_mistyped_one_says_how_many_are_left(site: Site) -> None:
    made = await sent(site)
    await site.client.get(f"{LOGIN}?e={made.token}")
    answers = [await enter(site, pin=wrong(made.pin)) for _ in range(3)]
    said = [
        (status, "2 tries are left" in text, "1 try is left" in text, "the last try" in text)
        for status, text in answers
    ]
    text = answers[-1][1]
    assert [refused_fields(page) for _, page in answers] == [["pin"], ["pin"], []]
    assert said == [(422, True, False, False), (422, False, True, True), (410, False, False, False)]
    assert await Event.exists(kind="signin.failed", support_code=shown_code(text))
    assert "Too many wrong entries" in text
    assert "A wrong PIN was entered too often" in text
    assert "Send me a new PIN" in text


@pytest.mark.parametrize("mode", ["two_factor", "high_security"])
@pytest.mark.usefixtures("ben")
async def test_where_a_password_is_asked_too_only_the_last_try_is_announced(site: Site, mode: str) -> None:
    made = await sent(site, mode)
    await site.client.get(f"{LOGIN}?e={made.token}")
    pages = []
    for number in range(3):
        pages.append((await site.client.get(LOGIN)).text)
        status, text = await enter(site, password=PASSWORD, pin=wrong(made.pin))
        pages.append(text)
        assert status == (422 if number < 2 else 410)
    announced = ["the last try" in page for page in pages]
    assert announced == [False, False, False, True, True, False]
    assert not any(re.search(r"\d tr(y|ies)", page) for page in pages[:-1])
    assert "Send me a new PIN" in pages[-1]


async def test_a_wrong_password_says_the_same_as_a_wrong_pin(site: Site, invite: Invite) -> None:
    made = await invite("two_factor")
    await site.client.get(f"{LOGIN}?e={made.token}")
    answers = [
        await enter(site, password=password, pin=pin)
        for password, pin in (("wrong", made.pin or ""), (PASSWORD, wrong(made.pin)))
    ]
    same = {re.sub(r'value="[^"]{40,}"|otae-code">[A-Z2-9]{5}<', "", text) for _, text in answers}
    assert len(same) == 1


@pytest.mark.usefixtures("ben")
async def test_the_bare_page_says_nothing_of_tries(site: Site) -> None:
    made = await sent(site)
    for _ in range(4):
        status, text = await enter(site, pin=wrong(made.pin))
        assert status == 422
        assert "left" not in text
        assert "last try" not in text
        assert "new PIN sent" not in text
    await site.client.get(f"{LOGIN}?e={made.token}")
    assert (await enter(site, pin=made.pin or ""))[0] == 303, "the link still takes it"


@pytest.mark.parametrize("entrance", ["mail", "cookie", "before it was noticed"])
@pytest.mark.usefixtures("ben")
async def test_every_entrance_says_why_the_pin_is_dead_and_offers_another(site: Site, entrance: str) -> None:
    made = await sent(site)
    await site.client.get(f"{LOGIN}?e={made.token}")
    await enter_wrong(site)
    if entrance == "before it was noticed":
        await Invitation.all().update(status="pending")
    page = await site.client.get(f"{LOGIN}?e={made.token}" if entrance == "mail" else LOGIN, follow_redirects=True)
    assert page.status_code == 410
    assert "A wrong PIN was entered too often" in page.text
    sealed = re.findall(r'name="link" value="([^"]+)"', page.text)[0]
    await site.client.post(NEW_LINK, data={"link": sealed})
    rows = await Delivery.filter(generation=2).order_by("kind")
    assert [(row.kind, row.recipient) for row in rows] == [("pin", "ben@example.test"), ("url", "ben@example.test")]
    old = await site.client.get(f"{LOGIN}?e={made.token}", follow_redirects=True)
    assert (old.status_code, "A new PIN was sent" in old.text) == (200, True)
    assert "Only the newest one works." in old.text
    assert (await enter(site, pin=made.pin or ""))[0] == 422, "the old PIN is dead"


@pytest.mark.usefixtures("ben")
async def test_who_asks_again_too_soon_is_told_when_to(site: Site) -> None:
    made = await sent(site)
    await site.client.get(f"{LOGIN}?e={made.token}")
    await enter_wrong(site)
    await site.client.post(NEW_LINK)
    dead = await enter_wrong(site)
    await site.client.post(NEW_LINK)
    assert "Send me a new PIN" not in dead
    assert "You can have a new PIN sent <time" in dead
    assert "in 14 min" in dead or "in 15 min" in dead
    assert await Delivery.filter(kind="pin").count() == 2
    await Counter.filter(key__startswith="new-link-soon").delete()
    again = await site.client.get(LOGIN)
    assert "Send me a new PIN" in again.text


@pytest.mark.usefixtures("ben")
async def test_after_nine_wrong_entries_only_an_administrator_can_send_another(site: Site) -> None:
    made = await sent(site)
    await site.client.get(f"{LOGIN}?e={made.token}")
    for number in range(3):
        dead = await enter_wrong(site)
        assert ("Send me a new PIN" in dead) is (number < 2)
        await site.client.post(NEW_LINK)
        await Counter.filter(key__startswith="new-link").delete()
    assert "Ask your IT department to send the invitation again" in (await site.client.get(LOGIN)).text
    assert await Delivery.filter(kind="pin").count() == 3
    pin = await send_again(site, made)
    assert (await enter(site, pin=pin))[0] == 303


@pytest.mark.parametrize("channel", ["shown", "card"])
@pytest.mark.usefixtures("ben")
async def test_a_pin_that_is_handed_over_is_never_sent(site: Site, channel: str) -> None:
    made = await sent(site, channel=channel)
    await site.client.get(f"{LOGIN}?e={made.token}")
    dead = await enter_wrong(site)
    assert "A wrong PIN was entered too often" in dead
    assert "Send me a new PIN" not in dead
    await site.client.post(NEW_LINK)
    assert await Delivery.filter(generation__gt=1).count() == 0


@pytest.mark.usefixtures("ben")
async def test_switched_off_the_page_still_says_why(site: Site) -> None:
    await properties.write("enrollment.newlink", "false")
    made = await sent(site)
    await site.client.get(f"{LOGIN}?e={made.token}")
    dead = await enter_wrong(site)
    assert "A wrong PIN was entered too often" in dead
    assert "Ask your IT department" in dead
    assert "Send me" not in dead
    assert (await site.client.get(INSTALL)).status_code == 303
