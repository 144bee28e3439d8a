"""Rows are found by a part of their text whatever its case and diacritics, and every way to write them keeps it up."""

from collections.abc import AsyncIterator

import pytest

from otae.settings import Settings
from otae.store import database, search_text, statements
from otae.store.models import Person
from tests.store.searched import found, person

pytestmark = pytest.mark.anyio


@pytest.fixture
async def connected(settings: Settings, anyio_backend: str) -> AsyncIterator[None]:
    async with database.connected(settings):
        yield


#: What is searched for, and who is found.
CASES: tuple[tuple[str, list[str]], ...] = (
    ("lukasz", ["lk"]), ("ŁUKASZ", ["lk"]), ("Łukasz Żak", ["lk"]), ("zak", ["lk"]), ("müller", ["jm"]),
    ("Mueller", []), ("MULLER", ["jm"]), ("@EXAMPLE.test", ["jm", "lk"]), ("strasse", ["ss"]), ("Straße", ["ss"]),
    ("100%", ["ss"]), ("%", ["ss"]), ("_", ["ss"]), ("\\", ["ss"]), ('"q"', ["ss"]), ("'", ["ss"]),
    ("ßE 1", ["ss"]), ("lk", ["lk"]), ("k", ["lk"]), ("\u200b \t", ["jm", "lk", "ss"]), ("zak\nlk", []),
    ("nobody", []),         ("\u5c71\u7530 \u592a\u90ce", []), ("l*k", []), ("a OR b", []), ("𝓩𝓪𝓴", ["lk"]),
)  # fmt: skip


async def test_a_part_of_a_text_is_found(connected: None) -> None:
    await person("lk", "Łukasz Żak", "l@example.test").save()
    rows = [person("jm", "Jörg Müller", "J.M@Example.Test"), person("ss", 'Straße 1 "Q" \\ 100%_\'')]
    await Person.bulk_create(rows)
    assert {text: await found(text) for text, _ in CASES} == dict(CASES)


async def test_every_way_to_change_a_row_changes_its_text(connected: None) -> None:
    ben = person("ben", "Ben")
    await ben.save()
    ben.display_name = "Łukasz"
    await ben.save()
    assert await found("lukasz") == ["ben"]
    ben.display_name = "Öz"
    await ben.save(update_fields=["display_name"])
    assert await found("oz") == ["ben"]
    assert await found("lukasz") == []
    ben.email = "zażółć@example.test"
    await Person.bulk_update([ben], ["email"])
    assert await found("zazolc") == ["ben"]
    await Person.filter(id=ben.id).update(**ben.with_search_text({"display_name": "Ćma", "disabled": True}))
    assert await found("cma") == ["ben"]
    assert await found("oz") == []
    await ben.delete()
    assert await found("cma") == []


async def test_a_change_of_rows_that_nobody_read_changes_their_texts(connected: None) -> None:
    await Person.bulk_create([person("ben"), person("cleo"), person("dora")])
    assert await Person.filter(name__in=["ben", "cleo"]).update(display_name="Łukasz") == 2
    assert await found("lukasz") == ["ben", "cleo"]
    assert await found("ben") == ["ben"]
    assert await Person.exclude(name="ben").filter(display_name="Łukasz").update(display_name="Žofie") == 1
    assert (await found("lukasz"), await found("zofie")) == (["ben"], ["cleo"])
    assert await Person.filter(name="nobody").update(display_name="Łukasz") == 0
    assert await Person.all().update(display_name="Žofie") == await Person.all().count()
    assert await Person.filter(name="ben").update(disabled=True) == 1
    ben = await Person.get(name="ben")
    with pytest.raises(TypeError, match="with_search_text"):
        await statements.change(Person, {"email": "b@example.test"}, id=ben.id)
    await statements.change(Person, ben.with_search_text({"email": "ż@example.test"}), id=ben.id)
    assert await found("z@example") == ["ben"]


async def test_a_text_that_many_rows_hold_is_found_in_all_of_them(
    connected: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Person.bulk_create([person(f"person{number}") for number in range(30)])
    monkeypatch.setattr(search_text, "MATCH_LIMIT", 20)
    assert len(await found("PERSON")) == 30
    assert len(await found("person2")) == 11
