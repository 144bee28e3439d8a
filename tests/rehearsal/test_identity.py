"""As a SCEP client the Mac stops at another CA, weak words, a reply to somebody else, and a failure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from otae.rehearsal.connection import MacConnection, RecordedBody, ServerRefuses, ServerResponse
from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.identity import ScepClient
from otae.rehearsal.profiles import SCEPPayload
from otae.rehearsal.report import MacRefuses
from otae.signing import issuing, scep
from otae.signing.certificates import Keyed, der, name, new_key, new_serial
from tests.rehearsal.conftest import NOW, TERM, Server, answer

pytestmark = pytest.mark.anyio

BAG = "application/x-x509-ca-ra-cert"
REPLY = "application/x-pki-message"


def issue(server: Server, request: scep.PKIMessage, issuer: Keyed | None = None) -> x509.Certificate:
    assert request.csr is not None
    subject = name("otae somebody", "Example")
    key = request.csr.public_key
    return issuing.build_identity(key, subject, issuer or server.device_ca, serial=new_serial(), **TERM)


@dataclass
class Office(MacConnection):
    """A SCEP server behind the Mac's line, without the line; each test bends one thing."""

    server: Server
    capabilities: str = scep.CAPABILITIES
    bag: list[x509.Certificate] = field(default_factory=list)
    reply: Callable[["Office", scep.PKIMessage], bytes] | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)
    bodies: list[RecordedBody] = field(default_factory=list)

    async def request(
        self, method: str, url: str, *, name: str, content: bytes | None = None, headers: object = None
    ) -> ServerResponse:
        operation = parse_qs(urlsplit(url).query)["operation"][0]
        if operation == "GetCACaps":
            return answer(self.capabilities.encode(), kind="text/plain", status=200 if self.capabilities else 404)
        if operation == "GetCACert":
            bag = self.bag or self.server.bag
            packed = pkcs7.serialize_certificates(bag, Encoding.DER)
            return answer(packed, kind=self.kinds.get(operation, BAG))
        self.methods.append(method)
        data = content or scep.message_from_query(urlsplit(url).query.encode())
        request = scep.unwrap(scep.open_message(data), self.server.ra, allow_sha1=True, allow_des3=True)
        made = self.reply(self, request) if self.reply else self.success(request)
        return answer(made, kind=self.kinds.get(operation, REPLY))

    def success(self, request: scep.PKIMessage, ra: Keyed | None = None) -> bytes:
        return scep.cert_rep_success(request, issue(self.server, request), ra or self.server.ra)


def payload(server: Server) -> SCEPPayload:
    fingerprint = server.device_ca.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - what a Mac compares
    return SCEPPayload("uuid", "https://localhost/scep", "otae", "one-time", fingerprint)


async def obtain(office: Office, shape: MessageFormat | None = None, wanted: SCEPPayload | None = None) -> Keyed:
    return await ScepClient(office, wanted or payload(office.server), shape or MessageFormat(), name="x").obtain(NOW)


@pytest.mark.parametrize(
    "shape", [MessageFormat(), MessageFormat(scep_by_get=True), MessageFormat(csr_version=0)], ids=str
)
async def test_a_right_server_gives_a_certificate(server: Server, shape: MessageFormat) -> None:
    office = Office(server)
    identity = await obtain(office, shape)
    assert identity.certificate.public_key() == identity.key.public_key()
    assert office.methods == ["GET" if shape.scep_by_get else "POST"]


async def test_without_post_it_uses_get(server: Server) -> None:
    office = Office(server, capabilities="AES\nSHA-256\n")
    await obtain(office)
    assert office.methods == ["GET"]


@pytest.mark.parametrize("capabilities", ["AES\r\nSHA-256\r\n", "AES\n", "SHA256\n"])
async def test_words_it_cannot_split_or_does_not_know_are_no_capabilities(server: Server, capabilities: str) -> None:
    with pytest.raises(MacRefuses, match="digest"):
        await obtain(Office(server, capabilities=capabilities))


async def test_no_capabilities_at_all_are_refused(server: Server) -> None:
    with pytest.raises(ServerRefuses, match="GetCACaps"):
        await obtain(Office(server, capabilities=""))


async def test_another_authority_than_the_profile_s_is_refused(server: Server, stranger: Keyed) -> None:
    with pytest.raises(MacRefuses, match="fingerprint"):
        await obtain(Office(server), wanted=replace(payload(server), ca_fingerprint=b"x" * 20))
    foreign = issuing.build_ra(new_key(), name("RA", "Stranger"), stranger, **TERM)
    with pytest.raises(MacRefuses, match="registration authority"):
        await obtain(Office(server, bag=[server.device_ca.certificate, foreign.certificate]))
    with pytest.raises(MacRefuses, match="22003"):
        await obtain(Office(server, bag=[server.device_ca.certificate]))


async def test_other_content_types_are_refused(server: Server) -> None:
    for operation in ("GetCACert", "PKIOperation"):
        with pytest.raises(MacRefuses, match="content type"):
            await obtain(Office(server, kinds={operation: "text/html"}))


def other_transaction(office: Office, request: scep.PKIMessage) -> bytes:
    return office.success(replace(request, opened=replace(request.opened, transaction_id="ABC")))


def other_nonce(office: Office, request: scep.PKIMessage) -> bytes:
    return office.success(replace(request, opened=replace(request.opened, sender_nonce=b"x" * 8)))


def other_signer(office: Office, request: scep.PKIMessage) -> bytes:
    return office.success(request, office.server.profile_signer)


def altered(office: Office, request: scep.PKIMessage) -> bytes:
    made = office.success(request)
    return made[:-1] + bytes((made[-1] ^ 1,))


def failure(office: Office, request: scep.PKIMessage) -> bytes:
    return scep.cert_rep_failure(request.opened, scep.FailInfo.BAD_REQUEST, office.server.ra)


def other_key(office: Office, request: scep.PKIMessage) -> bytes:
    return scep.cert_rep_success(request, office.server.profile_signer.certificate, office.server.ra)


def other_issuer(office: Office, request: scep.PKIMessage) -> bytes:
    return scep.cert_rep_success(request, issue(office.server, request, office.server.root), office.server.ra)


FAULTS = {
    "another transaction": other_transaction,
    "another message": other_nonce,
    "registration authority": other_signer,
    "does not fit": altered,
    "BAD_REQUEST": failure,
    "another key": other_key,
    "not issued by the CA": other_issuer,
}


@pytest.mark.parametrize("words", FAULTS)
async def test_a_reply_that_is_not_to_be_believed_is_refused(server: Server, words: str) -> None:
    with pytest.raises(MacRefuses, match=words):
        await obtain(Office(server, reply=FAULTS[words]))


async def test_a_single_certificate_is_read_too(server: Server) -> None:
    office = Office(server, kinds={"GetCACert": "application/x-x509-ca-cert"})
    with pytest.raises(MacRefuses, match="GetCACert"):
        await obtain(office)
    assert der(server.device_ca.certificate)
