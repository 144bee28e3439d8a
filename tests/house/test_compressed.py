"""The compressed copies of static files hold what their sources hold."""

import gzip
from importlib import import_module

from otae.web.static_files import FOLDER
from tests import compress


def test_every_copy_is_there_and_none_is_left_over() -> None:
    assert compress.present() == compress.wanted().keys(), "run `make compress`"


def test_copies_hold_what_their_sources_hold() -> None:
    brotli = import_module("brotli")  # ships no types
    for path, (name, coding) in compress.wanted().items():
        content = path.read_bytes()
        assert (brotli if coding == "br" else gzip).decompress(content) == (FOLDER / name).read_bytes(), path
