"""The TLS certificate of this server: issued by the service CA, renewed and swapped without a restart."""

import asyncio
import ipaddress
import secrets
import ssl
import tempfile
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, TypedDict

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority.files import read_key
from otae.authority.issuers import (
    BACKDATED,
    active_row,
    chain_of,
    is_uploaded,
    new_row_with_key,
    open_row,
    replace,
)
from otae.errors import NotReady, StaleState
from otae.settings import Settings
from otae.signing.certificates import Keyed, extension, load_certificate, new_key, pem
from otae.signing.issuing import build_tls_leaf
from otae.store import audit, statements
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate

#: Macs refuse server certificates that live longer than 398 days (Apple, support.apple.com/en-us/102028).
LEAF_LIFE: Final = timedelta(days=397)
RENEW_WITHIN: Final = timedelta(days=30)
#: An uploaded certificate is its owner's to renew: ours replaces it only this long before its end.
LAST_DAY: Final = timedelta(days=1)
#: Used by trials, and by health checks from the same machine.
_LOCAL_ADDRESSES: Final = ("127.0.0.1", "::1")


class ServerCertificate(StrEnum):
    """Whose certificate browsers and Macs are shown at PUBLIC_URL."""

    OWN = "own"  # issued under our root: nobody knows it who does not trust the root
    UPLOADED = "uploaded"
    ROUTER = "router"


async def server_certificate(desk: Desk) -> ServerCertificate:
    """Return whose certificate the server shows, as far as it can know: a router's is nowhere in the database."""
    if desk.settings.port or desk.settings.trusted_hops:
        return ServerCertificate.ROUTER
    row = await statements.one(Certificate, purpose="tls", active=True)
    uploaded = row is not None and await is_uploaded(row)
    return ServerCertificate.UPLOADED if uploaded else ServerCertificate.OWN


class ServedNames(TypedDict):
    """The names in the TLS certificate, and in the name constraints of its issuer."""

    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]


def served_names(settings: Settings) -> ServedNames:
    """Return PUBLIC_URL's host, localhost, 127.0.0.1 and ::1, each once."""
    host = settings.public_host
    try:
        addresses = dict.fromkeys((str(ipaddress.ip_address(host)), *_LOCAL_ADDRESSES))
        return ServedNames(dns_names=("localhost",), addresses=tuple(addresses))
    except ValueError:
        return ServedNames(dns_names=tuple(dict.fromkeys((host, "localhost"))), addresses=_LOCAL_ADDRESSES)


def make_leaf(key: rsa.RSAPrivateKey, service_ca: Keyed, settings: Settings, now: datetime) -> Keyed:
    """Return a new TLS certificate for the names of ``settings``, valid no longer than its issuer."""
    begin = now - BACKDATED
    return build_tls_leaf(key, service_ca, **served_names(settings), not_before=begin, not_after=begin + LEAF_LIFE)


def covers_host(certificate: x509.Certificate, host: str) -> bool:
    """Return whether the subjectAltName covers ``host``, a DNS name or IP address. Raises MessageUnreadable.

    "*" stands for one label (RFC 6125).
    """
    names = extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return False
    try:
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        entries = {entry.lower() for entry in names.get_values_for_type(x509.DNSName)}
        return host in entries or f"*.{host.partition('.')[2]}" in entries


async def renew_leaf(desk: Desk, *, now: datetime) -> bool:
    """Renew the TLS certificate when it ends within 30 days, an uploaded one within a day; return whether it was done.

    One that ends with its issuer is not renewed: only a new service CA helps, which the next start creates.
    """
    row = await active_row("tls")
    if row.not_after - now > (LAST_DAY if await is_uploaded(row) else RENEW_WITHIN):
        return False
    ca_row = await active_row("service-ca")
    if row.issuer_id == ca_row.id and row.not_after >= ca_row.not_after:
        return False
    return await serve_own_leaf(desk, row, now=now)


async def serve_own_leaf(desk: Desk, instead: Certificate, *, now: datetime, actor: str = "clock") -> bool:
    """Replace the TLS certificate ``instead`` by a new one of our own; return False when another process did it first.

    When ``instead`` was uploaded, its key is deleted, and the change is audited.
    """
    ca_row = await active_row("service-ca")
    key = await asyncio.to_thread(new_key)
    leaf = make_leaf(key, open_row(desk, ca_row), desk.settings, now)
    uploaded = await is_uploaded(instead)
    try:
        async with transaction():
            await replace(instead, new_row_with_key(desk.vault, leaf, "tls", issuer=ca_row, now=now))
            if uploaded:
                await Certificate.filter(id=instead.id).update(key_sealed=None)
                await audit.record(actor, "tls.removed", now=now, subject=instead.sha256 or "")
    except StaleState:
        return False
    return True


async def tls_context(desk: Desk) -> ssl.SSLContext:
    """Return a server's TLS context (TLS 1.2 and later, HTTP/1.1) with the active certificate and its chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    await _load(context, desk)
    return context


async def refresh(context: ssl.SSLContext, desk: Desk, *, now: datetime) -> None:
    """Renew the certificate when its end is near, and load the active one into ``context`` for new connections."""
    await renew_leaf(desk, now=now)
    await _load(context, desk)


async def _load(context: ssl.SSLContext, desk: Desk) -> None:
    row = await active_row("tls")
    if row.key_sealed is None or row.der is None:
        raise NotReady("the key of the tls certificate is not on this server")
    # Python loads keys from files only: the file is encrypted with a random password that exists in this call only.
    password = secrets.token_bytes(32).hex().encode()
    sealed = read_key(desk.vault.open(row.key_sealed, row.id, "key"), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    # With our root, the browser's warning can show the root and its fingerprint.
    above = await chain_of(row, with_root=not await is_uploaded(row))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "leaf.pem"
        file.write_bytes(sealed + pem(load_certificate(row.der), *above))
        context.load_cert_chain(file, password=password)
