"""An administrator's own account."""

import re
from datetime import datetime, timedelta

import httpx2
import pytest

from otae.accounts import browsers
from otae.accounts.administrators import create_administrator
from otae.store import database
from otae.store.models import Administrator, AuditEntry, BrowserSession, Counter
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

PAGE = "/admin/account"


async def test_administrators_say_where_they_are_told(console: httpx2.AsyncClient) -> None:
    assert f'href="{PAGE}"' in (await console.get("/admin")).text
    assert (await console.post(PAGE, data={"email": " ada@example.test "})).status_code == 303
    assert (await Administrator.get(name="ada")).email == "ada@example.test"
    assert 'value="ada@example.test"' in (await console.get(PAGE)).text
    assert (await console.post(PAGE, data={"email": ""})).status_code == 303
    assert (await Administrator.get(name="ada")).email is None
    assert await AuditEntry.filter(actor="ada", action="administrator.address-changed", subject="ada").count() == 2


async def test_administrators_say_how_they_are_called(console: httpx2.AsyncClient) -> None:
    sent = {"email": "ada@example.test", "display_name": "Ada Lovelace"}
    assert (await console.post(PAGE, data=sent)).status_code == 303
    assert (await Administrator.get(name="ada")).display_name == "Ada Lovelace"
    assert 'value="Ada Lovelace"' in (await console.get(PAGE)).text
    refused = await console.post(PAGE, data=sent | {"email": "", "display_name": "Ada\u202eecalevoL"})
    assert (refused.status_code, 'id="display_name-errors"' in refused.text) == (422, True)
    assert (await Administrator.get(name="ada")).email == "ada@example.test", "nothing is kept of a refused form"


@pytest.mark.parametrize("wrong", ["ada", "ada@example.test\nBcc: x@example.test", "a@b, c@d", "a" * 260 + "@x.test"])
async def test_what_is_no_address_is_refused_at_its_field(console: httpx2.AsyncClient, wrong: str) -> None:
    answer = await console.post(PAGE, data={"email": wrong})
    assert answer.status_code == 422
    assert 'id="email-errors"' in answer.text
    assert (await Administrator.get(name="ada")).email is None


async def test_administrators_choose_time_zone_and_language(console: httpx2.AsyncClient) -> None:
    page = (await console.get(PAGE)).text
    assert '<option value="Europe/Berlin">Europe/Berlin</option>' in page
    chosen = {"time_zone": "Europe/Berlin", "language": "de"}
    assert (await console.post(PAGE, data=chosen)).status_code == 303
    ada = await Administrator.get(name="ada")
    assert (ada.time_zone, ada.language) == ("Europe/Berlin", "de")
    answer = await console.get(PAGE, headers={"Accept-Language": "en"})
    assert '<html lang="de"' in answer.text
    assert '<option selected value="Europe/Berlin">' in answer.text
    assert re.search(r'title="[^"]* MES?Z"', answer.text), "times are in the zone, named in the language"
    assert (answer.headers["content-language"], "accept-language" in answer.headers.get("vary", "").lower()) == (
        "de",
        False,
    )
    for wrong in ({"time_zone": "Mars/Olympus"}, {"language": "tlh"}, {"time_zone": "../../etc/passwd"}):
        assert (await console.post(PAGE, data=chosen | wrong)).status_code == 422
    assert (await console.post(PAGE, data={"time_zone": "", "language": ""})).status_code == 303
    assert '<html lang="en"' in (await console.get(PAGE)).text


NEW = "five other quiet words here"


def entered(**changes: str) -> dict[str, str]:
    return {"current": ADA_PASSWORD, "password": NEW, "again": NEW} | changes


async def signed_in(site: Site, agent: str, password: str = ADA_PASSWORD) -> httpx2.AsyncClient:
    """Sign Ada in with another browser."""
    browser = site.stranger(Origin=site.origin, User_Agent=agent)
    answer = await browser.post("/admin/sign-in", data={"name": "ada", "password": password})
    assert answer.status_code == 303
    return browser


async def test_an_administrator_changes_their_password_and_every_other_browser_is_signed_out(
    site: Site, console: httpx2.AsyncClient
) -> None:
    other, before = await signed_in(site, "Firefox/130.0 (Windows)"), console.cookies["__Host-otae-console"]
    answer = await console.post(f"{PAGE}/password", data=entered())
    assert answer.headers["location"] == PAGE
    assert console.cookies["__Host-otae-console"] != before
    assert "Your password was changed" in (await console.get(PAGE)).text
    assert (await other.get(PAGE)).status_code == 303
    assert await BrowserSession.all().count() == 1
    assert await AuditEntry.filter(actor="ada", action="administrator.password-changed", subject="ada").count() == 1
    again = await signed_in(site, "x", NEW)
    assert (await again.get(PAGE)).status_code == 200
    for browser in (other, again):
        await browser.aclose()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"current": "wrong"}, "current", "this is not your password"),
        ({"current": ""}, "current", "is missing"),
        ({"again": "another"}, "again", "the two passwords differ"),
        ({"password": "short", "again": "short"}, "password", "12"),
        ({"password": ADA_PASSWORD, "again": ADA_PASSWORD}, "password", "choose another"),
        ({"password": "x" * 300, "again": "x" * 300}, "password", "256"),
    ],
)
async def test_what_cannot_be_the_next_password_is_said_at_its_field(
    console: httpx2.AsyncClient, changes: dict[str, str], field: str, words: str
) -> None:
    answer = await console.post(f"{PAGE}/password", data=entered(**changes))
    assert answer.status_code == 422
    found = re.search(rf'id="{field}-errors">([^<]*)', answer.text)
    assert found
    assert words in found[1]
    assert NEW not in answer.text
    assert (await console.get(PAGE)).status_code == 200, "a reload sends nothing again"
    assert await AuditEntry.filter(action="administrator.password-changed").count() == 0


async def test_wrong_passwords_are_counted_with_those_of_the_sign_in_page(
    site: Site, console: httpx2.AsyncClient
) -> None:
    for _ in range(4):
        await console.post(f"{PAGE}/password", data=entered(current="wrong"))
    await Counter.all().update(blocked_until=await database.now() + timedelta(minutes=1))
    right = await console.post(f"{PAGE}/password", data=entered())
    assert right.status_code == 429
    assert "too many attempts" in right.text
    async with site.stranger(Origin=site.origin) as other:
        answer = await other.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
        assert answer.status_code in {422, 429}


async def test_a_password_of_a_directory_is_changed_there(console: httpx2.AsyncClient, now: datetime) -> None:
    await Administrator.filter(name="ada").update(domain="corp", checked_at=now)
    page = (await console.get(PAGE)).text
    assert "the one of the directory corp" in page
    assert 'name="current"' not in page
    answer = await console.post(f"{PAGE}/password", data=entered())
    assert answer.status_code == 422
    assert "changed there" in answer.text


async def test_other_browsers_are_seen_and_signed_out(site: Site, console: httpx2.AsyncClient) -> None:
    agents = ("Mozilla/5.0 (Macintosh) Safari/605", "Mozilla/5.0 (Windows) Firefox/130.0", "curl")
    others = [await signed_in(site, agent) for agent in agents]
    page = (await console.get(PAGE)).text
    for shown in ("Safari on macOS, 203.0.113.0/24", "Firefox on Windows", "this one", "Sign out everywhere else"):
        assert shown in page
    row = await BrowserSession.get(opened_from__contains="Firefox")
    await console.post(f"{PAGE}/browsers/{row.id}/end")
    assert [(await other.get(PAGE)).status_code for other in others] == [200, 303, 200]
    answer = await console.post(f"{PAGE}/browsers/end")
    assert "2 browsers were signed out." in (await console.get(answer.headers["location"])).text
    assert [(await other.get(PAGE)).status_code for other in others] == [303, 303, 303]
    assert await AuditEntry.filter(actor="ada", action="administrator.signed-out").count() == 2
    for other in others:
        await other.aclose()


async def test_nobody_signs_out_a_browser_of_somebody_else_or_their_own(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    mine = await BrowserSession.get()
    cleo = await create_administrator(site.desk, name="cleo", password=ADA_PASSWORD, now=now, actor="ada")
    await browsers.open_browser(browsers.CONSOLE, cleo, now=now)
    for row in await BrowserSession.all():
        await console.post(f"{PAGE}/browsers/{row.id}/end")
    await console.post(f"{PAGE}/browsers/end")
    assert await BrowserSession.all().count() == 2
    assert await BrowserSession.exists(id=mine.id)
