"""Every profile a Mac gets from us, as plain dictionaries written by ``plist.dumps``; never a string template.

Identifiers stay the same for one ``Issuing``: a Mac replaces a profile by its top PayloadIdentifier. UUIDs are new each
time, and what refers to a payload (IdentityCertificateUUID) is written from the payload it means.
Keys: https://developer.apple.com/documentation/devicemanagement/toplevel and the pages of the payload types.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from otae.apple import plist

DEVICE_ATTRIBUTES = ("UDID", "VERSION", "PRODUCT", "SERIAL")
SERVER_CAPABILITIES = ("com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken")
ALL_ACCESS_RIGHTS = 8191

_SHA1_BYTES = 20
_RIGHT_TO_INSPECT_PROFILES, _RIGHT_TO_CHANGE_PROFILES = 1, 2
_RIGHT_TO_INSPECT_PROVISIONING, _RIGHT_TO_CHANGE_PROVISIONING = 64, 128


@dataclass(frozen=True, slots=True)
class Issuing:
    """Who hands out the profiles.

    ``identifier``: the reverse-DNS beginning of every PayloadIdentifier; changing it gives a Mac a second profile.
    ``organization``, ``display_name``, ``description``: for people; put on one line, without control characters.
    """

    identifier: str
    organization: str
    display_name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class SCEP:
    """One certificate request a Mac shall make (https://developer.apple.com/documentation/devicemanagement/scep).

    ``url``: of our SCEP server; ``name``: the CA ident; ``challenge``: the SCEP challenge, used once; ``subject``: in
    order, pairs such as ``("CN", "…")`` or ``("2.5.4.5", "…")``; ``ca_fingerprint``: SHA-1 of the CA certificate, 20
    bytes, the only length besides MD5 that Macs compare; ``retry_delay``: seconds.
    """

    url: str
    name: str
    challenge: str = field(repr=False)
    subject: Sequence[tuple[str, str]]
    ca_fingerprint: bytes
    retries: int = 3
    retry_delay: int = 10

    def __post_init__(self) -> None:
        if len(self.ca_fingerprint) != _SHA1_BYTES:
            raise ValueError("a Mac compares the SHA-1 fingerprint of the CA: 20 bytes")
        if not self.url or not self.challenge:
            raise ValueError("a SCEP payload needs a URL and a SCEP challenge")


@dataclass(frozen=True, slots=True)
class MDM:
    """What binds a Mac to this server (https://developer.apple.com/documentation/devicemanagement/mdm).

    None of it may change for an enrolled Mac, and rights may only be taken away: a Mac refuses the update otherwise.
    """

    topic: str
    server_url: str
    checkin_url: str
    access_rights: int = ALL_ACCESS_RIGHTS

    def __post_init__(self) -> None:
        if not self.topic.startswith("com.apple.mgmt."):
            raise ValueError("a push topic begins with com.apple.mgmt.")
        if not (self.server_url.startswith("https://") and self.checkin_url.startswith("https://")):
            raise ValueError("ServerURL and CheckInURL are https")
        rights = self.access_rights
        if not 0 < rights <= ALL_ACCESS_RIGHTS:
            raise ValueError("access rights lie between 1 and 8191")
        if rights & _RIGHT_TO_CHANGE_PROFILES and not rights & _RIGHT_TO_INSPECT_PROFILES:
            raise ValueError("the right to install profiles needs the right to inspect them")
        if rights & _RIGHT_TO_CHANGE_PROVISIONING and not rights & _RIGHT_TO_INSPECT_PROVISIONING:
            raise ValueError("the right to install provisioning profiles needs the right to inspect them")


def profile_service(issuing: Issuing, *, url: str, challenge: str) -> bytes:
    """Phase 1: where the Mac shall send its attributes, and the Challenge it returns as CHALLENGE.

    Top level is the payload itself and PayloadContent a dictionary, not an array.
    Apple archive, "Over-the-Air Profile Delivery and Configuration", Profile Service.
    """
    head = _payload("Profile Service", f"{issuing.identifier}.profile-service", issuing.display_name)
    content = {"URL": url, "DeviceAttributes": list(DEVICE_ATTRIBUTES), "Challenge": challenge}
    return plist.dumps(head | _about(issuing) | {"PayloadContent": content})


def identity_profile(issuing: Issuing, scep: SCEP) -> bytes:
    """Phase 2's answer: one SCEP payload. The identity it brings speaks for phase 3 only."""
    name = f"{issuing.identifier}.ota.identity"
    return plist.dumps(_configuration(issuing, name) | {"PayloadContent": [_scep(name, scep)]})


def enrollment_profile(
    issuing: Issuing, roots: Sequence[bytes], scep: SCEP, mdm: MDM, *, intermediates: Sequence[bytes] = ()
) -> bytes:
    """Phase 3's answer and the single enrollment profile: certificates (DER), SCEP and MDM in one.

    The MDM payload names the SCEP payload as its identity; both must therefore stand in the same profile.
    """
    content = _enrollment(issuing, roots, scep, mdm, intermediates)
    return plist.dumps(_configuration(issuing, _enrollment_name(issuing)) | {"PayloadContent": content})


def enrollment_content(
    issuing: Issuing, roots: Sequence[bytes], scep: SCEP, mdm: MDM, *, intermediates: Sequence[bytes] = ()
) -> bytes:
    """The PayloadContent of ``enrollment_profile`` as a property list of its own (an array), to be encrypted."""
    return plist.dumps(_enrollment(issuing, roots, scep, mdm, intermediates))


def encrypted_profile(issuing: Issuing, envelope: bytes) -> bytes:
    """``enrollment_profile`` with its content encrypted to the Mac.

    ``envelope``: DER of the CMS EnvelopedData (RFC 5652) over the bytes of ``enrollment_content``.
    """
    sealed = {"IsEncrypted": True, "EncryptedPayloadContent": envelope}
    return plist.dumps(_configuration(issuing, _enrollment_name(issuing)) | sealed)


def trust_profile(issuing: Issuing, root: bytes) -> bytes:
    """The root certificate (DER) alone, for Macs that do not trust this server yet."""
    name = f"{issuing.identifier}.trust"
    return plist.dumps(_configuration(issuing, name) | {"PayloadContent": [_root(name, root)]})


def _enrollment_name(issuing: Issuing) -> str:
    return f"{issuing.identifier}.enroll"


def _enrollment(
    issuing: Issuing, roots: Sequence[bytes], scep: SCEP, mdm: MDM, intermediates: Sequence[bytes]
) -> list[object]:
    name = _enrollment_name(issuing)
    certificates = [_root(name, der) for der in roots] + [_intermediate(name, der) for der in intermediates]
    identity = _scep(name, scep)
    return [*certificates, identity, _mdm(name, mdm, identity["PayloadUUID"])]


def _payload(payload_type: str, identifier: str, display_name: str) -> dict[str, object]:
    return {
        "PayloadType": payload_type,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid4()).upper(),
        "PayloadDisplayName": plist.one_line(display_name),
    }


def _about(issuing: Issuing) -> dict[str, object]:
    about = {"PayloadOrganization": issuing.organization, "PayloadDescription": issuing.description}
    return {key: plist.one_line(text) for key, text in about.items() if text}


def _configuration(issuing: Issuing, identifier: str) -> dict[str, object]:
    # Without PayloadScope System the identity lands in the keychain of the person who installs.
    head = _payload("Configuration", identifier, issuing.display_name)
    return head | _about(issuing) | {"PayloadScope": "System"}


def _root(within: str, der: bytes) -> dict[str, object]:
    return _certificate("com.apple.security.root", f"{within}.root", der, "root.cer")


def _intermediate(within: str, der: bytes) -> dict[str, object]:
    return _certificate("com.apple.security.pkcs1", f"{within}.intermediate", der, "intermediate.cer")


def _certificate(payload_type: str, kind: str, der: bytes, file_name: str) -> dict[str, object]:
    # Named by the certificate, not by its place: two roots during a rotation keep their names when the first one goes.
    identifier = f"{kind}.{hashlib.sha256(der).hexdigest()[:16]}"
    content = {"PayloadCertificateFileName": file_name, "PayloadContent": der}
    return _payload(payload_type, identifier, "Certificate authority") | content


def _scep(within: str, scep: SCEP) -> dict[str, object]:
    content = {
        "URL": scep.url,
        "Name": scep.name,
        "Subject": [[[kind, plist.one_line(value)]] for kind, value in scep.subject],
        "Challenge": scep.challenge,
        "CAFingerprint": scep.ca_fingerprint,
        "Keysize": 2048,
        "Key Type": "RSA",
        "Key Usage": 5,  # signing (1) and encryption (4)
        "Retries": scep.retries,
        "RetryDelay": scep.retry_delay,
        "KeyIsExtractable": False,
        "AllowAllAppsAccess": False,
    }
    return _payload("com.apple.security.scep", f"{within}.scep", "Device identity") | {"PayloadContent": content}


def _mdm(within: str, mdm: MDM, identity_uuid: object) -> dict[str, object]:
    return _payload("com.apple.mdm", f"{within}.mdm", "Device management") | {
        "IdentityCertificateUUID": identity_uuid,
        "Topic": mdm.topic,
        "ServerURL": mdm.server_url,
        "CheckInURL": mdm.checkin_url,
        "SignMessage": True,
        "CheckOutWhenRemoved": True,
        "AccessRights": mdm.access_rights,
        "ServerCapabilities": list(SERVER_CAPABILITIES),
    }
