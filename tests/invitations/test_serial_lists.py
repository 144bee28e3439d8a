"""The lists of serial numbers: each on one at most, added all or none, read page by page."""

import asyncio

import pytest

from otae.errors import InputRefused
from otae.invitations import serial_lists
from otae.invitations.serial_lists import COMPANY, REFUSED, Added
from otae.store import database
from otae.store.models import AuditEntry, ListedSerial

pytestmark = pytest.mark.anyio


async def added(kind: str, *serials: str, note: str = "") -> Added:
    lines = list(enumerate(serials, 1))
    return await serial_lists.add(kind, lines, note=note, now=await database.now(), actor="ada")


async def on(kind: str) -> list[str]:
    return [row.serial async for page in serial_lists.every_row(kind) for row in page]


@pytest.mark.usefixtures("desk")
async def test_a_serial_number_is_on_one_list_at_most_whatever_its_case() -> None:
    assert await added(COMPANY, "c02xk0aaajg5", "C02XK0AAAJG6", "C02XK0AAAJG6") == Added(new=2)
    assert await added(COMPANY, "C02xk0aaajg5") == Added(known=1)
    assert await added(REFUSED, " c02xk0aaajg5\u200b", note="stolen") == Added(moved=1)
    assert (await on(COMPANY), await on(REFUSED)) == (["C02XK0AAAJG6"], ["C02XK0AAAJG5"])
    kinds = await serial_lists.kinds_of(["C02XK0AAAJG5", "c02xk0aaajg6", "", "another one"])
    assert kinds == {"c02xk0aaajg5": REFUSED, "c02xk0aaajg6": COMPANY}
    now = await database.now()
    assert await serial_lists.remove(["C02XK0AAAJG5", "never there"], now=now, actor="ada") == 1
    assert await on(REFUSED) == []
    told = await AuditEntry.filter(action__startswith="serial.").order_by("id").values_list("action", "detail")
    assert told == [
        ("serial.add", "2 new, 0 moved: C02XK0AAAJG5, C02XK0AAAJG6"),
        ("serial.add", "0 new, 1 moved: C02XK0AAAJG5"),
        ("serial.remove", "C02XK0AAAJG5"),
    ]


@pytest.mark.usefixtures("desk")
async def test_one_that_is_none_refuses_all_and_is_named_by_its_line() -> None:
    with pytest.raises(InputRefused) as caught:
        await added(COMPANY, "C02XK0AAAJG5", "short", "<script>alert(1)</script>", "\x00" * 9, "x" * 70)
    assert "2 (SHORT)" in str(caught.value.fields["serials"]).upper()
    with pytest.raises(InputRefused) as caught:
        await added("stolen", note="\u202eturned")
    assert caught.value.fields.keys() == {"kind", "note", "serials"}
    assert await ListedSerial.all().count() == 0


@pytest.mark.usefixtures("desk")
async def test_lists_sent_at_the_same_moment_are_all_stored() -> None:
    many = [f"C02XK{number:07}" for number in range(700)]
    await asyncio.gather(*(added(kind, *many) for kind in (COMPANY, REFUSED, COMPANY)))
    assert len(await on(COMPANY)) + len(await on(REFUSED)) == 700


@pytest.mark.usefixtures("desk")
async def test_a_list_is_read_page_by_page_and_found_by_its_beginning() -> None:
    await added(COMPANY, *(f"C02XK{number:07}" for number in range(30)))
    first = await serial_lists.read_page(COMPANY, "", "", 20)
    rest = await serial_lists.read_page(COMPANY, "", first[-1].key, 20)
    assert [row.serial for row in first + rest] == [f"C02XK{number:07}" for number in range(30)]
    assert [row.serial for row in await serial_lists.read_page(COMPANY, "c02xk000002", "", 20)] == [
        f"C02XK{number:07}" for number in range(20, 30)
    ]
    assert await serial_lists.count(COMPANY, "c02xk000002") == 10
    assert await serial_lists.read_page(COMPANY, "%", "", 20) == []
