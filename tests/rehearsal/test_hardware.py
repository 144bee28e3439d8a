"""What the simulated Mac writes is what the product reads, and openssl too."""

import base64
import re
from dataclasses import replace
from pathlib import Path

import pytest

from otae.errors import SignatureInvalid, SignerUntrusted
from otae.rehearsal.hardware import DeviceFacts, Hardware, MessageFormat, device_leaf, make_device_ca, sign_as_mac
from otae.signing import cms
from otae.signing.apple_device_ca import check_apple_device
from tests.reference import reference
from tests.rehearsal.conftest import NOW
from tests.signing import openssl

PLIST = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0"><dict/></plist>\n' + b"<!-- long -->" * 200
MAC = cms.Policy(allow_sha1=True, attributes="optional")
SHAPES = [
    MessageFormat(),
    MessageFormat(digest="sha256"),
    MessageFormat(attributes=True),
    MessageFormat(attributes=True, digest="sha256", indefinite=False),
    MessageFormat(whole_chain=False, indefinite=False),
]


@pytest.fixture(scope="module")
def hardware() -> Hardware:
    maker = make_device_ca(NOW)
    return Hardware(device_leaf(maker, NOW), (maker.certificate,))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_verifies_here_and_in_openssl(hardware: Hardware, shape: MessageFormat, tmp_path: Path) -> None:
    data = sign_as_mac(PLIST, hardware.identity, hardware.chain, shape)
    message = cms.verify(data, policy=MAC)
    assert (message.content, message.signer, message.digest) == (PLIST, hardware.identity.certificate, shape.digest)
    assert (message.attributes is not None) == shape.attributes
    assert len(message.certificates) == 1 + shape.whole_chain
    assert openssl.accepts(data, tmp_path) == PLIST


def test_the_usual_shape_is_that_of_the_captures(hardware: Hardware) -> None:
    data = sign_as_mac(PLIST, hardware.identity, hardware.chain, MessageFormat())
    assert data.startswith(b"\x30\x80")
    assert data.endswith(b"\0\0")
    assert b"\x24\x80\x04" in data


def outline(data: bytes, folder: Path) -> list[str]:
    """How a message is built above its certificates, and its signer's algorithms; names and sizes left out."""
    (folder / "message.der").write_bytes(data)
    said = openssl.run("asn1parse", "-inform", "DER", "-in", folder / "message.der").stdout.decode()
    kept = []
    for depth, length, kind in re.findall(r"d=(\d+) +hl=\d+ l= *(\w+) (?:cons|prim): (.*)", said):
        if depth <= "3" or (depth == "6" and "sha1" in kind):
            kept.append(f"{depth} {'inf' if length == 'inf' else ''} {' '.join(kind.split())}")
    return kept


def test_a_signature_is_built_like_a_recorded_one(hardware: Hardware, tmp_path: Path) -> None:
    recorded = base64.b64decode(reference("captures/mdm-signature/2.header.b64").read_bytes())
    ours = sign_as_mac(PLIST, hardware.identity, (), MessageFormat(), detached=True)
    assert outline(ours, tmp_path) == outline(recorded, tmp_path)
    assert "6  OBJECT :sha1WithRSAEncryption" in outline(ours, tmp_path)


def test_a_flipped_byte_of_content_is_refused(hardware: Hardware) -> None:
    data = sign_as_mac(PLIST, hardware.identity, hardware.chain, MessageFormat(indefinite=False))
    with pytest.raises(SignatureInvalid):
        cms.verify(data.replace(b"<dict/>", b"<true/>"), policy=MAC)


def test_detached_it_carries_no_content(hardware: Hardware, tmp_path: Path) -> None:
    data = sign_as_mac(PLIST, hardware.identity, (), MessageFormat(), detached=True)
    assert b"plist" not in data
    assert cms.verify(data, detached=PLIST, policy=MAC).content == PLIST
    assert openssl.accepts(data, tmp_path, PLIST) == PLIST


def test_only_its_own_maker_vouches_for_it(hardware: Hardware) -> None:
    leaf = hardware.identity.certificate
    check_apple_device(leaf, extra=hardware.chain)
    for others in ([], [make_device_ca(NOW).certificate]):
        with pytest.raises(SignerUntrusted):
            check_apple_device(leaf, extra=others)


def test_every_invented_mac_is_another_one() -> None:
    one, other = DeviceFacts.invented(), DeviceFacts.invented()
    assert one.udid != other.udid
    assert one.serial != other.serial
    assert DeviceFacts.invented("C02TEST").serial == "C02TEST"
    assert replace(one, product="Mac1,1").product == "Mac1,1"
