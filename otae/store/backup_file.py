"""The format of a backup file: a readable header, then lines of JSON in encrypted chunks (docs/adr/0006).

A chunk that was changed, moved, left out or inserted from another file does not decrypt. The last chunk is marked as
such, so a truncated file is detected.
"""

import base64
import contextlib
import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Final, Self
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from otae.errors import OtaeError
from otae.store.vault import SealBroken, Vault

MAGIC: Final = b"otae backup 1\n"
#: Bytes of text in each chunk but the last; no more than this and one line is in memory at once.
CHUNK: Final = 64 * 1024
#: Suffix of an unfinished file, where the file system knows no files without a name.
PARTIAL_SUFFIX: Final = ".part"
#: Purpose that the key of the file is sealed for.
PURPOSE: Final = "backup"
#: Most bytes of a line. A line is one row, and no row comes near this.
LONGEST_LINE: Final = 64 * 1024 * 1024
_TAG: Final = 16
_MAX_HEADER: Final = 4096


class BackupUnreadable(OtaeError):
    """The file is no backup, was changed or cut off, or belongs to other master keys."""


@dataclass(frozen=True)
class Header:
    """The header of a backup. ``schema``: name of the newest migration; ``key_sealed``: the file's key, sealed."""

    id: UUID
    product: str
    schema: str
    taken_at: datetime
    key_sealed: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Return the header as it stands in the file, with magic and length."""
        text = json.dumps({
            "id": str(self.id),
            "product": self.product,
            "schema": self.schema,
            "taken_at": self.taken_at.isoformat(),
            "key": base64.b64encode(self.key_sealed).decode(),
        }).encode()  # fmt: skip
        return MAGIC + len(text).to_bytes(4, "big") + text

    @classmethod
    def decode(cls, text: bytes) -> Self:
        """Read what :meth:`encode` wrote behind magic and length.

        Raises:
            BackupUnreadable: the header is damaged.
        """
        try:
            values = json.loads(text)
            return cls(
                UUID(values["id"]),
                str(values["product"]),
                str(values["schema"]),
                datetime.fromisoformat(values["taken_at"]),
                base64.b64decode(values["key"], validate=True),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupUnreadable("the header of this backup is damaged") from error


class BackupWriter:
    """Writes a backup line by line; without :meth:`close` the file is not readable."""

    def __init__(self, file: IO[bytes], vault: Vault, *, product: str, schema: str, taken_at: datetime) -> None:
        key, identity = AESGCM.generate_key(256), uuid4()
        self.header = Header(identity, product, schema, taken_at, vault.seal(key, identity, PURPOSE))
        encoded = self.header.encode()
        self._file, self._cipher, self._associated_data = file, AESGCM(key), hashlib.sha256(encoded).digest()
        self._buffer, self._chunks = bytearray(), 0
        file.write(encoded)

    def write(self, line: bytes) -> None:
        """Add one line; ``line`` holds no line break."""
        self._buffer += line + b"\n"
        while len(self._buffer) > CHUNK:
            self._chunk(bytes(self._buffer[:CHUNK]), last=False)
            del self._buffer[:CHUNK]

    def close(self) -> None:
        """Write the last chunk; the file itself stays open."""
        self._chunk(bytes(self._buffer), last=True)
        self._file.flush()

    def _chunk(self, plain: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._chunks, last=last), plain, self._associated_data)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._chunks += 1


class BackupReader:
    """Reads a backup: the header when opened, the lines on demand."""

    def __init__(self, file: IO[bytes], vault: Vault) -> None:
        """Read the header and open the file's key.

        Raises:
            BackupUnreadable: not a backup, damaged, or of other master keys.
        """
        if file.read(len(MAGIC)) != MAGIC:
            raise BackupUnreadable("this file is no backup of otae")
        length = file.read(4)
        size = int.from_bytes(length, "big")
        text = file.read(size) if size <= _MAX_HEADER else b""
        self.header = Header.decode(text)
        try:
            key = vault.open(self.header.key_sealed, self.header.id, PURPOSE)
        except SealBroken as error:
            raise BackupUnreadable(
                "the master keys given here do not open this backup: restore needs the key it was taken with, in "
                "OTAE_MASTER_KEYS or as the key file in OTAE_HOME"
            ) from error
        self._file, self._cipher = file, AESGCM(key)
        self._associated_data = hashlib.sha256(MAGIC + length + text).digest()

    def lines(self) -> Iterator[bytes]:
        """Yield the lines in order.

        Raises:
            BackupUnreadable: the file was changed or cut off.
        """
        buffer = bytearray()
        for chunk in self._chunks():
            buffer += chunk
            *complete, rest = buffer.split(b"\n")
            yield from (bytes(line) for line in complete)
            buffer = bytearray(rest)
            if len(buffer) > LONGEST_LINE:
                raise BackupUnreadable("a row of this backup is longer than any row can be")
        if buffer:
            raise BackupUnreadable("this backup ends inside a row")

    def _chunks(self) -> Iterator[bytes]:
        number, last = 0, False
        while not last:
            length = self._file.read(4)
            size = int.from_bytes(length, "big")
            sealed = self._file.read(size) if _TAG <= size <= CHUNK + _TAG else b""
            if len(length) < 4 or len(sealed) != size:
                raise BackupUnreadable(f"this backup is cut off or damaged after chunk {number}")
            plain, last = self._open(sealed, number)
            number += 1
            yield plain
        if self._file.read(1):
            raise BackupUnreadable("something follows the end of this backup")

    def _open(self, sealed: bytes, number: int) -> tuple[bytes, bool]:
        for last in (False, True):
            try:
                return self._cipher.decrypt(_nonce(number, last=last), sealed, self._associated_data), last
            except InvalidTag:
                continue  # only the last chunk decrypts as the last
        raise BackupUnreadable(f"this backup was changed, in chunk {number + 1}")


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file (mode 0600) that appears under ``path`` only when the block ends without an error.

    A killed process leaves nothing behind where the file system knows files without a name (O_TMPFILE). Elsewhere the
    next backup into the same folder removes what it left.

    Raises:
        FileExistsError: ``path`` exists when the block ends.
    """
    _remove_abandoned(path.parent)
    descriptor, draft = _open_draft(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            _name(file.fileno(), draft, path)
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _name(descriptor: int, draft: Path | None, path: Path) -> None:
    """Put the finished file under ``path``; FileExistsError when that exists."""
    if draft is None:
        opened = os.open("/proc/self/fd", os.O_RDONLY)
        try:  # the folder's descriptor makes this the call that follows the link there
            os.link(str(descriptor), path, src_dir_fd=opened, follow_symlinks=True)
        finally:
            os.close(opened)
    elif path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    else:
        draft.rename(path)


def _open_draft(path: Path) -> tuple[int, Path | None]:
    """Return the descriptor of a new file in the folder of ``path``, and its name, None when it has none."""
    if Path("/proc/self/fd").exists() and hasattr(os, "O_TMPFILE"):
        with contextlib.suppress(OSError):
            return os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o600), None
    draft = path.with_name(f"{path.name}{PARTIAL_SUFFIX}")
    draft.unlink(missing_ok=True)
    return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), draft


def _remove_abandoned(folder: Path) -> None:
    """Remove unfinished backups that no process writes any more: a running backup keeps its file locked."""
    for draft in folder.glob(f"*{PARTIAL_SUFFIX}"):
        with contextlib.suppress(OSError), draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file.read(len(MAGIC)) == MAGIC:
                draft.unlink()


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
