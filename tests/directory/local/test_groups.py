"""Groups of local people."""

import pytest

from otae.directory import lookup, reach
from otae.directory.local import groups, people
from otae.directory.lookup import PeopleFilter
from otae.errors import InputRefused
from otae.store import database
from otae.store.audit_entries import AuditFilter, list_entries
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


@pytest.mark.parametrize("text", ["", " ", "nowhere", "elsewhere/sales", "sales\x00x", "x" * 500])
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
    group = await groups.add_group(" sales ", now=now, actor="ada")
    assert (await groups.add_member(group, "BEN", now=now, actor="ada")).id == ben.id
    await groups.add_member(group, "ben", now=now, actor="ada")
    assert await Membership.all().count() == 1
    await groups.remove_member(group, ben.id, now=now, actor="ada")
    await groups.remove_group(group, now=now, actor="ada")
    assert not await Group.exists()
    told = [entry.action for entry in await list_entries(AuditFilter(search="group."))]
    assert told == ["group.removed", "group.member-removed", "group.member-added", "group.member-added", "group.added"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "sales"])
async def test_a_group_cannot_be_called_so(desk: Desk, name: str) -> None:
    await Group(name="sales").save()
    with pytest.raises(InputRefused):
        await groups.add_group(name, now=await database.now(), actor="ada")


@pytest.mark.parametrize("name", ["cleo", "", "\x00", "x" * 500])
async def test_nobody_is_put_into_no_group(desk: Desk, name: str) -> None:
    now = await database.now()
    group = await groups.add_group("sales", now=now, actor="ada")
    with pytest.raises(InputRefused):
        await groups.add_member(group, name, now=now, actor="ada")


async def test_a_group_holds_the_people_of_its_sub_groups_each_once(desk: Desk) -> None:
    now = await database.now()
    for name, places in (("ann", ["sales", "sales.north"]), ("bob", ["sales.north.coast"]), ("cid", ["salesforce"])):
        await people.add_person(desk, name=name, groups=places, now=now, actor="ada")
    await groups.add_group("Sales.Other", now=now, actor="ada")
    shown = {row.name: (row.members, row.own, row.depth, row.subgroups) for row in await groups.list_groups()}
    assert shown == {
        "Sales": (0, 0, 0, 1),
        "Sales.Other": (0, 0, 1, 0),
        "sales": (2, 1, 0, 2),
        "sales.north": (2, 1, 1, 1),
        "sales.north.coast": (1, 1, 2, 0),
        "salesforce": (1, 1, 0, 0),
    }
    assert next(row.name for row in await groups.list_groups(after="sales")) == "sales.north"
    assert [person.name for person in await groups.members("local", "sales")] == ["ann", "bob"]
    assert [person.name for person in await groups.members("local", "sales", limit=1)] == ["ann"]
    sales = await groups.find_group("sales")
    assert sales is not None
    assert (sales.members, sales.own, sales.subgroups) == (2, 1, 2)
    assert [name for name, _ in await groups.subgroups(sales)] == ["sales.north", "sales.north.coast"]
    ann, bob = await Person.get(name="ann"), await Person.get(name="bob")
    assert await groups.direct_members(sales, [ann, bob]) == {ann.id}


async def test_a_removed_group_takes_its_sub_groups_along_and_no_other(desk: Desk) -> None:
    now = await database.now()
    await people.add_person(desk, name="ann", groups=["sales.north", "sales%", "salesforce"], now=now, actor="ada")
    sales = await groups.find_group("sales")
    assert sales is not None
    await groups.remove_group(sales, now=now, actor="ada")
    assert sorted(row.name for row in await Group.all()) == ["sales%", "salesforce"]
    assert await Person.filter(name="ann").exists()


async def test_dots_in_a_group_of_another_directory_mean_nothing(desk: Desk) -> None:
    for name in ("dept", "dept.a"):
        await Group(domain="corp", name=name).save()
    assert len(await groups.with_subgroups("corp", "dept")) == 1


@pytest.mark.parametrize("name", [".a", "a.", "a..b", "a. b", "a|b", "a\\"])
async def test_a_sub_group_has_a_name_of_its_own(desk: Desk, name: str) -> None:
    with pytest.raises(InputRefused):
        await groups.add_group(name, now=await database.now(), actor="ada")


async def test_a_large_group_is_paged_in_order_and_counted_to_its_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = await database.now()
    people = [Person(name=f"p{number:02}", display_name="P", created_at=now) for number in range(30)]
    await Person.bulk_create(people)
    for name, members in (("all", people[:20]), ("all.some", people[10:25])):
        group = await groups.add_group(name, now=now, actor="ada")
        await Membership.bulk_create([Membership(group_id=group.id, person_id=each.id) for each in members])
    names = [each.name for each in people[:25]]
    for wide in (1000, 5):
        monkeypatch.setattr(reach, "MANY_MEMBERS", wide)
        first = await groups.members("local", "all", limit=15)
        rest = await groups.members("local", "all", after=(first[-1].name, first[-1].id))
        assert [each.name for each in first + rest] == names
        limited = await reach.reach_of(["local/all"], now=now)
        assert limited.wide is (wide == 5)
        listed = await lookup.filter_people(PeopleFilter(group="all"), reach=limited)
        assert [each.name for each in listed] == names
        some = await lookup.filter_people(PeopleFilter(group="all.some", search="p1"), reach=limited)
        assert [each.name for each in some] == names[10:20]
    shown = {row.name: (row.members, row.own) for row in await groups.list_groups()}
    assert shown == {"all": (25, 20), "all.some": (15, 15)}
    monkeypatch.setattr(groups, "COUNT_LIMIT", 12)
    shown = {row.name: (row.members, row.own) for row in await groups.list_groups()}
    assert shown == {"all": (13, 13), "all.some": (13, 13)}
