"""Changes that keep the shape of a DER message: one value changes, and every length around it stays right.

Bytes changed blindly are refused at the first length that no longer fits; these get as far as the reader of the field.
This reads and writes DER by itself: the product's own reader is what is fuzzed.
"""

import random
from collections.abc import Callable

#: How likely the change lies deeper than the value that was met.
DEEPER = 0.8
#: Tags that a value is given instead of its own: what the readers ask for, and a few nobody asks for.
TAGS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x30, 0x31, 0x80, 0xA0, 0xA1)

Part = tuple[int, bytes]
Change = Callable[[bytes], bytes]


def bend(data: bytes, chance: random.Random, change: Change) -> bytes:
    """Change one value somewhere inside ``data``; bytes that are no values are given to ``change``."""
    parts = split(data)
    if not parts:
        return change(data)
    at = chance.randrange(len(parts))
    tag, content = parts[at]
    if content and chance.random() < DEEPER:
        parts[at] = (tag, bend(content, chance, change))
        return joined(parts)
    match chance.randrange(6):
        case 0:
            del parts[at]
        case 1:
            parts.insert(at, parts[at])
        case 2:
            parts[at] = (chance.choice(TAGS), content)
        case 3:
            parts.insert(chance.randrange(len(parts)), parts.pop(at))
        case 4:
            return joined(parts[:at]) + indefinite(parts[at]) + joined(parts[at + 1 :])
        case _:
            parts[at] = (tag, change(content))
    return joined(parts)


def split(data: bytes) -> list[Part]:
    """Return tag and content of the values that follow one another in ``data``; none when it is not made of values."""
    parts, at = [], 0
    while at < len(data):
        if at + 2 > len(data) or data[at] & 0x1F == 0x1F:
            return []
        tag, size = data[at], data[at + 1]
        at += 2
        if size >= 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[at : at + count])
            at += count
            if not count:
                return []
        if at + size > len(data):
            return []
        parts.append((tag, data[at : at + size]))
        at += size
    return parts


def joined(parts: list[Part]) -> bytes:
    """Return values one after the other, each with the shortest length that fits."""
    return b"".join(bytes([tag]) + length(len(content)) + content for tag, content in parts)


def length(size: int) -> bytes:
    """Return the shortest form of a length."""
    if size < 0x80:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 | len(digits)]) + digits


def indefinite(part: Part) -> bytes:
    """Return a value without a length, as BER allows for constructed ones."""
    return bytes([part[0] | 0x20, 0x80]) + part[1] + b"\0\0"
