"""Reading serial numbers from a text and from a CSV file, as `serial_lists.add` takes them."""

from contextlib import closing
from itertools import chain
from typing import BinaryIO

from otae.directory.files import spreadsheets
from otae.errors import InputRefused
from otae.invitations import csv_columns
from otae.invitations.serial_lists import MOST
from otae.translatable import N_


def read_text(text: str) -> list[tuple[int, str]]:
    """Return the serial numbers of a text with the numbers of their lines, one a line or with commas between them."""
    lines = enumerate(text.splitlines(), 1)
    return [(number, part) for number, line in lines for part in line.replace(";", ",").split(",") if part.strip()]


def read_file(file: BinaryIO) -> list[tuple[int, str]]:
    """Return the serial numbers of a CSV file with the numbers of their lines.

    They stand in the column with the heading that a file of invitations has for them, else in the first one.

    Raises:
        InputRefused: "file": It is no text file, or has too many lines.
    """
    encoding, lines = spreadsheets.detect_encoding(file)
    if not spreadsheets.is_text(file):
        raise InputRefused({"file": N_("this is no text file: save the table as CSV (UTF-8)")})
    if lines > MOST + 1:
        raise InputRefused({"file": N_("a file may have %(max_lines)s lines: split it", max_lines=MOST)})
    start = spreadsheets.find_headings(file, encoding, lambda cells, _first: "serial" in csv_columns.guess(cells))
    at = csv_columns.guess(start.headings)["serial"] if start.found else 0
    first = [] if start.found else [(start.line, start.headings)]
    with closing(spreadsheets.rows_below(file, encoding, start)) as below:
        rows = [(number, (["?"] if cells is None else cells)[at : at + 1]) for number, cells in chain(first, below)]
    return [(number, spreadsheets.unescape(cell)) for number, cells in rows for cell in cells if cell.strip()]
