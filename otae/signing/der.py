"""Conversion of BER to DER, and a strict reader and writer for the few ASN.1 structures used here.

Every foreign message passes :func:`to_der` first. After it, lengths are definite and minimal, strings are in one piece,
size and depth are bounded, and the bytes are exactly those that were signed. :class:`Fields` then reads a structure in
the order of its ASN.1 definition and refuses leftover fields, so that no two parsers can see different messages in the
same bytes.

Written here because the safety of signature checks depends on it: a general ASN.1 library reads lazily and tolerantly,
and reports an error wherever a field is first accessed.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple, Self

from otae.errors import MessageUnreadable, TooLarge

#: Longest message of SCEP and over-the-air enrollment.
MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 32
#: Most values in one message. A Mac's answer with four certificates has some five hundred.
MAX_ITEMS: Final = 4096

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OBJECT_IDENTIFIER: Final = 0x06
UTF8_STRING: Final = 0x0C
PRINTABLE_STRING: Final = 0x13
TELETEX_STRING: Final = 0x14
IA5_STRING: Final = 0x16
BMP_STRING: Final = 0x1E
SEQUENCE: Final = 0x30
SET: Final = 0x31

_CONSTRUCTED: Final = 0x20
_CLASS: Final = 0xC0
_LONG_TAG: Final = 0x1F
#: Constructed forms of universal string types; each is its primitive tag plus the constructed bit.
_CONSTRUCTED_STRINGS: Final = frozenset(tag | _CONSTRUCTED for tag in (3, 4, 12, 18, 19, 20, 21, 22, 26, 27, 28, 30))
#: EXTERNAL, EMBEDDED PDV, SEQUENCE and SET: the universal types that are always constructed.
_ALWAYS_CONSTRUCTED: Final = frozenset((0x08, 0x0B, 0x10, 0x11))


def explicit(number: int) -> int:
    """Return the identifier octet of constructed context tag ``[number]``: explicit, or implicit SET or SEQUENCE."""
    return 0xA0 | number


def implicit(number: int) -> int:
    """Return the identifier octet of primitive context tag ``[number]``."""
    return 0x80 | number


class Value(NamedTuple):
    """One DER value. ``tag``: its identifier octet; ``raw``: the content with its header."""

    tag: int
    content: bytes
    raw: bytes


def to_der(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> bytes:
    """Re-encode exactly one BER value (X.690 §8) as DER; DER is returned unchanged.

    Lengths become definite and minimal, and constructed strings primitive, also the constructed ``[0] IMPLICIT OCTET
    STRING`` of an EncryptedContentInfo (RFC 5652 §6.1). The order of SET OF elements is kept, because signatures cover
    it as sent.

    Raises:
        TooLarge: more than ``max_bytes``, ``max_depth`` or MAX_ITEMS.
        MessageUnreadable: not exactly one whole BER value.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"{len(data)} bytes, {max_bytes} allowed")
    value, end = _Normaliser(bytes(data)).value_at(0, len(data), max_depth)
    if end != len(data):
        raise MessageUnreadable("bytes after the end of the message")
    return value.raw


def _header(data: bytes, start: int, stop: int) -> tuple[int, int | None, int]:
    """Return tag, length (None: indefinite) and position of the content, which must end before ``stop``."""
    if start + 2 > stop:
        raise MessageUnreadable("the message ends inside a header")
    tag, first, position = data[start], data[start + 1], start + 2
    if tag & _LONG_TAG == _LONG_TAG:
        raise MessageUnreadable("a tag number above 30")
    if first == 0x80:
        return tag, None, position
    length = first
    if first > 0x80:
        count = first & 0x7F
        if count > 8 or position + count > stop:
            raise MessageUnreadable("the message ends inside a length")
        length = int.from_bytes(data[position : position + count])
        position += count
    if length > stop - position:
        raise MessageUnreadable("a value is longer than what holds it")
    return tag, length, position


class _Normaliser:
    """Re-encodes one BER message and counts its values; parts that are DER already are kept unchanged."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._items_left = MAX_ITEMS
        self._rewritten = 0

    def value_at(self, start: int, stop: int, depth: int) -> tuple[Value, int]:
        """Return the value at ``start`` as DER, and the position after it."""
        self._items_left -= 1
        if depth == 0 or self._items_left < 0:
            raise TooLarge("nested too deeply, or too many values")
        tag, length, position = _header(self._data, start, stop)
        if not tag & _CONSTRUCTED:
            if length is None or tag == 0 or tag in _ALWAYS_CONSTRUCTED:
                raise MessageUnreadable("a primitive value of a type that is none")
            end = position + length
            return self._unchanged(tag, start, position, end) or self._rewrite(tag, self._data[position:end]), end
        if not tag & _CLASS and tag not in (SEQUENCE, SET) and tag not in _CONSTRUCTED_STRINGS:
            raise MessageUnreadable("a constructed value of a type that is none")
        rewritten = self._rewritten
        children, end = self._children(position, stop if length is None else position + length, depth - 1, length)
        if tag in _CONSTRUCTED_STRINGS:
            return self._rewrite(tag & ~_CONSTRUCTED, _join(tag & ~_CONSTRUCTED, children)), end
        if tag == SEQUENCE and len(children) == 3 and _is_encrypted_content(children):
            children[2] = self._rewrite(implicit(0), b"".join(piece.content for piece in values(children[2].content)))
        is_der = length is not None and rewritten == self._rewritten
        unchanged = self._unchanged(tag, start, position, end) if is_der else None
        return unchanged or self._rewrite(tag, b"".join(child.raw for child in children)), end

    def _unchanged(self, tag: int, start: int, position: int, end: int) -> Value | None:
        """Return the value as it is, when its content is DER already; None when its header is not minimal."""
        size = end - position
        minimal = position - start == (2 if size < 0x80 else 2 + (size.bit_length() + 7) // 8)
        return Value(tag, self._data[position:end], self._data[start:end]) if minimal else None

    def _rewrite(self, tag: int, content: bytes) -> Value:
        self._rewritten += 1
        return Value(tag, content, encode(tag, content))

    def _children(self, position: int, end: int, depth: int, length: int | None) -> tuple[list[Value], int]:
        """Return the values from ``position`` on: up to ``end``, or without length up to the end-of-contents octets."""
        children: list[Value] = []
        while True:
            if length is None and self._data[position : min(position + 2, end)] == b"\0\0":
                return children, position + 2
            if length is not None and position == end:
                return children, end
            child, position = self.value_at(position, end, depth)
            children.append(child)


def _join(tag: int, pieces: list[Value]) -> bytes:
    """Return the content of a primitive string, joined from its segments (X.690 §8.6.4, §8.7.3, §8.23.6)."""
    segment = BIT_STRING if tag == BIT_STRING else OCTET_STRING
    if any(piece.tag != segment for piece in pieces):
        raise MessageUnreadable("a string made of something else")
    if tag != BIT_STRING:
        return b"".join(piece.content for piece in pieces)
    if not pieces or any(not piece.content for piece in pieces) or any(piece.content[0] for piece in pieces[:-1]):
        raise MessageUnreadable("a bit string with a hole")
    return pieces[-1].content[:1] + b"".join(piece.content[1:] for piece in pieces)


def _is_encrypted_content(children: list[Value]) -> bool:
    """Return whether this is an EncryptedContentInfo: OID, AlgorithmIdentifier, and [0] of octet strings only."""
    if [child.tag for child in children] != [OBJECT_IDENTIFIER, SEQUENCE, explicit(0)]:
        return False
    return all(piece.tag == OCTET_STRING for piece in values(children[2].content))


def values(content: bytes) -> list[Value]:
    """Return the DER values in ``content``, one after the other. Raises MessageUnreadable."""
    found: list[Value] = []
    position = 0
    while position < len(content):
        tag, length, start = _header(content, position, len(content))
        if length is None:
            raise MessageUnreadable("an indefinite length in DER")
        found.append(Value(tag, content[start : start + length], content[position : start + length]))
        position = start + length
    return found


class Fields:
    """Reads the fields of one constructed value in the order of its ASN.1 definition.

    :meth:`take` raises MessageUnreadable when the next field has another tag, and :meth:`end` when a field is left.
    """

    def __init__(self, content: bytes) -> None:
        self._values = values(content)
        self._next = 0

    @classmethod
    def of(cls, data: bytes, tag: int = SEQUENCE) -> Self:
        """Return the fields of ``data``, one DER value that must have ``tag``."""
        outer = cls(data)
        fields = cls(outer.take(tag).content)
        outer.end()
        return fields

    def take(self, tag: int) -> Value:
        """Return the next field, which must have ``tag``."""
        value = self.maybe(tag)
        if value is None:
            raise MessageUnreadable(f"no field 0x{tag:02x} where one belongs")
        return value

    def maybe(self, tag: int) -> Value | None:
        """Return the next field if it has ``tag``; else None, and the field stays unread."""
        if self._next < len(self._values) and self._values[self._next].tag == tag:
            self._next += 1
            return self._values[self._next - 1]
        return None

    def inner(self, tag: int = SEQUENCE) -> "Fields":
        """Return the fields inside the next field, which must have ``tag``."""
        return Fields(self.take(tag).content)

    def oid(self) -> str:
        """Return the next field, an OBJECT IDENTIFIER, in dotted form."""
        return read_oid(self.take(OBJECT_IDENTIFIER).content)

    def rest(self) -> list[Value]:
        """Return all unread fields."""
        left = self._values[self._next :]
        self._next = len(self._values)
        return left

    def end(self) -> None:
        """Check that no field is left. Raises MessageUnreadable."""
        if self._next != len(self._values):
            raise MessageUnreadable("a field too many")


def read_oid(content: bytes) -> str:
    """Return the dotted form of an OBJECT IDENTIFIER's content (X.690 §8.19). Raises MessageUnreadable."""
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise MessageUnreadable("an object identifier that is none")
    arcs: list[int] = []
    arc = 0
    for octet in content:
        if arc == 0 and octet == 0x80:
            raise MessageUnreadable("an object identifier that is none")
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))


def encode(tag: int, *parts: bytes) -> bytes:
    """Return the DER value with ``tag`` and the concatenated ``parts`` as content."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(octets))) + octets + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE of encoded values."""
    return encode(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes]) -> bytes:
    """Return a SET OF encoded values in DER order (X.690 §11.6)."""
    return encode(SET, *sorted(parts))


def integer(number: int) -> bytes:
    """Return an INTEGER; ``number`` is not negative."""
    return encode(INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def octets(content: bytes) -> bytes:
    """Return an OCTET STRING."""
    return encode(OCTET_STRING, content)


@lru_cache(maxsize=256)
def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER from its dotted form."""
    first, second, *others = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (40 * first + second, *others):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(reversed(groups))
    return encode(OBJECT_IDENTIFIER, bytes(content))


def algorithm(dotted: str, parameters: bytes = b"\x05\x00") -> bytes:
    """Return an AlgorithmIdentifier (RFC 5280 §4.1.1.2), by default with NULL parameters."""
    return sequence(oid(dotted), parameters)
