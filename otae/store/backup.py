"""Taking a backup: a snapshot of every row, streamed into a file. Sealed values stay sealed. See `restore`."""

import json
from datetime import datetime
from typing import IO

from otae import __version__
from otae.store import audit, database
from otae.store.backup_file import BackupWriter, Header
from otae.store.desk import Desk
from otae.store.tables import tables


async def back_up(desk: Desk, file: IO[bytes], *, now: datetime, actor: str) -> tuple[Header, dict[str, int]]:
    """Write a backup of the installation into ``file``, encrypted under the first master key; audited.

    Other processes keep working. The rows are read in one snapshot of the database, which stays open while the file is
    written; nothing waits for it.

    Returns:
        The file's header, and the number of rows by table name.
    """
    await audit.record(actor, "backup.taken", now=now)
    writer = BackupWriter(file, desk.vault, product=__version__, schema=database.schema(), taken_at=now)
    counts: dict[str, int] = {}
    async with database.snapshot():
        for table in tables():
            counts[table.name] = 0
            async for row in table.rows():
                writer.write(json.dumps([table.name, row], ensure_ascii=False, separators=(",", ":")).encode())
                counts[table.name] += 1
    writer.close()
    return writer.header, counts
