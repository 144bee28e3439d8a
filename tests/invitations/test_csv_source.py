"""People from a CSV file, as spreadsheets write them: good lines are invited, bad ones told by their number."""

import pytest

from otae.errors import InputRefused
from otae.invitations import csv_source, groups
from otae.invitations.groups import Status
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import GroupInvitation, GroupInvitee, Invitation, Person
from tests.invitations.crowds import crowd, matched, stored, work

pytestmark = pytest.mark.anyio


async def taken(
    desk: Desk, data: bytes, columns: dict[str, int] | None = None, *, key: str | None = None
) -> GroupInvitation:
    """Store a file and agree to its columns, or to others."""
    return await matched(desk, await stored(desk, data, key), columns)


async def told(desk: Desk, data: bytes, columns: dict[str, int] | None = None) -> list[tuple[int, str, str]]:
    """Give (line, user name, reason) of each line after it was looked up."""
    row = await work(desk, await taken(desk, data, columns))
    assert row.status == Status.READY
    lines = await GroupInvitee.filter(group_invitation_id=row.id).order_by("number")
    assert row.found == len(lines)
    return [(line.number, line.name, line.reason) for line in lines]


async def test_good_lines_wait_and_bad_ones_say_why(desk: Desk) -> None:
    await crowd(4)
    await Person.filter(name="p0004").update(email=None)
    data = b"user,note\np0001,x\n\nP0002 ,x\nnobody,x\np0001,again\n,empty\np0004,x\n=cmd|x,x\n"
    assert await told(desk, data) == [
        (2, "p0001", ""),
        (4, "p0002", ""),
        (5, "nobody", "unknown"),
        (6, "p0001", "duplicate"),
        (7, "", "unknown"),
        (8, "p0004", "no-email"),
        (9, "=cmd|x", "unknown"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        "User name;Größe\np0001;ü\n".encode(),
        "\ufeffUser name;Größe\r\np0001;ü\r\n".encode(),
        "User name;Größe\np0001;ü\n".encode("cp1252"),
        "user_name\tGröße\np0001\tü\n".encode(),
        b'"USER-NAME","x"\n"p0001","two\nlines"\n',
        "User\tGröße\r\np0001\tü\r\n".encode("utf-16"),
        "User;Größe\rp0001;ü\r".encode("mac_roman"),
        b'sep=;\r\n"user";"x"\r\n\xa0p0001\xa0;x\r\n',
        b'#TYPE System.Management.Automation.PSCustomObject\r\n"user"\r\n"p0001"\r\n',
        b'Staff list, May;;\r\n;;\r\nuser;mail;x\r\n="p0001";;\r\n',
    ],
)
async def test_what_spreadsheets_write_is_read(desk: Desk, data: bytes) -> None:
    await crowd(1)
    assert [(name, reason) for _, name, reason in await told(desk, data)] == [("p0001", "")]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_a_line_break_or_hidden_text_in_a_name_never_makes_it_another_one(desk: Desk) -> None:
    await crowd(12)
    data = 'user,mail\n"p00\n01",\n"p0001\n",\np00\u202e\u202c02x,\n,"p0001@example\n.test"\n'
    assert await told(desk, data.encode()) == [
        (2, "p00 01", "hidden"),
        (4, "p0001", ""),
        (6, "p0002x", "hidden"),
        (7, "", "hidden"),
    ]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_a_spreadsheets_own_format_is_no_text(desk: Desk) -> None:
    with pytest.raises(InputRefused, match="no text file"):
        await taken(desk, b"PK\x03\x04\0\0")


async def test_an_address_alone_finds_its_person_but_not_one_of_two(desk: Desk) -> None:
    await crowd(3)
    await Person.filter(name="p0003").update(email="P0002@example.test")
    data = b"Mail\nP0001@EXAMPLE.test\np0002@example.test\ncleo@example.test\n"
    assert [(name, reason) for _, name, reason in await told(desk, data)] == [
        ("p0001", ""),
        ("", "ambiguous"),
        ("", "unknown"),
    ]


async def test_a_column_is_chosen_when_it_is_called_otherwise(desk: Desk) -> None:
    await crowd(1)
    data = b"Mitarbeiter,x\np0001,1\n"
    row = await stored(desk, data)
    assert (row.status, row.file and row.file["headings"]) == (Status.MATCHING, ["Mitarbeiter", "x"])
    for wrong in ({"domain": 0}, {"user": 2}, {"user": -1}, {"note": 1}, {"user": 0, "note": 0}):
        with pytest.raises(InputRefused):
            await matched(desk, row, wrong)
    assert [name for _, name, _ in await told(desk, data, {"user": 0})] == ["p0001"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
async def test_a_file_of_nothing_is_refused_and_spends_no_key(desk: Desk, data: bytes) -> None:
    with pytest.raises(InputRefused) as refused:
        await taken(desk, data, key="autumn")
    assert "file" in refused.value.fields
    assert not await GroupInvitation.exists()


async def test_a_file_longer_than_allowed_is_refused_before_anything_is_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "MAX_LINES", 3)
    with pytest.raises(InputRefused):
        await taken(desk, b"user\n" + b"p0001\n" * 4)
    assert not await GroupInvitation.exists()


async def test_a_cell_of_enormous_size_spoils_its_line_alone(desk: Desk) -> None:
    await crowd(2)
    data = b"user\np0001\n" + b"x" * 140_000 + b"\np0002\n"
    assert [reason for _, _, reason in await told(desk, data)] == ["", "unreadable", ""]


async def test_lines_come_in_batches_and_are_looked_up_in_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_source, "BATCH", 3)
    monkeypatch.setattr("otae.invitations.group_worker.PAGE", 4)
    await crowd(10)
    names = [f"p{at:04}" for at in range(1, 11)]
    data = "\n".join(["user", *names, "p0001", "P0002"]).encode()
    shown = await told(desk, data)
    assert [(name, reason) for _, name, reason in shown] == [
        *((name, "") for name in names),
        ("p0001", "duplicate"),
        ("P0002", "duplicate"),
    ]


async def test_a_file_that_broke_off_while_it_came_in_is_no_order(desk: Desk) -> None:
    await crowd(1)
    row = await taken(desk, b"user\np0001\n")
    await GroupInvitation.filter(id=row.id).update(status=Status.READING)
    assert await groups.waiting(await database.now()) == []
    half = await groups.find(row.id)
    assert half is not None
    await groups.cancel(half, now=await database.now(), actor="ada")


async def test_the_people_of_a_file_are_invited_once(desk: Desk) -> None:
    await crowd(2)
    row = await work(desk, await taken(desk, b"user\np0001\np0002\np0001\n", key="autumn"))
    await groups.start(desk, row, now=await database.now(), actor="ada")
    await work(desk, row)
    assert (await taken(desk, b"user\np0001\n", key="autumn")).id == row.id
    assert await Invitation.all().count() == 2
