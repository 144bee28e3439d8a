"""The console's search: as a page, as the list of its dialog, and what each role finds."""

import re
from html import unescape

import httpx2
import pytest

from otae import paths
from otae.accounts.permissions import PERMISSIONS, Permission
from otae.store.models import Administrator, Device, Invitation, Person, Role
from otae.web import routes
from otae.web.admin.console_pages import PAGES, every_page
from otae.web.routing import ConsoleRoute
from tests.store.furnish import furnish
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true"}
#: What ENTER is, which has no row of its own: limited roles have it, too.
ALWAYS = Permission("console.enter", "", bounded=True)


def hits(page: str) -> dict[str, str]:
    """Return the addresses of what a page found, by what a browser remembers of each."""
    return {
        key: unescape(href) for href, key in re.findall(r'href="([^"]*)" data-find="([^"]*)"', page.replace("\n", " "))
    }


def test_every_page_of_the_menus_is_found_with_the_permission_that_opens_it() -> None:
    needed = {
        route.path: (route.needed["GET"], route.within)
        for route in routes.routes()
        if isinstance(route, ConsoleRoute) and "GET" in route.needed
    }
    for page in PAGES:
        permission, within = needed[page.path]
        assert permission == page.permission, page.path
        assert within or not page.within or not PERMISSIONS.get(permission, ALWAYS).bounded, page.path
    listed = {path for path in needed if "{" not in path and path.count("/") == 2}
    no_pages = {paths.SEARCH, paths.CONSOLE_CONFIRM}
    assert listed - no_pages <= {page.path for page in PAGES}


async def test_everything_is_found_on_the_page_and_in_the_dialog(console: httpx2.AsyncClient, invite: Invite) -> None:
    created, ben = await invite("username_pin"), await Person.get(name="ben")
    wanted = {
        f"person:{ben.id}": paths.USER(ben.id),
        f"invitation:{created.invitation.id}": paths.INVITATION(created.invitation.id),
    }
    whole = (await console.get(paths.SEARCH(q="okafor"))).text
    part = (await console.get(paths.SEARCH(q="okafor"), headers=PART)).text
    assert hits(whole) == hits(part) == wanted
    assert "<html" in whole
    assert "<html" not in part
    assert 'data-said="2 found"' in part
    assert "Pending" in part
    for href in wanted.values():
        assert (await console.get(href)).status_code == 200


async def test_pages_and_settings_are_found_by_title_by_words_and_in_both_languages(
    console: httpx2.AsyncClient,
) -> None:
    for text, href in (
        ("audit", paths.AUDIT),
        ("mail server", paths.NOTIFICATION_SERVERS),
        ("server mail", paths.NOTIFICATION_SERVERS),
        ("TERMS of use", paths.BRANDING),
        ("phone.region", paths.PROPERTY("phone.region")),
        ("two factor", paths.MODE("two_factor")),
        ("hands out macs", paths.BUILT_IN_ROLE("DEVICE_PROVISIONING")),
    ):
        assert href in hits((await console.get(paths.SEARCH(q=text))).text).values(), text
    for text in ("Freigaben", "approvals"):
        german = (await console.get(paths.SEARCH(q=text), headers={"Accept-Language": "de"})).text
        assert paths.APPROVALS in hits(german).values(), text


async def test_without_a_text_every_page_that_the_role_may_open_is_listed(console: httpx2.AsyncClient) -> None:
    assert set(hits((await console.get(paths.SEARCH)).text).values()) == {page.path for page in PAGES}
    assert hits((await console.get(paths.SEARCH, headers=PART)).text) == {}
    await Administrator.filter(name="ada").update(role="SUPPORT")
    offered = hits((await console.get(paths.SEARCH)).text).values()
    assert paths.INVITATIONS in offered
    assert paths.AUDIT not in offered
    assert paths.PROPERTY("phone.region") not in hits((await console.get(paths.SEARCH(q="phone"))).text).values()


async def test_each_role_can_open_what_it_finds(site: Site) -> None:
    await furnish(site.desk)
    console = site.client
    await console.post("/admin/sign-in", data={"name": "ada", "password": "four quiet words here"})
    now, device = (await Administrator.get(name="ada")).created_at, await Device.all().first()
    assert device is not None
    limited = ["invitation.see", "invitation.create", "device.see", "person.see", "group.see", "group-invitation.see"]
    await Role.create(name="limited", permissions=limited, groups=["local/sales"], created_at=now)
    for role in ("ADMIN", "SUPPORT", "DEVICE_PROVISIONING", "limited"):
        await Administrator.filter(name="ada").update(role=role)
        for text in ("", "ben", "sales", device.serial, "server", "role", "mail"):
            for href in hits((await console.get(paths.SEARCH(q=text))).text).values():
                answer = await console.get(href)
                assert answer.status_code in {200, 303}, (role, text, href)


async def test_what_was_found_before_is_listed_again_in_its_order(console: httpx2.AsyncClient, invite: Invite) -> None:
    created, ben = await invite("username_pin"), await Person.get(name="ben")
    keys = [f"page:{paths.AUDIT}", f"invitation:{created.invitation.id}", f"person:{ben.id}"]
    odd = [
        "person:",
        "person:nobody",
        ":",
        "",
        "x" * 5000,
        f"page:{paths.CONSOLE_SIGN_OUT}",
        f"pin:{ben.id}",
        "page:\0",
    ]
    part = (await console.get(paths.SEARCH, params={"recent": [keys[0], *odd, *keys[1:]]}, headers=PART)).text
    assert list(hits(part)) == [keys[0]]  # eight are looked at, no more
    part = (await console.get(paths.SEARCH, params={"recent": [*keys, *odd[:5]]}, headers=PART)).text
    assert list(hits(part)) == keys
    assert "Recently found" in part
    await Invitation.all().delete()
    await Administrator.filter(name="ada").update(role="SUPPORT")
    part = (await console.get(paths.SEARCH, params={"recent": keys}, headers=PART)).text
    assert list(hits(part)) == keys[2:]


async def test_nothing_found_says_why_that_may_be(console: httpx2.AsyncClient) -> None:
    for text, told in (
        ("nobody at all", "from two letters on"),
        ("K0QX2", "a Q, D, J or V was misread"),
        ("bcdf-gh1k", "a Q, D, J or V was misread"),
    ):
        for headers in ({}, PART):
            page = (await console.get(paths.SEARCH(q=text), headers=headers)).text
            assert told in page, text
            assert f"Nothing was found for “{text}”" in page


@pytest.mark.parametrize(
    "odd", ["\0", "%", "_", "<b>x</b>", "' OR 1=1 --", "x" * 10_000, "\u202eben", "%00%", "\ufffe", '"><script>', "😀"]
)
async def test_odd_texts_get_a_page(console: httpx2.AsyncClient, odd: str) -> None:
    for headers in ({}, PART):
        answer = await console.get(paths.SEARCH, params={"q": odd}, headers=headers)
        assert answer.status_code == 200
        assert "<b>x" not in answer.text
        assert "<script>" not in answer.text


async def test_the_search_itself_is_for_administrators(site: Site) -> None:
    assert (await site.client.get(paths.SEARCH(q="ben"))).status_code == 303
    part = await site.client.get(paths.SEARCH(q="ben"), headers=PART)
    assert (part.status_code, part.text) == (403, "")
    assert part.headers["hx-redirect"].startswith(paths.CONSOLE_SIGN_IN)


def test_each_page_has_one_address() -> None:
    every = [page.path for page in every_page()]
    assert len(set(every)) == len(every)
