"""SMS gateways as notification servers: adding and changing them, and checking what was entered."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from otae import outgoing
from otae.delivery import http_client, servers
from otae.delivery.mail.mime import MessageRefused, check_header, short_line
from otae.delivery.sms.carriers import find_carrier
from otae.delivery.sms.gateways import GATEWAYS, Field, Gateway, Values
from otae.delivery.sms.sender import CARRIER, SECRETS_PURPOSE, gateway_values
from otae.errors import InputRefused
from otae.hostnames import HostRefused, ascii_url
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import NotificationServer
from otae.text import why_refused
from otae.translatable import N_

KIND: Final = "sms"
#: Title of each gateway that can be chosen, by the value of a server's `gateway` column.
TITLES: Final[Mapping[str, str]] = {
    **{name: gateway.title for name, gateway in GATEWAYS.items()},
    CARRIER: N_("Carrier, by mail"),
}
#: Fields that hold the address of a gateway's requests.
ADDRESSES: Final = ("base_url", "url")
#: The fields of the carrier gateway.
CARRIER_FIELDS: Final = (
    Field("carrier", N_("Usual carrier"), N_("For invitations that name none of their own."), required=False),
)


@dataclass(frozen=True, kw_only=True)
class SmsEntry:
    """What an administrator enters for an SMS gateway; most fields are as in `servers.ServerEntry`.

    ``values``: of the gateway's fields, by name; an empty secret keeps the stored one.
    """

    name: str
    gateway: str
    values: Mapping[str, str] = field(repr=False)
    timeout: int = 20
    retries: int = 5
    connections: int = 4
    rate: int = 0
    standby: int = 0
    description: str = ""


def fields_of(gateway: str) -> tuple[Field, ...]:
    """Return the fields of the gateway with this name; InputRefused when there is none."""
    if gateway == CARRIER:
        return CARRIER_FIELDS
    if gateway not in GATEWAYS:
        raise InputRefused({"gateway": N_("choose one of %(titles)s", titles=", ".join(TITLES))})
    return GATEWAYS[gateway].fields


async def add_sms_server(desk: Desk, entry: SmsEntry, *, now: datetime, actor: str) -> NotificationServer:
    """Store a gateway and activate it when none is active; InputRefused names each invalid field."""
    row = NotificationServer(kind=KIND, name=entry.name.strip(), gateway=entry.gateway, created_at=now)
    row.update_from_dict({"host": "", "port": 0, "security": "", "from_name": "", "from_email": ""})
    row.update_from_dict(await _checked(desk, row, entry))
    async with transaction():
        row.active = not await NotificationServer.filter(kind=KIND, active=True).exists()
        await row.save(force_create=True)
        await audit.record(actor, "notification-server.add", now=now, subject=row.name, detail=f"sms {row.gateway}")
    return row


async def update_sms_server(
    desk: Desk, server: NotificationServer, entry: SmsEntry, *, now: datetime, actor: str
) -> NotificationServer:
    """Change a gateway; InputRefused names each invalid field. The provider cannot be changed.

    Secrets are only ever sent to the address they were entered for: with another address they must be entered again.
    """
    entered = await _checked(desk, server, entry)
    await servers.change_server(server, entered, now=now, actor=actor)
    return server


def public_values(server: NotificationServer) -> dict[str, str]:
    """Return the values of ``server``'s fields that may be shown: all but its secrets."""
    kept = {each.name: each.default for each in fields_of(server.gateway) if not each.secret}
    return kept | {name: str(value) for name, value in server.options.items()}


async def _checked(desk: Desk, row: NotificationServer, entry: SmsEntry) -> dict[str, object]:
    """Return the columns of ``row`` that ``entry`` sets; InputRefused names each invalid field."""
    fields = fields_of(row.gateway)
    kept = gateway_values(desk, row)
    values = {each.name: _entered(each, entry.values, kept) for each in fields}
    wrong = await _name_error(row, entry) | _limit_errors(entry)
    wrong |= {each.name: words for each in fields if (words := _value_error(each, values[each.name]))}
    secret = [each.name for each in fields if each.secret]
    if any(_origin(values.get(name, "")) != _origin(kept.get(name, "")) for name in ADDRESSES):
        again = [name for name in secret if kept.get(name) and not entry.values.get(name)]
        wrong |= dict.fromkeys(again, N_("enter it again: it was given for another address"))
    if not wrong:
        wrong = await _gateway_errors(desk, row.gateway, values)
    if wrong:
        raise InputRefused(wrong)
    secrets, stored = ({name: held[name] for name in secret if held.get(name)} for held in (values, kept))
    sealed = row.secrets_sealed
    if secrets != stored:
        sealed = desk.vault.seal(json.dumps(secrets).encode(), row.id, SECRETS_PURPOSE)
    return {
        "name": entry.name.strip(),
        "description": entry.description.strip(),
        "options": {each.name: values[each.name] for each in fields if not each.secret},
        "secrets_sealed": sealed,
        "timeout": entry.timeout,
        "retries": entry.retries,
        "connections": entry.connections,
        "rate": entry.rate,
        "standby": entry.standby,
    }


def _entered(each: Field, values: Mapping[str, str], kept: Values) -> str:
    """Return the value of a field: what was entered, else the stored secret or the default."""
    text = (values.get(each.name) or "").replace("\r\n", "\n").strip()
    if each.secret and not text:
        return kept.get(each.name, "")
    if not text and (each.required or each.choices):
        return each.default
    if each.name in ADDRESSES:
        with suppress(HostRefused):
            return ascii_url(text)
    return text


async def _name_error(row: NotificationServer, entry: SmsEntry) -> dict[str, str]:
    try:
        check_header(entry.name, "this")
    except MessageRefused as error:
        return {"name": str(error).partition(": ")[2]}
    if len(entry.name.strip()) > 100:
        return {"name": N_("use at most 100 characters")}
    same = await NotificationServer.get_or_none(name=entry.name.strip())
    return {"name": N_("another notification server has this name")} if same is not None and same.id != row.id else {}


def _limit_errors(entry: SmsEntry) -> dict[str, str]:
    rules = (
        ("timeout", 5 <= entry.timeout <= 60, "use 5 to 60 seconds"),
        ("retries", 0 <= entry.retries <= 20, N_("use a number from 0 to 20")),
        ("connections", 1 <= entry.connections <= 20, N_("use a number from 1 to 20")),
        ("rate", 0 <= entry.rate <= 100_000, N_("use a number from 0 to 100000; 0 sets no limit")),
        ("standby", 0 <= entry.standby <= 9, N_("use a number from 0 to 9; 0 is no standby")),
        ("description", short_line(entry.description, 200), N_("use at most 200 printable characters")),
    )
    return {name: words for name, right, words in rules if not right}


def _value_error(each: Field, text: str) -> str:
    if not text:
        return "is missing" if each.required else ""
    if len(text) > each.longest:
        return N_("use at most %(longest)s characters", longest=each.longest)
    if each.choices and text not in each.choices:
        return f"choose {' or '.join(each.choices)}"
    if why := why_refused(text.replace("\n", "").replace("\t", "") if each.lines else text):
        return why
    # What is put into a header or a sign-in as it is.
    return "" if each.lines or not each.secret or text.isascii() else N_("use letters, digits and signs of ASCII")


async def _gateway_errors(desk: Desk, name: str, values: Values) -> dict[str, str]:
    """Return what is wrong with a gateway's values, by field; call it once each value alone is valid."""
    if name == CARRIER:
        unknown = values["carrier"] and await find_carrier(values["carrier"]) is None
        return {"carrier": N_("there is no carrier with this name")} if unknown else {}
    gateway: Gateway = GATEWAYS[name]
    private = desk.settings.allow_private
    wrong = gateway.check(values)
    for field_name in ADDRESSES:
        if values.get(field_name) and field_name not in wrong:
            wrong |= _url_error(field_name, values[field_name], clear=private)
        if values.get(field_name) and field_name not in wrong:
            where = http_client.host_and_port(values[field_name])
            if not await outgoing.may_connect(*where, private=private, loopback=private):
                wrong[field_name] = N_("is an address that is never called; see OTAE_ALLOW_PRIVATE")
    return wrong


def _origin(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{re.split(r'[/?#]', rest, maxsplit=1)[0]}".lower()


def _url_error(name: str, url: str, *, clear: bool) -> dict[str, str]:
    """Return what is wrong with a URL, by field; ``clear``: http without TLS is allowed."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return {name: N_("this is no address")}
    if (
        not usable
        or "@" in parts.netloc
        or parts.scheme not in ("https", "http")
        or (name == "base_url" and parts.query)
    ):
        return {name: N_("use an address such as https://api.example.org")}
    if parts.scheme == "http" and not clear:
        return {name: N_("use https: PINs and keys do not go out in clear")}
    return {}
