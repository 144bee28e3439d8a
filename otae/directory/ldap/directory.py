"""An LDAP directory or an Active Directory, as the Directory protocol has it."""

import secrets
import unicodedata
from functools import partial
from typing import Final

from otae.delivery import phones
from otae.directory import Found, GroupFound, MembersPage, PasswordAnswer
from otae.directory.ldap import membership as walking
from otae.directory.ldap.connection import Dialled, Line
from otae.directory.ldap.forest import Forest
from otae.directory.ldap.names import LONGEST, parent_and_rdn
from otae.directory.ldap.pool import ask, dialled
from otae.directory.ldap.results import NOT_ABLE, SUCCESS, Entry, Unreached
from otae.directory.ldap.schema import GROUP, PERSON, Shape
from otae.directory.person_fields import user_name
from otae.errors import GroupAmbiguous, PersonAmbiguous
from otae.store.desk import Desk
from otae.store.models import DirectoryServer
from otae.text import cleaned_line, why_refused

#: Longest password that a server is asked about, in bytes.
LONGEST_PASSWORD: Final = 1024
#: Seconds that finding everybody in a group may take; each answer has the directory's own time limit.
LONGEST_WALK: Final = 45.0


class LdapDirectory:
    """One directory; made anew for each use, its lines are kept elsewhere."""

    def __init__(self, desk: Desk, row: DirectoryServer, region: str) -> None:
        self.shape = Shape(row.domain, row.kind == "active-directory", row.search_by, region)
        self.where: Dialled = dialled(desk, row)
        self.user_base, self.group_base = row.user_base, row.group_base
        self.forest = Forest(desk, row) if row.global_catalog_port else None
        self.people_at = self.forest.catalog if self.forest else self.where
        self.people_base = self.forest.base if self.forest else row.user_base

    @property
    def domain(self) -> str:
        """What it is called."""
        return self.shape.domain

    async def find_person(self, name: str) -> Found | None:
        """As the protocol says; a name that nobody can have is looked up nowhere."""
        return await self._one(self.shape.person_called(user_name(name)), name)

    async def find_by_mail(self, address: str) -> Found | None:
        """Return who has this e-mail address, None for nobody; PersonAmbiguous names everybody who has it."""
        return await self._one(self.shape.person_mailed(address.strip()), address)

    async def person_of(self, directory_id: str) -> Found | None:
        """As the protocol says."""
        return await self._one(self.shape.person_known_by(directory_id), directory_id)

    async def search_people(self, text: str, limit: int = 10) -> list[Found]:
        """As the protocol says; who is disabled comes last."""
        if not _asked_about(text):
            return []
        what = self.shape.people_holding(cleaned_line(text))
        found = await ask(self.people_at, lambda line: line.search(self.people_base, what, PERSON, limit=limit))
        return sorted(self.shape.all_found(found), key=lambda person: person.disabled)

    async def search_groups(self, text: str, limit: int = 10) -> list[GroupFound]:
        """As the protocol says."""
        if not _asked_about(text):
            return []
        return await self._groups(self.shape.groups_holding(cleaned_line(text)), limit)

    async def find_group(self, name: str) -> GroupFound | None:
        """As the protocol says."""
        if not name.strip() or not _asked_about(name):
            return None
        found = await self._groups(self.shape.group_called(cleaned_line(name)), 5)
        if len(found) > 1:
            raise GroupAmbiguous(f"{name} is {' and '.join(group.id for group in found)}"[:500])
        return found[0] if found else None

    async def members(self, group: GroupFound, after: str = "") -> MembersPage:
        """As the protocol says, by the place where people stand; a group that is gone has nobody."""
        walk = walking.Walk(self.shape, self.user_base, group.id)
        return await ask(self.where, lambda line: walk.page(line, after), longest=LONGEST_WALK)

    async def answer_password(self, found: Found | None, password: str) -> PasswordAnswer:
        """As the protocol says: a bind on a line of its own, for nobody as somebody whom there is not."""
        try:
            secret = unicodedata.normalize("NFC", password).encode()
        except UnicodeEncodeError:
            secret = b""
        if not secret or b"\0" in secret or len(secret) > LONGEST_PASSWORD:
            return PasswordAnswer(right=False, reason="a password that nobody can have")
        dn = found.dn if found and found.dn else self._nobody()
        where = await self.forest.place_of(dn) if self.forest else self.where
        code, words = await ask(where, lambda line: _bind(line, dn, secret), fresh=True)
        if found is None:
            return PasswordAnswer(right=False, reason="nobody has this user name")
        return PasswordAnswer(right=code == SUCCESS, reason="" if code == SUCCESS else words)

    async def check_password(self, found: Found | None, password: str) -> bool:
        """As the protocol says."""
        return (await self.answer_password(found, password)).right

    async def _one(self, what: str, asked: str) -> Found | None:
        if not asked.strip() or not _asked_about(asked.strip()):
            return None
        found = self.shape.all_found(
            await ask(self.people_at, lambda line: line.search(self.people_base, what, PERSON, limit=5))
        )
        if len(found) > 1:
            who = ", ".join(f"{person.name} ({person.display_name})" for person in found)
            raise PersonAmbiguous(f"{asked} is {who}"[:500])
        one = found[0] if found else None
        return await self._in_full(one) if self.forest else one

    async def _in_full(self, found: Found | None) -> Found | None:
        """Return somebody of the catalog as their own domain has them; for nobody, it is asked all the same.

        A catalog holds a part of everybody: not until when an account is good, nor whether the password must change.
        """
        if self.forest is None:
            return found
        dn = found.dn if found else self._nobody()
        where = await self.forest.place_of(dn)
        entries = await ask(where, partial(_read_one, dn=dn, what=self.shape.people))
        return next(iter(self.shape.all_found(entries)), None) if found else None

    def _nobody(self) -> str:
        return f"cn=nobody-{secrets.token_hex(8)},{self.user_base}"

    async def _groups(self, what: str, limit: int) -> list[GroupFound]:
        found = await ask(self.where, lambda line: line.search(self.group_base, what, GROUP[:1], limit=limit))
        groups = [group for entry in found if (group := self.shape.group(entry))]
        return sorted(groups, key=lambda group: (group.name.casefold(), group.id))


async def ldap_directory(desk: Desk, row: DirectoryServer) -> LdapDirectory:
    """Return the directory that ``row`` sets up."""
    return LdapDirectory(desk, row, await phones.default_region())


def _asked_about(text: str) -> bool:
    """Tell whether a server is asked about ``text``, which is cleaned then: servers leave out what cannot be seen."""
    return len(text) <= LONGEST and not why_refused(text.strip())


def _read_one(line: Line, *, dn: str, what: str) -> list[Entry]:
    try:
        return line.search(dn, what, PERSON, scope="BASE", limit=1)
    except Unreached as error:
        if error.step != "search":
            raise
        return []  # gone since the catalog was told


def _bind(line: Line, dn: str, secret: bytes) -> tuple[int, str]:
    if parent_and_rdn(dn) is None:
        raise Unreached("bind", "this place in the directory has no name to bind as")
    code, words = line.bind(dn, secret)
    if code in NOT_ABLE:
        raise Unreached("answer", words)
    return code, words
