"""Groups of local people."""

import pytest

from otae.directory import groups
from otae.errors import InputRefused
from otae.store import audit, database
from otae.store.desk import Desk
from otae.store.models import Group, Membership, Person
from tests.invitations.crowds import crowd
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def test_groups_are_listed_by_name_with_how_many_are_in_them(desk: Desk) -> None:
    await crowd(3, "sales")
    await Group(name="design").save()
    await Group(name="crew").save()
    assert [(row.name, row.members) for row in await groups.list_groups()] == [("crew", 0), ("design", 0), ("sales", 3)]
    assert [row.name for row in await groups.list_groups(after="crew", limit=1)] == ["design"]
    assert [row.name for row in await groups.list_groups("SAL")] == ["sales"]


@pytest.mark.parametrize(("text", "name"), [("sales", "sales"), (" local/sales ", "sales"), ("a/b", "a/b")])
async def test_a_group_is_found_with_its_domain_and_without(desk: Desk, text: str, name: str) -> None:
    await Group(name=name).save()
    found = await groups.find_group(text)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("text", ["", " ", "nowhere", "elsewhere/sales", "sales\x00", "x" * 500])
async def test_what_is_no_group_is_not_found(desk: Desk, text: str) -> None:
    await Group(name="sales").save()
    assert await groups.find_group(text) is None


async def test_people_come_in_pages_without_gap_and_rehearsals_are_left_out(desk: Desk) -> None:
    await crowd(5)
    await Person.filter(name="p0003").update(rehearsal=True)
    first = await groups.members("local", "sales", limit=2)
    rest = await groups.members("local", "sales", after=(first[-1].name, first[-1].id), limit=9)
    assert [person.name for person in first + rest] == ["p0001", "p0002", "p0004", "p0005"]


async def test_a_group_is_made_filled_emptied_and_removed_and_who_did_it_is_recorded(desk: Desk) -> None:
    now, ben = await database.now(), await add_person(desk, "ben")
    group = await groups.add_group(desk, " sales ", now=now, actor="ada")
    assert (await groups.add_member(desk, group, "BEN", now=now, actor="ada")).id == ben.id
    await groups.add_member(desk, group, "ben", now=now, actor="ada")
    assert await Membership.all().count() == 1
    await groups.remove_member(desk, group, ben.id, now=now, actor="ada")
    await groups.remove_group(desk, group, now=now, actor="ada")
    assert not await Group.exists()
    told = [entry.action for entry in await audit.list_entries(search="group.")]
    assert told == ["group.removed", "group.member-removed", "group.member-added", "group.member-added", "group.added"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "sales"])
async def test_a_group_cannot_be_called_so(desk: Desk, name: str) -> None:
    await Group(name="sales").save()
    with pytest.raises(InputRefused):
        await groups.add_group(desk, name, now=await database.now(), actor="ada")


@pytest.mark.parametrize("name", ["cleo", "", "\x00", "x" * 500])
async def test_nobody_is_put_into_no_group(desk: Desk, name: str) -> None:
    now = await database.now()
    group = await groups.add_group(desk, "sales", now=now, actor="ada")
    with pytest.raises(InputRefused):
        await groups.add_member(desk, group, name, now=now, actor="ada")
