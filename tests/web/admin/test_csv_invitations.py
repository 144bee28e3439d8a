"""A file of people in the console: its columns are shown and changed, people taken out, and sent now or later."""

import re
from datetime import timedelta

import httpx2
import pytest

from otae.directory.files import import_steps, provisioning
from otae.invitations import groups
from otae.invitations.groups import Status
from otae.store import database
from otae.store.models import Administrator, GroupInvitation, GroupInvitee, Invitation, PeopleImport, Person, Role
from tests.invitations.crowds import crowd, looked_up, matched, stored, work
from tests.reference import reference
from tests.web.admin.test_imports import upload as import_users
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

WHERE = "/admin/group-invitations"
UPLOAD = f"{WHERE}/csv/upload"


async def upload(console: httpx2.AsyncClient, data: bytes | None, **changes: str) -> httpx2.Response:
    """Send the form with a file as a browser does; None chooses no file."""
    page = (await console.get(UPLOAD)).text
    sent = {"form_id": re.findall(r'name="form_id" type="hidden" value="([^"]+)"', page)[0]}
    sent |= {"platform": "macos", "ownership": "corporate", "mode": "username_pin", "send": "y"} | changes
    chosen = ("", b"") if data is None else ("macs.csv", data)
    return await console.post(UPLOAD, data=sent, files={"file": chosen})


async def test_people_come_from_a_file(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(2)
    answer = await upload(console, b"who;x;Seriennummer\np0001;1;C02XK0AAAJG5\nnobody;2;\np0002;3;x\n")
    row = await GroupInvitation.get()
    columns = f"{WHERE}/{row.id}/columns"
    assert (answer.status_code, answer.headers["location"]) == (303, columns)
    assert (await console.get(f"{WHERE}/{row.id}")).headers["location"] == columns
    page = (await console.get(columns)).text
    assert '<option value="2" selected>Seriennummer</option>' in page
    refused = await console.post(columns, data={"column_serial": "2"})
    assert refused.status_code == 422
    assert 'href="#column_user"' in refused.text
    shown = (await console.get(f"{columns}?column_user=0&column_serial=2", headers={"HX-Request": "true"})).text
    assert "<form" not in shown
    for words in ("p0001", "C02XK0AAAJG5", "has a serial number that no Mac has"):
        assert words in shown
    assert (await GroupInvitation.get()).status == Status.MATCHING, "looking changes nothing"
    agreed = await console.post(columns, data={"column_user": "0", "column_serial": "2"})
    assert agreed.headers["location"] == f"{WHERE}/{row.id}"
    again = await console.post(columns, data={"column_user": "0"})
    assert (again.status_code, again.headers["location"]) == (303, f"{WHERE}/{row.id}")
    await work(site.desk, row)
    page = (await console.get(f"{WHERE}/{row.id}")).text
    for words in ("macs.csv", "1 person will be invited", "is no user here: 1", "line 3", "C02XK0AAAJG5"):
        assert words in page


async def test_the_mail_of_a_line_says_what_is_its_own(console: httpx2.AsyncClient, site: Site) -> None:
    row = await stored(site.desk, b"user,email,name,note\ncleo,cleo@example.test,Cleo Example,Bring your charger\n")
    row = await work(site.desk, await matched(site.desk, row, add_people=True))
    page = (await console.get(f"{WHERE}/{row.id}/mail/2")).text
    assert "Bring your charger" in page
    assert "Cleo Example" in page
    assert not await Person.exists()


@pytest.mark.parametrize("data", [None, b"", b"PK\x03\x04\0\0"])
async def test_a_file_that_cannot_be_used_is_refused(console: httpx2.AsyncClient, data: bytes | None) -> None:
    assert (await upload(console, data)).status_code == 422
    assert not await GroupInvitation.exists()


@pytest.mark.parametrize(
    "name",
    [
        "csv-cp1252.csv", "csv-excel-roundtrip-mojibake.csv", "csv-idn.csv", "csv-macroman-cr.csv", "csv-nbsp.csv",
        "csv-phones.csv", "csv-quoted-newline.csv", "csv-sep-line.csv", "csv-title-line.csv",
        "csv-unknown-heading-two.csv", "csv-utf16le-bom-tab.csv",
    ],
)  # fmt: skip
async def test_an_odd_file_is_shown_and_each_line_has_one_result(
    console: httpx2.AsyncClient, site: Site, name: str
) -> None:
    row = await stored(site.desk, reference(f"inputs/{name}").read_bytes())
    page = await console.get(f"{WHERE}/{row.id}/columns")
    assert page.status_code == 200
    columns = (row.file or {})["columns"]
    row = await work(site.desk, await matched(site.desk, row, {"user": 0} | columns, add_people=True))
    assert row.status == Status.READY
    lines = await GroupInvitee.filter(group_invitation_id=row.id)
    assert lines
    assert all((line.status, bool(line.reason)) in {("waiting", False), ("skipped", True)} for line in lines)
    assert (await console.get(f"{WHERE}/{row.id}")).status_code == 200


async def test_hostile_headings_and_cells_are_only_ever_text(console: httpx2.AsyncClient, site: Site) -> None:
    hostile = "<img src=x onerror=alert(1)>{{ 7*7 }}"
    data = f'"{hostile}",user,note,name\n1,cleo,"{hostile}","{hostile}"\n'
    row = await stored(site.desk, data.encode(), send=False)
    query = "?column_user=0&column_email=999&column_note=-1&column_serial=%00&column_tags=99999999999999999999&x=y"
    for address in (f"{WHERE}/{row.id}/columns", f"{WHERE}/{row.id}/columns{query}"):
        page = await console.get(address)
        assert page.status_code == 200
        assert "&lt;img src=x" in page.text
        assert "<img src=x" not in page.text
    row = await work(
        site.desk, await matched(site.desk, row, {"user": 1, "note": 2, "display_name": 3}, add_people=True)
    )
    page = await console.get(f"{WHERE}/{row.id}")
    assert "will be added as a user and invited" in page.text
    assert "<img src=x" not in page.text


async def test_people_are_added_by_whoever_may_add_users(console: httpx2.AsyncClient, site: Site) -> None:
    row = await stored(site.desk, b"user,email\ncleo,cleo@example.test\n")
    columns, agreed = f"{WHERE}/{row.id}/columns", {"column_user": "0", "column_email": "1", "add_people": "y"}
    now = await database.now()
    await Role.create(name="desk", permissions=["group-invitation.see", "group-invitation.create"], created_at=now)
    await Administrator.filter(name="ada").update(role="desk")
    assert "add_people" not in (await console.get(columns)).text
    assert (await console.post(columns, data=agreed)).status_code == 403
    assert (await GroupInvitation.get()).status == Status.MATCHING
    await Administrator.filter(name="ada").update(role="ADMIN")
    assert (await console.post(columns, data=agreed)).status_code == 303
    await work(site.desk, row)
    await console.post(f"{WHERE}/{row.id}/start")
    await work(site.desk, row)
    assert (await Invitation.get().prefetch_related("person")).person.name == "cleo"


async def test_single_people_are_taken_out_and_put_back(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(3)
    row = await looked_up(site.desk)
    one = f"{WHERE}/{row.id}/people/2"
    out = await console.post(one)
    assert out.headers["location"] == f"{WHERE}/{row.id}?after=1#person-2"
    page = (await console.get(f"{WHERE}/{row.id}")).text
    assert "2 people will be invited" in page
    assert "was taken out: 1" in page
    again = await console.get((await console.post(one)).headers["location"].partition("#")[0])
    assert "a moment ago" in again.text
    for number in (2, 1):
        await console.post(f"{WHERE}/{row.id}/people/{number}", data={"invited": "y"})
    assert await GroupInvitee.filter(status="waiting").count() == 3
    for number in (0, 99, 9_999_999_999):
        assert (await console.post(f"{WHERE}/{row.id}/people/{number}")).status_code == 303
    await console.post(f"{WHERE}/{row.id}/people/3")
    await console.post(f"{WHERE}/{row.id}/start")
    await work(site.desk, row)
    assert await Invitation.all().count() == 2
    await console.post(f"{WHERE}/{row.id}/people/3", data={"invited": "y"})
    assert (await GroupInvitee.get(number=3)).status == "skipped", "what has ended is not changed any more"


async def test_an_order_starts_by_itself_at_its_time(console: httpx2.AsyncClient, site: Site) -> None:
    await crowd(1)
    row = await looked_up(site.desk)
    schedule, now = f"{WHERE}/{row.id}/schedule", await database.now()
    for wrong in ("tomorrow", "2020-01-01T00:00", "9999-12-31T00:00"):
        answer = await console.post(schedule, data={"start_at": wrong})
        assert answer.status_code == 422
        assert 'id="start_at-errors"' in answer.text
    at = now + timedelta(hours=2)
    await console.post(schedule, data={"start_at": f"{at:%Y-%m-%dT%H:%M}"})
    assert "It starts by itself on" in (await console.get(f"{WHERE}/{row.id}")).text
    await groups.start_due(site.desk, now=now)
    assert (await GroupInvitation.get()).status == Status.READY
    await console.post(schedule, data={"start_at": ""})
    await groups.start_due(site.desk, now=at + timedelta(minutes=1))
    assert (await GroupInvitation.get()).status == Status.READY, "it was changed to not start by itself"
    await console.post(schedule, data={"start_at": f"{at:%Y-%m-%dT%H:%M}"})
    for _ in range(2):
        await groups.start_due(site.desk, now=at + timedelta(minutes=1))
    assert (await GroupInvitation.get()).status == Status.EXPANDING
    moved = await console.post(schedule, data={"start_at": f"{at:%Y-%m-%dT%H:%M}"})
    assert moved.status_code == 303
    assert "changed meanwhile" in (await console.get(f"{WHERE}/{row.id}")).text


async def test_the_people_of_an_import_are_invited(console: httpx2.AsyncClient, site: Site) -> None:
    where = await import_users(console, "user,email\ncleo,cleo@example.test\ndora,dora@example.test\n=x,\n")
    imported = await PeopleImport.get()
    assert "Invite these people" not in (await console.get(where)).text
    while await import_steps.step(site.desk, imported.id, now=await database.now()):
        pass
    await imported.refresh_from_db()
    await provisioning.start(site.desk, imported, now=await database.now(), actor="ada")
    while await import_steps.step(site.desk, imported.id, now=await database.now()):
        pass
    assert f"{UPLOAD}?imported={imported.id}" in (await console.get(where)).text
    page = (await console.get(f"{UPLOAD}?imported={imported.id}")).text
    assert 'type="file"' not in page
    answer = await upload(console, None, imported=str(imported.id))
    row = await GroupInvitation.get()
    assert answer.headers["location"] == f"{WHERE}/{row.id}"
    row = await work(site.desk, row)
    assert (row.status, row.found, row.name) == (Status.READY, 2, imported.file_name)
    assert await GroupInvitee.filter(status="waiting").count() == await Person.all().count() == 2
    for wrong in ("0e9ad3f2-6a2f-4a66-b1bb-0d52c1a7c001", "x", "%00"):
        assert (await console.get(f"{UPLOAD}?imported={wrong}")).status_code == 404
