"""Parsing DATABASE_URL and REDIS_URL, with one line of text for what is wrong.

The text never repeats a value: with a character that is not percent-encoded, any part could belong to the password.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, parse_qsl, unquote, urlencode, urlsplit

#: The values of libpq's sslmode.
TLS_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
#: The values of ssl_cert_reqs in Redis libraries: how the server's certificate is checked.
CHECKS: Final = {"none": "none", "optional": "optional", "required": "required"}
#: `sslrootcert=system`: the authorities that this machine trusts, as in libpq 16.
SYSTEM: Final = "system"

#: Host names of this machine.
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class DatabaseAddress:
    """The address of a PostgreSQL database. ``tls``: one of TLS_MODES.

    ``root``: the path of a PEM file of authorities; None and SYSTEM mean those that this machine trusts.
    """

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
        """Return the driver's equivalent of libpq's sslmode. Raises ValueError when the authorities cannot be read."""
        if self.tls not in {"verify-ca", "verify-full"}:
            return self.tls
        context = _context(self.root)
        context.check_hostname = self.tls == "verify-full"
        return context


def database_address(url: str) -> DatabaseAddress:
    """Parse DATABASE_URL. Raises ValueError with one line of text when it is not a PostgreSQL address."""
    parts = _split(url, "postgres://user:password@host:5432/name")
    name = unquote(parts.path.strip("/"))
    if parts.scheme not in {"postgres", "postgresql"} or not parts.hostname or not name or "," in parts.netloc:
        raise ValueError("must look like postgres://user:password@host:5432/name")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    root = query.get("sslrootcert") or None
    # On one machine nobody can listen in between, and TLS took a quarter of the web processes' time.
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
        _context(root)  # also where the mode does not check the certificate: the file must be readable
    address.tls_context()
    return address


def redis_address(url: str) -> str:
    """Check REDIS_URL and return it in the driver's form. Raises ValueError with one line of text.

    A PaaS gives out rediss:// addresses of servers with self-signed certificates. So the certificate is only checked
    when the address asks for it (`?ssl_cert_reqs=required`). Redis only receives ids.
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
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535; percent-encode / ? # @ in user name and password")
    return port or usual


def _context(root: str | None, option: str = "sslrootcert") -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if root in {None, SYSTEM} else root)
    except ssl.SSLError:
        raise ValueError(f"{option}: {Path(str(root))} holds no certificate in PEM") from None
    except OSError as error:
        raise ValueError(f"{option}: {Path(str(root))} cannot be read ({error.strerror})") from None
    except ValueError:  # a null character
        raise ValueError(f"{option} must be the path of a file") from None
