"""One connection to one LDAP server: connect, negotiate TLS, bind, search, close (RFC 4511, RFC 4513).

Every function here blocks and must run in a thread (see `otae.directory.ldap.pool`). Python's `ssl` verifies the
server's certificate against the configured host name. Referrals are never followed.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import ldap3
from ldap3.core.exceptions import LDAPExceptionError, LDAPStartTLSError

from otae.directory.ldap.results import (
    CONNECTION_ERRORS,
    SIZE_LIMIT,
    SUCCESS,
    TIMED_OUT,
    UNAVAILABLE,
    Entry,
    LdapError,
    error_text,
    result_of,
)

Scope = Literal["BASE", "LEVEL", "SUBTREE"]

#: Entries per page of a search.
PAGE: Final = 500


@dataclass(frozen=True)
class Endpoint:
    """Where a directory's servers are and how to connect and bind to them. Equal endpoints share pooled connections.

    ``security``: "none", "starttls" or "ldaps". ``ca_pem``: the authorities to trust, "" for this machine's.
    ``timeout``: seconds for connecting and for each response. ``loopback``: whether a host may be this machine.
    """

    hosts: tuple[str, ...]
    port: int
    security: str
    ca_pem: str = field(repr=False)
    bind_name: str
    password: str = field(repr=False)
    timeout: int
    loopback: bool


class _Tls(ldap3.Tls):
    """TLS by Python's `ssl`: sends the host name (SNI), and verifies chain and host name in the handshake."""

    def __init__(self, endpoint: Endpoint, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.context = ssl.create_default_context(cadata=endpoint.ca_pem or None)
        self.host = host
        self.error: Exception | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002, ANN401 - ldap3's
        """Wrap the socket in TLS, and keep the exception if that fails: ldap3 passes on only its text."""
        del do_handshake  # always: a connection that was not verified is not used
        try:
            connection.socket = self.context.wrap_socket(connection.socket, server_hostname=self.host)
        except Exception as error:
            self.error = error
            raise


class Connection:
    """A connection to one server of a directory. ``host``: the configured name of that server."""

    def __init__(self, raw: ldap3.Connection, host: str) -> None:
        self._raw = raw
        self.host = host

    @property
    def certificate(self) -> Mapping[str, Any]:
        """The server's certificate, as `ssl.SSLSocket.getpeercert` returns it; empty without TLS."""
        opened = self._raw.socket
        return opened.getpeercert() or {} if isinstance(opened, ssl.SSLSocket) else {}

    @property
    def negotiated_tls(self) -> str:
        """TLS version and cipher, such as "TLSv1.3 TLS_AES_256_GCM_SHA384"; "" without TLS."""
        opened = self._raw.socket
        if not isinstance(opened, ssl.SSLSocket):
            return ""
        cipher = opened.cipher()
        return f"{opened.version()} {cipher[0] if cipher else ''}"

    def sign_in(self, name: str, password: bytes) -> None:
        """Bind as ``name``; without a name the connection stays anonymous.

        Raises:
            LdapError: with step "bind" when the server refuses, "answer" when it is unavailable.
        """
        if not name:
            return
        code, words = self.bind(name, password)
        if code != SUCCESS:
            raise LdapError("answer" if code in UNAVAILABLE else "bind", words)

    def bind(self, name: str, password: bytes) -> tuple[int, str]:
        """Bind as ``name`` and return the server's result code and its meaning.

        Raises:
            ValueError: for an empty name or password, which would be an unauthenticated bind.
            LdapError: with step "answer" when the connection breaks.
        """
        if not name or not password:
            # RFC 4513 §5.1.2: an empty password asks for an unauthenticated bind, which many servers call a success.
            raise ValueError("a bind needs a name and a password")
        raw = self._raw
        raw.user, raw.password, raw.authentication = name, password, ldap3.SIMPLE
        try:
            raw.bind(read_server_info=False)
        except CONNECTION_ERRORS as error:
            raise LdapError("answer", error_text(error)) from None
        finally:
            raw.password = None
        return self._result()

    def search(
        self, base: str, search_filter: str, attributes: Sequence[str], *, scope: Scope = "SUBTREE", limit: int = 0
    ) -> list[Entry]:
        """Return the entries that match ``search_filter``, at most ``limit`` of them (0: all, page by page).

        Raises:
            LdapError: with step "search" when the server refuses, "answer" when it is unavailable.
        """
        if not limit:
            return [entry for page in self.pages(base, search_filter, attributes, scope=scope) for entry in page]
        found, code, words = self._search(base, search_filter, attributes, scope, size_limit=limit)
        if code not in {SUCCESS, SIZE_LIMIT}:
            raise self._refused(base, code, words)
        return found[:limit]

    def pages(
        self, base: str, search_filter: str, attributes: Sequence[str], *, scope: Scope = "SUBTREE"
    ) -> Iterator[list[Entry]]:
        """Yield the entries that match ``search_filter``, page by page (RFC 2696); raises as `search`."""
        cookie: bytes | None = b""
        while cookie is not None:
            options: dict[str, Any] = {"paged_size": PAGE, "paged_cookie": cookie or None}
            found, code, words = self._search(base, search_filter, attributes, scope, **options)
            if code != SUCCESS:
                raise self._refused(base, code, words)
            yield found
            control = (self._raw.result.get("controls") or {}).get("1.2.840.113556.1.4.319", {})
            cookie = control.get("value", {}).get("cookie") or None

    def root(self) -> Entry:
        """Return the root DSE, the server's description of itself (RFC 4512 §5.1)."""
        found = self.search("", "(objectClass=*)", ["+", "*", "supportedCapabilities"], scope="BASE", limit=1)
        return found[0] if found else Entry("", {})

    def close(self) -> None:
        """Unbind and close the socket; errors are ignored."""
        with contextlib.suppress(LDAPExceptionError, OSError, AttributeError):
            self._raw.unbind()
        self._close_socket()

    def abort(self) -> None:
        """Shut the socket down from another thread, which ends a blocked read at once."""
        opened = self._raw.socket
        if opened is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def _close_socket(self) -> None:
        opened = self._raw.socket
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.close()

    def _search(
        self,
        base: str,
        search_filter: str,
        attributes: Sequence[str],
        scope: Scope,
        **options: Any,  # noqa: ANN401 - ldap3's
    ) -> tuple[list[Entry], int, str]:
        raw = self._raw
        try:
            raw.search(base, search_filter, scope, attributes=list(attributes), **options)
        except CONNECTION_ERRORS as error:
            raise LdapError("answer", error_text(error)) from None
        given = [each for each in raw.response or [] if each.get("type") == "searchResEntry"]
        return [_entry(each) for each in given], *self._result()

    def _result(self) -> tuple[int, str]:
        return result_of(self._raw.result or {})

    def _refused(self, base: str, code: int, words: str) -> LdapError:
        known = {32: "there is no such entry", 10: "the server refers to another one, which is not followed"}
        detail = f"{base or 'the root'}: {known[code]}" if code in known else words
        return LdapError("answer" if code in UNAVAILABLE else "search", detail, absent=code in known)


def open_connection(endpoint: Endpoint, host: str, address: str, register: Callable[[Connection], None]) -> Connection:
    """Connect to ``address`` and negotiate TLS as ``endpoint`` asks for. Raises LdapError ("connect" or "tls").

    Args:
        host: the name that the server's certificate must be issued for.
        address: the IP address to connect to.
        register: called with the connection before anything blocks, so that another thread can abort it.
    """
    tls = None
    if endpoint.security != "none":
        try:
            tls = _Tls(endpoint, host)
        except ssl.SSLError:
            raise LdapError("tls", "the certificates to trust cannot be read") from None
    server = ldap3.Server(
        address,
        endpoint.port,
        use_ssl=endpoint.security == "ldaps",
        tls=tls,
        get_info=ldap3.NONE,
        connect_timeout=endpoint.timeout,
    )
    raw = ldap3.Connection(
        server,
        client_strategy=ldap3.SYNC,
        auto_bind=False,
        auto_referrals=False,
        check_names=False,
        auto_range=True,
        receive_timeout=endpoint.timeout,
        return_empty_attributes=False,
    )
    connection = Connection(raw, host)
    register(connection)
    try:
        raw.open(read_server_info=False)
        if endpoint.security == "starttls":
            raw.start_tls(read_server_info=False)
    except CONNECTION_ERRORS as error:
        connection._close_socket()  # noqa: SLF001 - this module's own
        raise _open_error(error, tls) from None
    return connection


def _open_error(error: Exception, tls: _Tls | None) -> LdapError:
    if tls is not None and tls.error is not None:
        return LdapError("tls", _tls_error_text(tls.error))
    if isinstance(error, LDAPStartTLSError):
        return LdapError("tls", "the server does not offer StartTLS")
    return LdapError("connect", error_text(error))


def _tls_error_text(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return TIMED_OUT
    return "no agreement with the server; does it speak TLS on this port?"


def _entry(each: Mapping[str, Any]) -> Entry:
    values = {str(name).lower(): list(found) for name, found in each["raw_attributes"].items()}
    return Entry(str(each["dn"]), values)
