import pytest
from cryptography import x509

from otae.errors import (
    MessageUnreadable,
    SignerUntrusted,
)
from otae.signing import der, scep, scep_client
from tests.signing import forge
from tests.signing.conftest import Tree

NONCE = b"12345678"


@pytest.fixture(scope="module")
def exchange(
    tree: Tree, request_der: bytes, identity: x509.Certificate
) -> tuple[scep_client.ClientRequest, scep.PKIMessage, bytes]:
    sent = scep_client.build_request(request_der, tree.mac_signer, tree.bag)
    read = scep.unwrap(scep.open_message(sent.data), tree.ra, allow_sha1=True, allow_des3=True)
    return sent, read, scep.cert_rep_success(read, identity, tree.ra)


def test_the_client_refuses_a_reply_of_another_signer(
    tree: Tree, exchange: tuple[scep_client.ClientRequest, scep.PKIMessage, bytes], identity: x509.Certificate
) -> None:
    sent, read, _ = exchange
    with pytest.raises(SignerUntrusted):
        scep_client.read_reply(scep.cert_rep_success(read, identity, tree.root), sent, tree.mac_signer, tree.bag)


def test_the_client_refuses_a_reply_to_another_request(
    tree: Tree, request_der: bytes, exchange: tuple[scep_client.ClientRequest, scep.PKIMessage, bytes]
) -> None:
    _, _, reply = exchange
    later = scep_client.build_request(request_der, tree.mac_signer, tree.bag)
    other = scep_client.build_request(request_der, tree.mac_signer, tree.bag, transaction_id="OTHER")
    for request in (later, other):
        with pytest.raises(MessageUnreadable):
            scep_client.read_reply(reply, request, tree.mac_signer, tree.bag)


def test_the_client_refuses_a_request_as_a_reply(
    tree: Tree, exchange: tuple[scep_client.ClientRequest, scep.PKIMessage, bytes], request_der: bytes
) -> None:
    sent, _, _ = exchange
    with pytest.raises(MessageUnreadable):
        scep_client.read_reply(
            scep_client.build_request(request_der, tree.ra, tree.bag).data, sent, tree.mac_signer, tree.bag
        )


def test_the_client_needs_a_registration_authority(tree: Tree, request_der: bytes) -> None:
    with pytest.raises(SignerUntrusted):
        scep_client.build_request(request_der, tree.mac_signer, [tree.device_ca.certificate])


def test_a_pending_reply_is_read(
    tree: Tree, exchange: tuple[scep_client.ClientRequest, scep.PKIMessage, bytes]
) -> None:
    sent, _, _ = exchange
    for status, expected in ((b"3", "pending"), (b"9", None), (b"2", None)):
        attributes = [
            *forge.standard(b""),
            forge.text(scep.MESSAGE_TYPE, b"3"),
            forge.text(scep.PKI_STATUS, status),
            forge.text(scep.TRANSACTION_ID, sent.transaction_id.encode()),
            forge.attribute(scep.RECIPIENT_NONCE, der.octets(sent.sender_nonce)),
            *([forge.text(scep.FAIL_INFO, b"77")] if status == b"2" else []),
        ]
        info = forge.signer_info(tree.ra, b"", attributes)
        reply = forge.message(None, [info], [tree.ra.certificate])
        if expected is None:
            with pytest.raises(MessageUnreadable):
                scep_client.read_reply(reply, sent, tree.mac_signer, tree.bag)
        else:
            assert scep_client.read_reply(reply, sent, tree.mac_signer, tree.bag).status == expected
