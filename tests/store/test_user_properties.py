"""The names of people's properties: listed to choose from, and looked up one by one."""

import pytest

from otae.store import database
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from otae.store.user_properties import DISABLED_IN_DIRECTORY, list_names, without_anybody

pytestmark = pytest.mark.anyio


async def test_the_properties_of_people_and_directories_are_known_and_no_others(desk: Desk) -> None:
    assert await list_names() == []
    now = await database.now()
    await Person(name="ada", display_name="Ada", created_at=now).save(force_create=True)
    properties = {"department": "IT", "cost.center": '7 "x": \\', DISABLED_IN_DIRECTORY: "yes"}
    await Person(name="ben", display_name="Ben", created_at=now, properties=properties).save(force_create=True)
    directory = {"domain": "corp", "kind": "ldap", "primary_host": "a", "user_base": "b", "group_base": "c"}
    await DirectoryServer(**directory, attributes="title costCenter", created_at=now).save(force_create=True)
    assert await list_names() == ["cost.center", "costcenter", "department", "title"]
    assert await without_anybody(["department", "cost.center", "costcenter", "title"]) == set()
    nobody = {"cost", "center", "x", "costCenter", "departmen_", "it", "a'b", 'a"b', DISABLED_IN_DIRECTORY}
    assert await without_anybody([*nobody, "department"]) == nobody
