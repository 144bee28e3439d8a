"""Files with the authorities that a server's certificate must lead to, for the servers that we connect to."""

import ssl
from dataclasses import dataclass
from typing import Final

from otae.errors import InputRefused, MessageUnreadable
from otae.signing.bundles import read_bundle
from otae.signing.certificates import pem

#: Most characters that are kept.
LONGEST: Final = 100_000
#: What is said of a file that holds nothing: without authorities, those of this machine would count instead.
EMPTY: Final = "the file is empty"


@dataclass(frozen=True)
class Authorities:
    """Authorities as they are kept: PEM, made anew. ``left_out``: what is wrong with each that cannot be read."""

    pem: str = ""
    left_out: tuple[str, ...] = ()


def read_authorities(data: bytes, field: str = "ca_pem") -> Authorities:
    """Return the certificates of a file or a text, none of an empty one. Raises InputRefused (``field``)."""
    if not data.strip():
        return Authorities()
    try:
        found = read_bundle(data)
        text = pem(*found.certificates).decode("ascii")
        ssl.create_default_context(cadata=text)
    except MessageUnreadable as error:
        raise InputRefused({field: error.detail}) from None
    except ssl.SSLError:
        raise InputRefused({field: "a certificate of this file cannot be used for TLS"}) from None
    if len(text) > LONGEST:
        raise InputRefused({field: f"use at most {LONGEST} characters"})
    return Authorities(text, found.unreadable)
