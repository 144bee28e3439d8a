"""Tables as spreadsheets write and read them: CSV of any separator and encoding, and cells that calculate nothing."""

import codecs
import csv
import io
from collections.abc import Generator, Iterable, Sequence
from typing import BinaryIO, Final

#: A cell that begins with one of these is calculated by a spreadsheet that opens the file (OWASP ASVS 5, 1.2.10).
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
#: Names that the column with the user name may have, compared as `plain` puts them.
USER_COLUMNS: Final = ("username", "user", "login", "loginname", "samaccountname")
EMAIL_COLUMNS: Final = ("email", "emailaddress", "mail")
_CHUNK: Final = 64 * 1024
#: Longest line that is read as one; a longer one is told as unreadable.
LONGEST_LINE: Final = 128 * 1024


def measure(file: BinaryIO) -> tuple[str, int]:
    """Tell what a file is written in, UTF-8 if it is that from end to end, else what Windows writes; and its lines."""
    decoder, encoding, lines, last = codecs.getincrementaldecoder("utf-8")(), "utf-8-sig", 0, b"\n"
    file.seek(0)
    while chunk := file.read(_CHUNK):
        # A line ends with CR, LF or both.
        lines += chunk.count(b"\n") + chunk.count(b"\r") - (last[-1:] + chunk).count(b"\r\n")
        last = chunk[-1:]
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            encoding = "cp1252"
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        encoding = "cp1252"
    return encoding, lines + (last not in b"\r\n")


def is_text(file: BinaryIO) -> bool:
    """Tell whether a file can be one of text: none with a NUL, as in spreadsheets' own formats and in UTF-16."""
    file.seek(0)
    while chunk := file.read(_CHUNK):
        if b"\0" in chunk:
            return False
    return True


def table(file: BinaryIO, encoding: str) -> Generator[tuple[int, list[str] | None], None, None]:
    """Give (number of its last line, cells) of each CSV row that is not empty; None for one that cannot be read.

    The separator is whichever of comma, semicolon and tab the first line has most of.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    try:
        first = text.readline(10_000)
        text.seek(0)
        reader = csv.reader(text, delimiter=max(",;\t", key=first.count))
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield reader.line_num, None
                continue
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    finally:
        text.detach()


def lines_of(file: BinaryIO, encoding: str) -> Generator[tuple[int, str | None], None, None]:
    """Give (number, text without its end) of each line that is not empty; None for one that is too long."""
    file.seek(0)
    text, number = io.TextIOWrapper(file, encoding, errors="replace"), 0
    try:
        while line := text.readline(LONGEST_LINE):
            number, whole = number + 1, line.endswith("\n")
            while not whole and (rest := text.readline(LONGEST_LINE)):
                whole, line = rest.endswith("\n"), ""
            if not line:
                yield number, None
            elif line.strip():
                yield number, line.rstrip("\r\n")
    finally:
        text.detach()


def plain(heading: str) -> str:
    """Return a heading as headings are compared: letters and digits alone, in lower case."""
    return "".join(each for each in heading.casefold() if each.isalnum())


def guarded(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not calculate: with ' in front where it would."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def unguarded(cell: str) -> str:
    """Return a cell without the ' that `guarded` put in front."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def written(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV (RFC 4180: commas, quotes where needed, CRLF), each cell guarded."""
    text = io.StringIO()
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()
