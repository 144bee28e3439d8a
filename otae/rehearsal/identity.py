"""The simulated Mac's SCEP client (RFC 8894), which does what Apple's client does."""

import asyncio
import base64
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.errors import Refusal
from otae.rehearsal.connection import MacConnection, ServerResponse
from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.profiles import SCEPPayload
from otae.rehearsal.report import MacRefuses
from otae.signing import csr, scep_client
from otae.signing.algorithms import Digest
from otae.signing.certificates import Keyed, check_issued_by, load_certificate, new_key
from otae.signing.envelopes import CipherName
from otae.signing.issuing import build_scep_signer

_CA_CERTIFICATE = "application/x-x509-ca-cert"
_CA_RA_CERTIFICATES = "application/x-x509-ca-ra-cert"
_PKI_MESSAGE = "application/x-pki-message"
_AGENT = {"User-Agent": "mdmclient/1683 CFNetwork/3826 Darwin/25.1.0"}
_SIGNER_LIFE = timedelta(days=365)


class ScepClient:
    """Obtains the certificate of one SCEP payload; ``name`` prefixes the names of its recorded bodies."""

    def __init__(
        self, connection: MacConnection, payload: SCEPPayload, message_format: MessageFormat, *, name: str
    ) -> None:
        self._connection, self._payload, self._message_format, self._name = connection, payload, message_format, name

    async def obtain(self, now: datetime) -> Keyed:
        """Return a new key with the certificate that the server issued for it.

        Raises:
            ServerRefuses: The server answered with another status than 200.
            MacRefuses: The CA has another fingerprint than the profile names, no algorithm fits, the reply is for
                another transaction or message or reports a failure, or the certificate is for another key.
        """
        capabilities = await self.capabilities()
        bag = await self.ca_certificates()
        authority = self._authority(bag)
        key, signer_key = await asyncio.gather(asyncio.to_thread(new_key), asyncio.to_thread(new_key))
        signer = build_scep_signer(signer_key, not_before=now - timedelta(days=1), not_after=now + _SIGNER_LIFE)
        request = self.request(build_csr(self._payload, key, self._message_format), signer, bag, capabilities)
        answer = await self.send(request.data, capabilities)
        certificate = self._read(answer, request, signer, bag)
        if certificate.public_key() != key.public_key():
            raise MacRefuses("SCEP: the certificate is for another key")
        _check_issued(certificate, authority, "the certificate was not issued by the CA of the profile")
        return Keyed(certificate, key)

    async def capabilities(self) -> frozenset[str]:
        """Return the keywords of GetCACaps, split at line feeds as Apple's client does."""
        answer = (await self._get("GetCACaps")).expect_ok("GetCACaps")
        return frozenset(answer.content.decode("ascii", "replace").split("\n"))

    async def ca_certificates(self) -> tuple[x509.Certificate, ...]:
        """Return the certificates of GetCACert."""
        answer = (await self._get("GetCACert")).expect_ok("GetCACert")
        try:
            if answer.content_type == _CA_CERTIFICATE:
                return (load_certificate(answer.content),)
            if answer.content_type == _CA_RA_CERTIFICATES:
                return scep_client.read_certificates(answer.content)
        except Refusal as refusal:
            raise MacRefuses(f"GetCACert: {refusal}") from refusal
        raise MacRefuses(f"GetCACert: content type {answer.content_type!r}")

    def request(
        self, csr_der: bytes, signer: Keyed, bag: tuple[x509.Certificate, ...], capabilities: frozenset[str]
    ) -> scep_client.ClientRequest:
        """Return the pkiMessage to send, with the best algorithms in ``capabilities``."""
        digests: tuple[tuple[str, Digest], ...] = (("SHA-512", "sha512"), ("SHA-256", "sha256"), ("SHA-1", "sha1"))
        digest = next((found for keyword, found in digests if keyword in capabilities), None)
        if digest is None:
            raise MacRefuses("SCEP: the server offers no digest (a Mac says 22006)")
        best: CipherName = "aes-128-cbc" if "AES" in capabilities else "des-ede3-cbc"
        try:
            return scep_client.build_request(
                csr_der, signer, bag, digest=digest, cipher=self._message_format.cipher or best
            )
        except Refusal as refusal:
            raise MacRefuses(f"SCEP: {refusal}") from refusal

    async def send(self, message: bytes, capabilities: frozenset[str]) -> ServerResponse:
        """Send PKIOperation: by POST when the server offers it, unless this Mac's message format says GET."""
        if "POSTPKIOperation" in capabilities and not self._message_format.scep_by_get:
            return await self._request("POST", "PKIOperation", content=message)
        # Like a Mac, escape only the padding.
        return await self._request("GET", "PKIOperation", base64.b64encode(message).decode("ascii").replace("=", "%3D"))

    def _read(
        self,
        answer: ServerResponse,
        request: scep_client.ClientRequest,
        signer: Keyed,
        bag: tuple[x509.Certificate, ...],
    ) -> x509.Certificate:
        if answer.expect_ok("SCEP").content_type != _PKI_MESSAGE:
            raise MacRefuses(f"SCEP: content type {answer.content_type!r}")
        try:
            reply = scep_client.read_reply(answer.content, request, signer, bag)
        except Refusal as refusal:
            raise MacRefuses(f"SCEP: the reply is not believed ({refusal})") from refusal
        if reply.certificate is None:
            why = reply.fail_info.name if reply.fail_info is not None else "PENDING"
            raise MacRefuses(f"SCEP: the server issued no certificate ({why})")
        return reply.certificate

    def _authority(self, bag: tuple[x509.Certificate, ...]) -> x509.Certificate:
        """Return the CA with the profile's fingerprint, after checking that it issued the registration authority."""
        fingerprint = self._payload.ca_fingerprint
        algorithm = hashes.SHA1() if len(fingerprint) == 20 else hashes.MD5()  # noqa: S303 - the two lengths a Mac compares
        authority = next((one for one in bag if one.fingerprint(algorithm) == fingerprint), None)
        if authority is None:
            raise MacRefuses("SCEP: no certificate has the fingerprint of the profile")
        try:
            registration = scep_client.registration_authority(bag)
        except Refusal as refusal:
            raise MacRefuses(f"SCEP: {refusal} (a Mac says 22003)") from refusal
        if registration != authority:
            _check_issued(registration, authority, "the registration authority is not the CA's")
        return authority

    async def _get(self, operation: str) -> ServerResponse:
        return await self._request("GET", operation, quote(self._payload.name, safe=""))

    async def _request(
        self, method: str, operation: str, message: str | None = None, content: bytes | None = None
    ) -> ServerResponse:
        joint = "&" if "?" in self._payload.url else "?"
        url = f"{self._payload.url}{joint}operation={operation}" + (
            f"&message={message}" if message is not None else ""
        )
        headers = _AGENT if content is None else _AGENT | {"Content-Type": _PKI_MESSAGE}
        name = f"{self._name}.{operation}"
        return await self._connection.request(method, url, name=name, content=content, headers=headers)


def build_csr(payload: SCEPPayload, key: rsa.RSAPrivateKey, message_format: MessageFormat) -> bytes:
    """Return the certification request for ``key`` with the payload's SCEP challenge, in DER."""
    return csr.build(key, "Rehearsal Mac", payload.challenge, version=message_format.csr_version)


def _check_issued(certificate: x509.Certificate, issuer: x509.Certificate, what: str) -> None:
    try:
        check_issued_by(certificate, issuer)
    except Refusal as refusal:
        raise MacRefuses(f"SCEP: {what}") from refusal
