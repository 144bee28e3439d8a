"""Several invitations of the list at once."""

from datetime import timedelta

import httpx2
import pytest

from otae.invitations import lifecycle
from otae.store import database
from otae.store.models import Delivery, Invitation, Person, Pin
from tests.invitations.guests import add_person, invite
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

MANY = "/admin/invitations/many"


async def three(site: Site) -> list[str]:
    """Invite Ben, Cleo and Dora."""
    return [str((await invite(site.desk, "username_pin", user=name)).invitation.id) for name in ("ben", "cleo", "dora")]


async def test_those_selected_are_revoked_and_nobody_else(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await three(site)
    page = (await console.get("/admin/invitations")).text
    assert all(f'name="id" value="{each}"' in page for each in ids)
    data = {"what": "revoke", "id": ids[:2], "back": "/admin/invitations?status=pending", "answered": "yes"}
    answer = await console.post(MANY, data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/invitations?status=pending")
    assert [(await Invitation.get(id=each)).status for each in ids] == ["revoked", "revoked", "pending"]
    assert "2 invitations were revoked." in (await console.get("/admin/invitations")).text


async def test_those_selected_are_sent_again_with_a_new_pin(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await three(site)
    await console.post(MANY, data={"what": "resend", "id": ids, "answered": "yes"})
    assert {(await Invitation.get(id=each)).generation for each in ids} == {2}
    assert await Pin.filter(active=True, generation=2).count() == 3
    assert await Delivery.filter(status="queued", generation=2).count() == 6


async def test_the_question_says_how_many_it_is_about(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await three(site)
    asked = await console.post(MANY, data={"what": "revoke", "id": ids}, follow_redirects=True)
    assert "Revoke 3 invitations" in asked.text
    assert all(f'name="id" value="{each}"' in asked.text for each in ids)
    assert await Invitation.filter(status="pending").count() == 3


async def test_those_selected_are_extended(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await three(site)
    soon = await database.now() + timedelta(hours=1)
    await Invitation.all().update(valid_until=soon)
    await console.post(MANY, data={"what": "extend", "id": ids[:2]})
    assert await Invitation.filter(valid_until__gt=soon).count() == 2


async def test_one_that_cannot_be_changed_keeps_no_other_back(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await three(site)
    row = await Invitation.get(id=ids[0])
    await lifecycle.revoke(site.desk, row, now=await database.now(), actor="ada")
    await Person.filter(name="cleo").update(email=None)
    await console.post(MANY, data={"what": "resend", "id": ids, "answered": "yes"})
    page = (await console.get("/admin/invitations")).text
    for words in ("1 invitation was sent again.", "Not ben: This invitation was withdrawn.", "cleo lacks an e-mail"):
        assert words in page


async def test_nothing_selected_changes_nothing(console: httpx2.AsyncClient, site: Site) -> None:
    await add_person(site.desk)
    answer = await console.post(MANY, data={"what": "revoke", "back": "https://example.test/"}, follow_redirects=True)
    assert "Nothing was selected." in answer.text


@pytest.mark.parametrize("data", [{"what": "delete"}, {}])
async def test_a_change_that_is_not_known_is_refused(console: httpx2.AsyncClient, data: dict[str, str]) -> None:
    assert (await console.post(MANY, data=data)).status_code == 400


async def test_what_is_no_invitation_is_left_out(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await three(site)
    odd = [ids[0], "x", "0e9ad3f2-6a2f-4a66-b1bb-0d52c1a7c001"]
    assert (await console.post(MANY, data={"what": "revoke", "id": odd, "answered": "yes"})).status_code == 303
    assert await Invitation.filter(status="revoked").count() == 1
