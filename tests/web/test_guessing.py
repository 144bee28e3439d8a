"""Guessing passwords at every door that takes one: from many networks, from one network, all at once."""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import httpx2
import pytest

from otae.accounts.throttle import AccountKeys
from otae.invitations.mode_values import ModeValues, set_values
from otae.invitations.modes import known_mode
from otae.paths import INSTALL, LOGIN, ME_SIGN_IN
from otae.settings import Settings
from otae.store import database, failure_counters, passwords, properties
from otae.store.models import Counter, Event, Person, Pin
from otae.web.portal.login import LINK_COOKIE
from tests.web.admin.conftest import ADA_PASSWORD, ada, console
from tests.web.conftest import PASSWORD, Browser, Invite, Site
from tests.web.test_login import open_link

__all__ = ["ada", "console"]

pytestmark = pytest.mark.anyio

SIGN_IN = "/admin/sign-in"


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Give an installation on each database: counters are changed by conditional statements."""
    made: Settings = request.getfixturevalue(f"{request.param}_settings")
    return made


def from_(site: Site, address: str) -> Browser:
    """Give a browser at another address."""
    transport = httpx2.ASGITransport(site.app, client=(address, 40_000))
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": site.origin}
    return Browser(transport=transport, base_url=site.origin, headers=headers)


def six(number: int) -> str:
    """Give an address in an IPv6 network of its own."""
    return f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1"


async def enter(browser: Browser, door: str, name: str, password: str = "a wrong one") -> int:
    """Send name and password to a door; give the status, with a refusal's words looked at."""
    answer = await browser.post(door, data={"name": name, "password": password})
    if answer.status_code == 429:
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code


async def hold() -> None:
    """Let what waits now wait for an hour: how fast this machine is decides nothing."""
    await Counter.exclude(blocked_until=None).update(blocked_until=await database.now() + timedelta(hours=1))


# From many networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "name"),
    [
        (SIGN_IN, "ada"),
        (SIGN_IN, "made-up"),
        (LOGIN, "ben"),
        (LOGIN, "made-up"),
        (ME_SIGN_IN, "ben"),
        (ME_SIGN_IN, "made-up"),
    ],
)
async def test_guesses_from_many_networks_are_slowed(site: Site, ada: None, ben: Person, door: str, name: str) -> None:
    codes = []
    for number in range(18):
        async with from_(site, six(number)) as browser:
            codes.append(await enter(browser, door, name))
    assert codes[:10] == [422] * 10
    assert 429 in codes[10:]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # the other tests count on both
@pytest.mark.parametrize("door", [SIGN_IN, LOGIN])
@pytest.mark.slow
async def test_of_two_hundred_networks_few_have_a_password_looked_at(
    site: Site, ada: None, invite: Invite, now: datetime, door: str
) -> None:
    await set_values("invitation_url_password", ModeValues(enabled=True), now=now, actor="ada")
    stolen = await invite("invitation_url_password")
    async with from_(site, six(0)) as browser:
        await open_link(Site(site.app, site.desk, browser, site.transport), stolen.url)
        link = browser.cookies[LINK_COOKIE]
    cookies = {"Cookie": f"{LINK_COOKIE}={link}"} if door == LOGIN else {}
    entered = {"name": "ada" if door == SIGN_IN else "ben", "password": "a wrong one"}
    for number in range(200):
        async with from_(site, six(number)) as browser:
            # what a refused form leads to is looked at elsewhere
            await httpx2.AsyncClient.post(browser, door, data=entered, headers=cookies)
    over_all = await Counter.get(key__contains=":*")
    # ten are looked at; then there are one second, two, four … between one and the next
    assert 10 <= over_all.failures <= 20


async def test_an_administrator_is_let_in_where_they_were_before_whatever_others_do(site: Site, ada: None) -> None:
    assert await enter(site.client, SIGN_IN, "ada", ADA_PASSWORD) == 303
    await site.client.post("/admin/sign-out")
    for number in range(20):
        async with from_(site, six(number)) as browser:
            await enter(browser, SIGN_IN, "ada")
    await hold()
    async with from_(site, six(99)) as browser:
        assert await enter(browser, SIGN_IN, "ada", ADA_PASSWORD) == 429
    assert await enter(site.client, SIGN_IN, "ada", ADA_PASSWORD) == 303


async def test_a_link_with_a_password_alone_is_slowed_over_all_networks_and_holds_up_nobody_else(
    site: Site, invite: Invite, now: datetime
) -> None:
    await set_values("invitation_url_password", ModeValues(enabled=True), now=now, actor="ada")
    stolen, other = await invite("invitation_url_password"), await invite("invitation_url_password")
    assert not (await known_mode("invitation_url_password")).secret
    codes = []
    for number in range(18):
        async with from_(site, six(number)) as browser:
            await open_link(Site(site.app, site.desk, browser, site.transport), stolen.url)
            codes.append((await browser.post(LOGIN, data={"name": "ben", "password": "a wrong one"})).status_code)
    assert codes[:10] == [422] * 10
    assert 429 in codes[10:]
    async with from_(site, six(77)) as browser:
        await open_link(Site(site.app, site.desk, browser, site.transport), other.url)
        answer = await browser.post(LOGIN, data={"name": "ben", "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, INSTALL)


async def test_nothing_done_at_the_bare_page_holds_up_who_has_a_link(site: Site, invite: Invite) -> None:
    made, codes = await invite("high_security"), []
    for number in range(12):
        async with from_(site, six(number)) as browser:
            codes.append(await enter(browser, LOGIN, "ben"))
    codes += [await enter(site.client, LOGIN, "ben") for _ in range(5)]
    assert 429 in codes
    await open_link(site, made.url)
    answer = await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD, "pin": made.pin or ""})
    assert answer.status_code == 303


# From one network ----------------------------------------------------------------------------------------------------


async def test_one_network_spends_its_share_and_nobody_elses(site: Site, ben: Person) -> None:
    await properties.write("enrollment.guess.network", "10")
    codes = [await enter(site.client, LOGIN, f"made-up-{number}") for number in range(14)]
    assert codes == [422] * 10 + [429] * 4
    assert (await Counter.get(key="enrollment.guess")).failures == 10
    assert await enter(site.client, LOGIN, "ben", PASSWORD) == 429
    async with from_(site, "198.51.100.7") as elsewhere:
        assert await enter(elsewhere, LOGIN, "ben", PASSWORD) == 303


async def test_the_budget_of_everybody_stands_behind_the_shares(site: Site, ben: Person) -> None:
    await properties.write("enrollment.guess.network", "10")
    await properties.write("enrollment.guess.budget", "15")
    for number in range(15):
        async with from_(site, f"198.51.{number // 8}.7") as browser:
            assert await enter(browser, LOGIN, f"made-up-{number}") == 422
    assert await enter(site.client, LOGIN, "ben", PASSWORD) == 429


async def test_made_up_names_leave_counters_that_end_and_no_event(site: Site, ben: Person, now: datetime) -> None:
    for name in ("made-up", "ben"):
        for _ in range(3):
            await enter(site.client, LOGIN, name)
    keys, seen = await AccountKeys.of(site.desk), []
    for name in ("made-up", "ben"):
        rows = await Counter.filter(key__startswith=f"password:{keys.key('bare', name)}:")
        seen.append(
            sorted((row.key.rpartition(":")[2], row.failures, row.blocked_until is None, row.network) for row in rows)
        )
    assert seen[0] == seen[1]
    assert {row.person_id for row in await Event.filter(kind="signin.failed")} == {ben.id}
    await failure_counters.delete_expired(now + timedelta(hours=2))
    assert not await Counter.filter(key__startswith="password:").exists()


# All at once ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("door", [LOGIN, SIGN_IN, ME_SIGN_IN])
async def test_a_flood_from_one_address_is_told_to_come_back_and_holds_up_nobody(
    site: Site, ada: None, ben: Person, door: str
) -> None:
    flood = [
        asyncio.create_task(site.client.post(door, data={"name": f"made-up-{number}", "password": "x"}))
        for number in range(72)
    ]
    async with from_(site, "198.51.100.7") as elsewhere:
        name, password = ("ada", ADA_PASSWORD) if door == SIGN_IN else ("ben", PASSWORD)
        assert await enter(elsewhere, door, name, password) == 303
    answers = await asyncio.gather(*flood)
    busy = [answer for answer in answers if answer.status_code == 503]
    assert len(busy) >= 72 - 2 * passwords.SLOTS_PER_NETWORK
    assert all(answer.headers["retry-after"] == str(passwords.RETRY_AFTER) for answer in busy)
    assert re.search(r"Many people are signing in right now", busy[0].text)
    assert await enter(site.client, door, name, password) == 303, "and afterwards the address is served again"


@pytest.mark.parametrize("door", [LOGIN, SIGN_IN, ME_SIGN_IN])
@pytest.mark.parametrize("networks", [1, 12])
async def test_right_passwords_sent_at_once_are_all_let_in(
    site: Site, ada: None, ben: Person, door: str, networks: int
) -> None:
    name, password = ("ada", ADA_PASSWORD) if door == SIGN_IN else ("ben", PASSWORD)
    async with AsyncExitStack() as open_ones:
        browsers = [
            await open_ones.enter_async_context(from_(site, f"198.51.{number % networks}.7")) for number in range(12)
        ]
        answers = await asyncio.gather(*(enter(each, door, name, password) for each in browsers))
    assert answers == [303] * 12
    left = await Counter.filter(key__startswith="password:", failures__gt=0)
    assert [(row.key, row.failures) for row in left] == []


async def test_a_right_pin_sent_several_times_at_once_is_let_in_and_costs_no_try(
    site: Site, ben: Person, invite: Invite
) -> None:
    made = await invite("username_pin")
    await open_link(site, made.url)
    form = {"name": "ben", "pin": made.pin}
    answers = await asyncio.gather(*(site.client.post(LOGIN, data=form) for _ in range(6)))
    assert {(answer.status_code, answer.headers.get("location")) for answer in answers} == {(303, INSTALL)}
    assert [row.link_tries for row in await Pin.filter(invitation_id=made.invitation.id)] == [0]


async def test_wrong_passwords_sent_at_once_are_let_through_no_more_than_in_turn(site: Site, ada: None) -> None:
    wrong = await asyncio.gather(*(enter(site.client, SIGN_IN, "ada") for _ in range(12)))
    assert sorted(wrong) == [422] * 3 + [429] * 9
