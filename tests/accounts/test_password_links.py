"""Links with which people choose their password: used once, by whoever is first, and worth nothing in the database."""

import asyncio
from datetime import timedelta

import pytest

from otae import paths
from otae.accounts import password_links
from otae.directory.local import passwords, people
from otae.errors import InputRefused, PasswordLinkUnknown
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, PasswordLink, Person
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio

CHOSEN = "four quiet words"


async def link_for(desk: Desk, person: Person) -> str:
    """Make a link and return its secret."""
    url = await password_links.make(desk, person, now=await database.now(), actor="ada")
    assert url.startswith(f"{desk.settings.public_url}{paths.PASSWORD}?s=")
    return url.partition("?s=")[2]


async def test_a_link_sets_the_password_once_and_is_kept_as_a_hash(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben", password=None), await database.now()
    token = await link_for(desk, ben)
    assert len(token) >= 43
    assert token not in repr(await PasswordLink.all().values())
    assert token not in repr(await AuditEntry.all().values())
    assert (await password_links.find(token, now=now)).id == ben.id
    await password_links.use(desk, token, CHOSEN, now=now)
    assert await passwords.check_password(desk, await Person.get(id=ben.id), CHOSEN)
    with pytest.raises(PasswordLinkUnknown):
        await password_links.use(desk, token, "another of four words", now=now)
    assert await AuditEntry.exists(action="person.password-set", actor=str(ben.id), subject=str(ben.id))


async def test_of_several_who_use_a_link_at_once_one_sets_the_password(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben"), await database.now()
    token = await link_for(desk, ben)
    uses = [password_links.use(desk, token, f"{CHOSEN} number {number}", now=now) for number in range(6)]
    results = await asyncio.gather(*uses, return_exceptions=True)
    winners = [number for number, result in enumerate(results) if isinstance(result, Person)]
    assert len(winners) == 1
    assert sum(isinstance(result, PasswordLinkUnknown) for result in results) == 5
    assert await passwords.check_password(desk, await Person.get(id=ben.id), f"{CHOSEN} number {winners[0]}")


@pytest.mark.parametrize("password", ["", "short", "password1", "benbenben", "x" * 257])
async def test_a_refused_password_leaves_the_link_good(desk: Desk, password: str) -> None:
    ben, now = await add_person(desk, "ben"), await database.now()
    token = await link_for(desk, ben)
    with pytest.raises(InputRefused) as refused:
        await password_links.use(desk, token, password, now=now)
    assert set(refused.value.fields) == {"password"}
    assert await password_links.working_link(ben, now=now) is not None


async def test_a_link_ends_by_time_by_a_newer_one_and_with_its_person(desk: Desk) -> None:
    ben, now = await add_person(desk, "ben"), await database.now()
    first, second = await link_for(desk, ben), await link_for(desk, ben)
    with pytest.raises(PasswordLinkUnknown):
        await password_links.find(first, now=now)
    with pytest.raises(PasswordLinkUnknown):
        await password_links.find(second, now=now + password_links.LIFE + timedelta(minutes=1))
    await people.update_person(desk, ben, disabled=True, now=now, actor="ada")
    with pytest.raises(PasswordLinkUnknown):
        await password_links.use(desk, second, CHOSEN, now=now)
    with pytest.raises(InputRefused):
        await password_links.make(desk, await Person.get(id=ben.id), now=now, actor="ada")
    await people.update_person(desk, ben, disabled=False, now=now, actor="ada")
    await link_for(desk, await Person.get(id=ben.id))
    assert await password_links.forget_old(now) == 0
    assert await password_links.forget_old(now + password_links.LIFE * 2) == 1


async def test_somebody_of_another_directory_gets_none(desk: Desk) -> None:
    dora = Person(domain="corp", directory_id="1", name="dora", display_name="Dora", created_at=await database.now())
    await dora.save()
    with pytest.raises(InputRefused):
        await link_for(desk, dora)
