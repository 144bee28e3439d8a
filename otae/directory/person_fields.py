"""What may be said of a local person, and how each fact is kept: checked here, whoever says it and wherever."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from otae.contacts import MailAddressRefused, mail_address
from otae.delivery import phones
from otae.errors import InputRefused
from otae.store.models import Role
from otae.text import TextRefused, cleaned_line, identifier, visible_line

DOMAIN: Final = "local"
#: People prove themselves with this together with what the mode adds; administrators need more.
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256
#: Most properties of one person, and the most characters of one's value.
MOST_PROPERTIES, LONGEST_VALUE = 50, 500
#: What a local person may be beside the roles that administrators make; nobody enters the console by it.
ROLES: Final = ("USER", "SUPPORT", "DEVICE_PROVISIONING", "ADMIN")

_NAME = re.compile(r"[^\W_][\w.@+'-]{0,99}")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?")
_PROPERTY = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")

Columns = dict[str, object]
Wrong = dict[str, str]


@dataclass(frozen=True)
class Facts:
    """What is said of a person; None is not said and stays as it is, an empty text clears.

    ``properties`` are those that are there afterwards, unless ``merge``: then they join those that are there, and an
    empty value takes one away.
    """

    display_name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    role: str | None = None
    properties: Mapping[str, str] | None = None
    merge: bool = False


@dataclass(frozen=True)
class House:
    """What checks need to know of the installation, read once for however many people."""

    roles: frozenset[str]
    region: str


async def house() -> House:
    """Read what checks need to know."""
    own = await Role.all().values_list("name", flat=True)
    return House(frozenset([*ROLES, *(str(name) for name in own)]), await phones.default_region())


def user_name(text: str) -> str:
    """Return ``text`` as user names are kept and compared: an identifier in lower case."""
    return identifier(text).lower()


def has_shape(name: str) -> bool:
    """Tell whether ``name`` can be a user name; what cannot is looked up nowhere, not every database takes it."""
    return _NAME.fullmatch(name) is not None


def printable(text: str) -> str:
    """Return 100 characters of ``text`` at most that can be seen: what may be looked for, or kept in any database."""
    return cleaned_line(text, 100)


def columns(facts: Facts, known: House, name: str, before: Mapping[str, str] | None = None) -> tuple[Columns, Wrong]:
    """Return what to store, by column, and what cannot be, by field. ``before``: the properties there are."""
    made: Columns = {}
    wrong: Wrong = {}
    _texts(facts, name, made, wrong)
    if facts.phone is not None:
        try:
            made["phone"] = phones.e164(facts.phone, region=known.region) if facts.phone.strip() else None
        except phones.NumberRefused as refusal:
            wrong["phone"] = str(refusal)
    if facts.language is not None:
        made["language"] = _language(facts.language, wrong)
    if facts.role is not None:
        made["role"] = facts.role.strip() or "USER"
        if made["role"] not in known.roles:
            wrong["role"] = "there is no such role"
    if facts.properties is not None:
        given = _properties(facts.properties, wrong)
        whole = {**(before or {}), **given} if facts.merge else given
        made["properties"] = {key: value for key, value in sorted(whole.items()) if value}
        if len(whole) > MOST_PROPERTIES:
            wrong["properties"] = f"a user has {MOST_PROPERTIES} properties at most"
    return made, wrong


def _texts(facts: Facts, name: str, made: Columns, wrong: Wrong) -> None:
    if facts.display_name is not None:
        shown = _line("display_name", facts.display_name, wrong)
        made["display_name"] = shown or name
        if len(shown) > 200:
            wrong["display_name"] = "use up to 200 characters"
    if facts.email is not None:
        made["email"] = None
        try:
            made["email"] = mail_address(facts.email) if facts.email.strip() else None
        except MailAddressRefused as refusal:
            wrong["email"] = str(refusal)


def group_names(names: Iterable[str]) -> list[str]:
    """Return the names of groups, sorted, each once; InputRefused ("groups") when one cannot be a group's name."""
    try:
        wanted = sorted({visible_line(name) for name in names} - {""})
    except TextRefused as refusal:
        raise InputRefused({"groups": f"a group's name: {refusal}"}) from None
    for name in wanted:
        if why := why_no_group(name):
            raise InputRefused({"groups": why})
    return wanted


def why_no_group(name: str) -> str:
    """Return why no group can be called so, "" when one can. Dots stand between a group and its sub-groups."""
    if not 1 <= len(name) <= 100 or name != cleaned_line(name):
        return "a group's name has 1 to 100 characters, and nothing hidden"
    if any(not part.strip() or part != part.strip() for part in name.split(".")):
        return "dots stand between a group and its sub-group: group.sub"
    return "a group's name holds no | and does not end with a backslash" if "|" in name or name.endswith("\\") else ""


def lines_of(properties: Mapping[str, str]) -> str:
    """Return properties as people edit them: a line each, "name = value"."""
    return "\n".join(f"{name} = {value}" for name, value in sorted(properties.items()))


def from_lines(text: str) -> dict[str, str]:
    """Return properties as people typed them; InputRefused ("properties") for a line without "="."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = (part.strip() for part in line.partition("="))
        if line.strip() and not sign:
            raise InputRefused({"properties": "write one a line: name = value"})
        if line.strip():
            found[name] = value
    return found


def _language(text: str, wrong: Wrong) -> str:
    """Return a BCP 47 tag as it is written: "pt-BR", "zh-Hant"."""
    if not text.strip():
        return ""
    found = _LANGUAGE.fullmatch(text.strip().replace("_", "-"))
    if found is None:
        wrong["language"] = "use a language's code, such as de or pt-BR"
        return ""
    base, script, region = found.groups()
    return "-".join(part for part in (base.lower(), (script or "").title(), (region or "").upper()) if part)


def _properties(given: Mapping[str, str], wrong: Wrong) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in given.items():
        key, value = name.strip(), _line("properties", text, wrong)
        if not _PROPERTY.fullmatch(key):
            wrong["properties"] = "a property's name has up to 60 lower-case letters, digits or . _ -"
        if len(value) > LONGEST_VALUE or value.endswith("\\"):
            wrong["properties"] = f"a property's value has up to {LONGEST_VALUE} characters, no backslash at the end"
        found[key] = value
    return found


def _line(field: str, text: str, wrong: Wrong) -> str:
    try:
        return visible_line(text)
    except TextRefused as refusal:
        wrong[field] = str(refusal)
        return ""
