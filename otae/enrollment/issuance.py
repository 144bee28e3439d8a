"""SCEP (RFC 8894) at its door: which message is answered by whom, and what a refusal is called.

Whatever can be answered in the protocol is a signed CertRep; only a message that nobody signed leaves here as a
refusal. ``granting`` decides who gets a certificate, ``lookups`` answers what asks for something that is there already.
"""

from datetime import datetime

from otae.authority import issuers, rotation
from otae.authority.rotation import AtWork
from otae.enrollment import issuance_policy, scep_lookups
from otae.enrollment.support import Known, recorded
from otae.errors import MessageTypeRefused, Refusal
from otae.signing import scep, scep_query
from otae.signing.certificates import load_certificate
from otae.signing.scep import MessageType
from otae.store import old_algorithms, properties
from otae.store.desk import Desk


def message_from_query(query_string: bytes) -> bytes:
    """Return the pkiMessage of a PKIOperation by GET, from the raw query; raises TooLarge or MessageUnreadable."""
    return scep_query.message_from_query(query_string)


def capabilities() -> bytes:
    """Return the answer to GetCACaps: one keyword a line, LF, without a blank (text/plain)."""
    return scep.CAPABILITIES.encode()


async def ca_certificates(desk: Desk) -> bytes:
    """Return the answer to GetCACert: RA, device CA and root, certs-only (application/x-x509-ca-ra-cert).

    The root is there because certmonger and strongSwan accept no chain that ends before it. Raises NotReady before the
    ceremony.
    """
    ra, chain = await issuers.keyed_with_chain(desk, "ra")
    return scep.certs_only([ra.certificate, *chain, await issuers.root()])


async def answer(desk: Desk, message: bytes, *, now: datetime) -> bytes:
    """Answer a PKIOperation; returns a CertRep as DER (application/x-pki-message, HTTP 200), also when it says no.

    ``message``: the pkiMessage, BER or DER, at most 64 KiB. Raises Unreadable or Untrusted when its outer signature
    cannot be read or does not fit, and NotReady before there are keys: there is nothing signed to answer to (HTTP 400).
    """
    async with recorded(now):
        opened = scep.open_message(message)
        at_work = await rotation.for_envelope(desk, opened.envelope, now=now)
    try:
        async with recorded(now) as known:
            return await _reply(desk, opened, at_work, known, now)
    except Refusal as refusal:
        return scep.cert_rep_failure(opened, scep.fail_info_for(refusal, opened.message_type), at_work.ra)


async def _reply(desk: Desk, opened: scep.OpenedMessage, at_work: AtWork, known: Known, now: datetime) -> bytes:
    ra, renewer = at_work.ra, None
    if opened.message_type == MessageType.RENEWAL_REQ:
        renewer = await issuance_policy.check_renewer(opened.signer, now=now)
    values = await properties.read_some("mac.sha1", "scep.des3", *issuers.TERMS)
    request = scep.unwrap(
        opened,
        ra,
        allow_sha1=bool(values["mac.sha1"]),
        allow_des3=bool(values["scep.des3"]),
        allow_des=desk.settings.scep_allow_des,
    )
    if request.message_type is MessageType.GET_CRL:
        return scep.cert_rep_crl(request, await scep_lookups.revocation_list(desk, request, now=now), ra)
    if request.message_type is MessageType.GET_CERT:
        row = await scep_lookups.certificate(request, known, now=now)
    elif request.message_type is MessageType.GET_CERT_INITIAL:
        row = await scep_lookups.poll(request, known)
    elif request.message_type in (MessageType.PKCS_REQ, MessageType.RENEWAL_REQ):
        terms = issuance_policy.Terms(at_work.device_ca, values, renewer)
        row = await issuance_policy.grant(desk, request, known, terms, now=now)
    else:
        raise MessageTypeRefused(f"messageType {request.message_type}")
    await old_algorithms.count(opened.digest, request.cipher, now=now)
    return scep.cert_rep_success(request, load_certificate(row.der or b""), ra)
