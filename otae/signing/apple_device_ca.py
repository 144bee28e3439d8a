"""The CA that issues Apple device certificates, with which Macs sign their answer to a Profile Service profile.

The certificate of this CA, "Apple iPhone Device CA", ended in 2014, but Apple still issues with its key: formerly with
SHA-1, today with SHA-256. Older Macs send their own certificate without the CA's. So the CA's public key is pinned
here, dates are not checked, and other certificates in the message are not used.

The key has 1024 bits, and a captured answer can be replayed: passing this check proves little. What counts is the
one-time Challenge inside the message.
"""

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from otae.errors import SignerUntrusted, Untrusted
from otae.signing.algorithms import check_signature
from otae.signing.certificates import is_authority, names

_MODULUS: Final = int(
    "f1944ac9eaba5a1860adcba24d4d4e54196917590766cb97e8669a475f46ae677ab54a7354b1cb04f6bd36b80c55388a8483315265f933e1"
    "97779c2b4c26b0253fe932aa7b087494ecc14b381d674e0852945a8b59a35cd793f4a0fe5585bb4c46975e6eb277452f675cbc0b18bf59b9"
    "6c86f72a7576d21971f42963b9250baf",
    16,
)
APPLE_DEVICE_CA_KEY: Final = rsa.RSAPublicNumbers(65537, _MODULUS).public_key()


def check_apple_device(signer: x509.Certificate, extra: Sequence[x509.Certificate] = ()) -> None:
    """Verify that Apple's device CA, or one of the ``extra`` CAs (labs, rehearsals), issued ``signer``.

    Raises:
        SignerUntrusted: another CA issued it, or it is a CA itself.
        MessageUnreadable: its extensions cannot be read.
    """
    if is_authority(signer):
        raise SignerUntrusted("a certificate authority speaks as a device")
    if _signed_with(APPLE_DEVICE_CA_KEY, signer):
        return
    issuer, _ = names(signer)
    for authority in extra:
        if issuer == names(authority)[1] and _signed_with(authority.public_key(), signer):
            return
    raise SignerUntrusted("the signer's certificate was not issued by Apple's device CA")


def _signed_with(key: PublicKeyTypes, leaf: x509.Certificate) -> bool:
    try:
        check_signature(key, leaf.signature, leaf.tbs_certificate_bytes, leaf.signature_algorithm_oid.dotted_string)
    except Untrusted:
        return False
    return True
