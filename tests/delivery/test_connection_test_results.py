"""The last test of a notification server."""

from datetime import timedelta
from uuid import uuid4

import pytest

from otae.delivery import connection_test
from otae.store import database, jobs
from otae.store.desk import Desk

pytestmark = pytest.mark.anyio


async def test_the_newest_test_of_this_server_is_shown(desk: Desk) -> None:
    now, office, other = await database.now(), uuid4(), uuid4()
    assert await connection_test.last_test(office) is None
    for seconds, server in enumerate((office, office, other)):
        order: dict[str, object] = {"server": str(server), "recipient": f"r{seconds}@example.test"}
        await jobs.enqueue(connection_test.TEST, order, created_by="ada", now=now + timedelta(seconds=seconds))
    last = await connection_test.last_test(office)
    assert last is not None
    assert (last.recipient, last.status, last.is_running, last.words) == ("r1@example.test", "queued", True, "")
    claimed = await jobs.claim(last.id, now)
    assert claimed is not None
    await jobs.finish(claimed, {"ok": True, "words": "250 ok", "tls": "TLSv1.3"}, now=now)
    done = await connection_test.last_test(office)
    assert done is not None
    assert (done.status, done.is_running, done.words, done.tls) == ("done", False, "250 ok", "TLSv1.3")
