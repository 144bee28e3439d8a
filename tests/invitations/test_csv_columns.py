"""What the columns of a file of people hold: serial numbers, ends, notes and more for each line, and new people."""

from datetime import UTC, datetime, timedelta

import pytest

from otae.directory.files.spreadsheets import normalized_heading
from otae.directory.local import people
from otae.invitations import csv_columns, groups
from otae.invitations.groups import Status
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, GroupInvitation, GroupInvitee, Invitation, Person
from otae.words import PEOPLE_LANGUAGES
from tests.invitations.crowds import crowd, matched, rows_of, stored, work

pytestmark = pytest.mark.anyio
on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


async def dry_run(desk: Desk, text: str, *, add_people: bool = False) -> GroupInvitation:
    row = await matched(desk, await stored(desk, text.encode()), add_people=add_people)
    row = await work(desk, row)
    assert row.status == Status.READY
    return row


async def invite_all(desk: Desk, row: GroupInvitation) -> GroupInvitation:
    await groups.start(desk, row, now=await database.now(), actor="ada")
    return await work(desk, row)


def test_headings_are_known_in_every_language_of_people() -> None:
    assert len(PEOPLE_LANGUAGES) == 8
    for field, names in csv_columns._HEADINGS.items():  # noqa: SLF001 - the table that is looked at
        assert all(normalized_heading(name) == name for name in names), field
    given = ["Benutzername", "Sérial", "Seriennummer", "Gültig bis", "Inventarnummer", "E-Mail", "Anzeigename", "Firma"]
    found = {"user": 0, "serial": 2, "valid_until": 3, "asset_tag": 4, "email": 5, "display_name": 6}
    assert csv_columns.guess(given) == found


async def test_each_line_says_what_is_its_own(desk: Desk) -> None:
    await crowd(3)
    day = (await database.now() + timedelta(days=5)).astimezone(UTC)
    row = await dry_run(
        desk,
        "user;serial;valid until;note;language;ownership;asset tag;tags;cost centre\n"
        f"p0001;c02xk0aaajg5;{day:%d.%m.%Y};Welcome;de;private;IT-1;lent, new;4711\n"
        f"p0002;;{day:%Y-%m-%d} 18:00;;;;;;\n"
        "p0003;;;;;Firma;;;\n",
    )
    await invite_all(desk, row)
    one, two, three = await Invitation.all().order_by("person__name")
    assert (one.serial, one.note, one.language, one.ownership) == ("C02XK0AAAJG5", "Welcome", "de", "employee")
    assert (one.asset_tag, one.tags, one.cost_centre) == ("IT-1", "lent, new", "4711")
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    assert one.valid_until == midnight + timedelta(days=1)
    assert two.valid_until == midnight.replace(hour=18)
    assert (two.serial, two.note, three.ownership, three.language) == (None, "", "corporate", "")


@on_sqlite
@pytest.mark.parametrize(
    ("heading", "cell", "reason"),
    [
        ("serial", "short", "serial"),
        ("serial", "C02!XK0AAAJG5", "serial"),
        ("end", "tomorrow", "end"),
        ("end", "03/04/2027", "end"),
        ("end", "2020-01-01", "end"),
        ("end", "9999-12-31", "end"),
        ("end", "31.02.2027", "end"),
        ("end", "2027-01-01 25:00", "end"),
        ("ownership", "neither", "ownership"),
        ("language", "klingon tongue", "language"),
        ("note", "x" * 501, "note"),
        ("note", "a\u202eb", "note"),
        ("asset tag", "x" * 101, "carried"),
        ("tags", ",".join("abcdefghijklmnopqrstuvw"), "carried"),
    ],
)
async def test_a_bad_cell_is_one_reason_and_spoils_its_line_alone(
    desk: Desk, heading: str, cell: str, reason: str
) -> None:
    await crowd(2)
    row = await dry_run(desk, f'user;{heading}\np0001;"{cell}"\np0002;\n')
    lines = await GroupInvitee.filter(group_invitation_id=row.id).order_by("number").values_list("status", "reason")
    assert lines == [("skipped", reason), ("waiting", "")]


def test_a_day_ends_where_the_file_was_brought_from() -> None:
    berlin = csv_columns._end("24.12.2026", "Europe/Berlin")  # noqa: SLF001 - what a cell says
    assert berlin == datetime(2026, 12, 24, 23, tzinfo=UTC)
    for text in ("2026-12-24", "2026/12/24", "12/24/2026", "24/12/2026", "2026年12月24日", "24-12-2026"):
        assert csv_columns._end(text, "Europe/Berlin") == berlin, text  # noqa: SLF001 - as above
    assert csv_columns._end("5/5/2026 07:30", "") == datetime(2026, 5, 5, 7, 30, tzinfo=UTC)  # noqa: SLF001 - as above


async def test_people_who_are_not_here_are_added_when_they_are_invited(desk: Desk) -> None:
    await crowd(1)
    text = (
        "user,name,email,phone,language\n"
        "p0001,Another name,other@example.test,,\n"
        "Cleo,Cleo Example,cleo@example.test,+49 151 12345678,fr\n"
        "cleo,again,,,\n"
        ",No name,dora@example.test,,\n"
        "eve,Eve,,,\n"
        "frank,Frank,no address,,\n"
        "corp/gil,Gil,gil@example.test,,\n"
    )
    row = await dry_run(desk, text, add_people=True)
    assert await Person.all().count() == 1
    assert await rows_of(row.id) == {
        "p0001": ("waiting", ""),
        "cleo": ("skipped", "duplicate"),
        "dora@example.test": ("waiting", ""),
        "eve": ("skipped", "no-email"),
        "frank": ("skipped", "person"),
        "corp/gil": ("skipped", "person"),
    }
    await invite_all(desk, row)
    cleo = await people.find_person("cleo")
    assert cleo is not None
    assert (cleo.display_name, cleo.email, cleo.phone, cleo.language) == (
        "Cleo Example",
        "cleo@example.test",
        "+4915112345678",
        "fr",
    )
    assert (await Invitation.get(person_id=cleo.id)).language == "fr"
    assert cleo.search_text
    assert "cleo" in cleo.search_text
    assert (await Person.get(name="p0001")).display_name == "Person 1", "who is here stays as they are"
    assert await Invitation.all().count() == 3
    assert await AuditEntry.filter(action="person.added").count() == 2


async def test_nobody_is_added_unless_it_is_wanted_and_no_password_is_no_invitation(desk: Desk) -> None:
    text = "user,email\ncleo,cleo@example.test\n"
    assert await rows_of((await dry_run(desk, text)).id) == {"cleo": ("skipped", "unknown")}
    row = await matched(desk, await stored(desk, text.encode(), mode="two_factor"), add_people=True)
    assert await rows_of((await work(desk, row)).id) == {"cleo": ("skipped", "no-password")}


async def test_who_was_added_meanwhile_is_invited_as_they_are(desk: Desk) -> None:
    row = await dry_run(desk, "user,email\ncleo,cleo@example.test\ndora,dora@example.test\n", add_people=True)
    now = await database.now()
    cleo = await people.add_person(desk, name="cleo", email="own@example.test", now=now, actor="ben")
    await people.add_person(desk, name="dora", email=None, now=now, actor="ben")
    await invite_all(desk, row)
    assert [(each.person_id, each.email) for each in await Invitation.all()] == [(cleo.id, "own@example.test")]
    assert (await rows_of(row.id))["dora"] == ("skipped", "no-email")


@on_sqlite
async def test_an_end_that_came_before_the_order_was_started_is_said(desk: Desk) -> None:
    await crowd(1)
    row = await dry_run(desk, "user\np0001\n")
    line = await GroupInvitee.get(group_invitation_id=row.id)
    past = (await database.now() - timedelta(minutes=1)).isoformat()
    await GroupInvitee.filter(id=line.id).update(given={"valid_until": past})
    await invite_all(desk, row)
    assert (await rows_of(row.id))["p0001"] == ("skipped", "over")
    assert not await Invitation.exists()


@on_sqlite
@pytest.mark.slow
async def test_ten_thousand_lines_are_stored_and_looked_up(desk: Desk) -> None:
    text = "user,email,serial\n" + "".join(f"u{at:05},u{at:05}@example.test,SERIAL{at:05}\n" for at in range(10_000))
    row = await dry_run(desk, text, add_people=True)
    assert row.found == 10_000
    assert await GroupInvitee.filter(group_invitation_id=row.id, status="waiting").count() == 10_000
