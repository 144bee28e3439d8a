"""The CRLs of our CAs, for other systems; our own checks read the rows (``revocation``)."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from cryptography import x509
from tortoise.functions import Count, Max

from otae.authority.issuers import open_row
from otae.errors import AuthorityUnknown
from otae.signing.issuing import Revoked, build_crl
from otae.store.desk import Desk
from otae.store.models import Certificate

LIFE: Final = timedelta(days=7)
#: How long a signed CRL is reused while nothing is revoked.
_FRESH: Final = timedelta(hours=1)

#: Number of revoked certificates, and time of the last revocation: a CRL signed for the same is still right.
_CacheKey = tuple[int, object]


class SignedCrls(dict[UUID, tuple[_CacheKey, datetime, bytes]]):
    """CRLs that this process signed, by CA: what each lists, when it was signed, its DER."""


async def crl(desk: Desk, issuer_id: str, *, now: datetime) -> bytes:
    """Return the CRL of the CA with this row id (RFC 5280 §5, DER, valid for 7 days), served as /crl/<id>.crl.

    A revoked certificate stays in it until a week past its own end. Raises AuthorityUnknown, and NotReady when the CA's
    key is not on this server.
    """
    issuer = await _authority(issuer_id)
    revocations = Certificate.filter(issuer_id=issuer.id, revoked_at__isnull=False, not_after__gt=now - LIFE)
    counted = await revocations.annotate(many=Count("id"), last=Max("revoked_at")).values("many", "last")
    mark: _CacheKey = (counted[0]["many"], counted[0]["last"]) if counted else (0, None)
    cached = desk.resources.get(SignedCrls)
    if issuer.id in cached and cached[issuer.id][0] == mark and now - cached[issuer.id][1] < _FRESH:
        return cached[issuer.id][2]
    revoked = [
        Revoked(int(row.serial_number, 16), row.revoked_at or now, x509.ReasonFlags(row.revocation_reason))
        for row in await revocations.order_by("revoked_at")
    ]
    number = int(now.timestamp() * 1_000_000)
    data = build_crl(open_row(desk, issuer), revoked, number=number, this_update=now, next_update=now + LIFE)
    cached[issuer.id] = (mark, now, data)
    return data


async def _authority(issuer_id: str) -> Certificate:
    try:
        row = await Certificate.get_or_none(id=UUID(issuer_id), purpose__in=("root", "device-ca", "service-ca"))
    except ValueError:
        row = None
    if row is None:
        raise AuthorityUnknown("no certificate authority of this name")
    return row
