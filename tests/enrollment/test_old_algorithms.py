"""Only a Mac that is believed moves the number of messages with an old algorithm."""

import pytest

from otae.errors import Refusal
from otae.store import database, old_algorithms
from otae.store.desk import Desk
from tests.enrollment import lab

pytestmark = pytest.mark.anyio


async def test_a_stranger_s_old_signature_is_not_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []

    async def count(*algorithms: str, **_: object) -> None:
        counted.extend(algorithms)

    monkeypatch.setattr(old_algorithms, "count_use", count)
    with pytest.raises(Refusal):
        await lab.LabMac().phase_two(desk, "never minted", await database.now())
    assert counted == []
