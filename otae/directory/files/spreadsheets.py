"""CSV as spreadsheets write and read it: any separator and encoding when reading, no formulas when writing."""

import codecs
import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final

from otae.text import cleaned_line

#: A spreadsheet evaluates a cell that begins with one of these as a formula (OWASP ASVS 5, 1.2.10).
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
#: Headings of the column with the user name, in the form of `normalized_heading`.
USER_COLUMNS: Final = ("username", "user", "login", "loginname", "samaccountname")
EMAIL_COLUMNS: Final = ("email", "emailaddress", "mail")
#: Without it at the beginning of a UTF-8 file, spreadsheets read the file in the Windows code page.
BYTE_ORDER_MARK: Final = "\ufeff"
SEPARATORS: Final = ",;\t|"
_CHUNK: Final = 64 * 1024
#: Longest line that is read; a longer one is unreadable.
LONGEST_LINE: Final = 128 * 1024
#: Rows that are searched for headings, and most filled cells of a title above them.
_SEARCHED_ROWS, _TITLE_CELLS = 20, 2
#: Longest line that programs write before the table: "sep=;" (spreadsheets), "#TYPE …" (PowerShell).
_LONGEST_PREFACE: Final = 1000
_SEPARATOR = re.compile(r'"?sep=([^\s\w"]|\t)"?[,;\t]*', re.IGNORECASE)
_TYPE = re.compile(r'"?#TYPE\b.*', re.IGNORECASE)
#: Text written as a formula, so that a spreadsheet does not convert it: ="0042".
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row = tuple[int, list[str] | None]


@dataclass(frozen=True)
class TableStart:
    """Where a table begins.

    ``skipped``: lines that programs wrote before it. ``line``: the line of the headings. ``found``: whether the
    headings are the expected ones, or only the first row.
    """

    separator: str
    skipped: int
    line: int
    headings: list[str]
    found: bool


def detect_encoding(file: BinaryIO) -> tuple[str, int]:
    """Return a file's encoding and its number of lines.

    The encoding is UTF-16 by its byte order mark, UTF-8 if the whole file is valid UTF-8, MacRoman if lines end with CR
    alone, else Windows-1252.
    """
    is_utf16 = _begins_as_utf16(file)
    decoder = codecs.getincrementaldecoder("utf-16" if is_utf16 else "latin-1")("replace")
    strict = codecs.getincrementaldecoder("utf-8")()
    utf8, ends, pairs, old_mac, last = not is_utf16, 0, 0, None, ""
    file.seek(0)
    while chunk := file.read(_CHUNK):
        part = decoder.decode(chunk)
        pairs += (last + part).count("\r\n")
        ends += part.count("\n") + part.count("\r")
        if old_mac is None and (first := re.search("[\r\n]", last + part)):
            old_mac = first[0] == "\r"
        last = part[-1:] or last
        utf8 = utf8 and _is_utf8(strict, chunk)
    utf8 = utf8 and _is_utf8(strict, b"", final=True)
    other = "utf-8-sig" if utf8 else "mac_roman" if old_mac and not pairs else "cp1252"
    return "utf-16" if is_utf16 else other, ends - pairs + (last not in "\r\n")


def is_text(file: BinaryIO) -> bool:
    """Return whether a file can be text: one with a NUL, such as a spreadsheet's own format, cannot."""
    decoder = codecs.getincrementaldecoder("utf-16" if _begins_as_utf16(file) else "latin-1")("replace")
    file.seek(0)
    while chunk := file.read(_CHUNK):
        if "\0" in decoder.decode(chunk):
            return False
    return True


def find_headings(file: BinaryIO, encoding: str, is_headings: Callable[[list[str], bool], bool]) -> TableStart:
    """Find the headings of a table; titles, and lines that programs write before a table, may stand above them.

    ``is_headings`` is called with the cells of a row and whether it is the first one. When it accepts none, the first
    row stands in for the headings, split at the one of SEPARATORS that gives most cells.
    """
    separator, skipped = _preface(file, encoding)
    found: list[TableStart] = []
    first = TableStart(separator or ",", skipped, 0, [], found=False)
    for each in separator or SEPARATORS:
        with closing(_rows(file, encoding, each, skipped)) as rows:
            for at, (number, cells) in enumerate(islice(rows, _SEARCHED_ROWS)):
                if at == 0 and len(cells or []) > len(first.headings):
                    first = TableStart(each, skipped, number, cells or [], found=False)
                if cells and is_headings(cells, at == 0):
                    found.append(TableStart(each, skipped, number, cells, found=True))
                    break
                if sum(bool(cell.strip()) for cell in cells or []) > _TITLE_CELLS:
                    break
    return min(found, key=lambda one: (one.line, -len(one.headings)), default=first)


def rows_below(file: BinaryIO, encoding: str, start: TableStart) -> Generator[Row, None, None]:
    """Yield (number of its first line, cells) for each row below the headings; cells are None if unreadable."""
    for number, cells in _rows(file, encoding, start.separator, start.skipped):
        if number > start.line:
            yield number, cells


def lines_of(file: BinaryIO, encoding: str) -> Generator[tuple[int, str | None], None, None]:
    """Yield (number, text without line end) for each line that is not empty; the text is None if too long."""
    _, skipped = _preface(file, encoding)
    file.seek(0)
    text, number = io.TextIOWrapper(file, encoding, errors="replace"), 0
    try:
        while line := text.readline(LONGEST_LINE):
            number, whole = number + 1, line.endswith("\n")
            while not whole and (rest := text.readline(LONGEST_LINE)):
                whole, line = rest.endswith("\n"), ""
            if not line:
                yield number, None
            elif line.strip() and number > skipped:
                yield number, line.rstrip("\r\n")
    finally:
        text.detach()


def normalized_heading(heading: str) -> str:
    """Return the first 100 characters of a heading as headings are compared: only letters and digits, lower case."""
    return "".join(each for each in heading[:100].casefold() if each.isalnum())


def cell_name(at: int, heading: str = "") -> str:
    """Return a spreadsheet's name for the column with index ``at``, with its heading: "column D (notes)"."""
    letters, rest = "", at + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    known = cleaned_line(heading, 40)
    return f"column {letters} ({known})" if known else f"column {letters}"


def escape_formula(cell: str) -> str:
    """Return a cell with ' in front if a spreadsheet would evaluate it as a formula, else unchanged."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def escape_as_text(cell: str) -> str:
    """Return a cell with ' in front if a spreadsheet would evaluate or convert it: 0042, 3-4, 12e5, mar3."""
    return f"'{cell}" if _is_converted(cell) else escape_formula(cell)


def unescape(cell: str) -> str:
    """Return a cell without the ' of `escape_formula` or `escape_as_text`, and the text of ="0042"."""
    if formula := _TEXT_FORMULA.fullmatch(cell):
        cell = formula[1].replace('""', '"')
    return cell[1:] if cell.startswith("'") and escape_as_text(cell[1:]) != cell[1:] else cell


def to_csv(rows: Iterable[Sequence[str]], escape: Callable[[str], str] = escape_formula) -> str:
    """Return rows as CSV (RFC 4180: commas, quotes where needed, CRLF), each cell escaped by ``escape``."""
    text = io.StringIO()
    csv.writer(text).writerows([escape(each) for each in row] for row in rows)
    return text.getvalue()


async def with_byte_order_mark(parts: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield a file's parts behind a byte order mark, by which spreadsheets recognise UTF-8."""
    yield BYTE_ORDER_MARK
    async for part in parts:
        yield part


#: Numbers that spreadsheets do not change; other texts of digits and signs become another number, a date or a time.
_KEPT_NUMBER = re.compile(r"0|[1-9][0-9]{0,10}")
_NUMBER_OR_DATE = re.compile(r"[0-9][0-9.,:/ -]*(?:e[+-]?[0-9]+)?", re.IGNORECASE)
_MONTH: Final = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-z]*\.?"
_MONTH_AND_DAY = re.compile(rf"[0-9]{{1,4}}[ .-]*{_MONTH}(?:[ .-]*[0-9]+)?|{_MONTH}[ .-]*[0-9]{{1,4}}", re.IGNORECASE)


def _is_converted(cell: str) -> bool:
    number = _NUMBER_OR_DATE.fullmatch(cell) and not _KEPT_NUMBER.fullmatch(cell)
    return bool(number or _MONTH_AND_DAY.fullmatch(cell))


def _begins_as_utf16(file: BinaryIO) -> bool:
    file.seek(0)
    return file.read(2) in _UTF16


def _is_utf8(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _preface(file: BinaryIO, encoding: str) -> tuple[str, int]:
    """Return the separator that a file declares, "" for none, and the number of lines before its table."""
    file.seek(0)
    text, separator, skipped = io.TextIOWrapper(file, encoding, errors="replace"), "", 0
    try:
        for number in range(1, _SEARCHED_ROWS):
            line = text.readline(_LONGEST_PREFACE).rstrip("\n")
            if declared := _SEPARATOR.fullmatch(line):
                separator = declared[1]
            if declared or _TYPE.fullmatch(line):
                skipped = number
            elif line.strip():
                break
    finally:
        text.detach()
    return separator, skipped


def _rows(file: BinaryIO, encoding: str, separator: str, skipped: int) -> Generator[Row, None, None]:
    """Yield (number of its first line, cells) for each row that is not empty; cells are None if unreadable."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    try:
        for _ in range(skipped):
            text.readline(_LONGEST_PREFACE + 2)
        reader, number = csv.reader(text, delimiter=separator), skipped + 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield number, None
            else:
                if any(cell.strip() for cell in cells):
                    yield number, cells
            number = skipped + reader.line_num + 1
    finally:
        text.detach()
