"""Builds every profile for Macs, from plain dictionaries by ``plist.dumps``; never from a string template.

Identifiers depend on the ``ProfileIssuer`` only: a Mac replaces the profile with the same top-level PayloadIdentifier.
UUIDs are new each time; IdentityCertificateUUID is copied from the payload that it refers to.
Keys: https://developer.apple.com/documentation/devicemanagement/toplevel and the pages of the payload types.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from otae.apple import access_rights, plist

DEVICE_ATTRIBUTES = ("UDID", "VERSION", "PRODUCT", "SERIAL")
SERVER_CAPABILITIES = ("com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken")


@dataclass(frozen=True, slots=True)
class ProfileIssuer:
    """The organization that issues the profiles.

    ``identifier``: reverse-DNS prefix of every PayloadIdentifier; after a change, Macs get a second profile.
    ``organization``, ``display_name``, ``description``: for people; reduced to one line without control characters.
    """

    identifier: str
    organization: str
    display_name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class SCEP:
    """A SCEP payload: the Mac requests one certificate (https://developer.apple.com/documentation/devicemanagement/scep).

    Attributes:
        url: of our SCEP server.
        name: the CA's name in SCEP requests (CA-IDENT).
        challenge: the SCEP challenge, used once.
        subject: pairs such as ``("CN", "…")`` or ``("2.5.4.5", "…")``, in order.
        ca_fingerprint: SHA-1 of the CA certificate (20 bytes); Macs compare no digest but SHA-1 and MD5.
    """

    url: str
    name: str
    challenge: str = field(repr=False)
    subject: Sequence[tuple[str, str]]
    ca_fingerprint: bytes

    def __post_init__(self) -> None:
        if len(self.ca_fingerprint) != 20:
            raise ValueError("a Mac compares the SHA-1 fingerprint of the CA: 20 bytes")
        if not self.url or not self.challenge:
            raise ValueError("a SCEP payload needs a URL and a SCEP challenge")


@dataclass(frozen=True, slots=True)
class MDM:
    """An MDM payload: the Mac enrolls with this server (https://developer.apple.com/documentation/devicemanagement/mdm).

    An enrolled Mac refuses an update that changes any of it, except that rights may be taken away.
    """

    topic: str
    server_url: str
    checkin_url: str
    access_rights: int = access_rights.ALL

    def __post_init__(self) -> None:
        if not self.topic.startswith("com.apple.mgmt."):
            raise ValueError("a push topic begins with com.apple.mgmt.")
        if not (self.server_url.startswith("https://") and self.checkin_url.startswith("https://")):
            raise ValueError("ServerURL and CheckInURL are https")
        if not 0 < self.access_rights <= access_rights.ALL:
            raise ValueError("access rights lie between 1 and 8191")
        if access_rights.missing(self.access_rights):
            raise ValueError("a right to install needs the right to inspect")


def profile_service(issuing: ProfileIssuer, *, url: str, challenge: str) -> bytes:
    """Return the profile of phase 1: where the Mac sends its attributes, and the Challenge that it returns.

    The top level is the payload itself, and PayloadContent a dictionary, not an array.
    Apple archive, "Over-the-Air Profile Delivery and Configuration", Profile Service.
    """
    head = _payload("Profile Service", f"{issuing.identifier}.profile-service", issuing.display_name)
    content = {"URL": url, "DeviceAttributes": list(DEVICE_ATTRIBUTES), "Challenge": challenge}
    return plist.dumps(head | _about(issuing) | {"PayloadContent": content})


def identity_profile(issuing: ProfileIssuer, scep: SCEP) -> bytes:
    """Return the answer to phase 2: one SCEP payload, for an identity that is used in phase 3 only."""
    name = f"{issuing.identifier}.ota.identity"
    return plist.dumps(_configuration(issuing, name) | {"PayloadContent": [_scep(name, scep)]})


def enrollment_profile(
    issuing: ProfileIssuer, roots: Sequence[bytes], scep: SCEP, mdm: MDM, *, intermediates: Sequence[bytes] = ()
) -> bytes:
    """Return the enrollment profile, also the answer to phase 3: certificates (DER), SCEP payload and MDM payload.

    The MDM payload refers to the SCEP payload as its identity, so both must be in the same profile.
    """
    content = _enrollment(issuing, roots, scep, mdm, intermediates)
    return plist.dumps(_configuration(issuing, _enrollment_name(issuing)) | {"PayloadContent": content})


def enrollment_content(
    issuing: ProfileIssuer, roots: Sequence[bytes], scep: SCEP, mdm: MDM, *, intermediates: Sequence[bytes] = ()
) -> bytes:
    """Return the PayloadContent of ``enrollment_profile`` as a property list of its own (an array), to be encrypted."""
    return plist.dumps(_enrollment(issuing, roots, scep, mdm, intermediates))


def encrypted_profile(issuing: ProfileIssuer, envelope: bytes) -> bytes:
    """Return the enrollment profile with its content encrypted to the Mac.

    ``envelope`` is the CMS EnvelopedData (RFC 5652, DER) of the bytes of ``enrollment_content``.
    """
    sealed = {"IsEncrypted": True, "EncryptedPayloadContent": envelope}
    return plist.dumps(_configuration(issuing, _enrollment_name(issuing)) | sealed)


def trust_profile(issuing: ProfileIssuer, root: bytes) -> bytes:
    """Return a profile with only the root certificate (DER), for Macs that do not trust this server yet."""
    name = f"{issuing.identifier}.trust"
    return plist.dumps(_configuration(issuing, name) | {"PayloadContent": [_certificate(f"{name}.root", root)]})


def _enrollment_name(issuing: ProfileIssuer) -> str:
    return f"{issuing.identifier}.enroll"


def _enrollment(
    issuing: ProfileIssuer, roots: Sequence[bytes], scep: SCEP, mdm: MDM, intermediates: Sequence[bytes]
) -> list[object]:
    name = _enrollment_name(issuing)
    identity = _scep(name, scep)
    return [
        *(_certificate(f"{name}.root", der) for der in roots),
        *(_certificate(f"{name}.intermediate", der) for der in intermediates),
        identity,
        _mdm(name, mdm, identity["PayloadUUID"]),
    ]


def _payload(payload_type: str, identifier: str, display_name: str) -> dict[str, object]:
    return {
        "PayloadType": payload_type,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid4()).upper(),
        "PayloadDisplayName": plist.one_line(display_name),
    }


def _about(issuing: ProfileIssuer) -> dict[str, object]:
    about = {"PayloadOrganization": issuing.organization, "PayloadDescription": issuing.description}
    return {key: plist.one_line(text) for key, text in about.items() if text}


def _configuration(issuing: ProfileIssuer, identifier: str) -> dict[str, object]:
    # Without PayloadScope System the identity lands in the keychain of the person who installs.
    head = _payload("Configuration", identifier, issuing.display_name)
    return head | _about(issuing) | {"PayloadScope": "System"}


def _certificate(kind: str, der: bytes) -> dict[str, object]:
    # Named by the certificate, not by its place: two roots during a rotation keep their names when the first one goes.
    identifier = f"{kind}.{hashlib.sha256(der).hexdigest()[:16]}"
    content = {"PayloadCertificateFileName": f"{kind.rpartition('.')[2]}.cer", "PayloadContent": der}
    payload_type = "com.apple.security.root" if kind.endswith(".root") else "com.apple.security.pkcs1"
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
        "Retries": 3,
        "RetryDelay": 10,  # seconds
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
