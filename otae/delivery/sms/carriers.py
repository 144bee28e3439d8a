"""Mobile carriers that take a mail to NUMBER@DOMAIN and send it on as a text message: rows an administrator edits."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.delivery.mail.mime import MessageRefused, check_address
from otae.delivery.phones import country_code
from otae.delivery.transport import RefusedForGood
from otae.errors import InputRefused
from otae.outgoing import ascii_host_or_text
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import CarrierGateway
from otae.text import cleaned_line, why_refused

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")

#: Name for those who show rows and may not know the tables.
CarrierRow: TypeAlias = CarrierGateway

#: Carriers to begin with: name, domain, country code, prefix. Several have ended this service since.
USUAL: Final = (
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
    """What an administrator enters, as `CarrierGateway` has it."""

    name: str
    domain: str
    country_code: str = ""
    prefix: str = ""


async def list_carriers() -> list[CarrierGateway]:
    """Return every carrier by name."""
    return await CarrierGateway.all().order_by("name")


async def find_carrier(name: str) -> CarrierGateway | None:
    """Return the carrier called ``name``, None when there is none."""
    return await CarrierGateway.get_or_none(name=name)


async def carrier_of(carrier_id: UUID) -> CarrierGateway | None:
    """Return the carrier with this id, None when there is none."""
    return await CarrierGateway.get_or_none(id=carrier_id)


async def ensure_carriers() -> None:
    """Give a new installation the usual carriers."""
    if not await CarrierGateway.exists():
        await _add_missing()


async def restore_usual(*, now: datetime, actor: str) -> int:
    """Add those of the usual carriers that are not there and return how many; the others stay as they are."""
    async with transaction():
        added = await _add_missing()
        await audit.record(actor, "carrier.restore", now=now, subject="the usual carriers", detail=str(added))
    return added


async def save_carrier(
    entry: CarrierEntry, *, now: datetime, actor: str, carrier: CarrierGateway | None = None
) -> CarrierGateway:
    """Change ``carrier``, or add one; InputRefused names each field that cannot be taken."""
    name, domain = cleaned_line(entry.name), ascii_host_or_text(entry.domain).lower()
    rules = (
        ("name", 0 < len(name) <= 100 and not why_refused(entry.name), "use 1 to 100 characters in one line"),
        (
            "domain",
            len(domain) <= 253 and _DOMAIN.fullmatch(domain) is not None,
            "use a domain such as txt.example.org",
        ),
        ("country_code", re.fullmatch(r"[0-9]{0,4}", entry.country_code.strip()), "use digits alone, such as 49"),
        ("prefix", re.fullmatch(r"[0-9]{0,10}", entry.prefix.strip()), "use digits alone, such as 0"),
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
    told = audit.changes({each: getattr(row, each) for each in entered}, entered)
    row.update_from_dict(entered)
    try:
        async with transaction():
            await row.save(force_create=carrier is None)
            if carrier is None:
                await audit.record(actor, "carrier.add", now=now, subject=name, detail=domain)
            elif told:
                await audit.record(actor, "carrier.change", now=now, subject=name, detail=told)
    except IntegrityError:
        raise InputRefused({"name": "another carrier has this name"}) from None
    return row


async def remove_carrier(carrier: CarrierGateway, *, now: datetime, actor: str) -> None:
    """Forget a carrier; a message that would go through it waits until its server or its invitation names another."""
    async with transaction():
        await CarrierGateway.filter(id=carrier.id).delete()
        await audit.record(actor, "carrier.remove", now=now, subject=carrier.name)


def address_at(carrier: CarrierGateway, number: str) -> str:
    """Return the mail address of ``number`` (E.164) at a carrier; RefusedForGood for one of another country."""
    digits = number.removeprefix("+")
    if carrier.country_code:
        if country_code(number) != carrier.country_code:
            raise RefusedForGood(f"the number is none of {carrier.name}'s country (+{carrier.country_code})")
        digits = digits.removeprefix(carrier.country_code)
    address = f"{carrier.prefix}{digits}@{carrier.domain}"
    try:
        check_address(address, "the address at the carrier")
    except MessageRefused as error:
        raise RefusedForGood(str(error)) from None
    return address


async def _add_missing() -> int:
    known = {row.name for row in await CarrierGateway.all().only("id", "name")}
    names = ("name", "domain", "country_code", "prefix")
    rows = [CarrierGateway(**dict(zip(names, each, strict=True))) for each in USUAL if each[0] not in known]
    if rows:
        await CarrierGateway.bulk_create(rows)
    return len(rows)
