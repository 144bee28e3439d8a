"""The list of revoked certificates of each of our CAs, for others than us: we ask the rows (``revocation``)."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from cryptography import x509
from tortoise.functions import Count, Max

from otae.authority.issuers import open_row
from otae.errors import AuthorityUnknown
from otae.signing.issuing import Revoked, build_crl
from otae.store.desk import Desk
from otae.store.models import Certificate
from otae.store.vault import Vault

LIFE: Final = timedelta(days=7)
#: A list that says the same is signed again after this long at the latest.
_FRESH: Final = timedelta(hours=1)

#: How many are revoked, the last of them when: a list made for the same is still right.
_Mark = tuple[int, object]
_made: "WeakKeyDictionary[Vault, dict[UUID, tuple[_Mark, datetime, bytes]]]" = WeakKeyDictionary()


async def crl(desk: Desk, issuer_id: str, *, now: datetime) -> bytes:
    """Return the CRL (RFC 5280 §5, DER, good for 7 days) of the CA whose row id is ``issuer_id``, as in /crl/<id>.crl.

    It names what the CA issued and what was revoked since, until a week past the certificate's own end. Raises
    AuthorityUnknown when no CA of ours has this id, NotReady when its key is not on this server.
    """
    issuer = await _authority(issuer_id)
    lines = Certificate.filter(issuer_id=issuer.id, revoked_at__isnull=False, not_after__gt=now - LIFE)
    found = await lines.annotate(many=Count("id"), last=Max("revoked_at")).values("many", "last")
    mark: _Mark = (found[0]["many"], found[0]["last"]) if found else (0, None)
    made = _made.setdefault(desk.vault, {})
    if issuer.id in made and made[issuer.id][0] == mark and now - made[issuer.id][1] < _FRESH:
        return made[issuer.id][2]
    revoked = [
        Revoked(int(row.serial_number, 16), row.revoked_at or now, x509.ReasonFlags(row.revocation_reason))
        for row in await lines.order_by("revoked_at")
    ]
    number = int(now.timestamp() * 1_000_000)
    data = build_crl(open_row(desk, issuer), revoked, number=number, this_update=now, next_update=now + LIFE)
    made[issuer.id] = (mark, now, data)
    return data


async def _authority(issuer_id: str) -> Certificate:
    try:
        row = await Certificate.get_or_none(id=UUID(issuer_id), purpose__in=("root", "device-ca", "service-ca"))
    except ValueError:
        row = None
    if row is None:
        raise AuthorityUnknown("no certificate authority of this name")
    return row
