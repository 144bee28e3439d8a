"""The embedded default, SQLite and a worker inside `serve`, killed in the middle of a bulk and started again."""

import random
import signal
from pathlib import Path

import pytest

from otae.settings import Settings
from otae.tasks.runtime import THREADS_EMBEDDED
from tests.chaos.house import FULL, MAILS, Note, opened, until_at_rest, until_sent
from tests.servers.ports import free_port
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio

KILLS = 10 if FULL else 2


async def test_a_bulk_outlives_the_one_process_that_does_everything(
    sqlite_settings: Settings, smtp_server: SMTPServer, tmp_path: Path, record_property: Note, seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - when to kill, not a secret
    port = free_port()
    settings = sqlite_settings.model_copy(update={"public_url": f"https://localhost:{port}"})
    async with opened(settings, smtp_server, tmp_path, record_property) as house:
        process = house.start("serve")
        await house.order(MAILS, ring=False)
        for kill in range(KILLS):
            share = house.messages * 9 // 10 // KILLS
            await until_sent(share * kill + dice.randrange(share))
            process.tell(signal.SIGKILL)
            process.end()
            process = house.start("serve")
        await until_at_rest(house.messages)
        standing = await house.check(kills=KILLS, concurrency=THREADS_EMBEDDED)
        assert house.reached() == house.everybody()
        assert standing["sent"] + standing["failed"] == house.messages
        process.tell()
        assert process.end() == 0
