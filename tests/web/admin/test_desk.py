"""Manage → Desk: the person is found, confirmed, and given what to type; a refused or repeated form shows nothing."""

import re
from uuid import uuid4

import httpx2
import pytest

from otae.store.models import Delivery, Invitation, Person, Pin
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

DESK = "/admin/desk"


async def button(console: httpx2.AsyncClient, search: str = "okafor") -> tuple[str, dict[str, str]]:
    """Search, and give address and fields of the form that confirms the first person found."""
    page = (await console.get(DESK, params={"q": search})).text
    where = re.findall(r'action="(/admin/desk/[^"]+)"', page)[0]
    return where, {"form_id": re.findall(r'name="form_id" value="([^"]+)"', page)[0]}


async def test_from_the_search_to_code_and_pin(console: httpx2.AsyncClient, site: Site, invite: Invite) -> None:
    await invite("two_factor")
    await Person.all().update(properties={"department": "Sales North"})
    page = (await console.get(DESK)).text
    assert f'href="{DESK}"' in page, "in the menu"
    assert "Okafor" not in page
    assert "Okafor" not in (await console.get(f"{DESK}?q=o")).text, "two letters or more"
    page = (await console.get(f"{DESK}?q=sales")).text
    assert "Ben Okafor" in page
    assert "Sales North" in page
    where, fields = await button(console)
    answer = await console.post(where, data=fields)
    assert answer.status_code == 200
    assert f"{site.origin}/go<" in answer.text
    code = re.findall(r'id="code">([A-Z ]+)<', answer.text)[0]
    pin = re.findall(r'id="pin">([0-9]{8})<', answer.text)[0]
    assert 'name="q"' in answer.text, "the next person is a search away"
    for path in (DESK, f"{DESK}?q=okafor"):
        page = (await console.get(path)).text
        assert code not in page
        assert pin not in page
    again = await console.post(where, data=fields, follow_redirects=True)
    assert "not shown a second time" in again.text
    assert pin not in again.text
    assert await Pin.filter(active=True).count() == 1
    assert (await Delivery.get(kind="identity")).recipient == "ben@example.test"
    timeline = (await console.get(f"/admin/invitations/{(await Invitation.get()).id}")).text
    assert "Identity confirmed by ada" in timeline
    assert "Identity confirmed at the desk" in (await console.get("/admin/audit")).text


async def test_who_may_not_be_confirmed_has_no_button_and_no_answer(
    console: httpx2.AsyncClient, invite: Invite
) -> None:
    await invite("two_factor")
    where, fields = await button(console)
    await Person.all().update(role="SUPPORT")
    page = (await console.get(f"{DESK}?q=okafor")).text
    assert "An administrator: not at the desk." in page
    assert where not in page
    answer = await console.post(where, data=fields, follow_redirects=True)
    assert answer.status_code == 422
    assert "Not done:" in answer.text
    assert 'id="code"' not in answer.text
    assert (await console.post(f"{DESK}/{uuid4()}", data={})).status_code == 404


async def test_without_an_open_invitation_it_leads_to_the_form(console: httpx2.AsyncClient, ben: Person) -> None:
    page = (await console.get(f"{DESK}?q={ben.name}")).text
    assert "/admin/invitations/add?recipient=ben" in page
    assert "Nobody is found." in (await console.get(f"{DESK}?q=cleopatra")).text


async def test_hostile_searches_stay_text(console: httpx2.AsyncClient) -> None:
    for search in ("<img src=x>", "%%", "' OR 1=1 --", "\x00\x01", "x" * 500):
        answer = await console.get(DESK, params={"q": search})
        assert answer.status_code == 200
        assert "<img src=x>" not in answer.text
