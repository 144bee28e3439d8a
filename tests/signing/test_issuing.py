import ipaddress
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from otae.signing import issuing
from otae.signing.certificates import Keyed, der, extension, name, pem
from tests.signing import openssl
from tests.signing.conftest import END, START, Tree

ALL = ["root", "device_ca", "ra", "profile_signer", "service_ca", "tls_leaf"]


def of(tree: Tree, role: str) -> x509.Certificate:
    found = getattr(tree, role)
    assert isinstance(found, Keyed)
    return found.certificate


@pytest.fixture(scope="module")
def identity(tree: Tree, mac_key: rsa.RSAPrivateKey) -> x509.Certificate:
    return issuing.build_identity(
        mac_key.public_key(),
        name("Ben's Mac", "Example", "C02EXAMPLE"),
        tree.device_ca,
        serial=4711,
        not_before=START,
        not_after=END,
        crl_url="http://mdm.example.test/crl/1.crl",
    )


def critical(certificate: x509.Certificate) -> set[str]:
    return {extension.oid._name for extension in certificate.extensions if extension.critical}  # noqa: SLF001 - the one place where cryptography tells the name


@pytest.mark.parametrize("role", ALL)
def test_every_certificate_names_its_key_and_its_issuers(tree: Tree, role: str) -> None:
    certificate = of(tree, role)
    subject_key = extension(certificate, x509.SubjectKeyIdentifier)
    authority_key = extension(certificate, x509.AuthorityKeyIdentifier)
    assert subject_key is not None
    assert certificate.version is x509.Version.v3
    if role == "root":
        assert authority_key is None
        return
    issuer = next(
        candidate for candidate in (of(tree, above) for above in ALL) if candidate.subject == certificate.issuer
    )
    above = extension(issuer, x509.SubjectKeyIdentifier)
    assert above is not None
    assert authority_key is not None
    assert authority_key.key_identifier == above.digest


@pytest.mark.parametrize("role", ALL)
def test_basic_constraints_and_key_usage_are_critical(tree: Tree, role: str) -> None:
    assert {"basicConstraints", "keyUsage"} <= critical(of(tree, role))


@pytest.mark.parametrize(
    ("role", "authority", "length", "usage"),
    [
        ("root", True, 1, {"key_cert_sign", "crl_sign"}),
        ("device_ca", True, 0, {"key_cert_sign", "crl_sign"}),
        ("service_ca", True, 0, {"key_cert_sign", "crl_sign"}),
        ("ra", False, None, {"digital_signature", "key_encipherment"}),
        ("profile_signer", False, None, {"digital_signature"}),
        ("tls_leaf", False, None, {"digital_signature", "key_encipherment"}),
    ],
)
def test_each_certificate_may_do_its_work_and_no_other(
    tree: Tree, role: str, *, authority: bool, length: int | None, usage: set[str]
) -> None:
    constraints = extension(of(tree, role), x509.BasicConstraints)
    bits = extension(of(tree, role), x509.KeyUsage)
    assert constraints == x509.BasicConstraints(ca=authority, path_length=length)
    assert bits == issuing._key_usage(*usage)  # noqa: SLF001 - cryptography has no shorter way to write a KeyUsage


def test_the_service_ca_is_bound_to_its_names(tree: Tree) -> None:
    bound = extension(of(tree, "service_ca"), x509.NameConstraints)
    assert bound is not None
    assert "nameConstraints" in critical(of(tree, "service_ca"))
    assert bound.permitted_subtrees == [
        x509.DNSName("mdm.example.test"),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_network("127.0.0.1/32")),
    ]
    assert bound.excluded_subtrees is None


def service_ca(tree: Tree, keys: list[rsa.RSAPrivateKey], *names: str) -> Keyed:
    subject = name("Names Only", "Example")
    return issuing.build_service_ca(keys[2], subject, tree.root, dns_names=names, not_before=START, not_after=END)


def test_a_service_ca_without_addresses_excludes_every_address(tree: Tree, keys: list[rsa.RSAPrivateKey]) -> None:
    bound = extension(service_ca(tree, keys, "mdm.example.test").certificate, x509.NameConstraints)
    assert bound is not None
    assert bound.excluded_subtrees == [
        x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")),
        x509.IPAddress(ipaddress.ip_network("::/0")),
    ]


def test_a_service_ca_without_names_is_not_made(tree: Tree, keys: list[rsa.RSAPrivateKey]) -> None:
    with pytest.raises(ValueError, match="without a DNS name"):
        service_ca(tree, keys)


def verified(tree: Tree, folder: Path, leaf: x509.Certificate, above: Keyed, *more: str) -> bool:
    for file, certificates in (("root", [tree.root.certificate]), ("above", [above.certificate]), ("leaf", [leaf])):
        (folder / f"{file}.pem").write_bytes(pem(*certificates))
    told: tuple[str | Path, ...] = (
        "-x509_strict",
        "-no_check_time",
        *more,
        "-CAfile",
        folder / "root.pem",
        "-untrusted",
        folder / "above.pem",
    )
    return openssl.run("verify", *told, folder / "leaf.pem", check=False).returncode == 0


def test_openssl_verifies_the_tree_strictly(tree: Tree, tmp_path: Path, identity: x509.Certificate) -> None:
    assert verified(tree, tmp_path, tree.ra.certificate, tree.device_ca)
    assert verified(tree, tmp_path, tree.profile_signer.certificate, tree.device_ca)
    assert verified(tree, tmp_path, identity, tree.device_ca, "-purpose", "sslclient")
    host = ("-purpose", "sslserver", "-verify_hostname", "mdm.example.test")
    assert verified(tree, tmp_path, tree.tls_leaf.certificate, tree.service_ca, *host)
    assert verified(tree, tmp_path, tree.tls_leaf.certificate, tree.service_ca, "-verify_ip", "127.0.0.1")
    assert not verified(tree, tmp_path, identity, tree.device_ca, "-purpose", "sslserver")


@pytest.mark.parametrize(("dns", "addresses"), [(["bank.example.test"], []), (["localhost"], ["192.0.2.1"])])
def test_openssl_refuses_a_leaf_outside_the_names(
    tree: Tree, keys: list[rsa.RSAPrivateKey], tmp_path: Path, dns: list[str], addresses: list[str]
) -> None:
    narrow = service_ca(tree, keys, "mdm.example.test", "localhost")
    for above in (tree.service_ca, narrow):
        leaf = issuing.build_tls_leaf(
            keys[5], above, dns_names=dns, addresses=addresses, not_before=START, not_after=END
        )
        assert not verified(tree, tmp_path, leaf.certificate, above)


def test_no_certificate_outlives_its_issuer(tree: Tree, mac_key: rsa.RSAPrivateKey) -> None:
    late = END + timedelta(days=4000)
    leaf = issuing.build_identity(
        mac_key.public_key(), name("late", "Example"), tree.device_ca, serial=1, not_before=START, not_after=late
    )
    assert leaf.not_valid_after_utc == END
    below = issuing.build_device_ca(tree.ra.key, name("late", "Example"), tree.root, not_before=START, not_after=late)
    assert below.certificate.not_valid_after_utc == END


def test_an_identity_is_what_the_server_says(identity: x509.Certificate, mac_key: rsa.RSAPrivateKey) -> None:
    assert identity.serial_number == 4711
    assert identity.subject.rfc4514_string() == "2.5.4.5=C02EXAMPLE,CN=Ben's Mac,O=Example"
    assert identity.public_key() == mac_key.public_key()
    purposes = extension(identity, x509.ExtendedKeyUsage)
    assert purposes is not None
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert extension(identity, x509.BasicConstraints) == x509.BasicConstraints(ca=False, path_length=None)
    assert extension(identity, x509.SubjectAlternativeName) is None
    points = extension(identity, x509.CRLDistributionPoints)
    assert points is not None
    assert points[0].full_name == [x509.UniformResourceIdentifier("http://mdm.example.test/crl/1.crl")]


def test_the_scep_signer_is_that_of_a_mac(tree: Tree) -> None:
    certificate = tree.mac_signer.certificate
    assert certificate.subject.rfc4514_string() == "C=US,CN=MDM SCEP SIGNER"
    assert (certificate.serial_number, certificate.issuer) == (1, certificate.subject)


def test_openssl_reads_the_crl_and_refuses_the_revoked(tree: Tree, tmp_path: Path, identity: x509.Certificate) -> None:
    lines = [issuing.Revoked(4711, START, x509.ReasonFlags.superseded), issuing.Revoked(5, START)]
    listed = issuing.build_crl(
        tree.device_ca, lines, number=3, this_update=START, next_update=START + timedelta(days=7)
    )
    crl = x509.load_der_x509_crl(listed)
    assert crl.is_signature_valid(tree.device_ca.key.public_key())
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 3
    assert crl.get_revoked_certificate_by_serial_number(5) is not None
    (tmp_path / "crl.der").write_bytes(listed)
    openssl.run("crl", "-inform", "DER", "-in", tmp_path / "crl.der", "-out", tmp_path / "crl.pem")
    check = ("-crl_check", "-CRLfile", str(tmp_path / "crl.pem"))
    assert not verified(tree, tmp_path, identity, tree.device_ca, *check)
    assert verified(tree, tmp_path, tree.ra.certificate, tree.device_ca, *check)


def test_a_certificate_is_der_that_openssl_parses(tree: Tree, tmp_path: Path) -> None:
    for role in ALL:
        (tmp_path / "certificate").write_bytes(der(of(tree, role)))
        openssl.run("asn1parse", "-inform", "DER", "-in", tmp_path / "certificate")
