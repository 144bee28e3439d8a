"""How a generic LDAP server and an Active Directory describe people and groups: filters, attributes, conversion."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from otae.contacts import MailAddressRefused, NumberRefused, e164, mail_address, spellings
from otae.directory import DirectoryGroup, DirectoryPerson
from otae.directory.ldap.names import all_of, any_of, contains, equals
from otae.directory.ldap.results import Entry
from otae.directory.local.person_fields import LONGEST_VALUE, user_name
from otae.text import cleaned_line

#: Attributes that people are read with, of every kind of server; a server ignores those it does not know.
PERSON: Final = (
    "entryUUID", "objectGUID", "nsUniqueId", "uid", "cn", "sAMAccountName", "userPrincipalName", "displayName", "mail",
    "mobile", "telephoneNumber", "userAccountControl", "accountExpires", "pwdLastSet", "pwdReset",
    "pwdAccountLockedTime", "pwdChangedTime",
)  # fmt: skip
GROUP: Final = ("cn", "member", "uniqueMember", "memberUid")
GROUP_CLASSES: Final = ("groupOfNames", "groupOfUniqueNames", "posixGroup", "group")

#: Bits of userAccountControl: account disabled, password expired.
_DISABLED, _PASSWORD_EXPIRED = 0x2, 0x800000
#: pwdAccountLockedTime of a lock without an end (OpenLDAP's password policy). Any other value is a temporary lock,
#: which anybody can cause by entering wrong passwords.
_LOCKED_FOR_GOOD = "000001010000Z"
#: Windows counts time in units of 100 ns from here; both 0 and the largest number mean never.
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 0x7FFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Schema:
    """The filters and the conversion of entries for one directory. ``search_by``: the attribute with the user name.

    ``region``: the country of phone numbers without "+", from `properties.default_region`. ``attributes``: further
    attributes of people, which become their properties; None where they cannot be read.
    """

    domain: str
    active_directory: bool
    search_by: str
    region: str = ""
    attributes: tuple[str, ...] | None = None

    @property
    def person_attributes(self) -> tuple[str, ...]:
        """The attributes that people are read with."""
        return (*PERSON, *(self.attributes or ()))

    @property
    def people_filter(self) -> str:
        """The filter for people; computers and contacts do not match."""
        if self.active_directory:
            return all_of("(objectClass=user)", "(!(objectClass=computer))", f"({self.search_by}=*)")
        return all_of("(objectClass=person)", f"({self.search_by}=*)")

    @property
    def groups_filter(self) -> str:
        """The filter for groups of every kind."""
        return any_of([f"(objectClass={name})" for name in GROUP_CLASSES])

    def person_with_name(self, name: str) -> str:
        """Return the filter for people with this user name."""
        return all_of(self.people_filter, equals(self.search_by, name))

    def person_with_mail(self, address: str) -> str:
        """Return the filter for people with this e-mail address."""
        return all_of(self.people_filter, has_mail(address))

    def person_with_id(self, directory_id: str) -> str:
        """Return the filter for the person with this permanent id (see `_id`)."""
        if self.active_directory:
            return all_of(self.people_filter, equals("objectGUID", bytes.fromhex(directory_id)))
        known = [equals("entryUUID", directory_id), equals("nsUniqueId", directory_id)]
        return all_of(self.people_filter, any_of(known))

    def people_matching(self, text: str) -> str:
        """Return the filter for people whose user name, name or e-mail address contains ``text``."""
        if not text:
            return self.people_filter
        named = [contains(name, text) for name in dict.fromkeys((self.search_by, "cn", "displayName", "mail"))]
        return all_of(self.people_filter, any_of(named))

    def groups_matching(self, text: str) -> str:
        """Return the filter for groups whose name contains ``text``."""
        return all_of(self.groups_filter, contains("cn", text))

    def group_with_name(self, name: str) -> str:
        """Return the filter for groups with this name."""
        return all_of(self.groups_filter, equals("cn", name))

    def to_person(self, entry: Entry) -> DirectoryPerson | None:
        """Return the person that an entry describes, None when it has no usable user name (1 to 100 characters)."""
        name = user_name(entry.text(self.search_by))
        if not name or len(name) > 100:
            return None
        control = _number(entry.text("userAccountControl"))
        return DirectoryPerson(
            domain=self.domain,
            directory_id=_id(entry),
            name=name,
            display_name=cleaned_line(entry.text("displayName", "cn"), 200) or name,
            email=_email(entry.texts("mail")),
            phone=_phone(entry.texts("mobile") + entry.texts("telephoneNumber"), self.region),
            disabled=bool(control & _DISABLED) or entry.text("pwdAccountLockedTime") == _LOCKED_FOR_GOOD,
            must_change=entry.text("pwdLastSet") == "0"
            or bool(control & _PASSWORD_EXPIRED)
            or entry.text("pwdReset").upper() == "TRUE",
            dn=entry.dn,
            expires_at=_expiry(_number(entry.text("accountExpires"))),
            further_names=tuple(entry.texts(self.search_by)[1:]),
            password_changed=entry.text("pwdLastSet", "pwdChangedTime"),
            properties=self._properties(entry),
        )

    def _properties(self, entry: Entry) -> dict[str, str] | None:
        if self.attributes is None:
            return None
        values = {name.lower(): cleaned_line(entry.text(name), LONGEST_VALUE) for name in self.attributes}
        return {name: value for name, value in sorted(values.items()) if value}

    def to_people(self, entries: Sequence[Entry]) -> list[DirectoryPerson]:
        """Return the people that entries describe, sorted by user name."""
        people = [person for entry in entries if (person := self.to_person(entry))]
        return sorted(people, key=lambda person: (person.name, person.directory_id))

    def to_group(self, entry: Entry) -> DirectoryGroup | None:
        """Return the group that an entry describes, None when it has no visible name."""
        name = cleaned_line(entry.text("cn"), 200)
        return DirectoryGroup(self.domain, name, entry.dn) if name else None


def has_mail(address: str) -> str:
    """Return the filter for entries with this e-mail address, in every spelling of its domain."""
    return any_of([equals("mail", each) for each in spellings(address)])


def _id(entry: Entry) -> str:
    """Return an id that a rename or move does not change; a hash of the DN where the server provides none."""
    if guid := entry.raw("objectGUID"):
        return guid.hex()[:64]
    known = entry.text("entryUUID", "nsUniqueId")
    return known.lower()[:64] if known else hashlib.sha256(entry.dn.casefold().encode()).hexdigest()


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _expiry(ticks: int) -> datetime | None:
    if not 0 < ticks < _NEVER:
        return None
    try:
        return _WINDOWS_EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None


def _email(addresses: list[str]) -> str | None:
    for address in addresses:
        with contextlib.suppress(MailAddressRefused):
            return mail_address(address)
    return None


def _phone(numbers: list[str], region: str) -> str | None:
    for number in numbers:
        with contextlib.suppress(NumberRefused):
            return e164(number, region=region)
    return None
