"""Importing files of people: shown first, written once, taken up again, and no password left behind."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from otae.directory.files import export, import_steps, provisioning
from otae.directory.files.provisioning import LineState, Status
from otae.directory.local import groups, people
from otae.directory.local.passwords import check_password
from otae.errors import InputRefused, StaleState
from otae.store import database, leases, passwords
from otae.store.audit_entries import AuditFilter, list_entries
from otae.store.desk import Desk
from otae.store.models import AuditEntry, BrowserSession, EnrollmentSession, PeopleImport, PeopleImportLine, Person
from tests.desks import RecordingBell
from tests.directory.files.imports import checked, findings, imported, taken, work
from tests.pauses import Pauses

pytestmark = pytest.mark.anyio

BEN = "ben;correct horse battery;USER;sales.north;crew"
BOTH = f"{BEN}\ncleo;pwd\\;01 and more;SUPPORT;sales.south\n"


async def test_nothing_is_written_before_somebody_says_so(desk: Desk, bell: RecordingBell) -> None:
    row = await taken(desk, BOTH + "dora;12345678;USER\nben;;USER\nbad name;;USER\neve;;NOBODY;a..b\n", "users")
    assert bell.rung == [("import", row.id)]
    row = await work(desk, row)
    assert (row.status, row.rows, row.file_sealed) == (Status.READY, 6, None)
    assert await Person.all().count() == 0
    told = await findings(row)
    assert told[:2] == [(1, "new", "password"), (2, "new", "password")]
    assert [(number, finding) for number, finding, _ in told[2:]] == [(number, "refused") for number in (3, 4, 5, 6)]
    assert "common" in told[2][2]
    assert told[3][2] == "line 1 is about this user already"
    assert "no such role" in told[5][2]
    assert "group.sub" in told[5][2]
    sealed = await PeopleImportLine.filter(password_sealed__not_isnull=True).values_list("number", flat=True)
    assert sorted(int(str(number)) for number in sealed) == [1, 2]


async def test_people_groups_roles_and_passwords_are_written(desk: Desk) -> None:
    row = await imported(desk, BOTH, "users")
    assert row.status == Status.DONE
    ben, cleo = await Person.get(name="ben"), await Person.get(name="cleo")
    assert await people.groups_of(ben) == ["crew", "sales.north"]
    assert await check_password(desk, ben, "correct horse battery")
    assert await check_password(desk, cleo, "pwd;01 and more")
    assert cleo.role == "SUPPORT"
    assert [person.name for person in await groups.members("local", "sales")] == ["ben", "cleo"]
    assert await PeopleImportLine.filter(password_sealed__not_isnull=True).count() == 0
    told = [entry.action for entry in await list_entries(AuditFilter(search="people-import"))]
    assert told == [f"people-import.{what}" for what in ("done", "written", "started", "taken")]


async def test_the_same_file_twice_changes_nothing_and_hashes_nothing(
    desk: Desk, count_calls: Callable[[object, str], list[tuple[object, ...]]]
) -> None:
    await imported(desk, BOTH, "users")
    before = await Person.all().order_by("name").values()
    hashed = count_calls(passwords, "hash_secret")
    again = await imported(desk, BOTH, "users")
    assert await findings(again) == [(1, "unchanged", ""), (2, "unchanged", "")]
    assert await Person.all().order_by("name").values() == before
    assert hashed == []


async def test_a_change_says_what_it_changes_and_signs_out_with_a_new_password(desk: Desk) -> None:
    await imported(desk, BOTH)
    ben, now = await Person.get(name="ben"), await database.now()
    session = EnrollmentSession(person=ben, mode="m", ownership="employee", way="ota", opened_at=now, expires_at=now)
    await session.save()
    await BrowserSession(
        secret_hash="x", kind="portal", session=session, created_at=now, seen_at=now, expires_at=now
    ).save()
    row = await checked(desk, "ben;another horse battery;DEVICE_PROVISIONING;extra\n", "users")
    assert await findings(row) == [(1, "changed", "role groups password")]
    await provisioning.start(desk, row, now=now, actor="ada")
    await work(desk, row)
    assert await findings(row) == [(1, "saved", "role groups password")]
    assert await people.groups_of(ben) == ["crew", "extra", "sales.north"]
    assert await check_password(desk, await Person.get(id=ben.id), "another horse battery")
    assert await BrowserSession.all().count() == 0


async def test_properties_join_those_that_are_there_and_some_are_fields(desk: Desk) -> None:
    await imported(desk, BEN)
    row = await imported(desk, "ben;email;ben@example.test;company;Example\\; Ltd;floor;3\nnobody;floor;1\n")
    assert await findings(row) == [
        (1, "saved", "email properties"),
        (2, "refused", "there is nobody with this user name: import the file of users first"),
    ]
    await imported(desk, "ben;floor;;mobile;+49 151 2345678")
    ben = await Person.get(name="ben")
    assert (ben.email, ben.phone) == ("ben@example.test", "+491512345678")
    assert ben.properties == {"company": "Example; Ltd"}


async def test_what_is_exported_can_be_imported_and_changes_nothing(desk: Desk) -> None:
    now = await database.now()
    await people.add_person(
        desk,
        name="ben",
        display_name="=Ben; the \\first",
        email="ben@example.test",
        phone="+49 151 2345678",
        language="pt-br",
        properties={"company": "+Example; Ltd", "floor": "3"},
        password="correct horse battery",
        groups=["sales.north", "-crew"],
        now=now,
        actor="ada",
    )
    await people.add_person(desk, name="cleo", now=now, actor="ada")
    await people.update_person(desk, await Person.get(name="cleo"), disabled=True, now=now, actor="ada")
    before = await Person.all().order_by("name").values()
    for kind in ("users", "properties", "csv"):
        text = "".join([part async for part in export.people(kind)])
        assert not [cell for line in text.splitlines() for cell in line.split(",") if cell.startswith(("=", "+", "-"))]
        row = await checked(desk, text, kind)
        assert [finding for _, finding, _ in await findings(row)] == ["unchanged"] * row.rows
    assert await Person.all().order_by("name").values() == before


async def test_a_worker_that_died_is_followed_by_another_wherever_it_stood(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_steps, "BATCH", 2)
    monkeypatch.setattr(import_steps, "PAGE", 2)
    text = "".join(f"user{number};;USER;sales\n" for number in range(7))
    row, now = await taken(desk, text), await database.now()
    held = await provisioning.claim(row.id, now)
    assert held is not None
    stored, calls = PeopleImportLine.bulk_create, list[int]()

    async def dies_at_the_second(rows: list[PeopleImportLine]) -> None:
        calls.append(len(rows))
        if len(calls) == 2:
            raise asyncio.CancelledError
        await stored(rows)

    monkeypatch.setattr(PeopleImportLine, "bulk_create", dies_at_the_second)
    with pytest.raises(asyncio.CancelledError):
        await import_steps.advance(desk, held, now=now)
    assert await PeopleImportLine.all().count() == 2
    assert not await import_steps.step(desk, row.id, now=now), "the dead worker's lease still runs"
    later = now + leases.LEASE + timedelta(seconds=1)
    assert await import_steps.step(desk, row.id, now=later)
    assert await PeopleImportLine.filter(people_import_id=row.id).count() == 7
    row = await work(desk, row)
    await provisioning.start(desk, row, now=now, actor="ada")
    assert await import_steps.step(desk, row.id, now=now)
    assert await Person.all().count() == 2
    row = await work(desk, row)
    assert (row.status, await Person.all().count()) == (Status.DONE, 7)


async def test_two_imports_at_once_make_everybody_once(desk: Desk) -> None:
    rows = [await checked(desk, BOTH), await checked(desk, BOTH.replace("crew", "choir"))]
    for row in rows:
        await provisioning.start(desk, row, now=await database.now(), actor="ada")
    await asyncio.gather(*(work(desk, row) for row in rows))
    rows = [await work(desk, row) for row in rows]
    assert [row.status for row in rows] == [Status.DONE, Status.DONE]
    assert await Person.all().count() == 2
    ben = await Person.get(name="ben")
    assert await people.groups_of(ben) == ["choir", "crew", "sales.north"]
    done = await PeopleImportLine.filter(status=LineState.ADDED).count()
    assert done == 2


async def test_who_was_deleted_or_added_since_the_file_was_shown_is_written_as_they_are_now(desk: Desk) -> None:
    now = await database.now()
    await imported(desk, "ben;;USER\n")
    row = await checked(desk, "ben;;SUPPORT\ncleo;four quiet words;USER;crew\n")
    assert [finding for _, finding, _ in await findings(row)] == ["changed", "new"]
    await Person.filter(name="ben").delete()
    await people.add_person(desk, name="cleo", email="cleo@example.test", now=now, actor="ada")
    await provisioning.start(desk, row, now=now, actor="ada")
    assert (await work(desk, row)).status == Status.DONE
    assert [finding for _, finding, _ in await findings(row)] == ["added", "saved"]
    cleo = await Person.get(name="cleo")
    assert (cleo.email, await people.groups_of(cleo)) == ("cleo@example.test", ["crew"])
    lines = await PeopleImportLine.filter(people_import_id=row.id).order_by("number")
    assert [line.person_id for line in lines] == [(await Person.get(name="ben")).id, cleo.id]


async def test_a_cancelled_file_writes_nothing_further_and_forgets_its_passwords(desk: Desk) -> None:
    row = await checked(desk, BOTH, "users")
    await provisioning.cancel(row, now=await database.now(), actor="ada")
    assert await PeopleImportLine.filter(password_sealed__not_isnull=True).count() == 0
    assert not await import_steps.step(desk, row.id, now=await database.now())
    with pytest.raises(StaleState):
        await provisioning.start(desk, row, now=await database.now(), actor="ada")
    assert await Person.all().count() == 0


async def test_a_file_that_nobody_imports_is_cancelled_after_a_day(desk: Desk) -> None:
    row, now = await checked(desk, BOTH, "users"), await database.now()
    assert await provisioning.cancel_expired(now=now) == 0
    assert await provisioning.cancel_expired(now=now + provisioning.EXPIRES_AFTER) == 1
    assert (await PeopleImport.get(id=row.id)).status == Status.CANCELLED
    assert await PeopleImportLine.filter(password_sealed__not_isnull=True).count() == 0


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("data", "kind", "field"),
    [
        (b"", "", "file"),
        (b" \r\n \n", "users", "file"),
        (b"PK\x03\x04\0\0", "", "file"),
        ("user;;".encode("utf-16-le"), "", "file"),
        ("user;\0;".encode("utf-16"), "", "file"),
        (b"employee;full name\nbert.o;Bertil Oestergaard Holm\n", "", "file"),
        (b"user;name;Passwort\nben;Ben;four quiet words\n", "", "file"),
        (b"ben\ncleo\n", "", "file"),
        (b"name,mail\nBen,ben@example.test\n", "csv", "file"),
        (b"ben;;USER\n", "xlsx", "kind"),
        (b"ben;;USER\n" * 100_002, "", "file"),
        (b"x" * (10 * 1024 * 1024 + 1), "", "file"),
    ],
    ids=[
        "empty",
        "blank",
        "zip",
        "utf-16",
        "NUL",
        "other headings",
        "Passwort",
        "no cells",
        "no user",
        "no such kind",
        "many lines",
        "large",
    ],
)
async def test_what_is_no_file_of_people_is_refused_at_once(desk: Desk, data: bytes, kind: str, field: str) -> None:
    with pytest.raises(InputRefused) as refused:
        await taken(desk, data, kind)
    assert set(refused.value.fields) == {field}
    assert await PeopleImport.all().count() == 0


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_no_password_is_anywhere_but_sealed(desk: Desk) -> None:
    row = await checked(desk, "ben;a canary of 17 birds;USER\nbad name;a canary of 18 birds;USER\n", "users")
    lines = await PeopleImportLine.filter(people_import_id=row.id).values()
    assert "canary" not in repr(lines)
    assert "canary" not in repr(await AuditEntry.all().values())
    assert "canary" not in repr(await PeopleImport.all().values())


@pytest.mark.parametrize("status", [Status.READING, Status.CHECKING, Status.IMPORTING])
async def test_a_paused_workers_end_leaves_the_lease_of_the_one_that_followed_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, status: Status
) -> None:
    monkeypatch.setattr(import_steps, "PAGE", 1)
    row = await taken(desk, BOTH)
    if status == Status.CHECKING:
        await work(desk, row, 1)
    elif status == Status.IMPORTING:
        row = await work(desk, row)
        await provisioning.start(desk, row, now=await database.now(), actor="ada")
    now, pauses = await database.now(), Pauses(monkeypatch, import_steps, "advance")
    later = now + leases.LEASE + timedelta(seconds=1)
    first = await pauses.begin(import_steps.step(desk, row.id, now=now))
    second = await pauses.begin(import_steps.step(desk, row.id, now=later))
    pauses.calls[0].set()
    await first
    seen = await PeopleImport.get(id=row.id)
    assert (seen.status, seen.lease_until) == (status, later + leases.LEASE)
    assert await provisioning.claim(row.id, later) is None
    pauses.calls[1].set()
    await second
    assert (await PeopleImport.get(id=row.id)).lease_until is None
    monkeypatch.setattr(import_steps, "advance", pauses.real)
    row = await work(desk, row)
    if row.status == Status.READY:
        await provisioning.start(desk, row, now=await database.now(), actor="ada")
        row = await work(desk, row)
    assert (row.status, await Person.all().count()) == (Status.DONE, 2)
