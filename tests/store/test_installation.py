"""An installation is opened only when it was prepared, and at the end nothing of it stays open."""

from pathlib import Path

import pytest

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import passwords
from otae.store.installation import open_desk
from tests.desks import make_settings

pytestmark = pytest.mark.anyio


async def test_an_installation_that_was_not_prepared_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="run `otae migrate` first"):
        async with open_desk(make_settings(tmp_path)):
            raise AssertionError("there is nothing to open")


async def test_at_the_end_the_resources_and_the_database_are_closed(settings: Settings) -> None:
    async with open_desk(settings) as desk:
        queue = desk.resources.get(passwords.HashQueue)
        assert (await passwords.hash_secret(desk.resources, b"secret")).startswith("$argon2id$")
    assert desk.resources.get(passwords.HashQueue) is not queue
    with pytest.raises(RuntimeError, match="shutdown"):
        await queue.run(lambda: "")
