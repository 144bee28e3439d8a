"""The two logos, stored, replaced and removed on the record."""

import pytest

from otae.branding import logos
from otae.errors import InputRefused
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry
from tests.branding.test_pictures import plain, written

pytestmark = pytest.mark.anyio


async def test_a_logo_is_stored_replaced_and_removed(desk: Desk) -> None:
    now = await database.now()
    for colour in ("red", "blue"):
        await logos.replace("light", written(plain(colour=colour)), now=now, actor="ada")
    [(theme, row)] = (await logos.stored()).items()
    assert (theme, row.width, row.height) == ("light", 60, 20)
    image = await logos.image(row.sha256)
    assert image
    assert image.startswith(b"\x89PNG")
    await logos.remove("light", now=now, actor="ada")
    await logos.remove("light", now=now, actor="ada")
    assert await logos.stored() == {}
    assert await logos.image(row.sha256) is None
    kept = [entry.action for entry in await AuditEntry.filter(subject="light").order_by("id")]
    assert kept == ["logo.changed", "logo.changed", "logo.removed"]


async def test_a_refused_file_and_an_unknown_theme_change_nothing(desk: Desk) -> None:
    now = await database.now()
    with pytest.raises(InputRefused, match="no PNG or JPEG"):
        await logos.replace("light", b"<svg/>", now=now, actor="ada")
    with pytest.raises(InputRefused, match="use light or dark"):
        await logos.replace("sepia", written(plain()), now=now, actor="ada")
    assert await logos.stored() == {}
