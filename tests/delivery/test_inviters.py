"""The names of those who invite."""

import pytest

from otae.delivery.inviters import inviter_name
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Administrator

pytestmark = pytest.mark.anyio


async def add(name: str, display_name: str = "", domain: str = "local") -> None:
    now = await database.now()
    row = Administrator(name=name, domain=domain, display_name=display_name, password_hash="", created_at=now)
    await row.save(force_create=True)


async def test_people_read_the_full_name_else_the_user_name_without_its_domain(desk: Desk) -> None:
    del desk
    await add("ada", "Ada Lovelace")
    await add("eve")
    await add("corp\\joe", domain="corp")
    names = [await inviter_name(name) for name in ("ada", "eve", "corp\\joe")]
    assert names == ["Ada Lovelace", "eve", "joe"]


async def test_nobody_in_person_has_no_name(desk: Desk) -> None:
    del desk
    assert await inviter_name("command line") == ""
