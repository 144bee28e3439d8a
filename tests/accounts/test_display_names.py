"""The names of administrators as invited people read them."""

import pytest

from otae.accounts import display_names
from otae.errors import InputRefused
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry

pytestmark = pytest.mark.anyio


async def test_a_name_is_set_once_on_the_record_and_taken_away(desk: Desk) -> None:
    del desk
    now = await database.now()
    await Administrator(name="ada", password_hash="", created_at=now).save(force_create=True)
    for text in (" Ada Lovelace ", "Ada Lovelace"):
        await display_names.set_display_name("ada", text, now=now, actor="ada")
    assert (await Administrator.get()).display_name == "Ada Lovelace"
    await display_names.set_display_name("ada", "", now=now, actor="ada")
    assert (await Administrator.get()).display_name == ""
    assert await AuditEntry.filter(action="administrator.display-name-changed").count() == 2


@pytest.mark.parametrize("text", ["x" * 201, "Ada\u202eecalevoL", "Ada\x00"])
async def test_what_hides_or_does_not_fit_is_refused(desk: Desk, text: str) -> None:
    del desk
    now = await database.now()
    await Administrator(name="ada", password_hash="", created_at=now).save(force_create=True)
    with pytest.raises(InputRefused, match="display_name"):
        await display_names.set_display_name("ada", text, now=now, actor="ada")
    assert (await Administrator.get()).display_name == ""


@pytest.mark.parametrize("name", ["eve", "corp\\joe"])
async def test_only_local_administrators_are_named_here(desk: Desk, name: str) -> None:
    del desk
    now = await database.now()
    row = Administrator(name="corp\\joe", domain="corp", display_name="Joe", password_hash="", created_at=now)
    await row.save(force_create=True)
    with pytest.raises(InputRefused, match="name"):
        await display_names.set_display_name(name, "Somebody", now=now, actor="ada")
    assert (await Administrator.get()).display_name == "Joe"
