"""One line to one LDAP server: opened with TLS as asked for, signed in, asked, closed (RFC 4511, 4513).

Everything here waits, and is called in threads alone. The server's certificate is checked by Python's own TLS against
the host that was configured; referrals are never followed.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import ldap3
from ldap3.core.exceptions import LDAPExceptionError, LDAPStartTLSError

from otae.directory.ldap.results import AWAY, BROKEN, SILENT, SIZE_LIMIT, SUCCESS, Entry, Unreached, result_of, words_of

Scope = Literal["BASE", "LEVEL", "SUBTREE"]

#: Entries that are asked for at a time.
PAGE: Final = 500


@dataclass(frozen=True)
class Dialled:
    """What it takes to reach a directory; two that are equal may share lines. ``loopback``: it may be this machine."""

    hosts: tuple[str, ...]
    port: int
    security: str
    ca_pem: str = field(repr=False)
    bind_name: str
    password: str = field(repr=False)
    timeout: int
    loopback: bool


class _Tls(ldap3.Tls):
    """TLS as Python does it: chain and host name checked in the handshake, the name asked for (SNI)."""

    def __init__(self, where: Dialled, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.context = ssl.create_default_context(cadata=where.ca_pem or None)
        self.host = host
        self.error: Exception | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002, ANN401 - ldap3's
        """Put TLS on the line and remember what was wrong: ldap3 keeps only its words."""
        del do_handshake  # always: a line that was not checked is none
        try:
            connection.socket = self.context.wrap_socket(connection.socket, server_hostname=self.host)
        except Exception as error:
            self.error = error
            raise


class Line:
    """A connection to a server. ``host``: which of a directory's."""

    def __init__(self, connection: ldap3.Connection, host: str) -> None:
        self._connection = connection
        self.host = host

    @property
    def certificate(self) -> Mapping[str, Any]:
        """The server's certificate as `ssl` tells it, empty without TLS."""
        opened = self._connection.socket
        return opened.getpeercert() or {} if isinstance(opened, ssl.SSLSocket) else {}

    @property
    def agreed(self) -> str:
        """TLS version and cipher, "" in clear."""
        opened = self._connection.socket
        if not isinstance(opened, ssl.SSLSocket):
            return ""
        cipher = opened.cipher()
        return f"{opened.version()} {cipher[0] if cipher else ''}"

    def sign_in(self, name: str, password: bytes) -> None:
        """Sign in, or ask as nobody when no name is given; Unreached ("bind")."""
        if not name:
            return
        code, words = self.bind(name, password)
        if code != SUCCESS:
            raise Unreached("answer" if code in AWAY else "bind", words)

    def bind(self, name: str, password: bytes) -> tuple[int, str]:
        """Bind as ``name``; return the server's result code and what it means. Never with an empty password."""
        if not name or not password:
            # RFC 4513 §5.1.2: an empty password asks for an unauthenticated bind, which many servers call a success.
            raise ValueError("a bind needs a name and a password")
        connection = self._connection
        connection.user, connection.password, connection.authentication = name, password, ldap3.SIMPLE
        try:
            connection.bind(read_server_info=False)
        except BROKEN as error:
            raise Unreached("answer", words_of(error)) from None
        finally:
            connection.password = None
        return self._result()

    def search(
        self, base: str, what: str, attributes: Sequence[str], *, scope: Scope = "SUBTREE", limit: int = 0
    ) -> list[Entry]:
        """Return the entries that the filter ``what`` fits, ``limit`` at most (0: all, a page at a time); Unreached."""
        if not limit:
            return [entry for page in self.pages(base, what, attributes, scope=scope) for entry in page]
        found, code, words = self._search(base, what, attributes, scope, size_limit=limit)
        if code not in {SUCCESS, SIZE_LIMIT}:
            raise self._refused(base, code, words)
        return found[:limit]

    def pages(
        self, base: str, what: str, attributes: Sequence[str], *, scope: Scope = "SUBTREE"
    ) -> Iterator[list[Entry]]:
        """Give the entries that the filter ``what`` fits, a page at a time (RFC 2696); Unreached."""
        cookie: bytes | None = b""
        while cookie is not None:
            options: dict[str, Any] = {"paged_size": PAGE, "paged_cookie": cookie or None}
            found, code, words = self._search(base, what, attributes, scope, **options)
            if code != SUCCESS:
                raise self._refused(base, code, words)
            yield found
            control = (self._connection.result.get("controls") or {}).get("1.2.840.113556.1.4.319", {})
            cookie = control.get("value", {}).get("cookie") or None

    def root(self) -> Entry:
        """Return what the server says about itself (RFC 4512 §5.1)."""
        found = self.search("", "(objectClass=*)", ["+", "*", "supportedCapabilities"], scope="BASE", limit=1)
        return found[0] if found else Entry("", {})

    def close(self) -> None:
        """Say goodbye and hang up; a server that does not listen loses nothing."""
        with contextlib.suppress(LDAPExceptionError, OSError, AttributeError):
            self._connection.unbind()
        self._hang_up()

    def cut(self) -> None:
        """End whatever waits for an answer, from another thread."""
        opened = self._connection.socket
        if opened is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def _hang_up(self) -> None:
        opened = self._connection.socket
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.close()

    def _search(
        self,
        base: str,
        what: str,
        attributes: Sequence[str],
        scope: Scope,
        **options: Any,  # noqa: ANN401 - ldap3's
    ) -> tuple[list[Entry], int, str]:
        connection = self._connection
        try:
            connection.search(base, what, scope, attributes=list(attributes), **options)
        except BROKEN as error:
            raise Unreached("answer", words_of(error)) from None
        given = [each for each in connection.response or [] if each.get("type") == "searchResEntry"]
        return [_entry(each) for each in given], *self._result()

    def _result(self) -> tuple[int, str]:
        return result_of(self._connection.result or {})

    def _refused(self, base: str, code: int, words: str) -> Unreached:
        known = {32: "there is no such entry", 10: "the server refers to another one, which is not followed"}
        told = f"{base or 'the root'}: {known[code]}" if code in known else words
        return Unreached("answer" if code in AWAY else "search", told)


def open_line(where: Dialled, host: str, address: str, hold: Callable[[Line], None]) -> Line:
    """Connect to ``address``, whose certificate must be ``host``'s, and agree on TLS; Unreached ("connect", "tls").

    ``hold`` is told of the line before anything waits, so that somebody else can cut it.
    """
    tls = None
    if where.security != "none":
        try:
            tls = _Tls(where, host)
        except ssl.SSLError:
            raise Unreached("tls", "the certificates to trust cannot be read") from None
    server = ldap3.Server(
        address,
        where.port,
        use_ssl=where.security == "ldaps",
        tls=tls,
        get_info=ldap3.NONE,
        connect_timeout=where.timeout,
    )
    connection = ldap3.Connection(
        server,
        client_strategy=ldap3.SYNC,
        auto_bind=False,
        auto_referrals=False,
        check_names=False,
        auto_range=True,
        receive_timeout=where.timeout,
        return_empty_attributes=False,
    )
    line = Line(connection, host)
    hold(line)
    try:
        connection.open(read_server_info=False)
        if where.security == "starttls":
            connection.start_tls(read_server_info=False)
    except BROKEN as error:
        line._hang_up()  # noqa: SLF001 - this module's own
        raise _not_opened(error, tls) from None
    return line


def _not_opened(error: Exception, tls: _Tls | None) -> Unreached:
    if tls is not None and tls.error is not None:
        return Unreached("tls", _tls_words(tls.error))
    if isinstance(error, LDAPStartTLSError):
        return Unreached("tls", "the server does not offer StartTLS")
    return Unreached("connect", words_of(error))


def _tls_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return SILENT
    return "no agreement with the server; does it speak TLS on this port?"


def _entry(each: Mapping[str, Any]) -> Entry:
    values = {str(name).lower(): list(found) for name, found in each["raw_attributes"].items()}
    return Entry(str(each["dn"]), values)
