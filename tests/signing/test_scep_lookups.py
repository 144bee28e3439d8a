"""What GetCertInitial, GetCert and GetCRL hold is read strictly."""

from otae.errors import RequestUnreadable
from otae.signing import der, scep
from otae.signing.envelopes import encrypt
from tests.signing import forge
from tests.signing.conftest import Tree
from tests.signing.pki import parse, pki_message, refused


def test_what_is_looked_up_is_read_strictly(tree: Tree) -> None:
    name, long_serial = tree.device_ca.certificate.subject.public_bytes(), der.encode(der.INTEGER, b"\x01" * 21)
    by_serial = [
        b"",
        b"noise",
        name,
        der.sequence(name),
        der.sequence(name, name),
        der.sequence(name, der.octets(b"7")),
        der.sequence(name, der.integer(7), der.integer(7)),
        der.sequence(name, der.integer(7)) + b"\0",
        der.sequence(name, der.encode(der.INTEGER, b"\xff")),
        der.sequence(name, der.encode(der.INTEGER)),
        der.sequence(name, long_serial),
        der.sequence(der.sequence(der.integer(1)), der.integer(7)),
        der.sequence(der.encode(der.SET), der.integer(7)),
    ]
    by_name = [b"", name, der.sequence(name), der.sequence(name, name, name), der.sequence(name, der.integer(7))]
    for number, contents in ((20, by_name), (21, by_serial), (22, by_serial)):
        types = [forge.text(scep.MESSAGE_TYPE, str(number).encode())]
        for content in contents:
            sent = pki_message(tree, encrypt(content, tree.ra.certificate, "aes-128-cbc"), types=types)
            refusal = refused(tree, sent)
            assert isinstance(refusal, RequestUnreadable), content
            assert scep.fail_info_for(refusal, number) is scep.FailInfo.BAD_CERT_ID


def test_a_look_up_in_ber_is_read_alike(tree: Tree) -> None:
    name = tree.device_ca.certificate.subject.public_bytes()
    inside = forge.indefinite(der.sequence(name, der.integer(7)))
    types = [forge.text(scep.MESSAGE_TYPE, b"21")]
    read = parse(pki_message(tree, encrypt(inside, tree.ra.certificate, "aes-128-cbc"), types=types), tree)
    assert read.named is not None
    assert (read.named.issuer, read.named.serial) == (name, 7)
