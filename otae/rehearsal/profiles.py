"""Checks a profile as a Mac does before installing it: signature, signer, and the keys of each payload.

Keys: https://developer.apple.com/documentation/devicemanagement/toplevel and the pages of the payload types; the
Profile Service: Apple archive, "Over-the-Air Profile Delivery and Configuration".
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509

from otae.apple import plist
from otae.errors import Refusal
from otae.rehearsal.connection import ServerResponse
from otae.rehearsal.report import MacRefuses
from otae.signing import cms
from otae.signing.certificates import Keyed, check_issued_by, load_certificate
from otae.signing.envelopes import decrypt

CONTENT_TYPE: Final = "application/x-apple-aspen-config"
#: Larger than any message we take: profiles carry certificates.
_MAX_BYTES: Final = 1024 * 1024
_UUID: Final = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", re.IGNORECASE)
_ROOTS: Final = ("com.apple.security.root", "com.apple.security.pkcs1")
_ATTRIBUTES: Final = {"UDID", "VERSION", "PRODUCT", "SERIAL", "MEID", "IMEI", "ICCID", "IMSI", "DEVICE_NAME"}
_LONGEST_CHAIN: Final = 5

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class ProfileService:
    """The profile of phase 1: where to send which attributes, and the Challenge to return."""

    url: str
    attributes: tuple[str, ...]
    challenge: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SCEPPayload:
    """A certificate to request; other payloads refer to it by ``uuid``."""

    uuid: str
    url: str
    name: str
    challenge: str = field(repr=False)
    ca_fingerprint: bytes


@dataclass(frozen=True, slots=True)
class MDMPayload:
    """The server to check in with; ``identity_uuid`` names the SCEP payload of the same profile."""

    identity_uuid: str
    topic: str
    server_url: str
    checkin_url: str
    check_out: bool


@dataclass(frozen=True, slots=True)
class Configuration:
    """The payloads of a configuration profile."""

    identifier: str
    certificates: tuple[x509.Certificate, ...]
    scep: SCEPPayload
    mdm: MDMPayload | None


def open_profile(
    answer: ServerResponse, trusted: Sequence[x509.Certificate], now: datetime, *, what: str
) -> Mapping[str, object]:
    """Return the property list of a downloaded profile after checking content type, signature and signer.

    Raises ServerRefuses when the answer is not a profile, and MacRefuses where a Mac would stop.
    """
    if answer.expect_ok(what).content_type != CONTENT_TYPE:
        raise MacRefuses(f"{what}: content type {answer.content_type!r} is no profile's")
    try:
        message = cms.verify(answer.content, policy=cms.Policy(max_bytes=_MAX_BYTES))
        check_chain(message.signer, message.certificates, trusted, now)
        profile = plist.loads(message.content)
    except Refusal as refusal:
        raise MacRefuses(f"{what}: the profile is not verified ({refusal.code} {refusal})") from refusal
    _check_head(profile, what)
    return profile


def check_chain(
    leaf: x509.Certificate, bag: Iterable[x509.Certificate], trusted: Sequence[x509.Certificate], now: datetime
) -> None:
    """Check that ``leaf`` chains to one of ``trusted`` through ``bag``, all valid at ``now``; MacRefuses otherwise."""
    current, known = leaf, [*trusted, *bag]
    for _ in range(_LONGEST_CHAIN):
        if not current.not_valid_before_utc <= now <= current.not_valid_after_utc:
            raise MacRefuses(f"{current.subject.rfc4514_string()!r} is out of date")
        if current in trusted:
            return
        above = next((one for one in known if one != current and _issued(current, one)), None)
        if above is None:
            break
        current = above
    raise MacRefuses(f"{leaf.subject.rfc4514_string()!r} does not lead to a trusted root")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        check_issued_by(certificate, issuer)
    except Refusal:
        return False
    return True


def read_profile_service(profile: Mapping[str, object]) -> ProfileService:
    """Return the Profile Service in ``profile``; MacRefuses when it is none or lacks what a Mac needs."""
    if profile["PayloadType"] != "Profile Service":
        raise MacRefuses("not a Profile Service profile")
    content = _dictionary(profile.get("PayloadContent"), "PayloadContent")
    attributes: list[str] = _get(content, "DeviceAttributes", list)
    if not all(isinstance(attribute, str) for attribute in attributes):
        raise MacRefuses("DeviceAttributes holds something else than str")
    if not set(attributes) <= _ATTRIBUTES:
        raise MacRefuses("DeviceAttributes asks for what Macs do not tell")
    return ProfileService(_https(content, "URL"), tuple(attributes), _get(content, "Challenge", str))


def read_configuration(profile: Mapping[str, object], recipient: Keyed | None = None) -> Configuration:
    """Return the configuration in ``profile``, which has one SCEP payload; ``recipient`` decrypts its payloads.

    Raises MacRefuses for a key that is missing or of the wrong type, a repeated UUID, or a wrong reference.
    """
    if profile["PayloadType"] != "Configuration":
        raise MacRefuses(f"a profile of type {profile['PayloadType']!r} where a configuration belongs")
    if profile.get("PayloadScope") != "System":
        raise MacRefuses("without PayloadScope System the identity would land in a person's keychain")
    payloads = [_dictionary(one, "a payload") for one in _payloads(profile, recipient)]
    uuids = [profile["PayloadUUID"], *(payload.get("PayloadUUID") for payload in payloads)]
    if len(set(map(str, uuids))) != len(uuids):
        raise MacRefuses("a PayloadUUID stands twice")
    of_type: dict[str, list[Mapping[str, object]]] = {}
    for payload in payloads:
        _check_head(payload, str(payload.get("PayloadType")))
        of_type.setdefault(str(payload["PayloadType"]), []).append(payload)
    certificates = [_certificate(payload) for kind in _ROOTS for payload in of_type.pop(kind, [])]
    requests = of_type.pop("com.apple.security.scep", [])
    managements = of_type.pop("com.apple.mdm", [])
    if len(requests) != 1 or len(managements) > 1 or of_type:
        raise MacRefuses(f"{len(requests)} SCEP and {len(managements)} MDM payloads, others: {sorted(of_type)}")
    scep = _scep(requests[0])
    mdm = _mdm(managements[0], scep) if managements else None
    return Configuration(str(profile["PayloadIdentifier"]), tuple(certificates), scep, mdm)


def _payloads(profile: Mapping[str, object], recipient: Keyed | None) -> list[object]:
    if not profile.get("IsEncrypted"):
        return _get(profile, "PayloadContent", list)
    if recipient is None or "PayloadContent" in profile:
        raise MacRefuses("an encrypted profile that is not for this step")
    try:
        envelope = decrypt(_get(profile, "EncryptedPayloadContent", bytes), recipient, allow_des3=True)
        return plist.loads_array(envelope.content)
    except Refusal as refusal:
        raise MacRefuses(f"the encrypted profile cannot be opened ({refusal.code})") from refusal


def _scep(payload: Mapping[str, object]) -> SCEPPayload:
    content = _dictionary(payload.get("PayloadContent"), "PayloadContent of SCEP")
    required = {"Keysize": 2048, "Key Type": "RSA", "Key Usage": 5}
    for key, value in required.items():
        if content.get(key) != value:
            raise MacRefuses(f"SCEP: {key} is {content.get(key)!r} instead of {value!r}")
    for part in _get(content, "Subject", list):
        if not isinstance(part, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in part):
            raise MacRefuses("SCEP: Subject is no array of arrays of pairs")
    fingerprint = _get(content, "CAFingerprint", bytes)
    if len(fingerprint) not in (16, 20):
        raise MacRefuses("SCEP: CAFingerprint is neither MD5 nor SHA-1, the only two a Mac compares")
    return SCEPPayload(
        str(payload["PayloadUUID"]),
        _https(content, "URL"),
        _get(content, "Name", str),
        _get(content, "Challenge", str),
        fingerprint,
    )


def _mdm(payload: Mapping[str, object], scep: SCEPPayload) -> MDMPayload:
    identity = _get(payload, "IdentityCertificateUUID", str)
    if identity != scep.uuid:
        raise MacRefuses("MDM: IdentityCertificateUUID names no payload of this profile")
    topic = _get(payload, "Topic", str)
    if not topic.startswith("com.apple.mgmt."):
        raise MacRefuses("MDM: Topic does not begin with com.apple.mgmt.")
    if payload.get("SignMessage") is not True:
        raise MacRefuses("MDM: without SignMessage the Mac cannot prove who it is behind a router")
    if "com.apple.mdm.per-user-connections" not in _get(payload, "ServerCapabilities", list):
        raise MacRefuses("MDM: ServerCapabilities lacks com.apple.mdm.per-user-connections")
    if not 0 < _get(payload, "AccessRights", int) <= 8191:
        raise MacRefuses("MDM: AccessRights out of range")
    check_out = payload.get("CheckOutWhenRemoved") is True
    return MDMPayload(identity, topic, _https(payload, "ServerURL"), _https(payload, "CheckInURL"), check_out)


def _certificate(payload: Mapping[str, object]) -> x509.Certificate:
    try:
        return load_certificate(_get(payload, "PayloadContent", bytes))
    except Refusal as refusal:
        raise MacRefuses("a certificate payload without a certificate") from refusal


def _check_head(payload: Mapping[str, object], what: str) -> None:
    for key in ("PayloadType", "PayloadIdentifier", "PayloadUUID"):
        _get(payload, key, str)
    if payload.get("PayloadVersion") != 1:
        raise MacRefuses(f"{what}: PayloadVersion is not 1")
    if not _UUID.fullmatch(str(payload["PayloadUUID"])):
        raise MacRefuses(f"{what}: PayloadUUID is no UUID")


def _https(content: Mapping[str, object], key: str) -> str:
    url = _get(content, key, str)
    if not url.startswith("https://"):
        raise MacRefuses(f"{key} is not https")
    return url


def _get(content: Mapping[str, object], key: str, kind: type[_Value]) -> _Value:
    value = content.get(key)
    if not isinstance(value, kind) or not value:
        raise MacRefuses(f"{key} is missing or no {kind.__name__}")
    return value


def _dictionary(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise MacRefuses(f"{what} is no dictionary")
    return value
