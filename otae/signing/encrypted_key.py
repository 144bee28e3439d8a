"""Encrypting a private key with a passphrase: PKCS#8 EncryptedPrivateKeyInfo, PBES2 (RFC 5958 §3, RFC 8018 §6.2).

Written here because ``cryptography`` stretches a passphrase with 2048 iterations, too few for a file that may be stored
for ten years. ``cryptography`` reads the result, as does every other tool that reads PKCS#8.
"""

import base64
import secrets
import textwrap
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from otae.signing.certificates import dump_key
from otae.signing.der import algorithm, integer, octets, sequence

#: Iterations of PBKDF2.
ITERATIONS: Final = 600_000
_PBES2: Final = "1.2.840.113549.1.5.13"
_PBKDF2: Final = "1.2.840.113549.1.5.12"
_HMAC_SHA256: Final = "1.2.840.113549.2.9"
_AES256_CBC: Final = "2.16.840.1.101.3.4.1.42"


def encrypted_pem(key: rsa.RSAPrivateKey, passphrase: str) -> bytes:
    """Return the key as PEM (ENCRYPTED PRIVATE KEY): AES-256-CBC, PBKDF2 with HMAC-SHA-256; takes some 0.2 seconds."""
    salt, iv = secrets.token_bytes(16), secrets.token_bytes(16)
    stretched = PBKDF2HMAC(SHA256(), 32, salt, ITERATIONS).derive(passphrase.encode())
    padder, encryptor = PKCS7(128).padder(), Cipher(algorithms.AES(stretched), modes.CBC(iv)).encryptor()
    encrypted = encryptor.update(padder.update(dump_key(key)) + padder.finalize()) + encryptor.finalize()
    stretching = sequence(octets(salt), integer(ITERATIONS), algorithm(_HMAC_SHA256))
    scheme = sequence(algorithm(_PBKDF2, stretching), algorithm(_AES256_CBC, octets(iv)))
    der = sequence(algorithm(_PBES2, scheme), octets(encrypted))
    lines = textwrap.wrap(base64.b64encode(der).decode(), 64)
    return "\n".join(
        ["-----BEGIN ENCRYPTED PRIVATE KEY-----", *lines, "-----END ENCRYPTED PRIVATE KEY-----", ""]
    ).encode()
