"""DATABASE_URL and REDIS_URL as they are written: each read once, and what is wrong with one said in a line.

The words never repeat a value: a password with a character that is not percent-encoded could be any part of it.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, parse_qsl, unquote, urlencode, urlsplit

#: libpq's, without the one that means the machine's own authorities.
TLS_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: What libraries for Redis call the three ways to look at a certificate.
CHECKS: Final = {"none": "none", "optional": "optional", "required": "required"}
#: `sslrootcert=system`: the authorities that this machine trusts, as libpq 16 has it.
SYSTEM: Final = "system"

#: This machine.
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class DatabaseAddress:
    """Where a PostgreSQL is. ``tls``: one of TLS_MODES; ``root``: file of authorities, SYSTEM, or None (the same)."""

    host: str
    port: int
    user: str
    password: str
    name: str
    tls: str
    root: str | None

    def __repr__(self) -> str:
        return f"<database {self.name} at {self.host}:{self.port}>"

    def tls_context(self) -> ssl.SSLContext | str:
        """Return what the driver takes for libpq's sslmode; ValueError when the authorities cannot be read."""
        if self.tls not in {"verify-ca", "verify-full"}:
            return self.tls
        context = _context(self.root)
        context.check_hostname = self.tls == "verify-full"
        return context


def database_address(url: str) -> DatabaseAddress:
    """Return what ``url`` says; ValueError with one line of words when it is no address of a PostgreSQL."""
    parts = _split(url, "postgres://user:password@host:5432/name")
    name = unquote(parts.path.strip("/"))
    if parts.scheme not in {"postgres", "postgresql"} or not parts.hostname or not name or "," in parts.netloc:
        raise ValueError("must look like postgres://user:password@host:5432/name")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    root = query.get("sslrootcert") or None
    # On one machine nobody stands between the two, and TLS was a quarter of what the pages' processes had to do.
    usual = "allow" if parts.hostname in LOCAL_HOSTS else "require"
    mode = query.get("sslmode") or ("verify-full" if root == SYSTEM else usual)
    if mode not in TLS_MODES:
        raise ValueError("sslmode is not known; use require, verify-ca or verify-full")
    if root == SYSTEM and mode != "verify-full":
        raise ValueError("sslrootcert=system needs sslmode=verify-full: everybody can get a certificate for some name")
    if root and mode == "require":
        mode = "verify-ca"  # as libpq has it: who names authorities wants the certificate looked at
    address = DatabaseAddress(
        host=parts.hostname,
        port=_port(parts, 5432),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        name=name,
        tls=mode,
        root=root,
    )
    if root:
        _context(root)  # also where the mode asks for no look at the certificate
    address.tls_context()
    return address


def redis_address(url: str) -> str:
    """Return ``url`` as the driver takes it; ValueError with one line of words when it is no address of a Redis.

    A PaaS hands out rediss:// addresses whose certificate is self-signed and says nothing of it; so the certificate is
    checked only when the address asks for it (`?ssl_cert_reqs=required`). Redis is told ids and nothing else.
    """
    parts = _split(url, "redis://:password@host:6379/0")
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ValueError("must look like redis://:password@host:6379/0, or rediss://… with TLS")
    _port(parts, 6379)
    if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ValueError("what follows the port must be the number of a database, such as /0")
    query = dict(parse_qsl(parts.query))
    if parts.scheme == "rediss":
        given = query.get("ssl_cert_reqs", "none")
        check = CHECKS.get(given.lower().removeprefix("cert_"))
        if check is None:
            raise ValueError("ssl_cert_reqs is not known; use none, optional or required")
        query["ssl_cert_reqs"] = check
        if query.get("ssl_ca_certs"):
            _context(query["ssl_ca_certs"], "ssl_ca_certs")
    return parts._replace(query=urlencode(query)).geturl()


def _split(url: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        _ = parts.hostname, parts.username
    except ValueError:
        raise ValueError(f"must look like {example}; percent-encode what is special in the password") from None
    return parts


def _port(parts: SplitResult, usual: int) -> int:
    try:
        return parts.port or usual
    except ValueError:
        raise ValueError(
            "the port must be a number from 1 to 65535; percent-encode / ? # @ in user name and password"
        ) from None


def _context(root: str | None, option: str = "sslrootcert") -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if root in {None, SYSTEM} else root)
    except ssl.SSLError:
        raise ValueError(f"{option}: {Path(str(root))} holds no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"{option}: {Path(str(root))} cannot be read ({error.strerror})") from None
