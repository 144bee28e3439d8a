"""What somebody may send instead of a message, each with the refusal it must get.

The first two pass in servers that verify a signature over the attributes and never compare the digest in them.
``judged``: openssl refuses it too. The others it accepts, or it has no word for the difference. The module is longer
than 300 lines because the table reads best in one piece.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from otae.errors import (
    AlgorithmRefused,
    MessageUnreadable,
    Refusal,
    SignatureInvalid,
    SignatureMissing,
    SignerUntrusted,
    TooLarge,
)
from otae.signing import cms, der
from otae.signing.certificates import der as as_der
from otae.signing.der import explicit, implicit, octets, oid, sequence, set_of
from tests.signing import forge, openssl
from tests.signing.conftest import Tree
from tests.signing.forge import DATA, OTHER_PLIST, PLIST, Signer

MAC = cms.Policy(allow_sha1=True, attributes="optional")
STRICT = cms.Policy()
ATTRIBUTES = forge.standard(PLIST)
GOOD_DIGEST = forge.message_digest(PLIST)
GOOD_TYPE = forge.content_type()


@dataclass(frozen=True)
class Cast:
    """Who may appear in a hostile message."""

    tree: Tree
    p256: Signer
    p384: Signer
    ed: Signer

    def info(self, attributes: list[bytes] | None = ATTRIBUTES, content: bytes = PLIST, name: str = "sha256") -> bytes:
        return forge.signer_info(self.tree.ra, content, attributes, name=name)

    def says(self, attributes: list[bytes] | None, content: bytes = PLIST, name: str = "sha256") -> bytes:
        """A message of the RA, with a right signature over these attributes."""
        return forge.message(content, [self.info(attributes, content, name)], [self.tree.ra.certificate], name=name)

    def message(
        self,
        info: bytes,
        *,
        outer: str = forge.SIGNED_DATA,
        inner: str = DATA,
        wrapped: bytes | None = None,
        extra: bytes = b"",
        after: bytes = b"",
    ) -> bytes:
        bag = [self.tree.ra.certificate]
        return forge.message(PLIST, [info], bag, outer=outer, inner=inner, wrapped=wrapped, extra=extra, after=after)

    @property
    def good(self) -> bytes:
        return self.says(ATTRIBUTES)


@pytest.fixture(scope="module")
def cast(tree: Tree, p256: Signer, p384: Signer, ed: Signer) -> Cast:
    return Cast(tree, p256, p384, ed)


@dataclass(frozen=True)
class Vector:
    name: str
    make: Callable[[Cast], bytes]
    refusal: type[Refusal]
    policy: cms.Policy = STRICT
    detached: bytes | None = None
    judged: bool = False


def other_key(cast: Cast) -> bytes:
    """The RA's name over the signature of somebody else."""
    info = forge.signer_info(Signer(cast.tree.ra.certificate, cast.tree.mac_signer.key), PLIST, ATTRIBUTES)
    return cast.message(info)


def two_of_one_name(cast: Cast) -> bytes:
    ra = as_der(cast.tree.ra.certificate)
    twin = ra[:-1] + bytes((ra[-1] ^ 1,))
    return forge.message(PLIST, [cast.info()], [ra, twin])


def attributes_as_content(cast: Cast) -> bytes:
    """The attributes of a message once signed, sent as the content of one without attributes: the signature fits."""
    content = set_of(ATTRIBUTES)
    info = forge.signer_info(cast.tree.ra, content, None)
    return forge.message(content, [info], [cast.tree.ra.certificate])


def by_another_algorithm(dotted: str) -> Callable[[Cast], bytes]:
    return lambda cast: cast.message(forge.signer_info(cast.tree.ra, PLIST, ATTRIBUTES, signature_algorithm=dotted))


def by_another_digest(name: str) -> Callable[[Cast], bytes]:
    return lambda cast: cast.says(forge.standard(PLIST, name), name=name)


def with_bag(*bag: bytes) -> Callable[[Cast], bytes]:
    return lambda cast: forge.message(PLIST, [cast.info()], [as_der(cast.tree.ra.certificate), *bag])


def by_key_identifier(cast: Cast) -> bytes:
    sid = der.encode(implicit(0), b"\1" * 20)
    return cast.message(forge.signer_info(cast.tree.ra, PLIST, ATTRIBUTES, sid=sid))


def deep(_: Cast) -> bytes:
    value = b"\x05\x00"
    for _level in range(40):
        value = sequence(value)
    return value


VECTORS = [
    Vector("attached body swapped", lambda c: c.good.replace(PLIST, OTHER_PLIST), SignatureInvalid, judged=True),
    Vector(
        "detached body swapped",
        lambda c: forge.signed(c.tree.ra, detached=True),
        SignatureInvalid,
        detached=OTHER_PLIST,
        judged=True,
    ),
    Vector("signature flipped", lambda c: c.good[:-1] + bytes((c.good[-1] ^ 1,)), SignatureInvalid, judged=True),
    Vector("signed by another key", other_key, SignatureInvalid, judged=True),
    Vector("no signer", lambda c: forge.message(PLIST, [], [c.tree.ra.certificate]), SignatureMissing, judged=True),
    Vector(
        "two signers, both right",
        lambda c: forge.message(
            PLIST,
            [c.info(), forge.signer_info(c.tree.mac_signer, PLIST, ATTRIBUTES)],
            [c.tree.ra.certificate, c.tree.mac_signer.certificate],
        ),
        MessageUnreadable,
    ),
    Vector(
        "two signers, one wrong",
        lambda c: forge.message(
            PLIST,
            [c.info(), forge.signer_info(c.tree.mac_signer, PLIST, ATTRIBUTES, made=b"\1" * 256)],
            [c.tree.ra.certificate, c.tree.mac_signer.certificate],
        ),
        MessageUnreadable,
        judged=True,
    ),
    Vector("no certificate", lambda c: forge.message(PLIST, [c.info()], []), SignerUntrusted, judged=True),
    Vector(
        "another's certificate",
        lambda c: forge.message(PLIST, [c.info()], [c.tree.device_ca.certificate]),
        SignerUntrusted,
        judged=True,
    ),
    Vector("two certificates of one name", two_of_one_name, SignerUntrusted),
    Vector("no attributes where required", lambda c: c.says(None), SignatureMissing),
    Vector("attributes passed off as content", attributes_as_content, SignatureInvalid, MAC),
    Vector("bare content that is no plist", lambda c: c.says(None, b"hello"), SignatureInvalid, MAC),
    Vector("bare empty content", lambda c: c.says(None, b""), SignatureInvalid, MAC),
    Vector(
        "bare body swapped",
        lambda c: c.says(None).replace(PLIST, OTHER_PLIST),
        SignatureInvalid,
        MAC,
        judged=True,
    ),
    Vector("attribute set empty", lambda c: c.says([]), MessageUnreadable),
    Vector("contentType missing", lambda c: c.says([GOOD_DIGEST]), MessageUnreadable, judged=True),
    Vector("messageDigest missing", lambda c: c.says([GOOD_TYPE]), MessageUnreadable, judged=True),
    Vector("contentType twice", lambda c: c.says([GOOD_TYPE, GOOD_TYPE, GOOD_DIGEST]), MessageUnreadable),
    Vector("messageDigest twice", lambda c: c.says([*ATTRIBUTES, GOOD_DIGEST]), MessageUnreadable),
    Vector(
        "messageDigest twice, one wrong",
        lambda c: c.says([*ATTRIBUTES, forge.message_digest(OTHER_PLIST)]),
        MessageUnreadable,
        judged=True,
    ),
    Vector(
        "two values of messageDigest",
        lambda c: c.says(
            [
                GOOD_TYPE,
                forge.attribute(
                    forge.MESSAGE_DIGEST,
                    octets(forge.digest(PLIST, "sha256")),
                    octets(forge.digest(OTHER_PLIST, "sha256")),
                ),
            ]
        ),
        MessageUnreadable,
        judged=True,
    ),
    Vector(
        "no value of messageDigest",
        lambda c: c.says([GOOD_TYPE, forge.attribute(forge.MESSAGE_DIGEST)]),
        MessageUnreadable,
        judged=True,
    ),
    Vector(
        "another attribute twice",
        lambda c: c.says([*ATTRIBUTES, forge.attribute("1.2.3", b"\5\0"), forge.attribute("1.2.3", b"\1\1\xff")]),
        MessageUnreadable,
    ),
    Vector(
        "another content type signed",
        lambda c: c.says([forge.content_type(forge.SIGNED_DATA), GOOD_DIGEST]),
        SignatureInvalid,
    ),
    Vector(
        "digest as text",
        lambda c: c.says(
            [GOOD_TYPE, forge.attribute(forge.MESSAGE_DIGEST, der.encode(0x0C, forge.digest(PLIST, "sha256")))]
        ),
        MessageUnreadable,
        judged=True,
    ),
    Vector(
        "digest cut short",
        lambda c: c.says(
            [GOOD_TYPE, forge.attribute(forge.MESSAGE_DIGEST, octets(forge.digest(PLIST, "sha256")[:16]))]
        ),
        SignatureInvalid,
        judged=True,
    ),
    Vector("digest of another kind", lambda c: c.says(forge.standard(PLIST, "sha1")), SignatureInvalid, judged=True),
    Vector("MD5", by_another_digest("md5"), AlgorithmRefused, MAC),
    Vector("SHA-224", by_another_digest("sha224"), AlgorithmRefused, MAC),
    Vector("SHA-1 where it is not taken", by_another_digest("sha1"), AlgorithmRefused),
    Vector(
        "bare SHA-1 where it is not taken",
        lambda c: c.says(None, name="sha1"),
        AlgorithmRefused,
        cms.Policy(attributes="optional"),
    ),
    Vector("RSASSA-PSS", by_another_algorithm("1.2.840.113549.1.1.10"), AlgorithmRefused),
    Vector("md5WithRSA", by_another_algorithm("1.2.840.113549.1.1.4"), AlgorithmRefused),
    Vector("sha1WithRSA beside SHA-256", by_another_algorithm("1.2.840.113549.1.1.5"), AlgorithmRefused, MAC),
    Vector("ECDSA under an RSA key", by_another_algorithm("1.2.840.10045.4.3.2"), AlgorithmRefused),
    Vector("RSA under an EC key", lambda c: forge.signed(c.p256), AlgorithmRefused),
    Vector("P-384", lambda c: forge.signed(c.p384, signature_algorithm="1.2.840.10045.4.3.2"), AlgorithmRefused),
    Vector("Ed25519", lambda c: forge.signed(c.ed, signature_algorithm="1.3.101.112"), AlgorithmRefused),
    Vector(
        "signature over the content beside attributes",
        lambda c: c.message(forge.signer_info(c.tree.ra, PLIST, ATTRIBUTES, signed=PLIST)),
        SignatureInvalid,
        judged=True,
    ),
    Vector(
        "signature over the attributes under their tag in the message",
        lambda c: c.message(
            forge.signer_info(c.tree.ra, PLIST, ATTRIBUTES, signed=der.encode(explicit(0), *sorted(ATTRIBUTES)))
        ),
        SignatureInvalid,
        judged=True,
    ),
    Vector(
        "empty signature",
        lambda c: c.message(forge.signer_info(c.tree.ra, PLIST, ATTRIBUTES, made=b"")),
        SignatureInvalid,
        judged=True,
    ),
    Vector("signer named by key identifier", by_key_identifier, MessageUnreadable),
    Vector("a byte after the message", lambda c: c.good + b"\0", MessageUnreadable),
    Vector("a second message after the message", lambda c: c.good + c.good, MessageUnreadable),
    Vector("a field after the content", lambda c: c.message(c.info(), after=octets(b"x")), MessageUnreadable),
    Vector("a field after the signers", lambda c: c.message(c.info(), extra=octets(b"x")), MessageUnreadable),
    Vector(
        "a field after the signature",
        lambda c: c.message(forge.signer_info(c.tree.ra, PLIST, ATTRIBUTES, extra=octets(b"x"))),
        MessageUnreadable,
    ),
    Vector(
        "encapsulated content of another type",
        lambda c: c.message(c.info(), inner=forge.SIGNED_DATA),
        MessageUnreadable,
    ),
    Vector(
        "a message of another type",
        lambda c: c.message(c.info(), outer="1.2.840.113549.1.7.3"),
        MessageUnreadable,
        judged=True,
    ),
    Vector("content missing", lambda c: forge.signed(c.tree.ra, detached=True), MessageUnreadable),
    Vector("content in two places", lambda c: c.good, MessageUnreadable, detached=PLIST),
    Vector(
        "two contents",
        lambda c: c.message(c.info(), wrapped=der.encode(explicit(0), octets(PLIST), octets(OTHER_PLIST))),
        MessageUnreadable,
        judged=True,
    ),
    Vector(
        "content that is no octet string",
        lambda c: c.message(c.info(), wrapped=der.encode(explicit(0), sequence())),
        MessageUnreadable,
    ),
    Vector("a signer that is a set", lambda c: c.message(set_of([c.info()])), MessageUnreadable, judged=True),
    Vector("a certificate of noise", with_bag(sequence(sequence(octets(b"noise")))), MessageUnreadable, judged=True),
    Vector("an attribute certificate", with_bag(der.encode(0xA2, sequence())), MessageUnreadable),
    Vector(
        "an attribute that is none",
        lambda c: c.says([*ATTRIBUTES, octets(b"noise")]),
        MessageUnreadable,
        judged=True,
    ),
    Vector("empty", lambda _: b"", MessageUnreadable, judged=True),
    Vector("cut off", lambda c: c.good[:-1], MessageUnreadable, judged=True),
    Vector("never closed", lambda c: forge.indefinite(c.good)[:-2], MessageUnreadable, judged=True),
    Vector("closed within a definite length", lambda _: b"\x30\x04\x05\x00\x00\x00", MessageUnreadable, judged=True),
    Vector("longer than itself", lambda _: b"\x30\x84\xff\xff\xff\xff\x00", MessageUnreadable, judged=True),
    Vector("a length of 127 bytes", lambda _: b"\x30\xff" + b"\xff" * 127, MessageUnreadable, judged=True),
    Vector("a tag of many bytes", lambda _: b"\x3f\x81\x01\x00", MessageUnreadable, judged=True),
    Vector("a primitive of indefinite length", lambda _: b"\x04\x80\x00\x00", MessageUnreadable, judged=True),
    Vector("just an object identifier", lambda _: sequence(oid(DATA)), MessageUnreadable, judged=True),
    Vector("forty levels deep", deep, TooLarge, judged=True),
    Vector("over the cap", lambda c: c.says(forge.standard(PLIST * 900), PLIST * 900), TooLarge),
]


def test_the_table_has_at_least_forty_vectors_each_once() -> None:
    assert len(VECTORS) >= 40
    assert len({vector.name for vector in VECTORS}) == len(VECTORS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_hostile_message_gets_its_refusal(cast: Cast, tmp_path: Path, vector: Vector) -> None:
    data = vector.make(cast)
    with pytest.raises(Refusal) as caught:
        cms.verify(data, detached=vector.detached, policy=vector.policy)
    assert type(caught.value) is vector.refusal
    assert not vector.judged or openssl.accepts(data, tmp_path, vector.detached) is None


def test_what_the_vectors_are_made_from_is_right(cast: Cast, tmp_path: Path) -> None:
    assert cms.verify(cast.good, policy=STRICT).content == PLIST
    assert openssl.accepts(cast.good, tmp_path) == PLIST
