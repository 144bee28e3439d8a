"""The pages of campaigns."""

import re
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest

from otae.invitations import campaigns
from otae.invitations.campaigns import Plan
from otae.store import database
from otae.store.models import AuditEntry, Campaign, GroupInvitation, Invitation, Membership, Person
from tests.invitations.crowds import crowd, join
from tests.invitations.following import HOUR, again, go_on, leave, links, look, planned, started, work
from tests.invitations.guests import add_person
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

WHERE = "/admin/campaigns"
PART = {"HX-Request": "true"}


async def send(console: httpx2.AsyncClient, **changes: str | None) -> httpx2.Response:
    """Send the form as a browser does, with ``changes``; None leaves a field out."""
    page = (await console.get(f"{WHERE}/add")).text
    sent = {"form_id": re.findall(r'name="form_id" type="hidden" value="([^"]+)"', page)[0]}
    given = {"group": "sales", "platform": "macos", "ownership": "corporate", "mode": "username_pin", "name": "Autumn"}
    data = {name: value for name, value in (sent | given | changes).items() if value is not None}
    return await console.post(f"{WHERE}/add", data=data)


async def test_a_campaign_is_looked_up_shown_and_started(console: httpx2.AsyncClient, site: Site) -> None:
    people = await crowd(3)
    await Person.filter(id=people[2].id).update(disabled=True)
    answer = await send(
        console, target="2027-01-31", remind_days="2", tell_manager="y", former_mdm="1. Open it\n2. <b>Leave</b>"
    )
    row = await Campaign.get()
    page = f"{WHERE}/{row.id}"
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    await work(site.desk, row, await database.now())
    text = (await console.get(page)).text
    assert "2 people will be invited. Nothing has been sent yet." in text
    assert "is disabled: 1" in text
    assert "&lt;b&gt;Leave&lt;/b&gt;" in text
    assert not await Invitation.exists()
    assert (await console.post(f"{page}/start")).headers["location"] == page
    row = await go_on(site.desk, await again(row), await database.now())
    assert await Invitation.all().count() == 2
    text = (await console.get(page)).text
    for words in ("Running", "Still to enroll", "after 2 days", "then the manager once", "Export who is left as CSV"):
        assert words in text
    assert "Autumn" in (await console.get(WHERE)).text
    assert [each.action for each in await AuditEntry.filter(action__startswith="campaign.")] == ["campaign.started"]


async def test_the_same_form_sent_twice_is_one_campaign(console: httpx2.AsyncClient) -> None:
    await crowd(1)
    form = "0e9ad3f2-6a2f-4a66-b1bb-0d52c1a7c001"
    first, second = await send(console, form_id=form), await send(console, form_id=form)
    assert first.headers["location"] == second.headers["location"]
    assert await Campaign.all().count() == 1


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("name", "", "use 1 to 100 characters in one line"),
        ("group", "nobody", "there is no group with this name"),
        ("target", "tomorrow", "use a day such as 2026-12-24"),
        ("target", "2199-01-01", "use a day within the next two years"),
        ("wave_hours", "9 noon", "use hours from 0 to 23"),
        ("wave_hours", "24", "use hours from 0 to 23"),
        ("wave_size", "many", "use a whole number"),
        ("wave_size", "9" * 9, "use a whole number from 0 to 100000"),
        ("remind_days", "-1", "use a whole number"),
        ("remind_most", "0", "use a whole number from 1 to 20"),
        ("former_mdm", "turned \u202e", "none that hides or turns text"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_kept(
    console: httpx2.AsyncClient, field: str, text: str, words: str
) -> None:
    await crowd(1)
    answer = await send(console, **{field: text})
    if answer.status_code == 303:
        answer = await console.get(answer.headers["location"])
    assert words in answer.text
    assert not await GroupInvitation.exists()


async def test_what_is_asked_is_shown_with_its_consequence_and_agreed_to_once(
    console: httpx2.AsyncClient, site: Site
) -> None:
    await crowd(20)
    row, now = await started(site.desk), await database.now()
    await join([await add_person(site.desk, name) for name in ("cleo", "dan", "eve")])
    await leave("p0001")
    await look(site.desk, row, now + HOUR)
    await look(site.desk, row, now + 2 * HOUR)
    page = f"{WHERE}/{row.id}"
    text = (await console.get(page)).text
    assert "Invite 3 and revoke the links of 1" in text
    assert "Waits for your answer" in text
    asked = {"joining": "3", "leaving": "1"}
    wrong = await console.post(f"{page}/agree", data=asked | {"joining": "2"}, follow_redirects=True)
    assert "It had moved on meanwhile" in wrong.text
    assert (await again(row)).status == "asking"
    await console.post(f"{page}/agree", data=asked)
    twice = await console.post(f"{page}/agree", data=asked, follow_redirects=True)
    assert "It had moved on meanwhile" in twice.text
    await go_on(site.desk, row, now + 2 * HOUR)
    assert (await links(row.id))["p0001"] == "revoked"
    assert await Invitation.all().count() == 23


async def test_a_group_that_cannot_be_read_is_said(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(2)
    row, now = await started(site.desk), await database.now()
    await Membership.all().delete()
    await look(site.desk, row, now + HOUR)
    text = (await console.get(f"{WHERE}/{row.id}")).text
    assert "The group has no members any more" in text
    assert "Nothing was changed." in text


async def test_who_is_left_comes_as_csv(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(3)
    row = await started(site.desk)
    await Invitation.filter(person__name="p0002").update(status="redeemed")
    order = f"/admin/group-invitations/{row.group_invitation_id}"
    assert f'href="{order}/export?show=open"' in (await console.get(f"{WHERE}/{row.id}")).text
    lines = (await console.get(f"{order}/export?show=open")).text.splitlines()
    assert [line.partition(",")[0].strip("\ufeff") for line in lines] == ["user", "p0001", "p0003"]
    page = (await console.get(f"{order}?show=open")).text
    assert "Person 1" in page
    assert "Person 2" not in page
    assert f'href="{WHERE}/{row.id}"' in page


async def test_the_buttons_of_its_group_invitation_lead_to_the_campaign(
    console: httpx2.AsyncClient, site: Site
) -> None:
    await crowd(2)
    row = await planned(site.desk)
    order = f"/admin/group-invitations/{row.group_invitation_id}"
    for button in ("start", "pause", "resume", "cancel"):
        answer = await console.post(f"{order}/{button}")
        assert answer.headers["location"].startswith(f"{WHERE}/{row.id}")
    assert (await again(row)).group_invitation.status == "ready"
    assert f'action="{order}' not in (await console.get(order)).text.replace("/people/", "")[:0]


async def test_pause_resume_and_end(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(2)
    row = await started(site.desk)
    page = f"{WHERE}/{row.id}"
    for button, status, words in (
        ("pause", "paused", "Resume"),
        ("resume", "running", "Read the group now"),
        ("look", "running", "Pause"),
        ("end", "ended", "Ended"),
    ):
        await console.post(f"{page}/{button}")
        assert (await again(row)).status == status
        assert words in (await console.get(page)).text
    late = await console.post(f"{page}/pause", follow_redirects=True)
    assert "It had moved on meanwhile" in late.text


async def test_the_page_is_sent_again_only_when_something_changed(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(2)
    row = await started(site.desk)
    page = (await console.get(f"{WHERE}/{row.id}")).text
    again_at = re.findall(r'hx-get="([^"]+)"', page)[0].replace("&amp;", "&")
    assert (await console.get(again_at, headers=PART)).status_code == 204
    await Invitation.filter(person__name="p0002").update(status="redeemed")
    await go_on(site.desk, row, await database.now() + timedelta(minutes=1))
    assert "Still to enroll" in (await console.get(again_at, headers=PART)).text


async def test_a_change_that_somebody_else_made_meanwhile_is_not_lost(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(2)
    row = await started(site.desk)
    edit = f"{WHERE}/{row.id}/edit"
    page = (await console.get(edit)).text
    seen = re.findall(r'name="seen" type="hidden" value="([^"]*)"', page)[0].replace("&#34;", '"')
    mine = {"seen": seen, "name": "Mine", "remind_days": "0", "remind_most": "3", "wave_size": "0"}
    await campaigns.change(await again(row), Plan("Theirs"), now=await database.now(), actor="eve")
    answer = await console.post(edit, data=mine)
    if answer.status_code == 303:
        answer = await console.get(answer.headers["location"])
    assert "Somebody else has changed this meanwhile; now it is: Theirs" in answer.text
    assert (await again(row)).name == "Theirs"
    page = (await console.get(edit)).text
    seen = re.findall(r'name="seen" type="hidden" value="([^"]*)"', page)[0].replace("&#34;", '"')
    await console.post(edit, data=mine | {"seen": seen})
    assert (await again(row)).name == "Mine"


@pytest.mark.parametrize("seen", ["", "{", "[]", '{"name": {}}', '{"wave_size": 1e400}', f'{{"wave_size": {10**40}}}'])
async def test_an_odd_seen_is_no_fault_of_ours(console: httpx2.AsyncClient, site: Site, seen: str) -> None:
    await crowd(1)
    row = await started(site.desk)
    answer = await console.post(f"{WHERE}/{row.id}/edit", data={"seen": seen, "name": "Winter"})
    assert answer.status_code in {303, 409, 422}


async def test_hostile_names_are_only_text(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(1)
    name = "<script>\"'&${x}</script>"
    row = await started(site.desk, Plan(name, former_mdm="</pre><script>"))
    for page in (
        WHERE,
        f"{WHERE}/{row.id}",
        f"{WHERE}/{row.id}/edit",
        f"/admin/group-invitations/{row.group_invitation_id}",
    ):
        text = (await console.get(page)).text
        assert "<script>&#34;" not in text
        assert "</pre><script>" not in text


async def test_a_foreign_id_is_not_found(console: httpx2.AsyncClient) -> None:
    nobody = UUID(int=1)
    assert (await console.get(f"{WHERE}/{nobody}")).status_code == 404
    assert (await console.post(f"{WHERE}/{nobody}/start")).status_code == 404
    assert (await console.get(f"{WHERE}?before=nothing")).status_code == 200


async def test_the_list_of_invitations_is_narrowed_to_one_campaign(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(3)
    row = await started(site.desk)
    other = await Invitation.exclude(campaign_id=None).count()
    assert other == 3
    page = (await console.get("/admin/invitations", params={"campaign": str(row.id)})).text
    assert f'<option value="{row.id}" selected>{row.name}</option>' in page
    assert f"Campaign: {row.name}" in page
    gone = "00000000-0000-4000-8000-000000000001"
    page = (await console.get("/admin/invitations", params={"campaign": gone})).text
    assert f'<option value="{gone}" selected>an older one</option>' in page
