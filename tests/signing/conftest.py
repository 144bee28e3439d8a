"""The keys and certificates of these tests, made once: RSA keys are slow to make."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from otae.signing import csr, issuing
from otae.signing.certificates import Keyed, name, new_key, new_serial
from tests.signing.forge import Signer

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
END = START + timedelta(days=365)


@dataclass(frozen=True)
class Tree:
    """A whole installation, and the temporary signer of a Mac."""

    root: Keyed
    device_ca: Keyed
    ra: Keyed
    profile_signer: Keyed
    service_ca: Keyed
    tls_leaf: Keyed
    mac_signer: Keyed

    @property
    def bag(self) -> list[x509.Certificate]:
        """What GetCACert answers."""
        return [self.device_ca.certificate, self.ra.certificate]


@pytest.fixture(scope="session")
def keys() -> list[rsa.RSAPrivateKey]:
    return [new_key() for _ in range(8)]


@pytest.fixture(scope="session")
def tree(keys: list[rsa.RSAPrivateKey]) -> Tree:
    term = issuing.Validity(not_before=START, not_after=END)
    root = issuing.build_root(keys[0], name("Example Root CA", "Example"), **term)
    device_ca = issuing.build_device_ca(keys[1], name("Example Device CA", "Example"), root, **term)
    service_ca = issuing.build_service_ca(
        keys[2],
        name("Example Service CA", "Example"),
        root,
        dns_names=["mdm.example.test", "localhost"],
        addresses=["127.0.0.1"],
        **term,
    )
    return Tree(
        root,
        device_ca,
        issuing.build_ra(keys[3], name("Example RA", "Example"), device_ca, **term),
        issuing.build_profile_signer(keys[4], name("Example Profiles", "Example"), device_ca, **term),
        service_ca,
        issuing.build_tls_leaf(
            keys[5], service_ca, dns_names=["mdm.example.test", "localhost"], addresses=["127.0.0.1"], **term
        ),
        issuing.build_scep_signer(keys[6], **term),
    )


@pytest.fixture(scope="session")
def mac_key(keys: list[rsa.RSAPrivateKey]) -> rsa.RSAPrivateKey:
    """The key a Mac wants a certificate for."""
    return keys[7]


def self_signed(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, common_name: str) -> Signer:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(START)
        .not_valid_after(END)
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Signer(builder.sign(key, algorithm), key)


@pytest.fixture(scope="session")
def p256() -> Signer:
    return self_signed(ec.generate_private_key(ec.SECP256R1()), "P-256")


@pytest.fixture(scope="session")
def p384() -> Signer:
    return self_signed(ec.generate_private_key(ec.SECP384R1()), "P-384")


@pytest.fixture(scope="session")
def ed() -> Signer:
    return self_signed(ed25519.Ed25519PrivateKey.generate(), "Ed25519")


@pytest.fixture(scope="module")
def request_der(mac_key: rsa.RSAPrivateKey) -> bytes:
    return csr.build(mac_key, "a Mac", "one-time", version=2)


@pytest.fixture(scope="module")
def identity(tree: Tree, mac_key: rsa.RSAPrivateKey) -> x509.Certificate:
    subject = name("Ben's Mac", "Example", "C02EXAMPLE")
    return issuing.build_identity(
        mac_key.public_key(), subject, tree.device_ca, serial=new_serial(), not_before=START, not_after=END
    )
