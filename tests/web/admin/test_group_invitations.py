"""The pages of groups and of inviting them."""

import csv
import io
import re
from datetime import timedelta

import httpx2
import pytest

from otae.invitations import group_worker, groups
from otae.store import database
from otae.store.models import Delivery, Group, GroupInvitation, Invitation, Membership, Person
from tests.invitations.crowds import crowd, invited, looked_up, ordered, work
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true"}
WHERE = "/admin/group-invitations"


async def order(console: httpx2.AsyncClient, **changes: str | None) -> httpx2.Response:
    """Send the form as a browser does, with ``changes``; None leaves a field out."""
    page = (await console.get(f"{WHERE}/add")).text
    sent = {"form_id": re.findall(r'name="form_id" type="hidden" value="([^"]+)"', page)[0]}
    for name in ("url_template", "pin_template", "confirmation_template"):
        sent[name] = re.findall(rf'name="{name}">.*?<option value="([^"]+)"', page)[0]
    given = {"group": "sales", "platform": "macos", "ownership": "corporate", "mode": "username_pin", "send": "y"}
    data = {name: value for name, value in (sent | given | changes).items() if value is not None}
    return await console.post(f"{WHERE}/add", data=data)


async def test_one_person_or_a_group_is_one_choice_away(console: httpx2.AsyncClient) -> None:
    assert f'href="{WHERE}/add"' in (await console.get("/admin/invitations/add")).text
    assert 'href="/admin/invitations/add"' in (await console.get(f"{WHERE}/add")).text


async def test_an_order_begins_with_a_dry_run_that_sends_nothing(console: httpx2.AsyncClient, site: Site) -> None:
    people = await crowd(3)
    await Person.filter(id=people[1].id).update(email=None)
    answer = await order(console)
    row = await GroupInvitation.get()
    assert (answer.status_code, answer.headers["location"]) == (303, f"{WHERE}/{row.id}")
    assert "Looking people up" in (await console.get(f"{WHERE}/{row.id}")).text
    await work(site.desk, row)
    page = (await console.get(f"{WHERE}/{row.id}")).text
    for words in ("2 people will be invited. Nothing has been sent yet.", "has no e-mail address: 1", "Person 3"):
        assert words in page
    assert not await Invitation.exists()
    assert not await Delivery.exists()


async def test_the_same_form_sent_twice_is_one_order(console: httpx2.AsyncClient) -> None:
    await crowd(1)
    form = "0e9ad3f2-6a2f-4a66-b1bb-0d52c1a7c001"
    first, again = await order(console, form_id=form), await order(console, form_id=form)
    assert first.headers["location"] == again.headers["location"]
    assert await GroupInvitation.all().count() == 1


@pytest.mark.parametrize("wrong", [{"group": "nowhere"}, {"group": ""}, {"mode": "odd"}, {"group": "sales\x00x"}])
async def test_what_is_wrong_with_an_order_stands_beside_its_field(
    console: httpx2.AsyncClient, wrong: dict[str, str]
) -> None:
    await crowd(1)
    answer = await order(console, **wrong)
    assert answer.status_code == 422
    assert not await GroupInvitation.exists()


async def test_an_order_is_started_paused_resumed_and_cancelled(
    console: httpx2.AsyncClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_worker, "BATCH", 1)
    monkeypatch.setattr(group_worker, "STEP_SECONDS", 0)
    await crowd(4)
    here, page = f"{WHERE}/{(await looked_up(site.desk)).id}", ""
    for change, stands, offered in (
        ("start", "Inviting", "pause"),
        ("pause", "Paused", "resume"),
        ("resume", "Inviting", "cancel"),
        ("cancel", "Cancelled", ""),
    ):
        assert (await console.post(f"{here}/{change}")).status_code == 303
        await work(site.desk, await GroupInvitation.get(), steps=1)
        page = (await console.get(here)).text
        assert f'aria-live="polite">{stands}<' in page
        assert f'action="{here}/{offered}"' in page or not offered
    assert await Invitation.all().count() == 2
    assert "not invited: cancelled" in page
    late = await console.post(f"{here}/start", follow_redirects=True)
    assert "It changed meanwhile" in late.text


async def test_the_bar_is_true_and_asks_for_news_only_while_there_are_some(
    console: httpx2.AsyncClient, site: Site
) -> None:
    await crowd(3)
    row = await invited(site.desk)
    here = f"{WHERE}/{row.id}"
    part = await console.get(here, headers=PART)
    assert "<html" not in part.text
    assert 'value="0" max="6"' in part.text
    (again,) = re.findall(r'hx-get="([^"]+)"', part.text)
    assert (await console.get(again, headers=PART)).status_code == 204
    await Delivery.filter(kind="url").update(status="sent", sent_at=await database.now())
    fresh = await console.get(again, headers=PART)
    assert 'value="3" max="6"' in fresh.text
    await Delivery.filter(kind="pin").update(attempt=1, next_try_at=await database.now() + timedelta(minutes=5))
    await Delivery.filter(kind="url").update(status="queued", answer="450 4.2.1 come back later")
    put_off = await console.get(again, headers=PART)
    assert "Tried again" in put_off.text
    assert "450 4.2.1 come back later" in put_off.text
    await Delivery.all().update(status="sent")
    await work(site.desk, row)
    last = (await console.get(here, headers=PART)).text
    assert 'value="6" max="6"' in last
    assert "hx-trigger" not in last


async def test_people_are_listed_in_pages_and_narrowed(
    console: httpx2.AsyncClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otae.web.admin.manage.group_invitations.PAGE", 2)
    people = await crowd(5)
    await Person.filter(id=people[0].id).update(email=None)
    here, shown = f"{WHERE}/{(await looked_up(site.desk)).id}", []
    following = [f"{here}?show=waiting"]
    while following:
        page = (await console.get(following[0])).text
        shown += re.findall(r"(p\d{4})@example", page)
        following = [each.replace("&amp;", "&") for each in re.findall(r'href="([^"]*after=[^"]*)"', page)]
    assert shown == ["p0002", "p0003", "p0004", "p0005"]
    assert (await console.get(f"{here}?show=odd")).status_code == 400


async def test_what_a_person_will_be_mailed_is_shown_before(console: httpx2.AsyncClient, site: Site) -> None:
    people = await crowd(2)
    await Person.filter(id=people[1].id).update(display_name="Cleo <b>Marín</b>")
    row = await looked_up(site.desk)
    here = f"{WHERE}/{row.id}"
    assert f'href="{here}/mail/2"' in (await console.get(here)).text
    page = (await console.get(f"{here}/mail/2")).text
    for words in ("Cleo &lt;b&gt;Marín&lt;/b&gt;", "/zdm/su?e=ep-…", "••••••••", "p0002"):
        assert words in page
    assert not await Invitation.exists()
    assert (await console.get(f"{here}/mail/3")).status_code == 404


async def test_the_people_of_an_order_are_exported(console: httpx2.AsyncClient, site: Site) -> None:
    people = await crowd(2)
    await Person.filter(id=people[0].id).update(display_name="=1+1")
    row = await invited(site.desk)
    answer = await console.get(f"{WHERE}/{row.id}/export")
    assert answer.text.startswith("\ufeff"), "a spreadsheet knows UTF-8 by its mark"
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert [each[:2] for each in rows[1:]] == [["p0001", "'=1+1"], ["p0002", "Person 2"]]


async def test_orders_are_listed_newest_first(console: httpx2.AsyncClient, site: Site) -> None:
    assert "No group has been invited yet" in (await console.get(WHERE)).text
    await crowd(1)
    row = await ordered(site.desk)
    await groups.cancel(row, now=await database.now(), actor="ada")
    page = (await console.get(WHERE)).text
    assert f"{WHERE}/{row.id}" in page
    assert "Cancelled" in page


@pytest.mark.parametrize("what", ["", "/export"])
async def test_an_order_that_is_not_there_is_a_404(console: httpx2.AsyncClient, what: str) -> None:
    assert (await console.get(f"{WHERE}/0e9ad3f2-6a2f-4a66-b1bb-0d52c1a7c001{what}")).status_code == 404


async def test_groups_are_made_filled_emptied_and_removed(console: httpx2.AsyncClient, ben: Person) -> None:
    made = await console.post("/admin/groups", data={"name": "sales"})
    here = made.headers["location"]
    assert (await console.post("/admin/groups", data={"name": "sales"})).status_code == 422
    assert (await console.post(f"{here}/members", data={"name": "Ben"})).status_code == 303
    assert "Ben Okafor" in (await console.get(here)).text
    assert f"{WHERE}/add?group=sales" in (await console.get("/admin/groups")).text
    assert (await console.post(f"{here}/members", data={"name": "nobody"})).status_code == 422
    assert (await console.post(f"{here}/members/{ben.id}/remove")).status_code == 303
    assert not await Membership.exists()
    assert (await console.post(f"{here}/remove")).headers["location"] == "/admin/groups"
    assert not await Group.exists()
    assert await Person.exists(id=ben.id)


async def test_a_group_s_hostile_name_stays_text(console: httpx2.AsyncClient, site: Site) -> None:
    name = '<img src=x onerror=alert(1)> & "x"'
    await crowd(1, name)
    row = await ordered(site.desk, group=name)
    for address in ("/admin/groups", WHERE, f"{WHERE}/{row.id}", f"{WHERE}/add"):
        page = (await console.get(address)).text
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page
