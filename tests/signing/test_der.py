import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import MessageUnreadable, Refusal, TooLarge
from otae.signing import der
from tests.signing import forge


@pytest.mark.parametrize(
    ("ber", "expected"),
    [
        (b"\x30\x80\x05\x00\x00\x00", b"\x30\x02\x05\x00"),
        (b"\x30\x81\x02\x05\x00", b"\x30\x02\x05\x00"),
        (b"\x24\x80\x04\x01a\x04\x02bc\x00\x00", b"\x04\x03abc"),
        (b"\x24\x08\x24\x03\x04\x01a\x04\x01b", b"\x04\x02ab"),
        (b"\x24\x00", b"\x04\x00"),
        (b"\x33\x80\x04\x0219\x00\x00", b"\x13\x0219"),
        (b"\x23\x80\x03\x02\x00\xff\x03\x02\x04\xf0\x00\x00", b"\x03\x03\x04\xff\xf0"),
        (b"\xa0\x80\x04\x01a\x00\x00", b"\xa0\x03\x04\x01a"),
    ],
)
def test_ber_becomes_der(ber: bytes, expected: bytes) -> None:
    assert der.to_der(ber) == expected


def test_the_pieces_of_encrypted_content_become_one() -> None:
    kind = der.oid("1.2.840.113549.1.7.1") + der.algorithm("2.16.840.1.101.3.4.1.2", der.octets(b"\0" * 16))
    pieces = b"\xa0\x80" + der.octets(b"one") + der.octets(b"two") + b"\0\0"
    assert der.to_der(der.sequence(kind, pieces)) == der.sequence(kind, der.encode(0x80, b"onetwo"))


def test_an_explicit_octet_string_stays_explicit() -> None:
    content = der.sequence(der.oid("1.2.840.113549.1.7.1"), der.encode(0xA0, der.octets(b"content")))
    assert der.to_der(content) == content


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x30",
        b"\x30\x01",
        b"\x30\x80",
        b"\x30\x80\x00",
        b"\x30\x02\x05\x00\x00",
        b"\x10\x00",
        b"\x11\x00",
        b"\x00\x00",
        b"\x22\x00",
        b"\x25\x80\x00\x00",
        b"\x24\x03\x13\x01a",
        b"\x23\x08\x03\x02\x01\xfe\x03\x02\x00\xff",
        b"\x23\x02\x03\x00",
        b"\x23\x00",
        b"\x1f\x01\x00",
        b"\x30\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01",
    ],
)
def test_what_is_not_one_whole_value_is_refused(broken: bytes) -> None:
    with pytest.raises(MessageUnreadable):
        der.to_der(broken)


def test_bytes_and_depth_are_capped() -> None:
    with pytest.raises(TooLarge):
        der.to_der(der.octets(b"a" * 100), max_bytes=101)
    nested = b"\x05\x00"
    for _ in range(31):
        nested = der.sequence(nested)
    assert der.to_der(nested) == nested
    with pytest.raises(TooLarge):
        der.to_der(der.sequence(nested))
    with pytest.raises(TooLarge):
        der.to_der(b"\x30\x80" * 30_000)


@pytest.mark.parametrize(
    "crowd",
    [b"\x05\x00" * 5000, b"\x30\x80\x00\x00" * 5000, b"\x24\x80\x00\x00" * 5000],
    ids=["null", "sequence", "string"],
)
def test_values_are_counted(crowd: bytes) -> None:
    with pytest.raises(TooLarge):
        der.to_der(der.sequence(crowd))
    assert der.to_der(der.sequence(b"\x05\x00" * 4095))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused_by_name_or_becomes_der_once_and_for_all(noise: bytes) -> None:
    try:
        once = der.to_der(noise)
    except Refusal:
        return
    assert der.to_der(once) == once


_TREES = st.recursive(
    st.builds(der.octets, st.binary(max_size=20))
    | st.builds(der.integer, st.integers(0, 2**80))
    | st.just(b"\x05\x00"),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: der.sequence(*parts))
        | st.lists(inner, max_size=4).map(lambda parts: der.encode(der.explicit(0), *parts))
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_TREES)
def test_der_stays_and_its_ber_twin_comes_back(value: bytes) -> None:
    assert der.to_der(value) == value
    assert der.to_der(forge.indefinite(value)) == value


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**40), max_size=8))
def test_object_identifiers_are_what_cryptography_says(first: int, second: int, others: list[int]) -> None:
    dotted = ".".join(map(str, (first, second, *others)))
    encoded = der.oid(dotted)
    assert encoded == asn1.encode_der(x509.ObjectIdentifier(dotted))
    assert der.read_oid(der.values(encoded)[0].content) == dotted


@pytest.mark.parametrize("content", [b"", b"\x80", b"\x2a\x80\x01", b"\x2a\x86", b"\x2a" * 65])
def test_an_object_identifier_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(MessageUnreadable):
        der.read_oid(content)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**200))
def test_integers_are_what_cryptography_says(number: int) -> None:
    assert der.integer(number) == asn1.encode_der(number)


def test_a_written_structure_parses_with_openssl() -> None:
    written = der.sequence(
        der.integer(128), der.set_of([der.octets(b"b"), der.octets(b"a")]), der.algorithm("1.2.840.113549.1.1.1")
    )
    shown = subprocess.run(["openssl", "asn1parse", "-inform", "DER"], input=written, capture_output=True, check=True)
    assert b"INTEGER           :80" in shown.stdout
    assert b"rsaEncryption" in shown.stdout


def test_fields_refuse_what_is_missing_and_what_is_left() -> None:
    value = der.sequence(der.integer(1), der.octets(b"x"))
    fields = der.Fields.of(value)
    assert fields.maybe(der.OCTET_STRING) is None
    with pytest.raises(MessageUnreadable):
        fields.take(der.OCTET_STRING)
    fields.take(der.INTEGER)
    with pytest.raises(MessageUnreadable):
        fields.end()
    assert [left.content for left in fields.rest()] == [b"x"]
    fields.end()
