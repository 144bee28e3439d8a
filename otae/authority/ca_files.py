"""Reading files with trusted authorities, for the TLS servers that we connect to."""

import ssl
from dataclasses import dataclass
from typing import Final

from otae.errors import InputRefused, MessageUnreadable
from otae.signing.bundles import read_bundle
from otae.signing.certificates import pem
from otae.translatable import N_

#: Most characters of PEM that are stored.
MAX_CHARACTERS: Final = 100_000
#: Refusal of an empty file: without authorities, those of this system would count instead.
EMPTY_FILE: Final = N_("the file is empty")


@dataclass(frozen=True)
class Authorities:
    """Authorities as re-encoded PEM. ``left_out``: for each unreadable certificate, what is wrong with it."""

    pem: str = ""
    left_out: tuple[str, ...] = ()


def read_authorities(data: bytes, field: str = "ca_pem") -> Authorities:
    """Return the certificates of a file (PEM, DER or PKCS#7), none for an empty one.

    Raises InputRefused (``field``).
    """
    if not data.strip():
        return Authorities()
    try:
        bundle = read_bundle(data)
        text = pem(*bundle.certificates).decode("ascii")
        ssl.create_default_context(cadata=text)
    except MessageUnreadable as error:
        raise InputRefused({field: error.detail}) from None
    except ssl.SSLError:
        raise InputRefused({field: N_("a certificate of this file cannot be used for TLS")}) from None
    if len(text) > MAX_CHARACTERS:
        raise InputRefused({field: N_("use at most %(max_characters)s characters", max_characters=MAX_CHARACTERS)})
    return Authorities(text, bundle.unreadable)
