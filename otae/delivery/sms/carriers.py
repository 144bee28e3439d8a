"""Mobile carriers that forward a mail to NUMBER@DOMAIN as a text message; administrators edit the list."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.contacts import country_code
from otae.delivery.mail.mime import MessageRefused, check_address
from otae.delivery.transport import PermanentlyRefused
from otae.errors import InputRefused
from otae.outgoing import ascii_host_or_text
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import CarrierGateway
from otae.text import cleaned_line, why_refused
from otae.translatable import N_

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")

#: The type of a carrier, for rooms that may not import the tables.
CarrierRow: TypeAlias = CarrierGateway

#: Carriers of a new installation: name, domain, country code, prefix. Several have ended this service since.
DEFAULT_CARRIERS: Final = (
    ("Alltel", "message.alltel.com", "1", ""),
    ("AT&T", "txt.att.net", "1", ""),
    ("Boost Mobile", "myboostmobile.com", "1", ""),
    ("Bouygues Telecom", "mms.bouyguestelecom.fr", "33", "0"),
    ("Cingular", "cingularme.com", "1", ""),
    ("Metro PCS", "mymetropcs.com", "1", ""),
    ("Nextel", "messaging.nextel.com", "1", ""),
    ("Orange", "orange.fr", "33", "0"),
    ("Powertel", "ptel.net", "1", ""),
    ("SFR", "sfr.fr", "33", "0"),
    ("Sprint", "messaging.sprintpcs.com", "1", ""),
    ("SunCom", "tms.suncom.com", "1", ""),
    ("T-Mobile", "tmomail.net", "1", ""),
    ("US Cellular", "email.uscc.net", "1", ""),
    ("Verizon", "vtext.com", "1", ""),
    ("Virgin Mobile", "vmobl.com", "1", ""),
)


@dataclass(frozen=True, kw_only=True)
class CarrierEntry:
    """What an administrator enters for a carrier; the fields are columns of `CarrierGateway`."""

    name: str
    domain: str
    country_code: str = ""
    prefix: str = ""


async def list_carriers() -> list[CarrierGateway]:
    """Return every carrier by name."""
    return await CarrierGateway.all().order_by("name")


async def find_carrier(name: str) -> CarrierGateway | None:
    """Return the carrier named ``name``, or None."""
    return await CarrierGateway.get_or_none(name=name)


async def carrier_of(carrier_id: UUID) -> CarrierGateway | None:
    """Return the carrier with this id, or None."""
    return await CarrierGateway.get_or_none(id=carrier_id)


async def ensure_carriers() -> None:
    """Store the default carriers if there are none."""
    if not await CarrierGateway.exists():
        await _add_missing()


async def restore_defaults(*, now: datetime, actor: str) -> int:
    """Add the missing default carriers and return how many; existing ones are not changed."""
    async with transaction():
        added = await _add_missing()
        await audit.record(actor, "carrier.restore", now=now, subject="the usual carriers", detail=str(added))
    return added


async def save_carrier(
    entry: CarrierEntry, *, now: datetime, actor: str, carrier: CarrierGateway | None = None
) -> CarrierGateway:
    """Change ``carrier``, or add one; InputRefused names each invalid field."""
    name, domain = cleaned_line(entry.name), ascii_host_or_text(entry.domain).lower()
    rules = (
        ("name", 0 < len(name) <= 100 and not why_refused(entry.name), N_("use 1 to 100 characters in one line")),
        (
            "domain",
            len(domain) <= 253 and _DOMAIN.fullmatch(domain) is not None,
            N_("use a domain such as txt.example.org"),
        ),
        ("country_code", re.fullmatch(r"[0-9]{0,4}", entry.country_code.strip()), N_("use digits alone, such as 49")),
        ("prefix", re.fullmatch(r"[0-9]{0,10}", entry.prefix.strip()), N_("use digits alone, such as 0")),
    )
    if wrong := {field: words for field, right, words in rules if not right}:
        raise InputRefused(wrong)
    row = carrier or CarrierGateway()
    entered = {
        "name": name,
        "domain": domain,
        "country_code": entry.country_code.strip(),
        "prefix": entry.prefix.strip(),
    }
    changes = audit.describe_changes({each: getattr(row, each) for each in entered}, entered)
    row.update_from_dict(entered)
    try:
        async with transaction():
            await row.save(force_create=carrier is None)
            if carrier is None:
                await audit.record(actor, "carrier.add", now=now, subject=name, detail=domain)
            elif changes:
                await audit.record(actor, "carrier.change", now=now, subject=name, detail=changes)
    except IntegrityError:
        raise InputRefused({"name": N_("another carrier has this name")}) from None
    return row


async def remove_carrier(carrier: CarrierGateway, *, now: datetime, actor: str) -> None:
    """Delete a carrier; messages that would use it wait until their server or invitation names another."""
    async with transaction():
        await CarrierGateway.filter(id=carrier.id).delete()
        await audit.record(actor, "carrier.remove", now=now, subject=carrier.name)


def address_at(carrier: CarrierGateway, number: str) -> str:
    """Return the mail address of ``number`` (E.164) at a carrier; PermanentlyRefused for another country's number."""
    digits = number.removeprefix("+")
    if carrier.country_code:
        if country_code(number) != carrier.country_code:
            raise PermanentlyRefused(f"the number is none of {carrier.name}'s country (+{carrier.country_code})")
        digits = digits.removeprefix(carrier.country_code)
    address = f"{carrier.prefix}{digits}@{carrier.domain}"
    try:
        check_address(address, "the address at the carrier")
    except MessageRefused as error:
        raise PermanentlyRefused(str(error)) from None
    return address


async def _add_missing() -> int:
    known = {row.name for row in await CarrierGateway.all().only("id", "name")}
    names = ("name", "domain", "country_code", "prefix")
    rows = [CarrierGateway(**dict(zip(names, each, strict=True))) for each in DEFAULT_CARRIERS if each[0] not in known]
    if rows:
        await CarrierGateway.bulk_create(rows)
    return len(rows)
