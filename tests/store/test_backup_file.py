"""The file itself: written in small pieces, and unreadable after any change."""

import contextlib
import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.store import backup_file
from otae.store.backup_file import CHUNK, BackupReader, BackupUnreadable, BackupWriter
from otae.store.vault import Vault

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

VAULT = Vault([b"k" * 32])
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def written(lines: list[bytes], file: io.BytesIO | None = None) -> io.BytesIO:
    file = file or io.BytesIO()
    writer = BackupWriter(file, VAULT, product="1.2.3", schema="0001_initial", taken_at=NOW)
    for line in lines:
        writer.write(line)
    writer.close()
    file.seek(0)
    return file


@given(st.lists(st.binary().map(lambda line: line.replace(b"\n", b""))))
def test_lines_come_back_as_they_went(lines: list[bytes]) -> None:
    reader = BackupReader(written(lines), VAULT)
    assert list(reader.lines()) == lines
    header = reader.header
    assert (header.product, header.schema, header.taken_at) == ("1.2.3", "0001_initial", NOW)


@pytest.mark.parametrize("size", [CHUNK - 2, CHUNK - 1, CHUNK, 3 * CHUNK + 7])
def test_lines_longer_than_a_chunk_come_back(size: int) -> None:
    lines = [b"x" * size, b"", b"y" * size]
    assert list(BackupReader(written(lines), VAULT).lines()) == lines


class Memory(io.BytesIO):
    """Remembers the largest piece that was written or read at once."""

    most = 0

    def write(self, data: "ReadableBuffer", /) -> int:
        self.most = max(self.most, len(memoryview(data)))
        return super().write(data)

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.most = max(self.most, len(piece))
        return piece


def test_a_backup_is_written_and_read_in_small_pieces() -> None:
    file = Memory()
    written([b"x" * 10_000] * 200, file)
    assert len(file.getvalue()) > 2_000_000
    assert len(list(BackupReader(file, VAULT).lines())) == 200
    assert file.most <= CHUNK + 20


def test_every_changed_byte_is_noticed() -> None:
    data = written([b"a row", b"another"]).getvalue()
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(BackupUnreadable):
            list(BackupReader(io.BytesIO(changed), VAULT).lines())


def test_chunks_left_out_swapped_or_from_another_backup_are_noticed() -> None:
    data = written([b"x" * 1000] * 200).getvalue()
    head = len(data) - sum(len(chunk) for chunk in chunks(data))
    one, two, *rest = chunks(data)
    other = chunks(written([b"x" * 1000] * 200).getvalue())
    for wrong in ([two, *rest], [two, one, *rest], [one, *rest], [one, two, *rest[:-1]], [other[0], two, *rest]):
        with pytest.raises(BackupUnreadable):
            list(BackupReader(io.BytesIO(data[:head] + b"".join(wrong)), VAULT).lines())


def chunks(data: bytes) -> list[bytes]:
    at = len(backup_file.MAGIC)
    at += 4 + int.from_bytes(data[at : at + 4], "big")
    found = []
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at:end])
        at = end
    return found


def test_what_is_no_backup_is_refused() -> None:
    magic = backup_file.MAGIC
    for noise in (b"", b"PK\x03\x04", magic, magic + b"\xff\xff\xff\xff", magic + b"\0\0\0\2{}", magic + b"\0\0\0\2[]"):
        with pytest.raises(BackupUnreadable):
            BackupReader(io.BytesIO(noise), VAULT)


def test_a_file_is_there_whole_or_not_at_all_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "otae.backup"
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert not list(tmp_path.iterdir())
    before = os.umask(0)
    try:
        with backup_file.atomic_file(path) as file:
            file.write(b"all of it")
    finally:
        os.umask(before)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"all of it", 0o600)


KILLED = """
import os, signal, sys
from pathlib import Path
from otae.store import backup_file

if sys.argv[2] == "named":
    del os.O_TMPFILE
with backup_file.atomic_file(Path(sys.argv[1])) as file:
    file.write(backup_file.MAGIC * 10000)
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["nameless", "named"])
def test_a_killed_backup_leaves_nothing_behind_the_next_one(tmp_path: Path, kind: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "first"), kind], check=False)
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ([] if kind == "nameless" else ["first.part"])
    (tmp_path / "mine.part").write_text("somebody's own")
    with backup_file.atomic_file(tmp_path / "second") as file:
        file.write(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.part", "second"]


def test_a_name_that_was_taken_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "otae.backup"
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(FileExistsError))
        stack.enter_context(backup_file.atomic_file(path)).write(b"x")
        path.write_text("another")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["another"]


def write_half(path: Path) -> None:
    with backup_file.atomic_file(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
