"""Local people: what is taken, what is refused by field, and that nobody costs the same as somebody."""

from collections.abc import Callable
from typing import Any

import pytest

from otae.directory.local import passwords, people
from otae.errors import InputRefused
from otae.store import database
from otae.store import passwords as hashes
from otae.store.desk import Desk
from otae.store.models import AuditEntry, BrowserSession, EnrollmentSession, Person

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"


async def add_ben(desk: Desk, phone: str | None = None) -> Person:
    return await people.add_person(
        desk,
        name="Ben",
        email="ben@example.test",
        password=PASSWORD,
        phone=phone,
        now=await database.now(),
        actor="ada",
    )


async def test_a_person_is_found_by_the_name_in_any_case_and_form(desk: Desk) -> None:
    ben = await add_ben(desk)
    assert ben.name == ben.display_name == "ben"
    for typed in ("ben", " BEN ", "\uff22en"):
        assert (found := await people.find_person(typed)) is not None
        assert found.id == ben.id
    assert await people.find_person("cleo") is None
    assert await AuditEntry.exists(action="person.added", subject=str(ben.id), actor="ada")


async def test_a_name_is_taken_once(desk: Desk) -> None:
    await add_ben(desk)
    with pytest.raises(InputRefused) as refused:
        await add_ben(desk)
    assert set(refused.value.fields) == {"name"}
    assert await Person.filter(name="ben").count() == 1


async def test_what_is_hidden_in_a_name_does_not_count(desk: Desk) -> None:
    ben = await people.add_person(
        desk, name="b\u200ben", display_name="Be\u200dn", now=await database.now(), actor="ada"
    )
    assert (ben.name, ben.display_name) == ("ben", "Ben")


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "-ben"),
        ("name", "ben okafor"),
        ("name", "b" * 101),
        ("display_name", "Ben\r\nBcc: cleo@example.test"),
        ("display_name", "Ben\u202enimda"),
        ("email", "ben"),
        ("email", "ben@example.test\r\nBcc: cleo@example.test"),
        ("email", "ben@example..test"),
        ("email", "a@" + "a" * 60 + ".-"),
        ("phone", "call me"),
        ("password", "short"),
        ("password", "x" * 257),
    ],
)
async def test_what_cannot_be_taken_is_refused_at_its_field(desk: Desk, field: str, value: str) -> None:
    given: dict[str, Any] = {"name": "ben", field: value}
    with pytest.raises(InputRefused) as refused:
        await people.add_person(desk, **given, now=await database.now(), actor="ada")
    assert set(refused.value.fields) == {field}
    assert await Person.filter(name="ben").count() == 0


async def test_groups_are_made_when_they_are_new(desk: Desk) -> None:
    now = await database.now()
    ben = await people.add_person(desk, name="ben", groups=["sales", " sales ", "berlin"], now=now, actor="ada")
    await people.add_person(desk, name="cleo", groups=["sales"], now=now, actor="ada")
    assert await people.groups_of(ben) == ["berlin", "sales"]
    await people.update_person(desk, ben, groups=["berlin"], now=now, actor="ada")
    assert await people.groups_of(ben) == ["berlin"]


async def test_the_right_password_fits_however_its_letters_are_composed(desk: Desk) -> None:
    ben = await people.add_person(
        desk, name="ben", password="gr\u00fc\u00dfe aus berlin", now=await database.now(), actor="ada"
    )
    assert await passwords.check_password(desk, ben, "gru\u0308\u00dfe aus berlin")
    assert not await passwords.check_password(desk, ben, "gr\u00fc\u00dfe aus Berlin")
    assert ben.password_hash is not None
    assert "berlin" not in ben.password_hash


async def test_nobody_and_somebody_disabled_cost_as_much_as_somebody(
    desk: Desk, count_calls: Callable[[object, str], list[tuple[object, ...]]]
) -> None:
    ben = await add_ben(desk)
    calls = count_calls(hashes, "verify_secret")
    assert await passwords.check_password(desk, ben, PASSWORD)
    assert not await passwords.check_password(desk, None, PASSWORD)
    ben.disabled = True
    assert not await passwords.check_password(desk, ben, PASSWORD)
    ben.disabled, ben.password_hash = False, None
    assert not await passwords.check_password(desk, ben, PASSWORD)
    assert not await passwords.check_password(desk, ben, "")
    assert len(calls) == 5


async def test_an_update_changes_only_what_is_given(desk: Desk) -> None:
    ben, now = await add_ben(desk, phone="+49 30 1234"), await database.now()
    await people.update_person(desk, ben, phone="", display_name="Ben Okafor", now=now, actor="ada")
    stored = await Person.get(id=ben.id)
    assert (stored.display_name, stored.email, stored.phone) == ("Ben Okafor", "ben@example.test", None)
    assert await passwords.check_password(desk, stored, PASSWORD)
    with pytest.raises(InputRefused) as refused:
        await people.update_person(desk, ben, email="nowhere", now=now, actor="ada")
    assert set(refused.value.fields) == {"email"}


@pytest.mark.parametrize("change", [{"disabled": True}, {"password": "another horse battery"}])
async def test_disabling_and_a_new_password_sign_the_browsers_out(desk: Desk, change: dict[str, object]) -> None:
    ben, now = await add_ben(desk), await database.now()
    session = EnrollmentSession(person=ben, mode="m", ownership="employee", way="ota", opened_at=now, expires_at=now)
    await session.save()
    await BrowserSession(
        secret_hash="x", kind="portal", session=session, created_at=now, seen_at=now, expires_at=now
    ).save()
    await people.update_person(desk, ben, now=now, actor="ada", **change)  # type: ignore[arg-type]  # one of two
    assert await BrowserSession.all().count() == 0


async def test_people_are_listed_by_name_page_by_page(desk: Desk) -> None:
    now = await database.now()
    for name in ("dora", "ben", "cleo"):
        await people.add_person(desk, name=name, email=f"{name}@example.test", now=now, actor="ada")
    await Person(name="rehearsal", display_name="r", rehearsal=True, created_at=now).save()
    first = await people.list_people(limit=2)
    assert [person.name for person in first] == ["ben", "cleo"]
    assert [person.name for person in await people.list_people(after="cleo")] == ["dora"]
    assert [person.name for person in await people.list_people(search="DOR")] == ["dora"]
    assert [person.name for person in await people.search_people("%")] == []
    assert [person.name for person in await people.search_people("example.test", limit=1)] == ["ben"]


async def test_language_role_and_properties_are_kept_as_they_are_written(desk: Desk) -> None:
    now = await database.now()
    ben = await people.add_person(
        desk, name="ben", language="pt_br", role="SUPPORT", properties={"company": " Example "}, now=now, actor="ada"
    )
    stored = await Person.get(id=ben.id)
    assert (stored.language, stored.role, stored.properties) == ("pt-BR", "SUPPORT", {"company": "Example"})
    await people.update_person(desk, stored, properties={"floor": "3", "empty": ""}, now=now, actor="ada")
    assert (await Person.get(id=ben.id)).properties == {"floor": "3"}


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "german"),
        ("language", "de-DE-1996-x"),
        ("role", "ROOT"),
        ("properties", {"Company": "x"}),
        ("properties", {"": "x"}),
        ("properties", {"company": "x" * 501}),
        ("properties", {"company": "a\x00b"}),
        ("properties", {f"p{number}": "x" for number in range(51)}),
        ("phone", "030 1234"),
        ("phone", "+1 2"),
        ("phone", "+49 151 2345678 ext 9"),
    ],
)
async def test_facts_that_cannot_be_are_refused_at_their_field(desk: Desk, field: str, value: object) -> None:
    given: dict[str, Any] = {"name": "ben", field: value}
    with pytest.raises(InputRefused) as refused:
        await people.add_person(desk, **given, now=await database.now(), actor="ada")
    assert set(refused.value.fields) == {field}


async def test_people_of_another_directory_are_not_changed_here(desk: Desk) -> None:
    now = await database.now()
    dora = Person(domain="corp", directory_id="1", name="dora", display_name="Dora", created_at=now)
    await dora.save()
    with pytest.raises(InputRefused):
        await people.update_person(desk, dora, email="x@example.test", now=now, actor="ada")
