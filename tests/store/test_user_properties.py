"""The names of people's properties: listed to choose from, and looked up one by one."""

import pytest
from tortoise.connection import get_connection

from otae.store import database, user_properties
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from otae.store.user_properties import DISABLED_IN_DIRECTORY, list_names, unknown_names

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
    assert await unknown_names(["department", "cost.center", "costcenter", "title"]) == set()
    nobody = {"cost", "center", "x", "costCenter", "departmen_", "it", "a'b", 'a"b', DISABLED_IN_DIRECTORY}
    assert await unknown_names([*nobody, "department"]) == nobody


async def test_however_many_names_are_asked_for_the_people_are_looked_through_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = await database.now()
    await Person(name="ben", display_name="Ben", created_at=now, properties={"x200": "1"}).save(force_create=True)
    monkeypatch.setattr(user_properties, "list_names", nothing_known)
    asked = count_statements(monkeypatch)
    names = {f"x{number}" for number in range(300)}
    assert await unknown_names(names) == names - {"x200"}
    assert len(asked) == 1


async def nothing_known() -> list[str]:
    return []


def count_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    client = get_connection("default")
    run = client.execute_query_dict

    async def counted(query: str, values: list[object] | None = None) -> list[dict[str, object]]:
        asked.append(query)
        return await run(query, values)

    monkeypatch.setattr(client, "execute_query_dict", counted)
    return asked
