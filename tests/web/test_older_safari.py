"""Browsers without Fetch Metadata (Safari before 16.4): our pages let them say where a form comes from.

With a form of a page that says "no-referrer" such a browser writes "Origin: null".
"""

import httpx2
import pytest

from otae.accounts import password_links
from otae.accounts.administrators import create_administrator
from otae.paths import INSTALL, LOGIN, OPENED
from otae.store import database
from otae.store.models import EnrollmentSession, Person
from tests.web.conftest import PASSWORD, Invite, Site

pytestmark = pytest.mark.anyio

SAFARI_15 = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/15.6 Safari/605.1.15"


async def send(browser: httpx2.AsyncClient, site: Site, page: httpx2.Response, **fields: str) -> httpx2.Response:
    """Send the form of a page as such a browser does."""
    origin = site.origin if page.headers["referrer-policy"] == "same-origin" else "null"
    return await browser.post(str(page.request.url), data=fields, headers={"Origin": origin})


async def test_the_forms_of_the_portal_are_taken(site: Site, invite: Invite, ben: Person) -> None:
    made = await invite("username_pin")
    async with site.stranger(**{"User-Agent": SAFARI_15}) as browser:
        page = await browser.get(f"{LOGIN}?e={made.token}", follow_redirects=True)
        wrong = await send(browser, site, page, name="ben", pin="00000000")
        assert (wrong.status_code, "1 try" in wrong.text or "2 tries" in wrong.text) == (422, True)
        assert (await send(browser, site, wrong, name="ben", pin=made.pin or "")).status_code == 303
        assert (await browser.get(INSTALL)).headers["referrer-policy"] == "same-origin", "for the form of languages"
        link = await password_links.make(site.desk, ben, now=await database.now(), actor="ada")
        asked = await browser.get(link)
        chosen = {"password": "five more quiet words", "again": "five more quiet words"}
        assert (await send(browser, site, asked, **chosen)).status_code == 303
    assert await EnrollmentSession.all().count() == 1


async def test_the_forms_of_the_console_are_taken(site: Site) -> None:
    await create_administrator(site.desk, name="ada", password=PASSWORD, now=await database.now(), actor="command line")
    async with site.stranger(**{"User-Agent": SAFARI_15}) as browser:
        page = await browser.get("/admin/sign-in", follow_redirects=True)
        entered = await send(browser, site, page, name="ada", password=PASSWORD)
        assert (entered.status_code, entered.headers["location"].partition("?")[0]) == (303, "/admin")
        for path in ("/admin", "/admin/account", "/admin/invitations/add"):
            assert (await browser.get(path, follow_redirects=True)).headers["referrer-policy"] == "same-origin", path


async def test_a_null_origin_stays_refused_and_what_is_no_form_says_no_referrer(site: Site, invite: Invite) -> None:
    made = await invite("username_password")
    async with site.stranger(Origin="null") as browser:
        assert (await browser.post(LOGIN, data={"name": "ben", "password": PASSWORD})).status_code == 403
        assert (await browser.post(OPENED)).status_code == 403
        for path in (f"{LOGIN}?e={made.token}", "/healthz", "/static/otae.css", "/crl/x.crl", "/zdm/macos/otae/root"):
            assert (await browser.get(path)).headers["referrer-policy"] == "no-referrer", path
    assert await EnrollmentSession.all().count() == 0
