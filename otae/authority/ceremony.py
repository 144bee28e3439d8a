"""The key ceremony: creates the certificate tree once, and replaces the service CA when PUBLIC_URL changes.

Root (its key signs the two CAs and is not needed afterwards) → device CA → registration authority, profile signer;
root → service CA → TLS leaf. The profile signer is not below the service CA, because a verifier may apply name
constraints to a common name. The service CA's name constraints limit it to PUBLIC_URL's host: a new host needs a new
service CA, which only the root's key can sign.
"""

import asyncio
import ipaddress
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from tortoise.exceptions import IntegrityError

from otae.authority.issuers import Purpose, active_row, is_uploaded, keyed, new_row_with_key, replace
from otae.authority.own_certificates import make_device_ca, make_ra, make_root, make_service_ca, make_signer
from otae.authority.serving import RENEW_WITHIN, covers_host, make_leaf, serve_own_leaf, served_names
from otae.errors import CannotStart, NotReady, StaleState
from otae.settings import Settings
from otae.signing.certificates import Keyed, load_certificate, new_key
from otae.store import audit, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Certificate
from otae.store.vault import Vault

#: Purpose → purpose of its issuer, in the order in which the rows are written.
_ISSUER: Final[dict[Purpose, Purpose | None]] = {
    "root": None,
    "device-ca": "root",
    "service-ca": "root",
    "ra": "device-ca",
    "profile-signer": "device-ca",
    "tls": "service-ca",
}


async def hold_ceremony(settings: Settings, vault: Vault, *, now: datetime) -> None:
    """Create the certificate tree unless this installation has one; the database must be connected.

    The caller holds ``database.exclusive``. Should two processes still get here, only one tree is stored. The
    organization in the subjects is the server property organization.name.
    """
    if await Certificate.exists(purpose="root"):
        return
    organization = await properties.word("organization.name")
    keys = await asyncio.gather(*(asyncio.to_thread(new_key) for _ in _ISSUER))
    made = _tree(dict(zip(_ISSUER, keys, strict=True)), organization, settings, now)
    try:
        await _store(made, vault, now)
    except IntegrityError:
        # Another process was first: a purpose has only one active certificate.
        if not await Certificate.exists(purpose="root"):
            raise


async def ensure_service_ca(desk: Desk, *, now: datetime) -> None:
    """At start: replace service CA and TLS leaf when PUBLIC_URL has another host, or the CA ends within 30 days.

    An uploaded TLS certificate stays in use while it is valid for the host, and is then replaced by our own.

    Raises:
        CannotStart: a new service CA is needed, but the root's key is not on this server. Not raised while the old one
            still works, or when a router in front does TLS.
    """
    tls, service_ca = await active_row("tls"), await active_row("service-ca")
    uploaded = await is_uploaded(tls)
    if uploaded and tls.not_after > now and covers_host(load_certificate(tls.der or b""), desk.settings.public_host):
        return
    covered = _covers(service_ca, desk.settings)
    if covered and service_ca.not_after - now > RENEW_WITHIN:
        if uploaded:
            await serve_own_leaf(desk, tls, now=now)
        return
    try:
        root = await keyed(desk, "root")
    except NotReady as error:
        if desk.settings.port or (covered and service_ca.not_after > now):
            return
        raise CannotStart(
            f"the TLS certificates do not serve {desk.settings.public_host} (PUBLIC_URL) today, and the root's key is "
            "no longer on this server to make new ones: set PUBLIC_URL back, or bring the root's key back"
        ) from error
    ca_key, leaf_key = await asyncio.gather(asyncio.to_thread(new_key), asyncio.to_thread(new_key))
    made = make_service_ca(ca_key, root, desk.settings, now)
    leaf = make_leaf(leaf_key, made, desk.settings, now)
    ca_row = new_row_with_key(desk.vault, made, "service-ca", issuer=await active_row("root"), now=now)
    try:
        async with transaction():
            await replace(service_ca, ca_row)
            await replace(tls, new_row_with_key(desk.vault, leaf, "tls", issuer=ca_row, now=now))
            await audit.record("command line", "ca.service-ca-replaced", now=now, subject=ca_row.sha256 or "")
    except StaleState as error:
        # Another process did the same meanwhile; with another PUBLIC_URL than ours the two would never agree.
        if not _covers(await active_row("service-ca"), desk.settings):
            raise CannotStart(
                "another process of this installation runs with another PUBLIC_URL: give all the same"
            ) from error


def _tree(
    keys: dict[Purpose, rsa.RSAPrivateKey], organization: str, settings: Settings, now: datetime
) -> dict[Purpose, Keyed]:
    root = make_root(keys["root"], organization, now)
    device_ca = make_device_ca(keys["device-ca"], root, now)
    service_ca = make_service_ca(keys["service-ca"], root, settings, now)
    return {
        "root": root,
        "device-ca": device_ca,
        "service-ca": service_ca,
        "ra": make_ra(keys["ra"], device_ca, now),
        "profile-signer": make_signer(keys["profile-signer"], device_ca, now),
        "tls": make_leaf(keys["tls"], service_ca, settings, now),
    }


async def _store(made: dict[Purpose, Keyed], vault: Vault, now: datetime) -> None:
    rows: dict[Purpose, Certificate] = {}
    for purpose, issuer in _ISSUER.items():
        above = rows[issuer] if issuer else None
        rows[purpose] = new_row_with_key(vault, made[purpose], purpose, issuer=above, now=now)
    async with transaction():
        for row in rows.values():
            await row.save()
        await audit.record("command line", "ca.created", now=now, subject=rows["root"].sha256 or "")


def _covers(row: Certificate, settings: Settings) -> bool:
    certificate = load_certificate(row.der or b"")
    permitted = certificate.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    names = served_names(settings)
    hosts = [x509.DNSName(host) for host in names["dns_names"]]
    networks = [x509.IPAddress(ipaddress.ip_network(address)) for address in names["addresses"]]
    return all(entry in permitted for entry in (*hosts, *networks))
