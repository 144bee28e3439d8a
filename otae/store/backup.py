"""Taking a backup: every row of one moment, written as it is read. What is sealed stays sealed."""

import json
from datetime import datetime
from typing import IO

from otae import __version__
from otae.store import audit, database
from otae.store.backup_file import BackupWriter, Header
from otae.store.desk import Desk
from otae.store.tables import tables


async def back_up(desk: Desk, file: IO[bytes], *, now: datetime, actor: str) -> tuple[Header, dict[str, int]]:
    """Write the installation into ``file``, encrypted under the first master key, while others go on working; audited.

    Returns what the file says about itself and how many rows of each table it holds. The file is written while the
    database shows one moment: its writes are short, and nothing else waits for them.
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
