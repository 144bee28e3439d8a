"""The file a backup is: a readable header, then lines of JSON in encrypted chunks. docs/adr/0006 describes it.

A chunk that was changed, moved, left out or put in from another file does not open, and a file that was cut off is
missed at its end: the last chunk says that it is the last.
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
#: Bytes of text in one chunk, the last one excepted; all that is in memory at once beside one line.
CHUNK: Final = 64 * 1024
#: How the name of a file ends that is not whole yet, where it needs a name.
DRAFT: Final = ".part"
#: What the key of the file is sealed for.
PURPOSE: Final = "backup"
#: A line is one row, and no row comes near this.
LONGEST_LINE: Final = 64 * 1024 * 1024
_TAG: Final = 16
_MAX_HEADER: Final = 4096


class BackupUnreadable(OtaeError):
    """The file is no backup, was changed or cut off, or belongs to other master keys."""


@dataclass(frozen=True)
class Header:
    """What a backup says about itself. ``schema``: the newest migration; ``key_sealed``: the key of the file."""

    id: UUID
    product: str
    schema: str
    taken_at: datetime
    key_sealed: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Return the header as it stands in the file, the magic and the length before it."""
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
        """Read what :meth:`encode` wrote behind magic and length; BackupUnreadable otherwise."""
        try:
            found = json.loads(text)
            return cls(
                UUID(found["id"]),
                str(found["product"]),
                str(found["schema"]),
                datetime.fromisoformat(found["taken_at"]),
                base64.b64decode(found["key"], validate=True),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupUnreadable("the header of this backup is damaged") from error


class BackupWriter:
    """Writes lines into ``file``; :meth:`close` makes it whole, and without it the file is none."""

    def __init__(self, file: IO[bytes], vault: Vault, *, product: str, schema: str, taken_at: datetime) -> None:
        key, identity = AESGCM.generate_key(256), uuid4()
        self.header = Header(identity, product, schema, taken_at, vault.seal(key, identity, PURPOSE))
        encoded = self.header.encode()
        self._file, self._cipher, self._bound = file, AESGCM(key), hashlib.sha256(encoded).digest()
        self._waiting, self._chunks = bytearray(), 0
        file.write(encoded)

    def write(self, line: bytes) -> None:
        """Add one line; ``line`` holds no line break."""
        self._waiting += line + b"\n"
        while len(self._waiting) > CHUNK:
            self._chunk(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        """Write the last chunk; the file itself stays open."""
        self._chunk(bytes(self._waiting), last=True)
        self._file.flush()

    def _chunk(self, plain: bytes, *, last: bool) -> None:
        sealed = self._cipher.encrypt(_nonce(self._chunks, last=last), plain, self._bound)
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._chunks += 1


class BackupReader:
    """Reads a backup: its header at once, its lines as they are asked for."""

    def __init__(self, file: IO[bytes], vault: Vault) -> None:
        """Read the header and open the key; BackupUnreadable names what is wrong."""
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
        self._bound = hashlib.sha256(MAGIC + length + text).digest()

    def lines(self) -> Iterator[bytes]:
        """Give the lines, one after the other; BackupUnreadable when the file was changed or cut off."""
        waiting = bytearray()
        for chunk in self._chunks():
            waiting += chunk
            *whole, rest = waiting.split(b"\n")
            yield from (bytes(line) for line in whole)
            waiting = bytearray(rest)
            if len(waiting) > LONGEST_LINE:
                raise BackupUnreadable("a row of this backup is longer than any row can be")
        if waiting:
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
                return self._cipher.decrypt(_nonce(number, last=last), sealed, self._bound), last
            except InvalidTag:
                continue  # the last chunk alone opens as the last
        raise BackupUnreadable(f"this backup was changed, in chunk {number + 1}")


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that only its owner reads; it gets its name when the block ends well, else nothing is left.

    A process that is killed leaves nothing either where the file system knows files without a name; elsewhere what it
    leaves is removed by the next backup into the same folder. FileExistsError when ``path`` is taken by then.
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
    """Give a whole file its name; FileExistsError when somebody has taken it."""
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
    """Return a new file beside ``path``, and its name; None where it has none until it is whole."""
    if Path("/proc/self/fd").exists() and hasattr(os, "O_TMPFILE"):
        with contextlib.suppress(OSError):
            return os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o600), None
    draft = path.with_name(f"{path.name}{DRAFT}")
    draft.unlink(missing_ok=True)
    return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), draft


def _remove_abandoned(folder: Path) -> None:
    """Remove drafts of backups that nobody writes any more: a running one keeps its file locked."""
    for draft in folder.glob(f"*{DRAFT}"):
        with contextlib.suppress(OSError), draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file.read(len(MAGIC)) == MAGIC:
                draft.unlink()


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
