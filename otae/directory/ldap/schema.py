"""How directories describe people and groups: a generic LDAP server, and an Active Directory."""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from otae.contacts import MailAddressRefused, mail_address, spellings
from otae.delivery import phones
from otae.directory import Found, GroupFound
from otae.directory.ldap.names import both, either, equal, holds
from otae.directory.ldap.results import Entry
from otae.directory.person_fields import user_name
from otae.text import cleaned_line

#: What people are read with, whatever the server is; what it does not know it leaves out.
PERSON: Final = (
    "entryUUID", "objectGUID", "nsUniqueId", "uid", "cn", "sAMAccountName", "userPrincipalName", "displayName", "mail",
    "mobile", "telephoneNumber", "userAccountControl", "accountExpires", "pwdLastSet", "pwdReset",
    "pwdAccountLockedTime",
)  # fmt: skip
GROUP: Final = ("cn", "member", "uniqueMember", "memberUid")
GROUP_CLASSES: Final = ("groupOfNames", "groupOfUniqueNames", "posixGroup", "group")

#: Bits of userAccountControl: the account is disabled, its password has expired.
_DISABLED, _PASSWORD_EXPIRED = 0x2, 0x800000
#: What OpenLDAP's password policy writes for a lock that no time ends; any other value is a lock for a while, which
#: whoever enters wrong passwords can bring about.
_LOCKED_FOR_GOOD = "000001010000Z"
#: Windows counts time in 100 ns from here; both 0 and the largest number mean never.
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 0x7FFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Shape:
    """How to look for people and groups. ``search_by``: the attribute that holds user names.

    ``region``: the country that phone numbers without "+" belong to, as `phones.default_region` gives it.
    """

    domain: str
    active_directory: bool
    search_by: str
    region: str = ""

    @property
    def people(self) -> str:
        """The filter for people: computers and contacts are none."""
        if self.active_directory:
            return both("(objectClass=user)", "(!(objectClass=computer))", f"({self.search_by}=*)")
        return both("(objectClass=person)", f"({self.search_by}=*)")

    @property
    def groups(self) -> str:
        """The filter for groups of every kind."""
        return either([f"(objectClass={name})" for name in GROUP_CLASSES])

    def person_called(self, name: str) -> str:
        """Return the filter for people with this user name."""
        return both(self.people, equal(self.search_by, name))

    def person_mailed(self, address: str) -> str:
        """Return the filter for people with this e-mail address."""
        return both(self.people, mailed(address))

    def person_known_by(self, directory_id: str) -> str:
        """Return the filter for the person that the directory knows by this id."""
        if self.active_directory:
            return both(self.people, equal("objectGUID", bytes.fromhex(directory_id)))
        return both(self.people, either([equal("entryUUID", directory_id), equal("nsUniqueId", directory_id)]))

    def people_holding(self, text: str) -> str:
        """Return the filter for people whose user name, name or e-mail address holds ``text``."""
        if not text:
            return self.people
        named = [holds(name, text) for name in dict.fromkeys((self.search_by, "cn", "displayName", "mail"))]
        return both(self.people, either(named))

    def groups_holding(self, text: str) -> str:
        """Return the filter for groups whose name holds ``text``."""
        return both(self.groups, holds("cn", text))

    def group_called(self, name: str) -> str:
        """Return the filter for groups with this name."""
        return both(self.groups, equal("cn", name))

    def found(self, entry: Entry) -> Found | None:
        """Return the person an entry describes; None when it has no name that a person can be called by here."""
        name = user_name(entry.text(self.search_by))
        if not name or len(name) > 100:
            return None
        control = _number(entry.text("userAccountControl"))
        return Found(
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
        )

    def all_found(self, entries: Sequence[Entry]) -> list[Found]:
        """Return the people that entries describe, by user name."""
        people = [person for entry in entries if (person := self.found(entry))]
        return sorted(people, key=lambda person: (person.name, person.directory_id))

    def group(self, entry: Entry) -> GroupFound | None:
        """Return the group an entry describes; None when it has no name that can be shown."""
        name = cleaned_line(entry.text("cn"), 200)
        return GroupFound(self.domain, name, entry.dn) if name else None


def mailed(address: str) -> str:
    """Return the filter for entries with this e-mail address, however the directory writes its domain."""
    return either([equal("mail", each) for each in spellings(address)])


def _id(entry: Entry) -> str:
    """Return what stays when somebody is renamed or moved; where a server tells nothing of the kind, the place."""
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
        with contextlib.suppress(phones.NumberRefused):
            return phones.e164(number, region=region)
    return None
