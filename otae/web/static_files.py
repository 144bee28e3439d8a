"""Static files: their addresses, and answers from the copies in `compressed/`, which ``make compress`` writes.

A copy's name carries the hash of the file it was made from, so that a copy of an older file is never served.
"""

import hashlib
import os
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Scope

from otae import paths
from otae.web.compression import best_coding

FOLDER: Final = Path(__file__).resolve().parent / "static"
COMPRESSED_FOLDER: Final = FOLDER.with_name("compressed")
#: Content codings, the best one first, and how the names of their files end.
CODINGS: Final = {"br": ".br", "gzip": ".gz"}


@cache
def mark(name: str) -> str:
    """Return the hash of a static file's content."""
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]


def static(name: str) -> str:
    """Return the address of a static file with its content's hash, so that browsers may cache it for good."""
    return f"{paths.STATIC}/{name}?v={mark(name)}"


@cache
def static_data(name: str) -> str:
    """Return the data: address of a small SVG file, which the browser does not have to ask for."""
    return f"data:image/svg+xml,{quote((FOLDER / name).read_bytes())}"


def copy_path(name: str, coding: str) -> Path:
    """Return where the copy of a static file in a content coding lies."""
    return COMPRESSED_FOLDER / f"{name}.{mark(name)}{CODINGS[coding]}"


@cache
def copies(name: str) -> dict[str, Path]:
    """Return the copies of a static file by content coding."""
    found = {coding: copy_path(name, coding) for coding in CODINGS}
    return {coding: path for coding, path in found.items() if path.is_file()}


class CompressedStaticFiles(StaticFiles):
    """Static files, in the content coding that the browser likes best; a part of a file is sent as it is."""

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the file or its copy, or 304 when the browser has it."""
        headers, path = Headers(scope=scope), Path(full_path)
        name = path.relative_to(FOLDER).as_posix()
        coding = "" if "range" in headers else best_coding(headers, copies(name))
        sent = {"ETag": f'"{mark(name)}{coding and "-" + coding}"', "Vary": "Accept-Encoding"}
        if coding:
            path, sent["Content-Encoding"] = copies(name)[coding], coding
            stat_result = path.stat()
        response = FileResponse(path, status_code, sent, guess_type(name)[0], stat_result=stat_result)
        return NotModifiedResponse(response.headers) if self.is_not_modified(response.headers, headers) else response
