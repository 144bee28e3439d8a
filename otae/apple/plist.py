"""Safe reading and writing of property lists; nothing else in this product uses ``plistlib``.

``plistlib`` is not made for hostile input: it recurses as deep as the input says, follows binary references until
memory ends, takes the last of two equal keys and raises many kinds of exceptions. So the bytes are checked first
(``plist_checks``), read by ``plistlib`` only within the limits, and the result is copied into plain values.
"""

import plistlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from otae.apple.plist_checks import MAX_DEPTH, MAX_ITEMS, check_binary, check_xml
from otae.errors import PlistUnreadable, Refusal, TooLarge

MAX_BYTES = 1024 * 1024

#: Bytes that XML does not allow: Macs send them in texts that people or other programs entered.
_CONTROLS = bytes({*range(32)} - {9, 10, 13})
_NOT_XML_BYTES = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def loads(data: bytes, *, max_bytes: int = MAX_BYTES, binary: bool = False) -> dict[str, object]:
    """Read a property list whose root is a dictionary.

    Characters that XML does not allow are read as spaces in XML, and refused in a binary property list.
    Format: PropertyList-1.0.dtd; https://developer.apple.com/documentation/foundation/propertylistserialization

    Args:
        data: XML in UTF-8 that begins with its declaration.
        binary: accept Apple's ``bplist00`` too.

    Returns:
        Only dict, list, str, bytes, int (64 bits), finite float, bool and naive datetime (UTC).

    Raises:
        TooLarge: more than ``max_bytes``, 16 levels or 5000 values.
        PlistUnreadable: anything else that is not strictly well-formed, such as an entity declaration, a foreign
            DOCTYPE or a repeated key.
    """
    value = _load(data, max_bytes, binary=binary)
    if not isinstance(value, dict):
        raise PlistUnreadable("the root is no dictionary")
    return value


def loads_array(data: bytes, *, max_bytes: int = MAX_BYTES) -> list[object]:
    """Read an XML property list whose root is an array, as in EncryptedPayloadContent. Raises as ``loads``."""
    value = _load(data, max_bytes, binary=False)
    if not isinstance(value, list):
        raise PlistUnreadable("the root is no array")
    return value


def dumps(value: Mapping[str, object] | list[Any]) -> bytes:
    """Write a property list as XML in UTF-8 with sorted keys: equal values give equal bytes.

    Raises:
        ValueError: a text that XML 1.0 cannot contain unchanged (control characters, lone surrogates, carriage return).
        TypeError: a type that property lists do not have.
        OverflowError: an integer beyond 64 bits.
    """
    for text in _texts(value):
        if "\r" in text or _NOT_XML.search(text):
            raise ValueError("a text holds a character that a property list cannot carry")
    return plistlib.dumps(value, fmt=plistlib.FMT_XML, sort_keys=True)


def one_line(text: str) -> str:
    """Return ``text`` on one line, with a space for every character that a property list cannot contain."""
    return " ".join(_NOT_XML.sub(" ", text).split())


def _load(data: bytes, max_bytes: int, *, binary: bool) -> object:
    if len(data) > max_bytes:
        raise TooLarge(f"{len(data)} bytes, {max_bytes} are allowed")
    is_binary = data.startswith(b"bplist00")
    if is_binary and not binary:
        raise PlistUnreadable("a binary property list where XML is required")
    try:
        if is_binary:
            check_binary(data)
        else:
            data = data.translate(_NOT_XML_BYTES).replace(b"\xef\xbf\xbe", b" ").replace(b"\xef\xbf\xbf", b" ")
            check_xml(data)
        fmt = plistlib.FMT_BINARY if is_binary else plistlib.FMT_XML
        return _Copier().copy(plistlib.loads(data, fmt=fmt, dict_type=_UniqueKeyDict), 1)
    except Refusal:
        raise
    # plistlib lets AttributeError, LookupError, OverflowError, RecursionError and others escape on odd input.
    except Exception as error:
        raise PlistUnreadable(f"not a property list ({type(error).__name__})") from error


class _UniqueKeyDict(dict[str, object]):
    """Refuses a repeated key: plistlib takes the last one, and other readers of the message may take the first."""

    def __setitem__(self, key: str, value: object) -> None:
        if key in self:
            raise PlistUnreadable("a key stands twice in one dictionary")
        super().__setitem__(key, value)


class _Copier:
    """Copies what plistlib read into plain values, counting every value as often as it is reached.

    The limits also stop it at a value that contains itself, should ``plist_checks`` ever miss one.
    """

    def __init__(self) -> None:
        self._items = 0

    def copy(self, value: object, depth: int) -> object:
        self._items += 1
        if self._items > MAX_ITEMS:
            raise TooLarge(f"more than {MAX_ITEMS} values")
        if isinstance(value, dict | list):
            return self._container(value, depth)
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, bool | bytes | datetime):
            return value
        if isinstance(value, int) and -(2**63) <= value < 2**64:
            return value
        if isinstance(value, float) and isfinite(value):
            return value
        raise PlistUnreadable("a value that no Mac sends")

    def _container(self, value: dict[object, object] | list[object], depth: int) -> object:
        if depth > MAX_DEPTH:
            raise TooLarge(f"more than {MAX_DEPTH} levels")
        if isinstance(value, list):
            return [self.copy(item, depth + 1) for item in value]
        return {_text(key): self.copy(item, depth + 1) for key, item in value.items()}


def _text(text: object) -> str:
    # PostgreSQL takes no NUL, and what cannot go out again in XML shall not come in by a binary property list.
    if not isinstance(text, str) or _NOT_XML.search(text):
        raise PlistUnreadable("a key or text that XML cannot carry")
    return text


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
