"""People and groups, wherever they are kept: our own tables, an LDAP directory, an Active Directory."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from otae.text import folded


@dataclass(frozen=True)
class Found:
    """Somebody as a directory describes them now.

    ``domain``: the directory's, in lower case, "local" for our own people. ``directory_id``: what the directory knows
    them by for good (entryUUID, objectGUID in hex; our row's id for local people). ``name``: the user name, in lower
    case. ``disabled``: the directory lets them in nowhere; ``expires_at``: from when on it will not. ``must_change``:
    they have to choose a new password before the old one lets them in. ``dn``: where they stand, "" for local people.
    ``further_names``: other user names of theirs, where the attribute holds several.
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

    def is_called(self, name: str) -> bool:
        """Tell whether ``name``, as somebody typed it, is a user name of theirs.

        Directories compare more loosely than that: by sounds, without spaces, as their language sorts.
        """
        return folded(name) in {folded(each) for each in (self.name, *self.further_names)}

    @property
    def address(self) -> str:
        """What names this person wherever a user name is asked for: "ben", or "corp/ben"."""
        return self.name if self.domain == "local" else f"{self.domain}/{self.name}"

    def is_disabled(self, now: datetime) -> bool:
        """Tell whether the directory lets them in nowhere at ``now``."""
        return self.disabled or (self.expires_at is not None and self.expires_at <= now)


@dataclass(frozen=True)
class GroupFound:
    """A group as a directory has it. ``id``: what it is walked by there (a DN; a row's id for local groups)."""

    domain: str
    name: str
    id: str

    @property
    def address(self) -> str:
        """What names this group wherever one is asked for: "sales", or "corp/sales"."""
        return self.name if self.domain == "local" else f"{self.domain}/{self.name}"


@dataclass(frozen=True)
class MembersPage:
    """Some members of a group. ``after``: what the next page is asked for with, "" when this was the last."""

    people: list[Found]
    after: str = ""


@dataclass(frozen=True)
class PasswordAnswer:
    """Whether a password was right, and for administrators alone why it did not let anybody in."""

    right: bool
    reason: str = ""


class Directory(Protocol):
    """Where people come from. Whatever talks to another machine raises DirectoryUnavailable when that is away."""

    @property
    def domain(self) -> str:
        """What it is called: "local", or the name given to it."""

    async def find_person(self, name: str) -> Found | None:
        """Return whom the user name ``name`` means (case does not matter), None for nobody; PersonAmbiguous."""

    async def person_of(self, directory_id: str) -> Found | None:
        """Return whom the directory knows by this id, None when it has nobody any more."""

    async def search_people(self, text: str, limit: int = 10) -> list[Found]:
        """Return people whose user name, name or e-mail address holds ``text``, for looking up while typing.

        A directory's people may be disabled: pages say so. Our own are left out then.
        """

    async def search_groups(self, text: str, limit: int = 10) -> list[GroupFound]:
        """Return groups whose name holds ``text``."""

    async def find_group(self, name: str) -> GroupFound | None:
        """Return the group called ``name``, None when there is none; GroupAmbiguous when there are several."""

    async def members(self, group: GroupFound, after: str = "") -> MembersPage:
        """Return the next people of ``group`` and of the groups in it, each once, those behind ``after``."""

    async def answer_password(self, found: Found | None, password: str) -> PasswordAnswer:
        """Say whether ``password`` is this person's; nobody costs the same as somebody."""

    async def check_password(self, found: Found | None, password: str) -> bool:
        """Tell whether ``password`` is this person's; as `answer_password`."""
