"""The page of one person, and what can be done there."""

from datetime import datetime, timedelta

import httpx2
import pytest

from otae import paths
from otae.directory.local import passwords, people
from otae.enrollment import signin
from otae.enrollment.signin import SignInEntry
from otae.errors import SigninFailed
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession, Counter, Invitation, PasswordLink, Person
from tests.accounts.counted import key_of
from tests.store.furnish import furnish
from tests.web.conftest import PASSWORD, Invite, Site

pytestmark = pytest.mark.anyio

HERE = "203.0.113.9"


async def wrong_password(desk: Desk, times: int, now: datetime) -> None:
    for _ in range(times):
        with pytest.raises(SigninFailed):
            await signin.sign_in(desk, SignInEntry(name="ben", password="not this one", network=HERE), now=now)


async def test_a_new_person_has_every_part_empty(console: httpx2.AsyncClient, ben: Person) -> None:
    page = (await console.get(f"/admin/users/{ben.id}")).text
    for words in ("Not invited yet", "No Mac yet", "Nothing was sent", "Nobody tried", "In no group", "person.added"):
        assert words in page
    assert 'href="/admin/invitations/add?recipient=ben"' in page


async def test_everything_about_a_person_stands_on_the_page(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    await Administrator.filter(name="ada").update(name="grace")
    await furnish(site.desk)
    ben = await Person.get(name="ben")
    await people.update_person(site.desk, ben, properties={"company": "Example & <Co>"}, now=now, actor="ada")
    await wrong_password(site.desk, 1, now)
    page = (await console.get(f"/admin/users/{ben.id}")).text
    invitation = await Invitation.filter(person_id=ben.id).first()
    assert invitation is not None
    for words in (
        f"/admin/invitations/{invitation.id}",
        "C02TEST00001",
        "Invitation mail",
        "ben@example.test",
        "Wrong entry",
        "sales",
        "Example &amp; &lt;Co&gt;",
        "person.changed",
        "works until",
    ):
        assert words in page, words
    assert "<Co>" not in page


async def test_somebody_is_disabled_and_enabled(console: httpx2.AsyncClient, ben: Person) -> None:
    assert (await console.post(f"/admin/users/{ben.id}/disable")).status_code == 303
    page = (await console.get(f"/admin/users/{ben.id}")).text
    assert "Disabled: cannot be invited" in page
    assert "/password-link" not in page
    assert (await Person.get(id=ben.id)).disabled
    await console.post(f"/admin/users/{ben.id}/enable")
    assert not (await Person.get(id=ben.id)).disabled


async def test_a_locked_person_is_listed_and_unlocked(
    site: Site, console: httpx2.AsyncClient, ben: Person, now: datetime
) -> None:
    key = await key_of(site.desk, "bare", "ben", HERE)
    for _ in range(6):
        await Counter.filter(key=key).update(blocked_until=None)
        await wrong_password(site.desk, 1, now)
    assert "Ben Okafor" in (await console.get("/admin/users?state=locked")).text
    page = (await console.get(f"/admin/users/{ben.id}")).text
    assert "Locked after wrong passwords" in page
    await console.post(f"/admin/users/{ben.id}/unlock")
    assert not await Counter.filter(key=key).exists()
    assert "Nobody found" in (await console.get("/admin/users?state=locked")).text
    again = await console.post(f"/admin/users/{ben.id}/unlock")
    assert again.status_code == 303


async def test_a_password_link_is_shown_once_and_sets_the_password(
    site: Site, console: httpx2.AsyncClient, ben: Person
) -> None:
    shown = await console.post(f"/admin/users/{ben.id}/password-link")
    assert shown.status_code == 200
    url = shown.text.partition('value="https://')[2].partition('"')[0]
    link = "/" + url.partition("/")[2]
    page = (await console.get(f"/admin/users/{ben.id}")).text
    assert link not in page
    assert "works until" in page
    async with site.stranger(Sec_Fetch_Site="same-origin") as visitor:
        offered = await visitor.get(link)
        assert "Choose your password" in offered.text
        assert 'value="ben"' in offered.text
        short = await visitor.post(link, data={"password": "12345678", "again": "12345678"})
        assert (short.status_code, "common" in short.text) == (422, True)
        other = await visitor.post(link, data={"password": "four quiet words", "again": "another"})
        assert "The two passwords differ." in other.text
        done = await visitor.post(link, data={"password": "four quiet words", "again": "four quiet words"})
        assert done.status_code == 303
        done = await visitor.get(done.headers["location"])
        assert (done.status_code, "Your password is set" in done.text) == (200, True)
        assert "four quiet" not in done.text
        for answer in (await visitor.get(link), await visitor.post(link, data={"password": "x", "again": "x"})):
            assert (answer.status_code, "This link no longer works" in answer.text) == (403, True)
    assert await passwords.check_password(site.desk, await Person.get(id=ben.id), "four quiet words")
    assert not await passwords.check_password(site.desk, await Person.get(id=ben.id), PASSWORD)


async def test_a_link_that_never_was_looks_like_one_that_ended(site: Site) -> None:
    faces = set()
    for text in ("", "x", "x" * 5000, "\ud800"):
        answer = await site.client.get(paths.PASSWORD, params={"s": text.encode("utf-8", "replace")})
        faces.add((answer.status_code, "This link no longer works" in answer.text))
    assert faces == {(403, True)}
    assert await PasswordLink.all().count() == 0


async def test_deleting_says_what_is_lost_and_what_stays(
    site: Site, console: httpx2.AsyncClient, invite: Invite, ben: Person
) -> None:
    await invite("username_pin")
    page = (await console.get(f"/admin/users/{ben.id}")).text
    assert "Delete Ben Okafor?" in page
    assert "1 invitation stops working." in page
    answer = await console.post(f"/admin/users/{ben.id}/remove")
    assert answer.headers["location"] == "/admin/users"
    listed = (await console.get("/admin/users")).text
    assert "Ben Okafor was deleted. 1 invitation was revoked." in listed
    assert "Okafor" not in listed.replace("Ben Okafor was deleted", "")
    gone = (await console.get(f"/admin/users/{ben.id}")).text
    assert "This user was deleted" in gone
    assert "ben@example.test" not in gone
    assert "/edit" not in gone
    assert (await console.post(f"/admin/users/{ben.id}/remove")).status_code == 404
    assert "ben@example" not in (await console.get("/admin/invitations")).text


async def test_their_data_is_downloaded_with_the_password_again(
    console: httpx2.AsyncClient, ben: Person, now: datetime
) -> None:
    page = (await console.get(f"/admin/users/{ben.id}")).text
    assert f'action="/admin/users/{ben.id}/data"' in page
    answer = await console.post(f"/admin/users/{ben.id}/data")
    assert answer.headers["content-disposition"] == f'attachment; filename="{ben.id}.json"'
    assert answer.json()["person"][0]["email"] == "ben@example.test"
    await BrowserSession.all().update(created_at=now - timedelta(hours=3))
    for what in ("data", "remove"):
        answer = await console.post(f"/admin/users/{ben.id}/{what}")
        assert answer.headers["location"].startswith("/admin/confirm?"), what
    await BrowserSession.all().update(created_at=now)
    await Administrator.filter(name="ada").update(role="SUPPORT")
    for what in ("data", "remove"):
        assert (await console.post(f"/admin/users/{ben.id}/{what}")).status_code == 403, what


async def test_the_audit_log_names_people_as_long_as_they_are_there(console: httpx2.AsyncClient, ben: Person) -> None:
    await console.post(f"/admin/users/{ben.id}/disable")
    page = (await console.get("/admin/audit?q=ben")).text
    assert f'title="{ben.id}"><a href="/admin/users/{ben.id}">ben</a>' in page
    await console.post(f"/admin/users/{ben.id}/remove")
    page = (await console.get("/admin/audit")).text
    assert ">ben<" not in page
    assert str(ben.id) in page


async def test_people_of_another_directory_are_shown_and_not_changed_here(
    console: httpx2.AsyncClient, now: datetime
) -> None:
    person = Person(domain="corp", directory_id="ab", name="dora", display_name="Dora D", created_at=now)
    await person.save()
    page = (await console.get(f"/admin/users/{person.id}")).text
    assert "with the password of corp" in page
    assert f"/admin/users/{person.id}/edit" not in page
    assert 'recipient=corp/dora"' in page
    assert (await console.post(f"/admin/users/{person.id}/edit", data={})).status_code == 404
    assert "Dora D" in (await console.get("/admin/users?domain=corp")).text


async def test_the_list_narrows_by_group_role_and_state(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    for name, group, role in (("ann", "sales.north", "USER"), ("bob", "crew", "SUPPORT")):
        await people.add_person(site.desk, name=name, role=role, groups=[group], now=now, actor="ada")
    for query, there, absent in (
        ("group=sales", "ann", "bob"),
        ("role=SUPPORT", "bob", "ann"),
        ("q=BO", "bob", "ann"),
    ):
        page = (await console.get(f"/admin/users?{query}")).text
        assert f">{there}<" in page
        assert f">{absent}</a>" not in page
    assert "Nobody found" in (await console.get("/admin/users?state=disabled")).text
    assert "Nobody found" in (await console.get("/admin/users?group=nowhere")).text


async def test_who_was_invited_and_renamed_is_still_one_person(site: Site, ben: Person, now: datetime) -> None:
    asked = InvitationOrder("ben", InvitationTerms(mode="username_pin", send=False))
    created = await lifecycle.create(site.desk, asked, now=now, actor="ada")
    changed = await people.update_person(site.desk, ben, display_name="Ben Stone", now=now, actor="ada")
    assert created.invitation.person_id == changed.id
