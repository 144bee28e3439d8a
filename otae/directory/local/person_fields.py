"""The fields of a local person: one check and one stored form for forms, files, commands and the API."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from otae.contacts import MailAddressRefused, NumberRefused, e164, mail_address
from otae.errors import InputRefused
from otae.store.models import Role
from otae.store.properties import default_region
from otae.text import TextRefused, cleaned_line, identifier, visible_line
from otae.translatable import N_

DOMAIN: Final = "local"
#: Lengths of a person's password; the enrollment mode may ask for a PIN as well. Administrators need a longer one.
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256
#: Most properties of one person, and most characters of a property's value.
MOST_PROPERTIES, LONGEST_VALUE = 50, 500
#: Built-in roles of local people; they give no access to the console.
ROLES: Final = ("USER", "SUPPORT", "DEVICE_PROVISIONING", "ADMIN")

_NAME = re.compile(r"[^\W_][\w.@+'-]{0,99}")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?")
_PROPERTY = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")

Columns = dict[str, object]
Wrong = dict[str, str]


@dataclass(frozen=True)
class PersonFields:
    """New values of a person's fields; None leaves a field as it is, an empty text clears it.

    ``properties`` replaces all properties. With ``merge`` it is added to them, and an empty value removes a property.
    """

    display_name: str | None = None
    email: str | None = None
    phone: str | None = None
    language: str | None = None
    role: str | None = None
    properties: Mapping[str, str] | None = None
    merge: bool = False


@dataclass(frozen=True)
class FieldContext:
    """The installation's settings that the checks need, read once for many people.

    ``roles``: the names of all roles. ``region``: the country of phone numbers without "+".
    """

    roles: frozenset[str]
    region: str


async def field_context() -> FieldContext:
    """Read the settings that `columns` needs."""
    own = await Role.all().values_list("name", flat=True)
    return FieldContext(frozenset([*ROLES, *(str(name) for name in own)]), await default_region())


def user_name(text: str) -> str:
    """Return ``text`` as user names are stored and compared: an identifier (`text.identifier`) in lower case."""
    return identifier(text).lower()


def is_user_name(name: str) -> bool:
    """Return whether ``name`` can be a user name.

    Check it before a query: some databases raise an error for certain characters.
    """
    return _NAME.fullmatch(name) is not None


def printable(text: str) -> str:
    """Return up to 100 visible characters of ``text``, which every database can search for and store."""
    return cleaned_line(text, 100)


def columns(
    fields: PersonFields, context: FieldContext, name: str, before: Mapping[str, str] | None = None
) -> tuple[Columns, Wrong]:
    """Check a person's fields; return the values to store, by column, and what is wrong, by field.

    ``name``: the user name, which stands in for an empty display name. ``before``: the person's present properties.
    """
    made: Columns = {}
    wrong: Wrong = {}
    _texts(fields, name, made, wrong)
    if fields.phone is not None:
        try:
            made["phone"] = e164(fields.phone, region=context.region) if fields.phone.strip() else None
        except NumberRefused as refusal:
            wrong["phone"] = refusal.args[0]
    if fields.language is not None:
        made["language"] = _language(fields.language, wrong)
    if fields.role is not None:
        made["role"] = fields.role.strip() or "USER"
        if made["role"] not in context.roles:
            wrong["role"] = N_("there is no such role")
    if fields.properties is not None:
        given = _properties(fields.properties, wrong)
        whole = {**(before or {}), **given} if fields.merge else given
        made["properties"] = {key: value for key, value in sorted(whole.items()) if value}
        if len(whole) > MOST_PROPERTIES:
            wrong["properties"] = N_(
                "a user has %(most_properties)s properties at most", most_properties=MOST_PROPERTIES
            )
    return made, wrong


def _texts(fields: PersonFields, name: str, made: Columns, wrong: Wrong) -> None:
    if fields.display_name is not None:
        shown = _line("display_name", fields.display_name, wrong)
        made["display_name"] = shown or name
        if len(shown) > 200:
            wrong["display_name"] = N_("use up to 200 characters")
    if fields.email is not None:
        made["email"] = None
        try:
            made["email"] = mail_address(fields.email) if fields.email.strip() else None
        except MailAddressRefused as refusal:
            wrong["email"] = refusal.args[0]


def group_names(names: Iterable[str]) -> list[str]:
    """Return names of groups, sorted and without duplicates. Raises InputRefused ("groups") for an invalid name."""
    try:
        found = sorted({visible_line(name) for name in names} - {""})
    except TextRefused as refusal:
        raise InputRefused({"groups": N_("a group's name: %(refusal)s", refusal=refusal.args[0])}) from None
    for name in found:
        if why := why_no_group(name):
            raise InputRefused({"groups": why})
    return found


def why_no_group(name: str) -> str:
    """Return why ``name`` cannot be a group's name, "" when it can. Dots separate a group from its sub-groups."""
    if not 1 <= len(name) <= 100 or name != cleaned_line(name):
        return N_("a group's name has 1 to 100 characters, and nothing hidden")
    if any(not part.strip() or part != part.strip() for part in name.split(".")):
        return N_("dots stand between a group and its sub-group: group.sub")
    if "|" in name or name.endswith("\\"):
        return N_("a group's name holds no | and does not end with a backslash")
    return ""


def lines_of(properties: Mapping[str, str]) -> str:
    """Return properties as the text of a form field, one "name = value" a line."""
    return "\n".join(f"{name} = {value}" for name, value in sorted(properties.items()))


def from_lines(text: str) -> dict[str, str]:
    """Parse the text of `lines_of` as people edited it. Raises InputRefused ("properties") for a line without "="."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = (part.strip() for part in line.partition("="))
        if line.strip() and not sign:
            raise InputRefused({"properties": N_("write one a line: name = value")})
        if line.strip():
            found[name] = value
    return found


def _language(text: str, wrong: Wrong) -> str:
    """Return a BCP 47 tag in its usual spelling, "pt-BR" or "zh-Hant"; for another text "", and why in ``wrong``."""
    if not text.strip():
        return ""
    found = _LANGUAGE.fullmatch(text.strip().replace("_", "-"))
    if found is None:
        wrong["language"] = N_("use a language's code, such as de or pt-BR")
        return ""
    base, script, region = found.groups()
    return "-".join(part for part in (base.lower(), (script or "").title(), (region or "").upper()) if part)


def _properties(given: Mapping[str, str], wrong: Wrong) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in given.items():
        key, value = name.strip(), _line("properties", text, wrong)
        if not _PROPERTY.fullmatch(key):
            wrong["properties"] = N_("a property's name has up to 60 lower-case letters, digits or . _ -")
        if len(value) > LONGEST_VALUE or value.endswith("\\"):
            wrong["properties"] = N_(
                "a property's value has up to %(longest_value)s characters, no backslash at the end",
                longest_value=LONGEST_VALUE,
            )
        found[key] = value
    return found


def _line(field: str, text: str, wrong: Wrong) -> str:
    try:
        return visible_line(text)
    except TextRefused as refusal:
        wrong[field] = refusal.args[0]
        return ""
