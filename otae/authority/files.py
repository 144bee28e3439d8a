"""Certificates and keys as people hand them in: PEM, DER, PKCS#7 or PKCS#12, the key beside or inside it."""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from otae.errors import InputRefused, MessageUnreadable
from otae.signing import bundles
from otae.signing.certificates import UNREADABLE

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
#: A passphrase longer than this is a mistake.
_MAX_PASSWORD: Final = 1024


@dataclass(frozen=True, slots=True)
class Handed:
    """What was in the files, in their order; nothing of it is checked but that it can be read."""

    certificates: list[x509.Certificate]
    key: PrivateKey | None = field(repr=False)
    #: What is wrong with each certificate that cannot be read and is left out.
    left_out: tuple[str, ...] = ()

    @property
    def no_certificate(self) -> str:
        """Why there is no certificate of the key."""
        return "; ".join(("the key belongs to another certificate", *self.left_out[:3]))

    def belonging(self) -> x509.Certificate | None:
        """Return the certificate of the key, the first one without a key; ValueError from a damaged one."""
        own = self.key.public_key() if self.key else None
        return next((found for found in self.certificates if own is None or found.public_key() == own), None)


def read(data: bytes, key_data: bytes | None, password: str | None) -> Handed:
    """Return what ``data`` (PEM, DER, PKCS#7 or PKCS#12) and ``key_data`` (PEM or DER) hold; ``password`` opens either.

    It may take long: passwords are stretched, and how far is up to whoever made the file. Raises InputRefused (fields
    "file", "key", "password").
    """
    secret = encoded(password)
    data = bundles.plain(data)
    handed = _certificates(data, secret)
    if key_data is not None:
        handed = replace(handed, key=read_key(key_data, secret))
    elif b"PRIVATE KEY" in data:
        handed = replace(handed, key=read_key(data, secret))
    return handed


def encoded(password: str | None) -> bytes | None:
    """Return a password as it is used, None without one. Raises InputRefused for one that is too long."""
    secret = password.encode() if password else None
    if secret is not None and len(secret) > _MAX_PASSWORD:
        raise InputRefused({"password": f"use at most {_MAX_PASSWORD} bytes"})
    return secret


def read_key(data: bytes, password: bytes | None) -> PrivateKey:
    """Return the RSA or elliptic-curve key of a PEM or DER file. Raises InputRefused (fields "key", "password")."""
    data = bundles.plain(data)
    block = _PRIVATE_KEY.search(data)
    try:
        key = (
            serialization.load_pem_private_key(block.group(), password)
            if block
            else serialization.load_der_private_key(data, password)
        )
    except TypeError:
        words = (
            "the key is not encrypted: leave the password empty"
            if password
            else "the key is encrypted: give its password"
        )
        raise InputRefused({"password": words}) from None
    except (ValueError, UnsupportedAlgorithm):
        if block and password:
            raise InputRefused({"password": "the password does not open the key"}) from None
        raise InputRefused({"key": "not a private key: give PEM or DER"}) from None
    return _usable(key)


def _certificates(data: bytes, password: bytes | None) -> Handed:
    try:
        found = bundles.read_bundle(data)
    except MessageUnreadable as error:
        nothing = "not a certificate: give PEM, DER, PKCS#7 or PKCS#12"
        return _pkcs12(data, password, nothing if error.detail == bundles.NOTHING else error.detail)
    return Handed([*found.certificates], None, found.unreadable)


def _pkcs12(data: bytes, password: bytes | None, otherwise: str) -> Handed:
    """Return what PKCS#12 holds; ``otherwise``: what is wrong with a file that is none."""
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(data, password)
    except UNREADABLE as error:
        if "password" in str(error).lower():
            raise InputRefused({"password": "the password does not open the file"}) from None
        raise InputRefused({"file": otherwise}) from None
    return Handed([*([certificate] if certificate else []), *others], None if key is None else _usable(key))


def _usable(key: object) -> PrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InputRefused({"key": "neither an RSA nor an elliptic-curve key"})
    return key
