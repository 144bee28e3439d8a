"""The accepted digest and signature algorithms, and the only function that checks a signature.

RSA PKCS #1 v1.5 and ECDSA over P-256 with SHA-1 to SHA-512; nothing else, in particular no MD5. Whether SHA-1 may be
used is for the caller to decide.
"""

from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from otae.errors import AlgorithmRefused, SignatureInvalid

Digest = Literal["sha1", "sha256", "sha384", "sha512"]

RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"
SHA256_WITH_RSA: Final = "1.2.840.113549.1.1.11"

_HASHES: Final[dict[Digest, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - real Macs sign with it, and every caller decides whether it is taken
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_DIGESTS: Final[dict[str, Digest]] = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
#: Signature algorithm → kind of key, and the digest it names (None: named elsewhere in the message).
_SIGNATURES: Final[dict[str, tuple[Literal["rsa", "ec"], Digest | None]]] = {
    RSA_ENCRYPTION: ("rsa", None),
    "1.2.840.113549.1.1.5": ("rsa", "sha1"),
    SHA256_WITH_RSA: ("rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    "1.2.840.10045.2.1": ("ec", None),
    "1.2.840.10045.4.1": ("ec", "sha1"),
    "1.2.840.10045.4.3.2": ("ec", "sha256"),
    "1.2.840.10045.4.3.3": ("ec", "sha384"),
    "1.2.840.10045.4.3.4": ("ec", "sha512"),
}
#: Older Macs have device certificates of 1024 bits; above 8192 a check costs too much for a message that may be forged.
_RSA_BITS: Final = range(1024, 8193)


def hash_of(digest: Digest) -> hashes.HashAlgorithm:
    """Return the digest algorithm as an object of ``cryptography``."""
    return _HASHES[digest]


def digest_oid(digest: Digest) -> str:
    """Return the dotted OID of a digest algorithm."""
    return next(dotted for dotted, name in _DIGESTS.items() if name == digest)


def digest_named(dotted: str) -> Digest:
    """Return the digest algorithm with a dotted OID. Raises AlgorithmRefused for any other."""
    digest = _DIGESTS.get(dotted)
    if digest is None:
        raise AlgorithmRefused(f"digest algorithm {dotted}")
    return digest


def digest_of(content: bytes, digest: Digest) -> bytes:
    """Return the digest of ``content``."""
    calculation = hashes.Hash(_HASHES[digest])
    calculation.update(content)
    return calculation.finalize()


def check_signature(
    key: PublicKeyTypes, signature: bytes, signed: bytes, dotted: str, digest: Digest | None = None
) -> Digest:
    """Verify that the private key of ``key`` made ``signature`` over ``signed``; return the digest algorithm used.

    Args:
        dotted: OID of the signature algorithm.
        digest: the digest algorithm that the message names elsewhere; a signature algorithm that names another one is
            refused. None when only the signature algorithm names it.

    Raises:
        AlgorithmRefused: an algorithm, or a kind or size of key, that is not accepted.
        SignatureInvalid: the signature does not match.
    """
    kind, named = _SIGNATURES.get(dotted, (None, None))
    used = named or digest
    if kind is None or used is None or (named and digest and named != digest):
        raise AlgorithmRefused(f"signature algorithm {dotted} with digest {digest}")
    try:
        if kind == "rsa" and isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS:
            key.verify(signature, signed, padding.PKCS1v15(), _HASHES[used])
        elif kind == "ec" and isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
            key.verify(signature, signed, ec.ECDSA(_HASHES[used]))
        else:
            raise AlgorithmRefused(f"signature algorithm {dotted} with this kind or size of key")
    except (InvalidSignature, ValueError) as error:
        raise SignatureInvalid("the signature does not fit") from error
    except UnsupportedAlgorithm as error:
        raise AlgorithmRefused(f"signature algorithm {dotted} is switched off on this machine") from error
    return used
