"""A backup: every table, and nothing in clear."""

import io
import json

import pytest

from otae.store import backup, database
from otae.store.audit_entries import list_entries
from otae.store.backup_file import BackupReader
from otae.store.desk import Desk
from otae.store.tables import tables
from tests.store.furnish import House, furnish, taken

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(desk: Desk) -> House:
    """Furnish the installation that is backed up."""
    return await furnish(desk)


async def test_a_backup_shows_nothing_in_clear(desk: Desk, house: House) -> None:
    data = await taken(desk)
    # Each is long enough that half a megabyte of ciphertext, which is random, doesn't hold it by chance.
    for secret in (b"ben@example.test", house.begun.token.encode(), (house.begun.pin or "").encode(), b"PRIVATE KEY"):
        assert secret not in data
    lines = list(BackupReader(io.BytesIO(data), desk.vault).lines())
    assert {json.loads(line)[0] for line in lines} == {table.name for table in tables()}
    inside = b"\n".join(lines)
    for secret in (house.begun.token.encode(), (house.begun.pin or "").encode(), b"PRIVATE KEY", b"server secret"):
        assert secret not in inside


async def test_a_backup_says_where_it_is_from_and_is_audited(desk: Desk) -> None:
    file, now = io.BytesIO(), await database.now()
    written, counts = await backup.back_up(desk, file, now=now, actor="ada")
    file.seek(0)
    reader = BackupReader(file, desk.vault)
    header, lines = reader.header, list(reader.lines())
    assert header == written
    assert sum(counts.values()) == len(lines)
    assert set(counts) == {table.name for table in tables()}
    assert (header.schema, header.taken_at) == (database.schema(), now)
    [entry] = await list_entries(limit=1)
    assert (entry.actor, entry.action) == ("ada", "backup.taken")
