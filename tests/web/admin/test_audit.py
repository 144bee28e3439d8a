"""The audit log's page."""

import re
from datetime import datetime

import httpx2
import pytest

from otae.directory.local import people
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import audit, audit_entries
from otae.store.audit_entries import AuditFilter, list_entries
from otae.store.models import AuditEntry, Person
from otae.web.admin.settings.audit import PAGE
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


async def test_the_log_shows_who_did_what_newest_first(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    await audit.record("ada", "thing.done", now=now, subject="<b>ben</b>", detail="a detail")
    text = (await console.get("/admin/audit")).text.partition("<tbody>")[2]
    assert "&lt;b&gt;ben&lt;/b&gt;" in text
    assert "a detail" in text
    assert text.index("thing.done") < text.index("administrator.signed-in") < text.index("ca.created")


async def test_the_log_is_searched(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    await audit.record("cleo", "thing.done", now=now, subject="ben")
    text = (await console.get("/admin/audit?q=CLEO")).text.partition("<tbody>")[2]
    assert "thing.done" in text
    assert "ca.created" not in text
    assert "No entry found" in (await console.get("/admin/audit?q=nobody")).text


async def test_pages_follow_one_another_and_keep_the_search(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    for number in range(PAGE + 1):
        await audit.record("cleo", "thing.done", now=now, subject=f"thing {number}.")
    text = (await console.get("/admin/audit?q=cleo")).text
    assert f"thing {PAGE}." in text
    assert "thing 0." not in text
    first = (await list_entries(AuditFilter(search="cleo"), limit=PAGE))[-1].id
    assert f"/admin/audit?q=cleo&amp;before={first}" in text
    text = (await console.get(f"/admin/audit?q=cleo&before={first}")).text
    assert "thing 0." in text
    assert "thing 1." not in text
    assert 'href="/admin/audit?q=cleo"' in text
    assert "Nothing here" in (await console.get("/admin/audit?before=1")).text
    assert (await console.get("/admin/audit?before=x")).status_code == 200


async def test_a_search_goes_through_the_log_a_part_at_a_time(
    site: Site, console: httpx2.AsyncClient, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_entries, "SEARCH_SPAN", 5)
    await audit.record("cleo", "thing.done", now=now, subject="ben")
    for _ in range(7):
        await audit.record("ada", "thing.seen", now=now)
    address, pages = "/admin/audit?q=cleo", 0
    text = (await console.get(address)).text
    assert "No entry found yet" in text
    while "thing.done" not in text:
        found = re.search(r'href="(/admin/audit\?q=cleo&amp;before=\d+)"', text)
        assert found
        assert pages < 3
        address, pages = found[1].replace("&amp;", "&"), pages + 1
        text = (await console.get(address)).text
    assert pages
    assert "Searched down to entry" in text or "before=" not in text


async def test_the_log_is_for_administrators(site: Site) -> None:
    answer = await site.client.get("/admin/audit")
    assert answer.status_code == 303


async def test_entries_about_an_invitation_name_its_person_and_what_was_given(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    ben = await people.add_person(site.desk, name="ben", email="ben@example.test", now=now, actor="ada")
    order = InvitationOrder("ben", InvitationTerms(mode="username_pin"))
    one = (await lifecycle.create(site.desk, order, now=now, actor="ada")).invitation
    for what in ("extend", "link", "resend", "revoke"):
        assert (await console.post(f"/admin/invitations/{one.id}/{what}")).status_code in {200, 303}, what
    entries = await AuditEntry.filter(action__startswith="invitation.").order_by("id")
    assert [entry.action.partition(".")[2] for entry in entries] == [
        "created", "extended", "link-copied", "resent", "revoked",
    ]  # fmt: skip
    assert all(str(ben.id) in entry.detail and entry.actor == "ada" for entry in entries)
    page = (await console.get("/admin/audit?q=ben")).text
    assert str(ben.id) not in re.sub(r'(title|href)="[^"]*"', "", page), "people read a name, not an id"
    assert re.search(r"ben, until \d{4}-\d\d-\d\d \d\d:\d\d UTC", page)


async def test_what_changed_of_a_person_is_told_truly(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    await people.add_person(site.desk, name="ben", email="ben@example.test", groups=["sales"], now=now, actor="ada")
    ben = await Person.get(name="ben")
    form = {"display_name": "ben", "email": "ben@example.test", "role": "USER", "groups": "sales"}
    page = f"/admin/users/{ben.id}/edit"
    assert (await console.post(page, data=form)).status_code == 303
    assert not await AuditEntry.filter(action="person.changed").exists(), "saving what is there changes nothing"
    assert (await console.post(page, data=form | {"groups": "legal", "email": "b@example.test"})).status_code == 303
    entry = await AuditEntry.get(action="person.changed")
    assert entry.detail == "e-mail address, into legal, out of sales"


async def test_the_log_is_filtered_and_keeps_its_filters_in_a_clean_address(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    await people.add_person(site.desk, name="ben", email="ben@example.test", now=now, actor="ada")
    await audit.record("cleo", "property.set", now=now, subject="retention.days", detail="365 → 30, port 25 → 587")
    answer = await console.get("/admin/audit?q=&actor=cleo&action=&object=&from=&to=")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/audit?actor=cleo")
    text = (await console.get("/admin/audit?actor=cleo")).text
    assert 'href="/admin/properties/retention.days"' in text
    assert "<li>365 → 30</li><li>port 25 → 587</li>" in text
    assert "User added" not in text.partition("<tbody>")[2]
    person = await Person.get(name="ben")
    text = (await console.get("/admin/audit?object=ben&action=person.added")).text
    assert f'href="/admin/users/{person.id}">ben</a>' in text
    assert re.search(r'href="/admin/administrators/[^"]+">ada</a>', text)
    day = f"{now:%Y-%m-%d}"
    assert "retention.days" in (await console.get(f"/admin/audit?from={day}&to={day}")).text
    assert "No entry found" in (await console.get("/admin/audit?to=2001-01-01")).text
    for unknown in ("action=x.y", "from=tomorrow", "to=2026-13-01", "from=0001-01-01", "to=9999-12-30", "action=%00"):
        answer = await console.get(f"/admin/audit?{unknown}")
        assert answer.status_code == 400, unknown
    for odd in ("object=" + "x" * 10_000, "object=" + "%C3%9F" * 60, "object=" + "%F0%9D%85%A0" * 99):
        assert (await console.get(f"/admin/audit?{odd}")).status_code == 200, odd
    for odd in ("actor=" + "x" * 10_000, "object=%00%E2%80%AE", "actor=' OR 1=1--", "part_of=x", "part_of=" + "9" * 40):
        assert (await console.get(f"/admin/audit?{odd}")).status_code == 200, odd


async def test_a_bulk_action_is_one_row_that_opens_its_parts(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    whole = await audit.record("ada", "invitations.changed", now=now, detail="revoke, 2 invitations")
    with audit.parts_of(whole):
        for number in range(2):
            await audit.record("ada", "invitation.revoked", now=now, subject=f"part {number}.")
    text = (await console.get("/admin/audit")).text
    assert "part 1." not in text
    assert f'<a href="/admin/audit?part_of={whole}">Show its 2 parts</a>' in text
    text = (await console.get(f"/admin/audit?part_of={whole}")).text
    assert "part 0." in text
    assert "revoke, 2 invitations" not in text


async def test_what_is_filtered_is_exported_with_its_proof(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    await audit.record("cleo", "property.set", now=now, subject="retention.days", detail="=1+1")
    answer = await console.get("/admin/audit/export/json?actor=cleo")
    assert answer.headers["content-type"].startswith("application/json")
    [row] = rows = answer.json()
    assert (row["actor"], row["detail"], audit.verify_exported(rows)) == ("cleo", "=1+1", 1)
    assert (
        audit.verify_exported((await console.get("/admin/audit/export/json")).json()) == await AuditEntry.all().count()
    )
    assert (await console.get("/admin/audit/export/json?actor=nobody")).json() == []
    table = (await console.get("/admin/audit/export/csv?actor=cleo")).text
    assert table.count("\r\n") == 2
    assert ",=1+1" not in table, "no cell begins a formula"
    assert row["mac"] in table
    assert (await console.get("/admin/audit/export/exe")).status_code == 404
