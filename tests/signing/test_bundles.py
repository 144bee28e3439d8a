"""Files of certificates: whatever stands around them, and whichever of them cannot be read."""

import codecs
import ssl
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from otae.errors import MessageUnreadable
from otae.signing.bundles import read_bundle
from otae.signing.certificates import new_key, pem
from tests.reference import reference
from tests.signing import spoiled

KEY = new_key()
ONE, TWO = spoiled.certificate(KEY, "One"), spoiled.certificate(KEY, "Two")
TEXT = pem(ONE, TWO)
TRUSTED = ssl.DER_cert_to_PEM_cert(ONE.public_bytes(Encoding.DER) + b"\x30\x03\x0c\x01x").replace(
    " CERTIFICATE", " TRUSTED CERTIFICATE"
)


def armoured(der: bytes, name: str = "CERTIFICATE") -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", name).encode()


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.replace(b"\n", b"\r"),
        codecs.BOM_UTF8 + TEXT,
        TEXT.decode().encode("utf-16"),
        "subject=O = Käfer & Söhne\n".encode("latin-1") + TEXT + "Gültig bis 2040\n".encode("cp1252"),
        "# 機構\n".encode("shift-jis") + TEXT,
        TEXT.replace(b" CERTIFICATE", b" X509 CERTIFICATE"),
        TRUSTED.encode() + pem(TWO),
        pkcs7.serialize_certificates([ONE, TWO], Encoding.PEM),
        pkcs7.serialize_certificates([ONE, TWO], Encoding.DER),
        pem(ONE) + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" + pem(TWO),
    ],
    ids=["PEM", "CRLF", "CR", "BOM", "UTF-16", "Latin-1 around", "Shift-JIS around", "X509", "trusted", "PKCS#7 PEM",
         "PKCS#7", "a key between"],
)  # fmt: skip
def test_certificates_are_found_whatever_stands_around_them(data: bytes) -> None:
    found = read_bundle(data)
    assert {*found.certificates} == {ONE, TWO}
    assert found.unreadable == ()


def test_one_certificate_is_read_as_der() -> None:
    assert read_bundle(ONE.public_bytes(Encoding.DER)).certificates == (ONE,)


SPOILED = {
    "version": (spoiled.version_4, "its version is 4"),
    "name": (spoiled.odd_name, "RFC 5280"),
}


@pytest.mark.parametrize("what", SPOILED)
@pytest.mark.parametrize("form", [armoured, bytes], ids=["PEM", "DER"])
def test_one_that_cannot_be_read_is_refused_by_name(what: str, form: Callable[[bytes], bytes]) -> None:
    make, words = SPOILED[what]
    with pytest.raises(MessageUnreadable, match=f"certificate 1 of the file cannot be read: .*{words}"):
        read_bundle(form(make(KEY)))


@pytest.mark.parametrize("what", SPOILED)
def test_one_that_cannot_be_read_among_others_is_named_and_they_are_taken(what: str) -> None:
    make, words = SPOILED[what]
    spoilt = make(KEY)
    unarmoured = b"-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n"
    for bad in (armoured(spoilt), unarmoured):
        data = pem(ONE) + bad + pem(TWO)
        found = read_bundle(data)
        assert found.certificates == (ONE, TWO)
        assert len(found.unreadable) == 1
        assert found.unreadable[0].startswith("certificate 2 of the file cannot be read: ")
    assert words in read_bundle(pem(ONE) + armoured(spoilt)).unreadable[0]


def test_a_spoilt_one_inside_pkcs7_is_named_too() -> None:
    good, bad = spoiled.certificate(KEY, "abcd"), spoiled.version_4(KEY)
    inner = spoiled.certificate(KEY)
    data = pkcs7.serialize_certificates([inner, good], Encoding.DER).replace(inner.public_bytes(Encoding.DER), bad)
    found = read_bundle(data)
    assert found.certificates == (good,)
    assert "its version is 4" in found.unreadable[0]


@pytest.mark.parametrize("name", ["cert-version-4.pem", "odd-printable-with-at.pem"])
def test_files_of_the_field_are_refused_by_name(name: str) -> None:
    with pytest.raises(MessageUnreadable, match="certificate 1 of the file cannot be read"):
        read_bundle(reference(f"inputs/{name}").read_bytes())


def test_a_file_of_the_field_with_a_mark_is_read() -> None:
    assert len(read_bundle(reference("inputs/ldaps-ca-bom.pem").read_bytes()).certificates) == 1


@pytest.mark.parametrize("data", [b"", b"no certificate", b"\x30\x03\x02\x01\x01", b"-----BEGIN CERTIFICATE-----"])
def test_a_file_without_one_says_so(data: bytes) -> None:
    with pytest.raises(MessageUnreadable):
        read_bundle(data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", TEXT, TEXT[:400], b"-----BEGIN PKCS7-----\n"]))
def test_noise_is_refused_or_left_out(noise: bytes, before: bytes) -> None:
    try:
        found = read_bundle(before + noise)
    except MessageUnreadable:
        return
    assert found.certificates
