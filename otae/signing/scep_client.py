"""The client's side of SCEP (RFC 8894) in the manner of Macs, for the simulated Mac and the tests.

A Mac signs its request with a temporary key, under the self-signed certificate of ``issuing.build_scep_signer``. Its
senderNonce has 8 bytes, its transactionID is the SHA-1 of the requested key, and of the certificates of GetCACert it
uses the registration authority's only.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from cryptography import x509

from otae.errors import MessageUnreadable, SignerUntrusted
from otae.signing import csr, scep
from otae.signing.algorithms import Digest
from otae.signing.certificates import Keyed, extension, is_authority, load_certificate
from otae.signing.cms import SIGNED_DATA, Policy, body_of, signed_data, single, verify
from otae.signing.der import INTEGER, OCTET_STRING, PRINTABLE_STRING, SEQUENCE, SET, explicit, octets, to_der, values
from otae.signing.envelopes import CipherName, decrypt, encrypt


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A pkiMessage to send, and the values that its reply must repeat."""

    data: bytes = field(repr=False)
    transaction_id: str
    sender_nonce: bytes


@dataclass(frozen=True, slots=True)
class ScepReply:
    """The content of a verified CertRep: certificate or CRL on success, failInfo on failure, nothing while pending."""

    status: Literal["success", "failure", "pending"]
    certificate: x509.Certificate | None = None
    fail_info: scep.FailInfo | None = None
    crl: x509.CertificateRevocationList | None = None


def read_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a degenerate SignedData, such as the answer to GetCACert, in their order.

    Raises TooLarge or MessageUnreadable.
    """
    return _read_bag(data)[0]


def _read_bag(data: bytes) -> tuple[tuple[x509.Certificate, ...], tuple[bytes, ...]]:
    """Return the certificates and the CRLs (DER) of a degenerate SignedData. Raises TooLarge or MessageUnreadable."""
    body = body_of(to_der(data), SIGNED_DATA)
    body.take(INTEGER)
    body.take(SET)
    body.take(SEQUENCE)
    certificates, crls = body.maybe(explicit(0)), body.maybe(explicit(1))
    body.take(SET)
    body.end()
    return (
        tuple(load_certificate(value.raw) for value in values(certificates.content)) if certificates else (),
        tuple(value.raw for value in values(crls.content)) if crls else (),
    )


def registration_authority(bag: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the certificate for envelopes and replies: one with both key usages, preferably no CA.

    Raises SignerUntrusted when there is none in the bag.
    """
    usages = [(certificate, extension(certificate, x509.KeyUsage)) for certificate in bag]
    fit = [certificate for certificate, usage in usages if usage and usage.digital_signature and usage.key_encipherment]
    if not fit:
        raise SignerUntrusted("no registration authority among the certificates")
    return min(fit, key=is_authority)


def transaction_id_of(csr_der: bytes) -> str:
    """Return a Mac's transactionID: SHA-1 over the requested public key, 40 upper-case hex digits."""
    return x509.SubjectKeyIdentifier.from_public_key(csr.parse(csr_der).public_key).digest.hex().upper()


def build_request(
    csr_der: bytes,
    signer: Keyed,
    ca_bag: Sequence[x509.Certificate],
    *,
    digest: Digest = "sha256",
    cipher: CipherName = "aes-128-cbc",
    transaction_id: str | None = None,
    message_type: int = scep.MessageType.PKCS_REQ,
) -> ClientRequest:
    """Return a pkiMessage with a certification request, encrypted to the registration authority in ``ca_bag``.

    The transactionID is by default that of Macs (`transaction_id_of`).
    """
    transaction_id = transaction_id_of(csr_der) if transaction_id is None else transaction_id
    nonce = secrets.token_bytes(8)
    attributes = {
        scep.MESSAGE_TYPE: scep.printable(str(int(message_type))),
        scep.TRANSACTION_ID: scep.printable(transaction_id),
        scep.SENDER_NONCE: octets(nonce),
    }
    envelope = encrypt(csr_der, registration_authority(ca_bag), cipher)
    data = signed_data(envelope, signer, [signer.certificate], digest, attributes)
    return ClientRequest(data, transaction_id, nonce)


def read_reply(data: bytes, request: ClientRequest, signer: Keyed, ca_bag: Sequence[x509.Certificate]) -> ScepReply:
    """Verify a CertRep as Apple's client does, and also its recipientNonce (RFC 8894 §3.2.1.5); then open it.

    Raises:
        SignerUntrusted: not signed by the registration authority.
        MessageUnreadable: no CertRep, or the reply to another request.
        Refusal: all that :func:`otae.signing.cms.verify` and :func:`otae.signing.envelopes.decrypt` raise.
    """
    message = verify(data, policy=Policy(absent_is_empty=True))
    if message.signer != registration_authority(ca_bag):
        raise SignerUntrusted("the reply was not signed by the registration authority")
    attributes = message.attributes or {}
    if single(attributes, scep.MESSAGE_TYPE, PRINTABLE_STRING) != scep.CERT_REP.encode():
        raise MessageUnreadable("not a CertRep")
    if single(attributes, scep.TRANSACTION_ID, PRINTABLE_STRING) != request.transaction_id.encode():
        raise MessageUnreadable("a reply to another transaction")
    if single(attributes, scep.RECIPIENT_NONCE, OCTET_STRING) != request.sender_nonce:
        raise MessageUnreadable("a reply to another message")
    status = single(attributes, scep.PKI_STATUS, PRINTABLE_STRING).decode("ascii", "replace")
    if status == scep.SUCCESS:
        certificates, crls = _read_bag(decrypt(message.content, signer, allow_des3=True).content)
        if len(certificates) + len(crls) != 1:
            raise MessageUnreadable(f"{len(certificates)} certificates and {len(crls)} CRLs in the reply")
        if crls:
            return ScepReply("success", crl=x509.load_der_x509_crl(crls[0]))
        return ScepReply("success", certificate=certificates[0])
    if status == scep.FAILURE:
        return ScepReply("failure", fail_info=_fail_info(single(attributes, scep.FAIL_INFO, PRINTABLE_STRING)))
    if status == scep.PENDING:
        return ScepReply("pending")
    raise MessageUnreadable("a pkiStatus that is none")


def _fail_info(text: bytes) -> scep.FailInfo:
    try:
        return scep.FailInfo(int(text))
    except ValueError as error:
        raise MessageUnreadable("a failInfo that is none") from error
