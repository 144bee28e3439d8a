"""Several invitations of the list at once."""

import re
from datetime import timedelta

import httpx2
import pytest

from otae.invitations import bulk_actions, deletion, lifecycle
from otae.store import database, jobs
from otae.store.models import Administrator, Delivery, Invitation, Job, Person, Pin, Role
from tests.invitations.guests import add_person, invite
from tests.web.conftest import Site
from tests.web.page_forms import form_of

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


@pytest.mark.parametrize("data", [{"what": "remove"}, {}])
async def test_a_change_that_is_not_known_is_refused(console: httpx2.AsyncClient, data: dict[str, str]) -> None:
    assert (await console.post(MANY, data=data)).status_code == 400


async def test_what_is_no_invitation_is_left_out(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await three(site)
    odd = [ids[0], "x", "0e9ad3f2-6a2f-4a66-b1bb-0d52c1a7c001"]
    assert (await console.post(MANY, data={"what": "revoke", "id": odd, "answered": "yes"})).status_code == 303
    assert await Invitation.filter(status="revoked").count() == 1


def answered(page: str) -> dict[str, list[str]]:
    """Give what the button of a question sends that goes on."""
    return form_of(page, MANY).sent | {"answered": ["yes"]}


async def ended(site: Site) -> list[str]:
    """Invite Ben, Cleo and Dora, and revoke their invitations."""
    ids = await three(site)
    for each in ids:
        await lifecycle.revoke(site.desk, await Invitation.get(id=each), now=await database.now(), actor="ada")
    return ids


async def test_all_of_the_page_and_all_that_match_are_changed_without_a_script(
    console: httpx2.AsyncClient, site: Site
) -> None:
    ids = await three(site)
    data = {"what": "revoke", "scope": "page", "shown": ids[:2], "back": "/admin/invitations", "answered": "yes"}
    await console.post(MANY, data=data)
    assert await Invitation.filter(status="revoked").count() == 2
    back = "/admin/invitations?status=pending&mode=username_pin"
    asked = await console.post(MANY, data={"what": "revoke", "scope": "all", "back": back}, follow_redirects=True)
    assert "Revoke 1 invitation<" in asked.text
    form = answered(asked.text)
    answer = await console.post(MANY, data=form)
    assert answer.headers["location"] == back
    assert await Invitation.filter(status="revoked").count() == 3


async def test_when_more_match_meanwhile_it_asks_again(console: httpx2.AsyncClient, site: Site) -> None:
    await three(site)
    data = {"what": "revoke", "scope": "all", "back": "/admin/invitations?status=pending"}
    form = answered((await console.post(MANY, data=data, follow_redirects=True)).text)
    await invite(site.desk, "username_pin", user="eve")
    again = await console.post(MANY, data=form, follow_redirects=True)
    assert "The list has changed meanwhile." in again.text
    assert "Revoke 4 invitations<" in again.text
    assert not await Invitation.filter(status="revoked").exists()
    await console.post(MANY, data=answered(again.text))
    assert await Invitation.filter(status="revoked").count() == 4


async def test_all_that_match_are_those_within_reach(console: httpx2.AsyncClient, site: Site) -> None:
    await add_person(site.desk, "ben", groups=["sales"])
    await three(site)
    now = await database.now()
    await Role(
        name="limited", permissions=["invitation.see", "invitation.revoke"], groups=["local/sales"], created_at=now
    ).save()
    await Administrator.filter(name="ada").update(role="limited")
    data = {"what": "revoke", "scope": "all", "back": "/admin/invitations", "number": "1", "answered": "yes"}
    await console.post(MANY, data=data)
    assert [row.person.name for row in await Invitation.filter(status="revoked").prefetch_related("person")] == ["ben"]


async def test_many_are_changed_by_the_worker_and_followed_on_a_page(
    console: httpx2.AsyncClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_actions, "AT_ONCE", 2)
    ids = await three(site)
    asked = await console.post(MANY, data={"what": "extend", "id": ids}, follow_redirects=True)
    assert "Extend 3 invitations<" in asked.text
    page = (await console.post(MANY, data=answered(asked.text))).headers["location"]
    assert page.startswith(f"{MANY}/")
    waiting = (await console.get(page)).text
    assert "0 of 3 invitations" in waiting
    assert "every 2s" in waiting
    while await jobs.waiting(await database.now()):
        job = await jobs.claim((await Job.get(kind=bulk_actions.JOB)).id, await database.now())
        assert job is not None
        await bulk_actions.run_job(site.desk, job, now=await database.now())
    done = (await console.get(page)).text
    assert "3 invitations have their mode&#39;s whole time again." in done
    assert "every 2s" not in done
    await Administrator.filter(name="ada").update(name="eve")
    assert (await console.get(page)).status_code == 404, "hers alone"


async def test_a_dialog_that_has_nothing_to_ask_changes_nothing(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await ended(site)
    answer = await console.post(MANY, data={"what": "delete", "id": ids}, headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert not await Invitation.filter(deleted_at__isnull=False).exists()


async def test_those_selected_are_deleted_and_back_when_it_is_undone(console: httpx2.AsyncClient, site: Site) -> None:
    ids = await ended(site)
    await console.post(MANY, data={"what": "delete", "id": ids[:2]})
    page = (await console.get("/admin/invitations")).text
    assert "2 invitations were deleted." in page
    assert [each in page for each in ids] == [False, False, True]
    undo = form_of(page, next(iter(re.findall(r'action="(/admin/invitations/deletions/[^"]+)"', page))))
    await console.post(undo.action, data=undo.sent)
    page = (await console.get("/admin/invitations")).text
    assert "2 invitations are back." in page
    assert all(each in page for each in ids)
    await console.post(MANY, data={"what": "delete", "id": ids[:1]})
    await deletion.purge(now=await database.now() + timedelta(hours=1))
    late = await console.get("/admin/invitations")
    undo = form_of(late.text, next(iter(re.findall(r'action="(/admin/invitations/deletions/[^"]+)"', late.text))))
    assert "too late" in (await console.post(undo.action, data=undo.sent, follow_redirects=True)).text


async def test_one_that_has_ended_is_deleted_from_its_page(console: httpx2.AsyncClient, site: Site) -> None:
    (one, *_), waiting = await ended(site), await invite(site.desk, "username_pin", user="eve")
    page = f"/admin/invitations/{one}"
    assert f'action="{page}/delete"' in (await console.get(page)).text
    answer = await console.post(f"{page}/delete")
    assert answer.headers["location"] == "/admin/invitations"
    assert "The invitation of ben was deleted." in (await console.get("/admin/invitations")).text
    assert (await console.get(page)).status_code == 404
    assert (await console.post(f"{page}/delete")).status_code == 404
    page = f"/admin/invitations/{waiting.invitation.id}"
    assert f'action="{page}/delete"' not in (await console.get(page)).text
    refused = await console.post(f"{page}/delete", follow_redirects=True)
    assert "This invitation has not ended yet." in refused.text
