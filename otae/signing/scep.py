"""The server's side of SCEP (RFC 8894): reads requests and builds CertRep replies. ``scep_client`` is the client's.

A request is read in two steps, so that a refusal can be answered in the protocol. :func:`open_message` verifies the
outer message; what it refuses gets HTTP 400, because there is no verified signer to reply to. :func:`unwrap` then
checks the message type, opens the envelope and reads the request; its refusals are answered with
:func:`cert_rep_failure` and the failInfo of :func:`fail_info_for`.

The layout of the replies is what both Apple's client and independent ones accept: the registration authority (RA) signs
and its certificate is included, attributes are in DER order, numbers are PrintableStrings, the envelope is for the
certificate that signed the request, and it contains only the issued certificate.
"""

import base64
import binascii
import enum
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from otae.errors import (
    AlgorithmRefused,
    CertificateRevoked,
    KeyRefused,
    MessageTypeRefused,
    MessageUnreadable,
    Refusal,
    RequestUnreadable,
    SignerUntrusted,
    TooLarge,
    Unreadable,
)
from otae.signing import csr
from otae.signing.algorithms import Digest
from otae.signing.certificates import Keyed
from otae.signing.cms import DATA, SIGNED_DATA, Policy, content_info, signed_data, single, verify
from otae.signing.der import (
    INTEGER,
    MAX_BYTES,
    OCTET_STRING,
    PRINTABLE_STRING,
    SEQUENCE,
    SET,
    Fields,
    encode,
    explicit,
    integer,
    octets,
    oid,
    sequence,
    set_of,
    to_der,
    values,
)
from otae.signing.envelopes import CipherName, decrypt, encrypt

#: The answer to GetCACaps, one keyword a line, LF. SHA-384 is listed for strongSwan, which refuses AES without it.
CAPABILITIES: Final = "AES\nDES3\nSHA-256\nSHA-384\nSHA-512\nPOSTPKIOperation\nSCEPStandard\nRenewal\n"

MESSAGE_TYPE: Final = "2.16.840.1.113733.1.9.2"
PKI_STATUS: Final = "2.16.840.1.113733.1.9.3"
FAIL_INFO: Final = "2.16.840.1.113733.1.9.4"
SENDER_NONCE: Final = "2.16.840.1.113733.1.9.5"
RECIPIENT_NONCE: Final = "2.16.840.1.113733.1.9.6"
TRANSACTION_ID: Final = "2.16.840.1.113733.1.9.7"
CERT_REP: Final = "3"
SUCCESS: Final = "0"
FAILURE: Final = "2"
PENDING: Final = "3"

_MAX_TRANSACTION_ID: Final = 128
_MAX_NONCE: Final = 64
_MAX_SERIAL: Final = 20
#: MAX_BYTES in base64 with every character percent-encoded, and the operation.
_MAX_QUERY: Final = 3 * 4 * MAX_BYTES // 3 + 1024


class MessageType(enum.IntEnum):
    """The message types that are answered (RFC 8894 §3.2.1.2); every other is refused."""

    RENEWAL_REQ = 17
    PKCS_REQ = 19
    GET_CERT_INITIAL = 20
    GET_CERT = 21
    GET_CRL = 22


#: Types that ask for an existing certificate or CRL, and never issue one.
_LOOK_UPS: Final = (MessageType.GET_CERT_INITIAL, MessageType.GET_CERT, MessageType.GET_CRL)


class FailInfo(enum.IntEnum):
    """Why a request failed (RFC 8894 §3.2.1.4)."""

    BAD_ALG = 0
    BAD_MESSAGE_CHECK = 1
    BAD_REQUEST = 2
    BAD_TIME = 3
    BAD_CERT_ID = 4


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """A pkiMessage whose outer signature was verified; its envelope has not been opened.

    ``signer`` is proven to hold its key, and not identified yet. ``message_type`` may be one that is not answered.
    """

    message_type: int
    transaction_id: str
    sender_nonce: bytes
    signer: x509.Certificate = field(repr=False)  # its repr would read a name that anybody wrote
    digest: Digest
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuerAndSerial:
    """The certificate that GetCert or GetCRL names: its issuer's Name as DER, and its serial number."""

    issuer: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class PKIMessage:
    """A request whose envelope was opened and read.

    Attributes:
        csr: the certification request, of PKCSReq and RenewalReq.
        inner: the content of the envelope.
        named: the certificate that GetCert or GetCRL asks about. (GetCertInitial has an IssuerAndSubject, which is
            checked but not needed.)
    """

    message_type: MessageType
    opened: OpenedMessage
    csr: csr.CertificationRequest | None
    inner: bytes = field(repr=False)
    cipher: CipherName
    named: IssuerAndSerial | None = None

    @property
    def transaction_id(self) -> str:
        """The client's transactionID, 1 to 128 characters."""
        return self.opened.transaction_id

    @property
    def signer(self) -> x509.Certificate:
        """The certificate that signed the request; the reply is encrypted to it."""
        return self.opened.signer


def message_from_query(query_string: bytes) -> bytes:
    """Return the pkiMessage in the raw query string of a PKIOperation by GET.

    Clients percent-encode the base64 completely, in part (macOS: only ``=``) or not at all, use the URL-safe alphabet,
    let ``+`` become a space, break lines or omit the padding; all of these are read.

    Raises:
        TooLarge: longer than a message can be.
        MessageUnreadable: not exactly one ``message``, or no base64.
    """
    if len(query_string) > _MAX_QUERY:
        raise TooLarge(f"{len(query_string)} bytes of query")
    pairs = [pair.partition(b"=") for pair in query_string.split(b"&")]
    found = [value for name, _, value in pairs if name == b"message"]
    if len(found) != 1:
        raise MessageUnreadable(f"{len(found)} messages in the query")
    text = unquote_to_bytes(found[0]).translate(bytes.maketrans(b" -_", b"++/"), b"\r\n").rstrip(b"=")
    try:
        message = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise MessageUnreadable("the message in the query is no base64") from error
    if len(message) > MAX_BYTES:
        raise TooLarge(f"{len(message)} bytes, {MAX_BYTES} allowed")
    return message


def open_message(data: bytes) -> OpenedMessage:
    """Verify the outer SignedData of a request, BER or DER, at most 64 KiB.

    SHA-1 is accepted here, so that its refusal by :func:`unwrap` can be answered.

    Raises:
        MessageUnreadable: also for SCEP attributes that are missing, repeated or of another type.
        Refusal: all that :func:`otae.signing.cms.verify` raises.
    """
    message = verify(data, policy=Policy(allow_sha1=True))
    attributes = message.attributes or {}
    message_type = single(attributes, MESSAGE_TYPE, PRINTABLE_STRING)
    transaction_id = single(attributes, TRANSACTION_ID, PRINTABLE_STRING)
    sender_nonce = single(attributes, SENDER_NONCE, OCTET_STRING)
    if not 1 <= len(sender_nonce) <= _MAX_NONCE:
        raise MessageUnreadable("a senderNonce of unusual length")
    number, transaction = _message_type(message_type), _transaction_id(transaction_id)
    return OpenedMessage(number, transaction, sender_nonce, message.signer, message.digest, message.content)


def _message_type(text: bytes) -> int:
    """Return a decimal number in the form of RFC 8894: no sign, blank or leading zero. Raises MessageUnreadable."""
    if not text.isdigit() or len(text) > 3 or text != str(int(text)).encode():
        raise MessageUnreadable("a messageType that is no number")
    return int(text)


def _transaction_id(text: bytes) -> str:
    if not 1 <= len(text) <= _MAX_TRANSACTION_ID or not all(0x20 <= octet < 0x7F for octet in text):
        raise MessageUnreadable("a transactionID of unusual length or characters")
    return text.decode("ascii")


def unwrap(
    opened: OpenedMessage, ra: Keyed, *, allow_sha1: bool, allow_des3: bool, allow_des: bool = False
) -> PKIMessage:
    """Check the message type, open the envelope with the RA's key and read the request inside.

    The client must not be able to tell EnvelopeUnreadable, RequestUnreadable and SignatureInvalid apart;
    :func:`fail_info_for` maps them to the same failInfo.

    Raises:
        MessageTypeRefused: a type that is not answered.
        AlgorithmRefused: SHA-1 or DES where it is not allowed, or an algorithm that never is.
        KeyRefused: the signer has no RSA key to encrypt the reply to, or the requested key is weak.
        EnvelopeUnreadable: the envelope does not open.
        RequestUnreadable: its content is malformed.
        SignatureInvalid: the signature of the certification request does not match.
    """
    try:
        message_type = MessageType(opened.message_type)
    except ValueError as error:
        raise MessageTypeRefused(f"messageType {opened.message_type}") from error
    if opened.digest == "sha1" and not allow_sha1:
        raise AlgorithmRefused("digest algorithm sha1")
    if not isinstance(opened.signer.public_key(), rsa.RSAPublicKey):
        raise KeyRefused("the request's signer has no RSA key to encrypt the reply to")
    decrypted = decrypt(opened.envelope, ra, allow_des3=allow_des3, allow_des=allow_des)
    try:
        request, named = _read_content(message_type, decrypted.content)
    except (AlgorithmRefused, Unreadable) as error:  # badAlg would reveal an algorithm that was encrypted
        raise RequestUnreadable(error.detail) from error
    return PKIMessage(message_type, opened, request, decrypted.content, decrypted.cipher, named)


def _read_content(
    message_type: MessageType, data: bytes
) -> tuple[csr.CertificationRequest | None, IssuerAndSerial | None]:
    """Read a certification request, IssuerAndSubject or IssuerAndSerialNumber (RFC 8894 §3.3)."""
    if message_type in (MessageType.PKCS_REQ, MessageType.RENEWAL_REQ):
        return csr.parse(data), None
    fields = Fields.of(to_der(data))
    issuer = _name(fields)
    if message_type is MessageType.GET_CERT_INITIAL:
        _name(fields)
        fields.end()
        return None, None
    serial = fields.take(INTEGER).content
    fields.end()
    if not 1 <= len(serial) <= _MAX_SERIAL or serial[0] & 0x80:
        raise RequestUnreadable("a serial number that is none")
    return None, IssuerAndSerial(issuer, int.from_bytes(serial))


def _name(fields: Fields) -> bytes:
    """Return the next field, a Name (RFC 5280 §4.1.2.4), as DER. Raises RequestUnreadable."""
    value = fields.take(SEQUENCE)
    if any(part.tag != SET for part in values(value.content)):
        raise RequestUnreadable("a name that is none")
    return value.raw


def fail_info_for(refusal: Refusal, message_type: int = MessageType.PKCS_REQ) -> FailInfo:
    """Return the failInfo for the refusal of a message of this type.

    badAlg for an algorithm visible in the message; badMessageCheck for a RenewalReq whose signer is no valid identity
    of ours; badCertId for any other refusal of a look-up; else badRequest. All refusals that depend on the content of
    the envelope get the same failInfo: a difference between wrong padding and wrong request would be a padding oracle.
    badTime is never used: a Mac's wrong clock is no reason to refuse a certificate.
    """
    if isinstance(refusal, AlgorithmRefused):
        return FailInfo.BAD_ALG
    if message_type == MessageType.RENEWAL_REQ and isinstance(refusal, SignerUntrusted | CertificateRevoked):
        return FailInfo.BAD_MESSAGE_CHECK
    return FailInfo.BAD_CERT_ID if message_type in _LOOK_UPS else FailInfo.BAD_REQUEST


def cert_rep_success(request: PKIMessage, certificate: x509.Certificate, ra: Keyed) -> bytes:
    """Return the CertRep (DER) with ``certificate``, encrypted to the request's signer and signed by the RA.

    The cipher is the request's if that is AES, else triple DES; the digest is the request's, but at least SHA-256.
    """
    return _success(request, certs_only([certificate]), ra)


def cert_rep_crl(request: PKIMessage, crl: bytes, ra: Keyed) -> bytes:
    """Return the CertRep (DER) to a GetCRL (RFC 8894 §4.6): a degenerate SignedData with only ``crl`` (DER)."""
    content = sequence(oid(DATA))
    body = sequence(integer(1), set_of([]), content, encode(explicit(1), crl), set_of([]))
    return _success(request, content_info(SIGNED_DATA, body), ra)


def _success(request: PKIMessage, bag: bytes, ra: Keyed) -> bytes:
    cipher: CipherName = request.cipher if request.cipher.startswith("aes") else "des-ede3-cbc"
    envelope = encrypt(bag, request.signer, cipher)
    return _cert_rep(request.opened, ra, envelope, {PKI_STATUS: printable(SUCCESS)})


def cert_rep_failure(request: OpenedMessage, fail_info: FailInfo, ra: Keyed) -> bytes:
    """Return the CertRep (DER) of a failure (pkiStatus 2), signed by the RA, without content."""
    return _cert_rep(request, ra, None, {PKI_STATUS: printable(FAILURE), FAIL_INFO: printable(str(int(fail_info)))})


def _cert_rep(request: OpenedMessage, ra: Keyed, content: bytes | None, status: dict[str, bytes]) -> bytes:
    attributes = {
        MESSAGE_TYPE: printable(CERT_REP),
        TRANSACTION_ID: printable(request.transaction_id),
        RECIPIENT_NONCE: octets(request.sender_nonce),
        SENDER_NONCE: octets(secrets.token_bytes(16)),
        **status,
    }
    digest: Digest = "sha256" if request.digest == "sha1" else request.digest
    return signed_data(content, ra, [ra.certificate], digest, attributes)


def certs_only(certificates: Sequence[x509.Certificate]) -> bytes:
    """Return a degenerate SignedData (RFC 8894 §3.4) with these certificates in DER order, as DER."""
    return pkcs7.serialize_certificates(list(certificates), serialization.Encoding.DER)


def printable(text: str) -> bytes:
    """Return a PrintableString as DER."""
    return encode(PRINTABLE_STRING, text.encode("ascii"))
