"""Checks size and structure of a property list before ``plistlib`` reads it: XML by expat, binary by its object table.

Both raise TooLarge over the limits and PlistUnreadable for what no Mac sends. Passing means only that ``plistlib`` can
read the bytes safely; ``plist.loads`` still checks the result.
"""

import re
from collections.abc import Callable
from xml.parsers import expat

from otae.errors import PlistUnreadable, TooLarge

MAX_DEPTH = 16
MAX_ITEMS = 5000

_APPLE_DOCTYPES = {
    ("-//Apple//DTD PLIST 1.0//EN", "http://www.apple.com/DTDs/PropertyList-1.0.dtd"),
    ("-//Apple//DTD PLIST 1.0//EN", "https://www.apple.com/DTDs/PropertyList-1.0.dtd"),
    ("-//Apple Computer//DTD PLIST 1.0//EN", "http://www.apple.com/DTDs/PropertyList-1.0.dtd"),
}
_CONTAINERS = frozenset({"plist", "dict", "array"})
_VALUES = frozenset({"dict", "array", "string", "integer", "real", "data", "date", "true", "false"})
# plistlib feeds expat in small pieces, and expat before 2.6 scans an unfinished token again with every piece.
_LONG_MARKUP = re.compile(rb"<[^<>]{2048}")
_MAX_COMMENT = 2048


def check_xml(data: bytes) -> None:
    """Check an XML property list against the grammar of PropertyList-1.0.dtd; the encoding is UTF-8."""
    if not data.removeprefix(b"\xef\xbb\xbf").startswith(b"<?xml"):
        raise PlistUnreadable("no XML declaration at the start")
    if b"\x00" in data:
        raise PlistUnreadable("a NUL byte")
    if _LONG_MARKUP.search(data):
        raise TooLarge("a tag is too long")
    _Grammar().run(data)


class _Grammar:
    """The state of one parse: which elements are open, and whether the innermost dictionary expects a key."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._wants_key: list[bool] = []
        self._items = 0
        self._roots = 0

    def run(self, data: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = _refuse("an entity declaration")
        parser.SkippedEntityHandler = _refuse("an unknown entity")
        parser.ProcessingInstructionHandler = _refuse("a processing instruction")
        parser.CommentHandler = self._comment
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        is_final = True
        parser.Parse(data, is_final)
        if self._roots != 1:
            raise PlistUnreadable("not exactly one root value")

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in {"utf-8", "utf8"}:
            raise PlistUnreadable("not in UTF-8")

    def _doctype(self, name: str, system: str | None, public: str | None, has_internal_subset: int) -> None:
        if name != "plist" or has_internal_subset or (public, system) not in _APPLE_DOCTYPES:
            raise PlistUnreadable("a DOCTYPE that is not Apple's")

    def _comment(self, text: str) -> None:
        if len(text) > _MAX_COMMENT:
            raise TooLarge("a comment is too long")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if attributes and (name != "plist" or set(attributes) != {"version"}):
            raise PlistUnreadable("an attribute that property lists do not have")
        parent = self._path[-1] if self._path else None
        if parent is None:
            if name != "plist":
                raise PlistUnreadable("the outermost element is not plist")
        elif parent == "dict":
            self._start_in_dict(name)
        elif parent not in _CONTAINERS or name not in _VALUES:
            raise PlistUnreadable("an element in the wrong place")
        elif parent == "plist":
            self._roots += 1
        self._path.append(name)
        self._wants_key.append(True)
        self._count(name)

    def _start_in_dict(self, name: str) -> None:
        wants_key = self._wants_key[-1]
        if (name == "key") is not wants_key or (name != "key" and name not in _VALUES):
            raise PlistUnreadable("a dictionary is not key after value after key")
        self._wants_key[-1] = not wants_key

    def _count(self, name: str) -> None:
        self._items += name in _VALUES
        if self._items > MAX_ITEMS:
            raise TooLarge(f"more than {MAX_ITEMS} values")
        if name in _CONTAINERS and len(self._path) - 1 > MAX_DEPTH:
            raise TooLarge(f"more than {MAX_DEPTH} levels")

    def _end(self, name: str) -> None:
        self._path.pop()
        if not self._wants_key.pop() and name == "dict":
            raise PlistUnreadable("a key without its value")

    def _text(self, text: str) -> None:
        if self._path[-1] in _CONTAINERS and text.strip():
            raise PlistUnreadable("text between the elements")


def _refuse(what: str) -> Callable[..., None]:
    def refuse(*_details: object) -> None:
        raise PlistUnreadable(what)

    return refuse


def check_binary(data: bytes) -> None:
    """Check the object table of a binary property list: few objects, none overlapping, few values when expanded.

    Without the rule against overlaps, thousands of table entries could each name the same half megabyte.
    Layout: CFBinaryPList.c in Apple's CoreFoundation (8 bytes magic, objects, offset table, 32 bytes trailer).
    """
    if len(data) < 8 + 32:
        raise PlistUnreadable("a binary property list without trailer")
    trailer = data[-32:]
    offset_size, reference_size = trailer[6], trailer[7]
    count, top, table = (int.from_bytes(trailer[at : at + 8], "big") for at in (8, 16, 24))
    if not (1 <= offset_size <= 8 and 1 <= reference_size <= 8 and table + count * offset_size <= len(data) - 32):
        raise PlistUnreadable("a binary property list with a bad trailer")
    if count > MAX_ITEMS * 2:  # a value and its key each
        raise TooLarge(f"more than {MAX_ITEMS} values")
    spent = 0
    references_of: list[range] = []
    for start in range(table, table + count * offset_size, offset_size):
        size, references = _object(data, int.from_bytes(data[start : start + offset_size], "big"), reference_size)
        spent += size
        if spent > len(data):
            raise PlistUnreadable("binary objects overlap")
        references_of.append(references)
    _unfold(data, references_of, top)


def _object(data: bytes, offset: int, reference_size: int) -> tuple[int, range]:
    """Return the size in bytes of the object at ``offset``, and the positions of its references to others."""
    if offset + 1 >= len(data):
        raise PlistUnreadable("a binary object outside the file")
    kind, count, header = data[offset] & 0xF0, data[offset] & 0x0F, 1
    if kind in {0x00, 0x20, 0x30, 0x80}:
        return header, range(0)
    if kind == 0x10:
        return header + (1 << count), range(0)
    if count == 0x0F:
        width = 1 << (data[offset + 1] & 0x3)
        count = int.from_bytes(data[offset + 2 : offset + 2 + width], "big")
        header += 1 + width
    unit = {0x40: 1, 0x50: 1, 0x60: 2, 0xA0: reference_size, 0xD0: 2 * reference_size}.get(kind)
    if unit is None:
        raise PlistUnreadable("a binary object of unknown kind")
    first, end = offset + header, offset + header + count * unit
    if end > len(data):
        raise PlistUnreadable("a binary object outside the file")
    if kind not in {0xA0, 0xD0}:
        return end - offset, range(0)
    return end - offset, range(first, end, reference_size)


def _unfold(data: bytes, references_of: list[range], top: int) -> None:
    """Follow all references from the object ``top``, and count each as often as it is reached.

    ``references_of``: for each object, the positions of its references in ``data``. An object that contains itself
    exceeds the limit of levels.
    """
    unvisited, reached = [(top, 0)], 1
    while unvisited:
        number, depth = unvisited.pop()
        if number >= len(references_of):
            raise PlistUnreadable("a reference to no object")
        positions = references_of[number]
        if not positions:
            continue
        reached += len(positions)
        if reached > MAX_ITEMS * 2:
            raise TooLarge(f"more than {MAX_ITEMS} values")
        if depth >= MAX_DEPTH:
            raise TooLarge(f"more than {MAX_DEPTH} levels")
        unvisited.extend((int.from_bytes(data[at : at + positions.step], "big"), depth + 1) for at in positions)
