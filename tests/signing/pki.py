"""What tests of SCEP messages share: a pkiMessage with any attributes, reading it, and its refusal."""

import pytest

from otae.errors import Refusal
from otae.signing import der, scep
from tests.signing import forge
from tests.signing.conftest import Tree
from tests.signing.forge import Signer

NONCE = b"12345678"


def pki_message(
    tree: Tree,
    content: bytes,
    *,
    types: list[bytes] | None = None,
    transaction: bytes | None = None,
    nonce: bytes | None = None,
    signer: Signer | None = None,
) -> bytes:
    """A pkiMessage with any attributes at all."""
    who = tree.mac_signer if signer is None else signer
    attributes = [
        *forge.standard(content),
        *([forge.text(scep.MESSAGE_TYPE, b"19")] if types is None else types),
        forge.text(scep.TRANSACTION_ID, b"T1") if transaction is None else transaction,
        forge.attribute(scep.SENDER_NONCE, der.octets(NONCE)) if nonce is None else nonce,
    ]
    algorithm = forge.RSA if signer is None else "1.2.840.10045.4.3.2"
    info = forge.signer_info(who, content, attributes, signature_algorithm=algorithm)
    return forge.message(content, [info], [who.certificate])


def parse(data: bytes, tree: Tree) -> scep.PKIMessage:
    return scep.unwrap(scep.open_message(data), tree.ra, allow_sha1=True, allow_des3=True)


def refused(tree: Tree, data: bytes, **allowed: bool) -> Refusal:
    """The refusal of the inner message, after the outer one was opened and could be answered."""
    opened = scep.open_message(data)
    with pytest.raises(Refusal) as caught:
        scep.unwrap(opened, tree.ra, **{"allow_sha1": True, "allow_des3": True, **allowed})
    reply = scep.cert_rep_failure(opened, scep.fail_info_for(caught.value), tree.ra)
    assert len(reply) > 1000
    return caught.value
