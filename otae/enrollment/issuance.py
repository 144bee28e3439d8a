"""SCEP (RFC 8894): dispatches messages and turns refusals into CertReps.

Whatever can be answered in the protocol is answered with a signed CertRep; only a message without a valid signature
leaves here as a refusal. `issuance_policy` decides who gets a certificate, `scep_lookups` answers queries for existing
certificates and CRLs.
"""

from datetime import datetime

from otae.authority import issuers, rotation
from otae.authority.rotation import ScepAuthorities
from otae.enrollment import issuance_policy, scep_lookups
from otae.enrollment.support import RefusalContext, record_refusals
from otae.errors import MessageTypeRefused, Refusal
from otae.signing import scep
from otae.signing.certificates import load_certificate
from otae.signing.scep import MessageType
from otae.store import old_algorithms, properties
from otae.store.desk import Desk


def message_from_query(query_string: bytes) -> bytes:
    """Return the pkiMessage of a PKIOperation by GET from the raw query; raises TooLarge or MessageUnreadable."""
    return scep.message_from_query(query_string)


def capabilities() -> bytes:
    """Return the answer to GetCACaps (text/plain): one keyword a line, separated by LF, no blanks."""
    return scep.CAPABILITIES.encode()


async def ca_certificates(desk: Desk) -> bytes:
    """Return the answer to GetCACert: RA, device CA and root, certs-only (application/x-x509-ca-ra-cert).

    The root is included because certmonger and strongSwan accept no chain that ends before it. Raises NotReady before
    the ceremony.
    """
    ra, chain = await issuers.keyed_with_chain(desk, "ra")
    return scep.certs_only([ra.certificate, *chain, await issuers.root()])


async def answer(desk: Desk, message: bytes, *, now: datetime) -> bytes:
    """Answer a PKIOperation with a CertRep as DER (application/x-pki-message, HTTP 200), also for a failure.

    Args:
        message: The pkiMessage, BER or DER, at most 64 KiB.

    Raises:
        Unreadable, Untrusted: The outer signature cannot be read or does not verify: without a verified signer there is
            nobody to send a CertRep to, so the answer is HTTP 400.
        NotReady: There are no keys yet.
    """
    async with record_refusals(now):
        opened = scep.open_message(message)
        authorities = await rotation.for_envelope(desk, opened.envelope, now=now)
    try:
        async with record_refusals(now) as context:
            return await _reply(desk, opened, authorities, context, now)
    except Refusal as refusal:
        return scep.cert_rep_failure(opened, scep.fail_info_for(refusal, opened.message_type), authorities.ra)


async def _reply(
    desk: Desk, opened: scep.OpenedMessage, authorities: ScepAuthorities, context: RefusalContext, now: datetime
) -> bytes:
    """Return the CertRep for a message whose outer signature verified; raises the refusal to answer with."""
    ra, renewer = authorities.ra, None
    if opened.message_type == MessageType.RENEWAL_REQ:
        renewer = await issuance_policy.check_renewer(opened.signer, now=now)
    values = await properties.read_some("mac.sha1", "scep.des3", *issuers.IDENTITY_PROPERTIES)
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
        row = await scep_lookups.certificate(request, context, now=now)
    elif request.message_type is MessageType.GET_CERT_INITIAL:
        row = await scep_lookups.poll(request, context)
    elif request.message_type in (MessageType.PKCS_REQ, MessageType.RENEWAL_REQ):
        inputs = issuance_policy.IssuanceContext(authorities.device_ca, values, renewer)
        row = await issuance_policy.grant(desk, request, context, inputs, now=now)
    else:
        raise MessageTypeRefused(f"messageType {request.message_type}")
    await old_algorithms.count_use(desk.resources, opened.digest, request.cipher, now=now)
    return scep.cert_rep_success(request, load_certificate(row.der or b""), ra)
