"""People and groups of every source: our own tables, an LDAP server, an Active Directory.

Here are the `Directory` protocol that each source implements, and the values that it returns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from otae.text import folded


@dataclass(frozen=True)
class DirectoryPerson:
    """A person as a directory describes them at the moment.

    Attributes:
        domain: the directory's domain in lower case, "local" for our own people.
        directory_id: the permanent id (entryUUID, objectGUID in hex; the row's id for local people).
        name: the user name, in lower case.
        disabled: the account is disabled in the directory.
        must_change: the directory accepts the password only after the person has chosen a new one.
        dn: the distinguished name, "" for local people.
        expires_at: the time from which the account is disabled.
        further_names: further user names, where the attribute holds several.
        password_changed: when the password was last changed, as the directory writes it: later times sort behind
            earlier ones; "" where it does not say.
        properties: the attributes that the directory is asked for besides, by name in lower case; None when not read.
    """

    domain: str
    directory_id: str
    name: str
    display_name: str
    email: str | None = None
    phone: str | None = None
    disabled: bool = False
    must_change: bool = False
    dn: str = field(default="", compare=False)
    expires_at: datetime | None = None
    further_names: tuple[str, ...] = field(default=(), compare=False)
    password_changed: str = field(default="", compare=False)
    properties: Mapping[str, str] | None = field(default=None, compare=False)

    def is_called(self, name: str) -> bool:
        """Return whether ``name``, as typed, is one of the person's user names.

        A directory's own comparison may be looser (phonetic, without spaces, by collation) and find somebody else.
        """
        return folded(name) in {folded(each) for each in (self.name, *self.further_names)}

    @property
    def address(self) -> str:
        """The name by which this person can be entered in every form: "ben", or "corp/ben"."""
        return self.name if self.domain == "local" else f"{self.domain}/{self.name}"

    def is_disabled(self, now: datetime) -> bool:
        """Return whether the account is disabled or has expired at ``now``."""
        return self.disabled or (self.expires_at is not None and self.expires_at <= now)


@dataclass(frozen=True)
class DirectoryGroup:
    """A group of a directory. ``id``: its DN; the row's id for local groups."""

    domain: str
    name: str
    id: str

    @property
    def address(self) -> str:
        """The name by which this group can be entered in every form: "sales", or "corp/sales"."""
        return self.name if self.domain == "local" else f"{self.domain}/{self.name}"


@dataclass(frozen=True)
class MembersPage:
    """A page of a group's members. ``after``: the cursor for the next page, "" when this is the last one."""

    people: list[DirectoryPerson]
    after: str = ""


@dataclass(frozen=True)
class PasswordCheck:
    """The result of a password check. ``reason``: why it failed, to be shown to administrators only."""

    right: bool
    reason: str = ""


class Directory(Protocol):
    """A source of people. Every method that contacts a server may raise DirectoryUnavailable."""

    @property
    def domain(self) -> str:
        """The directory's domain: "local", or the one that an administrator entered."""

    async def find_person(self, name: str) -> DirectoryPerson | None:
        """Return the person with this user name, in any case, else None. Raises PersonAmbiguous for several."""

    async def find_by_id(self, directory_id: str) -> DirectoryPerson | None:
        """Return the person with this permanent id, None when there is none any more."""

    async def search_people(self, text: str, limit: int = 10) -> list[DirectoryPerson]:
        """Return people whose user name, name or e-mail address contains ``text``, for suggestions while typing.

        Disabled people of an LDAP directory are included, and pages mark them; disabled local people are not.
        """

    async def search_groups(self, text: str, limit: int = 10) -> list[DirectoryGroup]:
        """Return groups whose name contains ``text``."""

    async def find_group(self, name: str) -> DirectoryGroup | None:
        """Return the group called ``name``, None when there is none. Raises GroupAmbiguous for several."""

    async def members(self, group: DirectoryGroup, after: str = "") -> MembersPage:
        """Return the page of members that follows the cursor ``after``, nested groups included, each person once."""

    async def try_password(self, found: DirectoryPerson | None, password: str) -> PasswordCheck:
        """Check a password. Without a person it takes as long, so that nobody learns which user names exist."""

    async def check_password(self, found: DirectoryPerson | None, password: str) -> bool:
        """Return whether the password is right; see `try_password`."""
