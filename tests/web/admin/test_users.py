"""Manage → Users."""

from datetime import datetime, timedelta
from uuid import uuid4

import httpx2
import pytest

from otae.directory.local import passwords, people
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Person
from tests.web.conftest import PASSWORD, Site

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert(1)</script>"


async def test_an_empty_list_leads_to_adding_somebody(console: httpx2.AsyncClient) -> None:
    answer = await console.get("/admin/users")
    assert "Nobody here yet" in answer.text
    assert 'href="/admin/users/add"' in answer.text


async def test_people_are_listed_with_a_way_to_invite_them(console: httpx2.AsyncClient, ben: Person) -> None:
    answer = await console.get("/admin/users")
    assert "Ben Okafor" in answer.text
    assert f'href="/admin/users/{ben.id}"' in answer.text
    assert 'href="/admin/invitations/add?recipient=ben"' in answer.text


async def test_the_list_goes_on_behind_its_last_name(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    for number in range(53):
        await people.add_person(site.desk, name=f"person{number:02}", now=now, actor="ada")
    first = (await console.get("/admin/users")).text
    assert "/admin/users?after=person49" in first
    assert ">person50<" not in first
    second = (await console.get("/admin/users?after=person49")).text
    assert ">person50<" in second
    assert ">person49<" not in second
    assert 'rel="next"' not in second
    assert "/admin/users?before=person50" in second
    back = (await console.get("/admin/users?before=person50")).text
    assert ">person00<" in back
    assert ">person50<" not in back
    assert "/admin/users?after=person49" in back
    assert 'rel="prev"' not in back


async def test_a_search_finds_by_part_and_says_when_nobody_is_found(console: httpx2.AsyncClient, ben: Person) -> None:
    assert "Ben Okafor" in (await console.get("/admin/users?q=OKAF")).text
    nobody = (await console.get("/admin/users", params={"q": 'zz"><b>\x00'})).text
    assert "Nobody found" in nobody
    assert "<b>" not in nobody


async def test_the_list_says_how_many_there_are_how_they_stand_and_when_they_signed_in(
    site: Site, console: httpx2.AsyncClient, ben: Person, now: datetime
) -> None:
    cleo = await people.add_person(site.desk, name="cleo", now=now, actor="ada")
    await people.update_person(site.desk, cleo, disabled=True, now=now, actor="ada")
    await Person.filter(id=ben.id).update(signed_in_at=now - timedelta(days=3))
    page = (await console.get("/admin/users")).text
    for words in ("2 users", "Active", "Disabled", "3 d ago", 'aria-sort="ascending">User name'):
        assert words in page, words
    assert page.index(">ben<") < page.index(">cleo<")
    answer = await console.get("/admin/users?q=&group=&role=USER&state=")
    assert answer.headers["location"] == "/admin/users?role=USER"
    page = (await console.get("/admin/users?role=USER&state=disabled")).text
    assert "1 user<" in page
    assert 'class="otae-chip" href="/admin/users?role=USER"' in page


@pytest.mark.parametrize("query", ["state=odd", "sort=password_hash", "password_hash=1"])
async def test_what_the_list_does_not_know_is_refused(console: httpx2.AsyncClient, query: str) -> None:
    assert (await console.get(f"/admin/users?{query}")).status_code == 400


async def test_odd_texts_in_filters_are_answered_clearly(console: httpx2.AsyncClient, ben: Person) -> None:
    for text in ("%00", "%ff%fe", "%27%3B--", "a" * 500, "%E2%80%AE", "%F0%9D%85%A0" * 32):
        for name in ("q", "group", "domain", "role", "after"):
            page = await console.get(f"/admin/users?{name}={text}", follow_redirects=True)
            assert page.status_code in {200, 400}, (name, text)
        for path in (
            "/admin/invitations?q=",
            "/admin/invitations?by=",
            "/admin/devices?macos=",
            "/admin/devices?model=",
        ):
            page = await console.get(f"{path}{text}", follow_redirects=True)
            assert page.status_code in {200, 400}, (path, text)


async def test_somebody_is_added_with_groups_and_password(desk: Desk, console: httpx2.AsyncClient) -> None:
    entries = {"name": "Cleo", "display_name": "Cleo M", "email": "cleo@example.test", "password": "long enough"}
    answer = await console.post("/admin/users/add", data=entries | {"groups": "Sales\r\nDesign, Print\r\n"})
    assert answer.status_code == 303
    cleo = await people.find_person("cleo")
    assert cleo is not None
    assert answer.headers["location"] == f"/admin/users/{cleo.id}"
    assert await people.groups_of(cleo) == ["Design, Print", "Sales"]
    assert await passwords.check_password(desk, cleo, "long enough")
    assert "Cleo M was added." in (await console.get(answer.headers["location"])).text


async def test_refused_entries_stand_beside_their_fields_and_what_was_typed_stays(console: httpx2.AsyncClient) -> None:
    entries = {"name": "-x", "display_name": HOSTILE, "email": "no address", "password": "shortpw"}
    answer = await console.post("/admin/users/add", data=entries)
    assert answer.status_code == 422
    for text in ('id="name-errors"', 'id="email-errors"', 'id="password-errors"', 'value="no address"'):
        assert text in answer.text
    assert HOSTILE not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "shortpw" not in answer.text
    assert await Person.all().count() == 0


async def test_an_address_is_shown_as_it_was_written_and_kept_as_it_is_sent_to(console: httpx2.AsyncClient) -> None:
    entries = {
        "name": "mia",
        "display_name": "Mia\u00a0Käfer\u3000太郎 علی\u200cرضا",
        "email": "\u00a0mia@müller.example ",
    }
    answer = await console.post("/admin/users/add", data=entries | {"phone": "\u202a+49 151\u20132345678\u202c"})
    assert answer.status_code == 303
    mia = await Person.get(name="mia")
    assert (mia.display_name, mia.email) == ("Mia Käfer 太郎 علی\u200cرضا", "mia@xn--mller-kva.example")
    assert mia.phone == "+491512345678"
    for page in ("/admin/users", f"/admin/users/{mia.id}", f"/admin/users/{mia.id}/edit"):
        text = (await console.get(page)).text
        assert "mia@müller.example" in text
        assert "xn--" not in text
    assert "mia@müller.example" in (await console.get("/admin/users/export/csv")).text


@pytest.mark.parametrize(
    ("field", "entered", "words"),
    [
        ("phone", "+49 30 1234567 / 68", "this may be two numbers"),
        ("phone", "+1 212-555-0100 x12", "text messages reach no extension"),
        ("phone", "4.91512E+11", "a spreadsheet shortened this number"),
        ("email", "jürgen@example.test", "needs SMTPUTF8"),
        ("email", "a..b@example.test", "no e-mail address"),
        ("display_name", "Ada\u202ecalevoL\u202cx", "turns the direction"),
    ],
)
async def test_what_would_be_a_guess_is_refused_with_what_to_say(
    console: httpx2.AsyncClient, field: str, entered: str, words: str
) -> None:
    answer = await console.post("/admin/users/add", data={"name": "mia", field: entered})
    assert answer.status_code == 422
    assert words in answer.text
    assert await Person.all().count() == 0


async def test_a_user_name_is_asked_for_and_taken_once(console: httpx2.AsyncClient, ben: Person) -> None:
    assert "enter a user name" in (await console.post("/admin/users/add", data={})).text
    again = await console.post("/admin/users/add", data={"name": "BEN"})
    assert again.status_code == 422
    assert "already somebody called ben" in again.text


async def test_somebody_is_changed_and_keeps_the_password(console: httpx2.AsyncClient, ben: Person) -> None:
    page = (await console.get(f"/admin/users/{ben.id}")).text
    assert "Ben Okafor" in page
    assert PASSWORD not in page
    entries = {"display_name": "Ben O.", "email": "", "phone": "+49 30 1234", "groups": "Sales", "disabled": "y"}
    assert PASSWORD not in (await console.get(f"/admin/users/{ben.id}/edit")).text
    answer = await console.post(f"/admin/users/{ben.id}/edit", data=entries)
    assert answer.status_code == 303
    changed = await Person.get(id=ben.id)
    assert (changed.display_name, changed.email, changed.phone, changed.disabled) == (
        "Ben O.",
        None,
        "+49301234",
        True,
    )
    assert changed.password_hash == ben.password_hash
    assert await AuditEntry.filter(actor="ada", action="person.changed", subject=str(ben.id)).count() == 1
    assert "/admin/invitations/add" not in (await console.get(f"/admin/users/{ben.id}")).text.split("<main")[1]


async def test_a_new_password_replaces_the_old_one_and_is_never_shown(
    desk: Desk, console: httpx2.AsyncClient, ben: Person
) -> None:
    entries = {"display_name": "Ben", "email": "ben@example.test", "password": "another password"}
    answer = await console.post(f"/admin/users/{ben.id}/edit", data=entries)
    assert "another" not in (await console.get(answer.headers["location"])).text
    assert await passwords.check_password(desk, await Person.get(id=ben.id), "another password")
    refused = await console.post(f"/admin/users/{ben.id}/edit", data=entries | {"email": "nowhere"})
    assert refused.status_code == 422
    assert 'value="nowhere"' in refused.text
    assert "another password" not in refused.text


async def test_nobody_has_this_id(console: httpx2.AsyncClient) -> None:
    for page in ("", "/edit"):
        assert (await console.get(f"/admin/users/{uuid4()}{page}")).status_code == 404
    for action in ("edit", "disable", "enable", "unlock", "password-link", "remove"):
        assert (await console.post(f"/admin/users/{uuid4()}/{action}", data={})).status_code == 404


async def test_a_hostile_name_is_only_ever_text(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    person = await people.add_person(site.desk, name="mallory", display_name=HOSTILE, now=now, actor="ada")
    for path in ("/admin/users", f"/admin/users/{person.id}", f"/admin/users/{person.id}/edit"):
        text = (await console.get(path)).text
        assert HOSTILE not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
