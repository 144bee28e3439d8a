"""Finding people by id, with their groups."""

from uuid import uuid4

import pytest

from otae.directory import lookup
from otae.directory.local import people
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person

pytestmark = pytest.mark.anyio


async def test_people_are_found_by_id_with_their_groups(desk: Desk) -> None:
    now = await database.now()
    ben = await people.add_person(desk, name="ben", groups=["Sales", "Design"], now=now, actor="ada")
    cleo = await people.add_person(desk, name="cleo", now=now, actor="ada")
    assert await lookup.person_with_id(ben.id) == ben
    assert await lookup.person_with_id(uuid4()) is None
    assert await lookup.groups_of_people([ben, cleo]) == {ben.id: ["Design", "Sales"]}
    assert await lookup.groups_of_people([]) == {}
    assert await lookup.group_names() == ["Design", "Sales"]


async def test_people_of_rehearsals_are_not_found(desk: Desk) -> None:
    now = await database.now()
    person = await people.add_person(desk, name="rehearsal", now=now, actor="ada")
    await Person.filter(id=person.id).update(rehearsal=True)
    assert await lookup.person_with_id(person.id) is None
