"""The guarded parser: what a Mac sends comes through unchanged, everything else is one clear refusal."""

import plistlib
import struct
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.apple import plist
from otae.apple.plist_checks import MAX_DEPTH, MAX_ITEMS
from otae.errors import PlistUnreadable, Refusal, TooLarge

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'
DOCTYPE = b'<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'


def xml(inside: bytes, doctype: bytes = DOCTYPE, head: bytes = HEAD) -> bytes:
    return head + doctype + b'<plist version="1.0">' + inside + b"</plist>\n"


def one(value: bytes) -> bytes:
    return xml(b"<dict><key>a</key>" + value + b"</dict>")


def binary(objects: list[bytes], *, offsets: list[int] | None = None, reference_size: int = 1) -> bytes:
    """A binary property list made by hand: object 0 is the root."""
    body, places = b"bplist00", []
    for item in objects:
        places.append(len(body))
        body += item
    table = b"".join(struct.pack(">I", place) for place in offsets or places)
    count = len(offsets or places)
    return body + table + struct.pack(">6xBBQQQ", 4, reference_size, count, 0, len(body))


def expansion_bomb() -> bytes:
    """Ten levels of arrays, each naming the next one ten times: 198 bytes that stand for 10^10 values."""
    levels = [b"\xaa" + bytes([level + 1]) * 10 for level in range(10)]
    return binary([b"\xd1\x0b\x01", *levels[1:], b"\xa0", b"\x51a"])


def deep_binary(levels: int) -> bytes:
    objects = [b"\xa1" + struct.pack(">H", level + 1) for level in range(levels)] + [b"\x51a"]
    return binary(objects, reference_size=2)


def overlapping_binary() -> bytes:
    """Thousands of objects that all name the same 200 kB of data."""
    big = b"\x4f\x12" + struct.pack(">I", 200_000) + bytes(200_000)
    return binary([big], offsets=[8] * 4000)


UNREADABLE: dict[str, bytes] = {
    "nothing": b"",
    "no declaration": b'<plist version="1.0"><dict/></plist>',
    "DER set": b"\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02<?",
    "a root that is an array": xml(b"<array/>"),
    "a root that is a text": xml(b"<string>a</string>"),
    "no root": xml(b""),
    "two roots": xml(b"<dict/><dict/>"),
    "not plist at all": HEAD + b"<html><dict/></html>",
    "truncated": xml(b"<dict/>")[:-5],
    "trailing bytes": xml(b"<dict/>") + b"<plist/>",
    "an internal entity": xml(b"<dict/>", b'<!DOCTYPE plist [<!ENTITY a "b">]>'),
    "an entity beside Apple's DTD": xml(b"<dict/>", DOCTYPE.replace(b">", b' [<!ENTITY a "b">]>')),
    "a parameter entity": xml(b"<dict/>", b'<!DOCTYPE plist [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>'),
    "an external entity": xml(b"<dict/>", b'<!DOCTYPE plist [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
    "an undeclared entity": one(b"<string>&a;</string>"),
    "a foreign DOCTYPE": xml(b"<dict/>", b'<!DOCTYPE plist SYSTEM "http://example.test/a.dtd">'),
    "a DOCTYPE of another name": xml(b"<dict/>", DOCTYPE.replace(b"DOCTYPE plist", b"DOCTYPE html")),
    "an empty internal subset": xml(b"<dict/>", b"<!DOCTYPE plist []>"),
    "a processing instruction": xml(b"<dict/>", b"<?php a?>"),
    "an attribute": xml(b'<dict a="b"/>'),
    "a namespace": xml(b'<dict xmlns="http://example.test/"/>'),
    "an unknown element": one(b"<set/>"),
    "an element in a text": one(b"<string>a<true/></string>"),
    "text between elements": xml(b"<dict>a</dict>"),
    "a value without key": xml(b"<dict><string>a</string></dict>"),
    "a key without value": xml(b"<dict><key>a</key></dict>"),
    "an empty key without value": xml(b"<dict><key></key></dict>"),
    "a key in an array": one(b"<array><key>a</key></array>"),
    "two keys in a row": xml(b"<dict><key>a</key><key>b</key><true/></dict>"),
    "the same key twice": xml(b"<dict><key>a</key><true/><key>a</key><false/></dict>"),
    "the same key twice below": one(b"<array><dict><key>b</key><true/><key>b</key><true/></dict></array>"),
    "a bad date": one(b"<date>yesterday</date>"),
    "a date that is none": one(b"<date>2026-13-45T00:00:00Z</date>"),
    "a bad integer": one(b"<integer>one</integer>"),
    "an empty integer": one(b"<integer/>"),
    "a huge integer": one(b"<integer>" + b"9" * 4000 + b"</integer>"),
    "a longer integer than Python takes": one(b"<integer>" + b"9" * 9000 + b"</integer>"),
    "a huge hexadecimal integer": one(b"<integer>0x" + b"f" * 9000 + b"</integer>"),
    "an integer of 65 bits": one(b"<integer>18446744073709551616</integer>"),
    "not a number": one(b"<real>nan</real>"),
    "infinity": one(b"<real>1e999</real>"),
    "bad Base64": one(b"<data>a</data>"),
    "a NUL byte in a tag": one(b"<str\x00ing>a</string>"),
    "a key twice, once with a NUL byte": xml(b"<dict><key>a\x00</key><true/><key>a </key><true/></dict>"),
    "a NUL reference": one(b"<string>&#0;</string>"),
    "a control reference": one(b"<string>&#7;</string>"),
    "a surrogate reference": one(b"<string>&#xD800;</string>"),
    "invalid UTF-8": one(b"<string>\xff\xfe</string>"),
    "an encoded surrogate": one(b"<string>\xed\xa0\x80</string>"),
    "Latin-1": xml(b"<dict/>", head=b'<?xml version="1.0" encoding="ISO-8859-1"?>'),
    "an unknown encoding": xml(b"<dict/>", head=b'<?xml version="1.0" encoding="x-none"?>'),
    "UTF-16": xml(b"<dict/>", head=b'<?xml version="1.0" encoding="UTF-16"?>').decode().encode("utf-16"),
    "UTF-16 in name only": xml(b"<dict/>", head=b'<?xml version="1.0" encoding="UTF-16"?>'),
    "UTF-32": xml(b"<dict/>").decode().encode("utf-32"),
    "binary where XML is asked for": plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY),
}

UNREADABLE_BINARY: dict[str, bytes] = {
    "only the magic": b"bplist00",
    "no objects": b"bplist00" + bytes(32),
    "a bad trailer": plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY)[:-32] + b"\xff" * 32,
    "a key that is an array": binary([b"\xd1\x01\x01", b"\xa0"]),
    "a key that is a number": binary([b"\xd1\x01\x01", b"\x10\x01"]),
    "the same key twice": binary([b"\xd2\x01\x01\x02\x02", b"\x51a", b"\x09"]),
    "nothing as a value": binary([b"\xd1\x01\x02", b"\x51a", b"\x00"]),
    "a UID": binary([b"\xd1\x01\x02", b"\x51a", b"\x80\x01"]),
    "a set": binary([b"\xd1\x01\x02", b"\x51a", b"\xc0"]),
    "an integer of 128 bits": binary([b"\xd1\x01\x02", b"\x51a", b"\x14" + b"\x7f" * 16]),
    "a NUL in a text": binary([b"\xd1\x01\x02", b"\x51a", b"\x61\x00\x00"]),
    "a lone surrogate": binary([b"\xd1\x01\x02", b"\x51a", b"\x61\xd8\x00"]),
    "a date beyond time": binary([b"\xd1\x01\x02", b"\x51a", b"\x33" + struct.pack(">d", 1e300)]),
    "not a number": binary([b"\xd1\x01\x02", b"\x51a", b"\x23" + struct.pack(">d", float("nan"))]),
    "a text longer than the file": binary([b"\xd1\x01\x02", b"\x51a", b"\x5f\x13" + b"\x7f" * 8]),
    "an offset behind the end": binary([b"\xd0"], offsets=[4_000_000]),
    "a reference behind the table": binary([b"\xd1\x09\x09"]),
    "objects that overlap": overlapping_binary(),
}

TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "one byte more than allowed": lambda: one(b"<string>" + b"a" * plist.MAX_BYTES + b"</string>"),
    "one level more than allowed": lambda: one(b"<array>" * MAX_DEPTH + b"</array>" * MAX_DEPTH),
    "100 000 levels, never closed": lambda: HEAD + b"<plist>" + b"<array>" * 100_000,
    "100 000 levels": lambda: xml(b"<array>" * 60_000 + b"</array>" * 60_000),
    "one value more than allowed": lambda: one(b"<array>" + b"<true/>" * (MAX_ITEMS - 1) + b"</array>"),
    "100 000 values": lambda: one(b"<array>" + b"<true/>" * 100_000 + b"</array>"),
    "a long comment": lambda: xml(b"<dict/><!--" + b"<" * 500_000 + b"-->"),
    "a long tag": lambda: xml(b"<dict" + b" " * 500_000 + b"/>"),
    "a binary that unfolds": expansion_bomb,
    "an array that holds itself": lambda: binary([b"\xd1\x01\x02", b"\x51a", b"\xa1\x02"]),
    "a dictionary that holds itself": lambda: binary([b"\xd1\x01\x00", b"\x51a"]),
    "a deep binary": lambda: deep_binary(5000),
    "a long object table": lambda: binary([b"\xd0"], offsets=[8] * (2 * MAX_ITEMS + 1)),
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_property_list_of_a_mac_is_refused(data: bytes) -> None:
    with pytest.raises(PlistUnreadable):
        plist.loads(data)


@pytest.mark.parametrize("data", UNREADABLE_BINARY.values(), ids=UNREADABLE_BINARY.keys())
def test_an_odd_binary_property_list_is_refused(data: bytes) -> None:
    with pytest.raises(PlistUnreadable):
        plist.loads(data, binary=True)


@pytest.mark.parametrize("make", TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_a_bomb_is_refused_before_it_unfolds(make: Callable[[], bytes]) -> None:
    with pytest.raises(TooLarge):
        plist.loads(make(), binary=True)


def test_the_smallest_bomb_is_as_small_as_the_known_one() -> None:
    assert len(expansion_bomb()) <= 256


def test_the_caps_themselves_are_allowed() -> None:
    plist.loads(one(b"<array>" * (MAX_DEPTH - 1) + b"<true/>" + b"</array>" * (MAX_DEPTH - 1)))
    plist.loads(one(b"<array>" + b"<true/>" * (MAX_ITEMS - 2) + b"</array>"))
    whole = one(b"<string>" + b"a" * 1000 + b"</string>")
    plist.loads(whole, max_bytes=len(whole))
    with pytest.raises(TooLarge):
        plist.loads(whole, max_bytes=len(whole) - 1)


def test_every_kind_of_value_comes_through_as_a_plain_value() -> None:
    value = {
        "text": 'Ben & <Söhne> "x" ]]> ',
        "data": bytes(range(256)),
        "whole": -(2**63),
        "large": 2**64 - 1,
        "broken": 0.5,
        "yes": True,
        "no": False,
        "when": datetime(2026, 11, 23, 14, 0, 0),  # noqa: DTZ001  property lists carry UTC without saying so
        "array": [1, [], {}],
    }
    for fmt in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        read = plist.loads(plistlib.dumps(value, fmt=fmt), binary=True)
        assert read == value
        assert type(read) is dict
        assert type(read["array"]) is list


@pytest.mark.parametrize(
    "doctype",
    [
        b"",
        DOCTYPE,
        DOCTYPE.replace(b"Apple//DTD", b"Apple Computer//DTD"),
        b"<!-- sent by a Mac -->" + DOCTYPE,
    ],
)
def test_the_prologues_of_macs_are_read(doctype: bytes) -> None:
    assert plist.loads(xml(b"<dict/>", doctype)) == {}


@pytest.mark.parametrize("sign", [b"\x00", b"\x0b", b"\x1f", b"\xef\xbf\xbe", b"\xef\xbf\xbf"])
def test_what_xml_has_no_place_for_is_a_space(sign: bytes) -> None:
    assert plist.loads(one(b"<string>a" + sign + b"b</string>")) == {"a": "a b"}


def test_a_shared_binary_value_is_read_twice_and_no_longer_shared() -> None:
    data = binary([b"\xd1\x01\x02", b"\x51a", b"\xa2\x03\x03", b"\xa1\x01"])
    read = plist.loads(data, binary=True)
    assert read == {"a": [["a"], ["a"]]}


def test_an_array_root_is_read_only_where_asked_for() -> None:
    data = plist.dumps([{"a": 1}])
    assert plist.loads_array(data) == [{"a": 1}]
    with pytest.raises(PlistUnreadable):
        plist.loads_array(plist.dumps({}))


def test_no_refusal_repeats_what_was_sent() -> None:
    for data in UNREADABLE.values():
        with pytest.raises(PlistUnreadable) as refused:
            plist.loads(data)
        assert "etc/passwd" not in refused.value.detail


def test_equal_values_give_equal_bytes() -> None:
    assert plist.dumps({"a": 1, "b": 2}) == plist.dumps({"b": 2, "a": 1})


@pytest.mark.parametrize("text", ["\x00", "a\x07", "a\rb", "\ud800", "\ufffe", "\uffff", "\x1b"])
def test_a_text_that_xml_cannot_carry_is_never_written(text: str) -> None:
    shapes: list[dict[str, object]] = [{"a": text}, {"a": [text]}, {text: "a"}]
    for value in shapes:
        with pytest.raises(ValueError, match="cannot carry"):
            plist.dumps(value)


def test_one_line_leaves_nothing_that_cannot_be_written() -> None:
    assert plist.one_line(" Ben\r\nBaker\x00\ud800 & Co\t") == "Ben Baker & Co"


texts = st.text(st.characters(codec="utf-8")).map(plist.one_line)
scalars = st.one_of(
    texts,
    st.binary(max_size=50),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(texts, values, max_size=5))
def test_what_is_written_is_read_again(value: dict[str, object]) -> None:
    assert plist.loads(plist.dumps(value)) == value


@given(data=st.binary(max_size=300), is_binary=st.booleans())
def test_nothing_but_a_refusal_escapes_from_bytes(data: bytes, *, is_binary: bool) -> None:
    with suppress(Refusal):
        plist.loads(b"bplist00" + data if is_binary else HEAD + data, binary=True)


@given(value=st.dictionaries(texts, values, max_size=3), draw=st.data(), is_binary=st.booleans())
def test_nothing_but_a_refusal_escapes_from_damaged_lists(
    value: dict[str, object], draw: st.DataObject, *, is_binary: bool
) -> None:
    data = bytearray(plistlib.dumps(value, fmt=plistlib.FMT_BINARY if is_binary else plistlib.FMT_XML))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with suppress(Refusal):
        plist.loads(bytes(data), binary=True)
