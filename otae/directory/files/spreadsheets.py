"""Tables as spreadsheets write and read them: CSV of any separator and encoding, and cells that calculate nothing."""

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

#: A cell that begins with one of these is calculated by a spreadsheet that opens the file (OWASP ASVS 5, 1.2.10).
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
#: Names that the column with the user name may have, compared as `plain` puts them.
USER_COLUMNS: Final = ("username", "user", "login", "loginname", "samaccountname")
EMAIL_COLUMNS: Final = ("email", "emailaddress", "mail")
#: Without it at the beginning of a file, a spreadsheet takes UTF-8 for what Windows writes.
MARK: Final = "\ufeff"
SEPARATORS: Final = ",;\t|"
_CHUNK: Final = 64 * 1024
#: Longest line that is read as one; a longer one is told as unreadable.
LONGEST_LINE: Final = 128 * 1024
#: Rows among which headings are looked for, and the most cells that a title above them fills.
_LOOKED_AT, _TITLE = 20, 2
#: Longest line of those that programs put before the table: "sep=;" (spreadsheets), "#TYPE …" (PowerShell).
_LONGEST_PREFACE: Final = 1000
_SEPARATOR = re.compile(r'"?sep=([^\s\w"]|\t)"?[,;\t]*', re.IGNORECASE)
_TYPE = re.compile(r'"?#TYPE\b.*', re.IGNORECASE)
#: Text that is written as a formula, so that a spreadsheet leaves it alone: ="0042".
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row = tuple[int, list[str] | None]


@dataclass(frozen=True)
class Head:
    """Where a table begins. ``line``: that of the headings; ``found``: whether they are what was looked for."""

    separator: str
    skipped: int
    line: int
    headings: list[str]
    found: bool


def measure(file: BinaryIO) -> tuple[str, int]:
    """Tell what a file is written in, and how many lines it has.

    UTF-16 by its mark; UTF-8 if it is that from end to end; MacRoman when its lines end as old Macs end them; else
    what Windows writes.
    """
    wide = _begins_as_utf16(file)
    shown = codecs.getincrementaldecoder("utf-16" if wide else "latin-1")("replace")
    strict = codecs.getincrementaldecoder("utf-8")()
    utf8, ends, pairs, old_mac, last = not wide, 0, 0, None, ""
    file.seek(0)
    while chunk := file.read(_CHUNK):
        part = shown.decode(chunk)
        pairs += (last + part).count("\r\n")
        ends += part.count("\n") + part.count("\r")
        if old_mac is None and (first := re.search("[\r\n]", last + part)):
            old_mac = first[0] == "\r"
        last = part[-1:] or last
        utf8 = utf8 and _is_utf8(strict, chunk)
    utf8 = utf8 and _is_utf8(strict, b"", final=True)
    narrow = "utf-8-sig" if utf8 else "mac_roman" if old_mac and not pairs else "cp1252"
    return "utf-16" if wide else narrow, ends - pairs + (last not in "\r\n")


def is_text(file: BinaryIO) -> bool:
    """Tell whether a file can be one of text: none with a NUL, as spreadsheets' own formats have them."""
    decoder = codecs.getincrementaldecoder("utf-16" if _begins_as_utf16(file) else "latin-1")("replace")
    file.seek(0)
    while chunk := file.read(_CHUNK):
        if "\0" in decoder.decode(chunk):
            return False
    return True


def head(file: BinaryIO, encoding: str, is_headings: Callable[[list[str], bool], bool]) -> Head:
    """Find the headings of a table, below what programs put before it and below titles.

    ``is_headings`` is asked about the cells of a row, and told whether it is the first one. Without a row that it
    takes, the first row stands in, and the separator is the one of SEPARATORS that it has most of.
    """
    separator, skipped = _preface(file, encoding)
    found: list[Head] = []
    first = Head(separator or ",", skipped, 0, [], found=False)
    for each in separator or SEPARATORS:
        with closing(_rows(file, encoding, each, skipped)) as rows:
            for at, (number, cells) in enumerate(islice(rows, _LOOKED_AT)):
                if at == 0 and len(cells or []) > len(first.headings):
                    first = Head(each, skipped, number, cells or [], found=False)
                if cells and is_headings(cells, at == 0):
                    found.append(Head(each, skipped, number, cells, found=True))
                    break
                if sum(bool(cell.strip()) for cell in cells or []) > _TITLE:
                    break
    return min(found, key=lambda one: (one.line, -len(one.headings)), default=first)


def below(file: BinaryIO, encoding: str, start: Head) -> Generator[Row, None, None]:
    """Give (number of its first line, cells) of each row below the headings; None for one that cannot be read."""
    for number, cells in _rows(file, encoding, start.separator, start.skipped):
        if number > start.line:
            yield number, cells


def lines_of(file: BinaryIO, encoding: str) -> Generator[tuple[int, str | None], None, None]:
    """Give (number, text without its end) of each line that is not empty; None for one that is too long."""
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


def plain(heading: str) -> str:
    """Return the beginning of a heading as headings are compared: letters and digits alone, in lower case."""
    return "".join(each for each in heading[:100].casefold() if each.isalnum())


def cell_name(at: int, heading: str = "") -> str:
    """Return what a spreadsheet calls the cell at ``at`` of a row, and the heading above it: "column D (notes)"."""
    letters, rest = "", at + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    known = cleaned_line(heading, 40)
    return f"column {letters} ({known})" if known else f"column {letters}"


def guarded(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not calculate: with ' in front where it would."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def kept_as_text(cell: str) -> str:
    """Return a cell that a spreadsheet neither calculates nor takes for a number or a date: 0042, 3-4, 12e5, mar3."""
    return f"'{cell}" if _is_converted(cell) else guarded(cell)


def unguarded(cell: str) -> str:
    """Return a cell without what `guarded` or `kept_as_text` put in front, and the text of ="0042"."""
    if formula := _TEXT_FORMULA.fullmatch(cell):
        cell = formula[1].replace('""', '"')
    return cell[1:] if cell.startswith("'") and kept_as_text(cell[1:]) != cell[1:] else cell


def written(rows: Iterable[Sequence[str]], cell: Callable[[str], str] = guarded) -> str:
    """Return rows as CSV (RFC 4180: commas, quotes where needed, CRLF), each cell as ``cell`` keeps it."""
    text = io.StringIO()
    csv.writer(text).writerows([cell(each) for each in row] for row in rows)
    return text.getvalue()


async def marked(parts: AsyncIterator[str]) -> AsyncIterator[str]:
    """Give a file that is handed out with the mark in front by which spreadsheets know UTF-8."""
    yield MARK
    async for part in parts:
        yield part


#: Digits as spreadsheets keep them; anything else of digits and signs they show as another number, a date or a time.
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
    """Return the separator that a file names, "" for none, and how many lines stand before its table."""
    file.seek(0)
    text, separator, skipped = io.TextIOWrapper(file, encoding, errors="replace"), "", 0
    try:
        for number in range(1, _LOOKED_AT):
            line = text.readline(_LONGEST_PREFACE).rstrip("\n")
            if told := _SEPARATOR.fullmatch(line):
                separator = told[1]
            if told or _TYPE.fullmatch(line):
                skipped = number
            elif line.strip():
                break
    finally:
        text.detach()
    return separator, skipped


def _rows(file: BinaryIO, encoding: str, separator: str, skipped: int) -> Generator[Row, None, None]:
    """Give (number of its first line, cells) of each row that is not empty; None for one that cannot be read."""
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
