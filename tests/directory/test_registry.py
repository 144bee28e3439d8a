"""People of directories as rows of ours: kept by what stays, whatever they are called and wherever they stand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from otae.directory import DirectoryGroup, DirectoryPerson, registry
from otae.directory.local import groups, people
from otae.errors import DirectoryUnavailable
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

BEN = DirectoryPerson("corp", "id-1", "ben", "Ben Example", "ben@example.test", "+491512345678")
CLEO = DirectoryPerson("corp", "id-2", "cleo", "Cleo", None, None)


async def named() -> dict[str, str]:
    return {row.directory_id or "": row.name for row in await Person.filter(domain="corp")}


async def test_somebody_is_kept_once_and_brought_up_to_date(desk: Desk) -> None:
    now = await database.now()
    first = await registry.save_person(BEN, now)
    again = await registry.save_person(replace(BEN, name="benjamin", email=None, dn="elsewhere"), now)
    assert again.id == first.id
    stored = await Person.get(domain="corp")
    assert (stored.name, stored.email, stored.phone) == ("benjamin", None, "+491512345678")


async def test_names_that_changed_hands_make_no_twins(desk: Desk) -> None:
    now = await database.now()
    ben, cleo = await registry.save_people([BEN, CLEO], now)
    swapped = await registry.save_people([replace(BEN, name="cleo"), replace(CLEO, name="ben")], now)
    assert [row.id for row in swapped] == [ben.id, cleo.id]
    assert await named() == {"id-1": "cleo", "id-2": "ben"}


async def test_a_name_that_went_to_somebody_new_is_taken_from_who_had_it(desk: Desk) -> None:
    now = await database.now()
    old = await registry.save_person(BEN, now)
    new = await registry.save_person(replace(BEN, directory_id="id-9"), now)
    names = await named()
    assert (new.id != old.id, names["id-9"]) == (True, "ben")
    assert names["id-1"].startswith("ben~")
    back = await registry.save_person(replace(BEN, name="ben.old"), now)
    assert (back.id, back.name) == (old.id, "ben.old")


async def test_of_two_with_one_name_one_is_kept(desk: Desk) -> None:
    rows = await registry.save_people([BEN, replace(BEN, directory_id="id-9")], await database.now())
    assert [row.name for row in rows] == ["ben"]
    assert await registry.save_people([], await database.now()) == []


async def test_the_directory_disables_and_enables_what_it_disabled_alone(desk: Desk) -> None:
    now = await database.now()
    assert (await registry.save_person(replace(BEN, disabled=True), now)).disabled
    assert not (await registry.save_person(BEN, now)).disabled
    assert (await registry.save_person(replace(BEN, expires_at=datetime(2020, 1, 1, tzinfo=UTC)), now)).disabled
    assert not (await registry.save_person(BEN, now)).disabled
    await Person.filter(domain="corp").update(disabled=True)
    assert (await registry.save_person(BEN, now)).disabled, "an administrator's decision"
    assert (await registry.save_person(replace(BEN, disabled=True), now)).disabled
    assert (await registry.save_person(BEN, now)).disabled, "still the administrator's"


async def test_properties_are_those_of_the_last_reading_and_stay_when_none_were_read(desk: Desk) -> None:
    now = await database.now()
    person = await registry.save_person(replace(BEN, properties={"title": "Dr", "floor": "4"}), now)
    assert person.properties == {"title": "Dr", "floor": "4"}
    disabled = await registry.save_person(replace(BEN, disabled=True), now)
    assert disabled.properties == {"title": "Dr", "floor": "4", "disabled-in-directory": "yes"}
    read = replace(BEN, properties={"title": "Prof", "disabled-in-directory": "yes"})
    assert (await registry.save_person(read, now)).properties == {"title": "Prof"}
    assert not (await registry.save_person(replace(BEN, properties={}), now)).properties


async def test_local_people_are_a_directory_too(desk: Desk) -> None:
    now = await database.now()
    ben = await people.add_person(
        desk, name="ben", password="correct horse battery", groups=["sales"], now=now, actor="a"
    )
    ours = await registry.directory_of(desk, "LOCAL")
    found = await ours.find_person("Ben")
    assert found is not None
    assert (found.address, await ours.find_by_id(str(ben.id))) == ("ben", found)
    assert await ours.find_by_id("no id") is None
    assert await ours.check_password(found, "correct horse battery")
    assert not (await ours.try_password(None, "correct horse battery")).right
    group = await ours.find_group("sales")
    assert group is not None
    assert (await ours.members(group)).people == [found]
    assert (await registry.save_person(found, now)).id == ben.id
    assert await registry.search_groups(desk, "sal") == [group]


async def test_a_domain_that_is_not_set_up_is_not_available(desk: Desk) -> None:
    with pytest.raises(DirectoryUnavailable):
        await registry.directory_of(desk, "nowhere")


async def test_everywhere_is_searched_as_one(sqlite_desk: Desk, crowded_ldap: LdapServer) -> None:
    desk, now = sqlite_desk, await database.now()
    await people.add_person(desk, name="ben", now=now, actor="ada")
    await groups.add_group("round", now=now, actor="ada")
    await add(desk, entry_for(crowded_ldap))
    await add(desk, active_entry(crowded_ldap, primary_host="ldap.invalid"))
    found = await registry.search_people(desk, "ben")
    assert [each.address for each in found] == ["ben", "corp/ben"]
    assert [each.address for each in await registry.search_people(desk, "ben", "corp")] == ["corp/ben"]
    with pytest.raises(DirectoryUnavailable):
        await registry.search_people(desk, "ben", "ad")
    assert [each.address for each in await registry.search_groups(desk, "round")] == [
        "round",
        "corp/round",
        "corp/round-2",
    ]
    assert await registry.find_group(desk, "CORP\\posix") == DirectoryGroup(
        "corp", "posix", "cn=posix,ou=groups,dc=example,dc=test"
    )
    assert await registry.find_group(desk, "nowhere/posix") is None
    assert await registry.domains() == ["local", "corp", "ad"]


@pytest.mark.parametrize(
    "text", ["", " ", "\\", "/", "corp\\", "corp/", "\0", "x" * 10_000, "@corp", "corp\\*", "a\\b\\c"]
)
async def test_no_text_is_a_name_by_accident(sqlite_desk: Desk, crowded_ldap: LdapServer, text: str) -> None:
    await add(sqlite_desk, entry_for(crowded_ldap))
    assert await registry.find(sqlite_desk, text) is None
    assert await registry.find_group(sqlite_desk, text) is None
