"""Server properties: the settings that administrators change while the server runs; PROPERTIES lists them all.

This module is longer than 450 lines because that list is kept in one piece.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import phonenumbers

from otae import colours, time_zones
from otae.apple import access_rights
from otae.errors import InputRefused
from otae.store import mode_table, statements
from otae.store.models import Property
from otae.text import cleaned_line, whole_number, why_refused
from otae.translatable import N_, joined

Value = bool | int | str

#: A product identifier of a Mac, such as MacBookPro16,1.
MODEL: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,30}[0-9]{1,3},[0-9]{1,3}(?![A-Za-z0-9])")


@dataclass(frozen=True)
class PropertyDefinition:
    """One server property. ``parse`` raises ValueError with a text that says which values are allowed."""

    name: str
    default: Value
    help: str
    parse: Callable[[str], Value]


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(N_("use true or false"))
    return text.lower() == "true"


@dataclass(frozen=True)
class Number:
    """Reads a whole number from ``low`` to ``high``; ``unit`` stands behind it on a page."""

    low: int
    high: int
    unit: str = ""

    def __call__(self, text: str) -> int:
        """Return the number in ``text``; ValueError when it is none, or out of bounds."""
        number = whole_number(text)
        if number is None or not self.low <= number <= self.high:
            raise ValueError(N_("use a whole number from %(low)s to %(high)s", low=self.low, high=self.high))
        return number


@dataclass(frozen=True)
class OneOf:
    """Reads one of ``choices``, which are values and what a page calls them."""

    choices: Mapping[str, str]

    def __call__(self, text: str) -> str:
        """Return ``text``; ValueError when it is no choice."""
        if text not in self.choices:
            raise ValueError(N_("use %(choices)s", choices=joined(self.choices, N_(" or "))))
        return text


def _access_rights(text: str) -> int:
    rights = Number(0, access_rights.ALL)(text)
    if words := access_rights.problem(rights):
        raise ValueError(words)
    return rights


def _name(text: str) -> str:
    line = cleaned_line(text)
    if why_refused(text) or not 0 < len(line) <= 100:
        raise ValueError(N_("use 1 to 100 characters in one line"))
    return line


def _domain(text: str) -> str:
    if text and not re.fullmatch(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", text.lower()):
        raise ValueError(N_("use a domain such as bounce.example.org, or leave it empty"))
    return text.lower()


def _own_address(text: str) -> str:
    """Return ``text``, "" or a loopback or private address with a port, such as 127.0.0.1:2525; else ValueError."""
    if not text:
        return text
    host, _, port = text.rpartition(":")
    wrong = N_("use a loopback or private address and a port, such as 127.0.0.1:2525, or leave it empty")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError(wrong) from None
    near = address.is_loopback or (address.is_private and not address.is_unspecified and not address.is_link_local)
    if not near or not 1 <= (whole_number(port) or 0) <= 65535:
        raise ValueError(wrong)
    return text


def _region(text: str) -> str:
    if text and text.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(N_("use the two letters of a country, such as DE or US, or leave it empty"))
    return text.upper()


def _time_zone(text: str) -> str:
    if text not in time_zones.names():
        raise ValueError(N_("use a time zone's name such as Europe/Berlin or UTC"))
    return text


def _version(text: str) -> str:
    if text and not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}", text):
        raise ValueError(N_("use a version such as 14 or 14.6.1, or leave it empty"))
    return text


def _language(text: str) -> str:
    if text and not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", text):
        raise ValueError(N_("use a language tag such as de or pt-BR, or leave it empty"))
    return text


def _models(text: str) -> str:
    found = MODEL.findall(text)
    if MODEL.sub("", text).strip(" ,;") or len(found) > 200:
        raise ValueError(
            N_("use product identifiers such as MacBookPro16,1, with commas between them, or leave it empty")
        )
    return ", ".join(dict.fromkeys(found))


def _accent(text: str) -> str:
    """Return ``text``, "" or a colour on which white text can be read; else ValueError."""
    if not text:
        return text
    colour = colours.parse(text)
    if colour is None:
        raise ValueError(N_("use a colour such as #0a62bd, or leave it empty"))
    ratio = colours.contrast(colour, colours.WHITE)
    if ratio < colours.TEXT:
        low = N_(
            "%(colour)s is too light: white text on it has a contrast of %(ratio)s to 1, and %(least)s is needed",
            colour=colour,
            ratio=int(ratio * 10) / 10,
            least=colours.TEXT,
        )
        raise ValueError(low)
    return colour


PROPERTIES: tuple[PropertyDefinition, ...] = (
    PropertyDefinition(
        "macos.otae.enable",
        default=True,
        help=N_("Anybody in the directory may start at the login page; otherwise by invitation only."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "enrollment.delivery",
        default="ota",
        help=N_("ota: over the air in three phases; profile: one signed enrollment profile."),
        parse=OneOf({"ota": N_("over the air, in three phases"), "profile": N_("one signed enrollment profile")}),
    ),
    PropertyDefinition(
        "enrollment.encrypt",
        default=False,
        help=N_("Encrypt the final over-the-air profile to the Mac that asked for it."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "enrollment.session.minutes",
        default=60,
        help=N_("How long after signing in a Mac may finish, in minutes."),
        parse=Number(5, 1440, N_("minutes")),
    ),
    PropertyDefinition(
        "enrollment.selfstart.ownership",
        default="employee",
        help=N_("Ownership recorded when somebody starts without an invitation."),
        parse=OneOf({"corporate": N_("Corporate"), "employee": N_("Employee")}),
    ),
    PropertyDefinition(
        "mdm.rights.corporate",
        default=access_rights.ALL,
        help=N_("What the organization may see and do on a corporate Mac: the sum of Apple's AccessRights."),
        parse=_access_rights,
    ),
    PropertyDefinition(
        "mdm.rights.employee",
        default=access_rights.EMPLOYEE,
        help=N_("What the organization may see and do on a user's own Mac; at first without lock, erase and apps."),
        parse=_access_rights,
    ),
    PropertyDefinition(
        "selfservice.enable",
        default=True,
        help=N_("People see their Macs and invitations after signing in with user name and password."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "enrollment.default.mode",
        default=mode_table.DEFAULT,
        help=N_("Enrollment mode that the invitation form offers first."),
        parse=OneOf({mode.name: mode.title for mode in mode_table.MODES.values() if mode.defaultable}),
    ),
    PropertyDefinition(
        "invitation.longest.days",
        default=365,
        help=N_("The latest end that an invitation may be given when it is made or extended, in days."),
        parse=Number(1, 365, N_("days")),
    ),
    PropertyDefinition(
        "enrollment.guess.budget",
        default=300,
        help=N_("Failures an hour at the login page, over everybody, before it asks to wait."),
        parse=Number(10, 100_000, N_("failures an hour")),
    ),
    PropertyDefinition(
        "enrollment.guess.network",
        default=100,
        help=N_("Failures an hour at the login page, from one network, before it asks that network to wait."),
        parse=Number(10, 100_000, N_("failures an hour")),
    ),
    PropertyDefinition(
        "reminder.days",
        default=0,
        help=N_("Days without enrollment after which the link is mailed once more; 0: never."),
        parse=Number(0, 90, N_("days")),
    ),
    PropertyDefinition(
        "reminder.most",
        default=3,
        help=N_("How many reminders an invitation gets at most."),
        parse=Number(1, 20, N_("reminders")),
    ),
    PropertyDefinition(
        "campaign.ask.people",
        default=50,
        help=N_("How many people one look at its group may let a campaign invite and revoke before it asks."),
        parse=Number(1, 100_000, N_("people")),
    ),
    PropertyDefinition(
        "campaign.ask.percent",
        default=10,
        help=N_("The same in percent of the campaign's people; one person never makes it ask."),
        parse=Number(1, 100, N_("percent")),
    ),
    PropertyDefinition(
        "notification.language",
        default="",
        help=N_("Language of messages and portal pages where none is known or there, such as de; empty: English."),
        parse=_language,
    ),
    PropertyDefinition(
        "notification.revoked", default=True, help=N_("Tell people when their invitation is withdrawn."), parse=_boolean
    ),
    PropertyDefinition(
        "notification.expired", default=False, help=N_("Tell people when their invitation has expired."), parse=_boolean
    ),
    PropertyDefinition(
        "notification.failure",
        default=True,
        help=N_("Mail who invited when an invitation fails or its PIN does not arrive."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "enrollment.newlink",
        default=True,
        help=N_("Let people with an expired or failed invitation have a new link mailed to them."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "scep.challenge.minutes",
        default=15,
        help=N_("How long a Mac may take to fetch its certificate, in minutes (over the air)."),
        parse=Number(1, 1440, N_("minutes")),
    ),
    PropertyDefinition(
        "identity.days", default=365, help=N_("Life of a Mac's certificate, in days."), parse=Number(1, 825, N_("days"))
    ),
    PropertyDefinition(
        "identity.renew.days",
        default=30,
        help=N_("Days before its end at which a Mac's certificate is renewed."),
        parse=Number(1, 365, N_("days")),
    ),
    PropertyDefinition(
        "identity.grace.days",
        default=7,
        help=N_("Days past its end in which a Mac may still check in to renew its certificate."),
        parse=Number(0, 90, N_("days")),
    ),
    PropertyDefinition(
        "rescue.identity.days",
        default=7,
        help=N_("Days before its end at which a certificate that was not renewed is reported; 0: never."),
        parse=Number(0, 90, N_("days")),
    ),
    PropertyDefinition(
        "rescue.silent.days",
        default=14,
        help=N_("Days without a connection after which a Mac is reported as silent; 0: never."),
        parse=Number(0, 365, N_("days")),
    ),
    PropertyDefinition(
        "rescue.invite",
        default=False,
        help=N_("Invite the person of such a Mac, or of one whose profile was removed, once more for the same Mac."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "macos.minimum.version",
        default="",
        help=N_("Oldest macOS that may enroll, such as 14 or 14.6.1; empty: any."),
        parse=_version,
    ),
    PropertyDefinition(
        "macos.refused.models",
        default="",
        help=N_("Product identifiers of Macs that may not enroll, with commas between them; empty: none."),
        parse=_models,
    ),
    PropertyDefinition(
        "macos.company.serials",
        default="none",
        help=N_("Which Macs have to be on the list of the organization's serial numbers to enroll."),
        parse=OneOf({"none": N_("none"), "corporate": N_("corporate Macs"), "all": N_("all Macs")}),
    ),
    PropertyDefinition(
        "enrollment.employee",
        default=True,
        help=N_("Macs that people own themselves may be enrolled."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "enrollment.macs",
        default=0,
        help=N_("How many enrolled Macs one person may have; 0: any number."),
        parse=Number(0, 1000, N_("Macs")),
    ),
    PropertyDefinition(
        "mac.sha1",
        default=True,
        help=N_("Accept SHA-1 signatures from Macs, as their makers still send."),
        parse=_boolean,
    ),
    PropertyDefinition(
        "scep.des3", default=True, help=N_("Accept 3DES from Macs when they ask for a certificate."), parse=_boolean
    ),
    PropertyDefinition(
        "console.second.factor",
        default="optional",
        help=N_("Which administrators need a second factor to sign in."),
        parse=OneOf({"optional": N_("nobody"), "ADMIN": N_("the role ADMIN"), "everybody": N_("everybody")}),
    ),
    PropertyDefinition(
        "retention.days",
        default=365,
        help=N_("Days that events, sent messages, finished sign-ins, caught mail and imported files are kept."),
        parse=Number(7, 3650, N_("days")),
    ),
    PropertyDefinition(
        "mail.bounce.domain",
        default="",
        help=N_(
            "Domain of the return addresses that undeliverable mail comes back to; empty: the sender's own address."
        ),
        parse=_domain,
    ),
    PropertyDefinition(
        "mail.bounce.lmtp",
        default="",
        help=N_(
            "Where workers take such mail from your mail server by LMTP, such as 127.0.0.1:2525; read at their start."
        ),
        parse=_own_address,
    ),
    PropertyDefinition(
        "phone.region",
        default="",
        help=N_("Country that phone numbers without + belong to, such as DE; empty: numbers have to begin with +."),
        parse=_region,
    ),
    PropertyDefinition(
        "organization.name",
        default="otae",
        help=N_("Name that people see in mails, on pages and in profiles."),
        parse=_name,
    ),
    PropertyDefinition(
        "organization.timezone",
        default="UTC",
        help=N_("Time zone of the times in messages and on PIN cards, such as Europe/Berlin."),
        parse=_time_zone,
    ),
    PropertyDefinition(
        "support.contact",
        default="your IT department",
        help=N_("Whom people are told to ask, for example a mail address or a phone number."),
        parse=_name,
    ),
    PropertyDefinition(
        "branding.accent",
        default="",
        help=N_("Colour of buttons and links on the portal and in mails, such as #0a62bd; empty: the usual blue."),
        parse=_accent,
    ),
)

_BY_NAME = {row.name: row for row in PROPERTIES}


def row_of(name: str) -> PropertyDefinition:
    """Return the definition of server property ``name``; InputRefused when there is none."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise InputRefused({"name": N_("there is no server property %(name)s", name=repr(name[:60]))}) from None


async def read(name: str) -> Value:
    """Return the current value of server property ``name``, its default when it was not set."""
    row = row_of(name)
    stored = await statements.one(Property, name=name)
    return row.default if stored is None else row.parse(stored.value)


async def read_some(*names: str) -> dict[str, Value]:
    """Return the current values of several server properties, read in one query."""
    stored = {row.name: row.value for row in await statements.several(Property, name__in=names)}
    rows = [row_of(name) for name in names]
    return {row.name: row.parse(stored[row.name]) if row.name in stored else row.default for row in rows}


async def flag(name: str) -> bool:
    """Return the current value of a boolean server property."""
    return bool(await read(name))


async def number(name: str) -> int:
    """Return the current value of a numeric server property."""
    return int(await read(name))


async def word(name: str) -> str:
    """Return the current value of a text server property."""
    return str(await read(name))


async def default_region() -> str:
    """Return the country of phone numbers without "+", as two letters such as "DE"; "" when none is set."""
    return await word("phone.region")


async def read_all() -> dict[str, Value]:
    """Return the current values of all server properties, in the order of PROPERTIES."""
    stored = {row.name: row.value for row in await Property.all()}
    return {row.name: row.parse(stored[row.name]) if row.name in stored else row.default for row in PROPERTIES}


async def write(name: str, text: str, **changed: object) -> Value:
    """Set server property ``name`` from ``text`` and return its value; not audited (see `property_changes`).

    Args:
        changed: The columns that say who changed it, and when.

    Raises:
        InputRefused: the value is not allowed (field "value"), or there is no such property (field "name").
    """
    row = row_of(name)
    try:
        value = row.parse(text.strip())
    except ValueError as error:
        raise InputRefused({"value": N_("%(name)s: %(error)s", name=name, error=error.args[0])}) from None
    stored = str(value).lower() if isinstance(value, bool) else str(value)
    await Property.update_or_create(defaults={"value": stored, **changed}, name=name)
    return value
