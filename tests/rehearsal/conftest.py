"""A server's certificates, a Mac's hardware, and profiles as the server sends them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from otae.apple.payloads import MDM, SCEP, ProfileIssuer
from otae.rehearsal.connection import ServerResponse
from otae.signing import cms, issuing
from otae.signing.certificates import Keyed, name, new_key

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ISSUING = ProfileIssuer("test.example.otae", "Example", "Example enrollment")
TOPIC = "com.apple.mgmt.External.00000000-0000-0000-0000-000000000000"


TERM = issuing.Validity(not_before=NOW - timedelta(days=1), not_after=NOW + timedelta(days=100))


@dataclass(frozen=True)
class Server:
    """The certificates of one installation."""

    root: Keyed
    device_ca: Keyed
    ra: Keyed
    profile_signer: Keyed

    @property
    def bag(self) -> list[x509.Certificate]:
        return [self.device_ca.certificate, self.ra.certificate]

    @property
    def trusted(self) -> list[x509.Certificate]:
        return [self.root.certificate]

    def scep(self, url: str = "https://localhost/scep", challenge: str = "one-time") -> SCEP:
        fingerprint = self.device_ca.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - what a Mac compares
        return SCEP(url, "otae", challenge, [("O", "Example"), ("CN", "ota")], fingerprint)

    def mdm(self) -> MDM:
        return MDM(TOPIC, "https://localhost/c", "https://localhost/i")

    def signed(self, profile: bytes, signer: Keyed | None = None) -> bytes:
        return cms.sign(profile, signer or self.profile_signer, [self.device_ca.certificate])


@pytest.fixture(scope="session")
def server() -> Server:
    root = issuing.build_root(new_key(), name("Example Root", "Example"), **TERM)
    device_ca = issuing.build_device_ca(new_key(), name("Example Device CA", "Example"), root, **TERM)
    ra = issuing.build_ra(new_key(), name("Example RA", "Example"), device_ca, **TERM)
    signer = issuing.build_profile_signer(new_key(), name("Example Profiles", "Example"), device_ca, **TERM)
    return Server(root, device_ca, ra, signer)


@pytest.fixture(scope="session")
def stranger() -> Keyed:
    """Somebody else's root."""
    return issuing.build_root(new_key(), name("Stranger", "Stranger"), **TERM)


def answer(
    content: bytes, *, status: int = 200, kind: str = "application/x-apple-aspen-config", **headers: str
) -> ServerResponse:
    found: Mapping[str, str] = headers
    return ServerResponse(status, kind, content, "https://localhost/", found)
