"""The manager of a person: whom the user property `manager` names, by mail address, user name or distinguished name."""

from dataclasses import dataclass
from typing import Final

from otae.contacts import MailAddressRefused, mail_address
from otae.directory import DirectoryPerson, registry
from otae.directory.ldap.directory import LdapDirectory
from otae.directory.ldap.names import is_dn
from otae.errors import DirectoryUnavailable, PersonAmbiguous
from otae.store.desk import Desk
from otae.store.models import Person
from otae.translatable import N_

#: The user property that names the manager: an attribute of the directory, or a column of a file of users.
PROPERTY: Final = "manager"
#: Why there is no manager while a directory does not answer.
AWAY: Final = N_("the manager's directory does not answer")


@dataclass(frozen=True)
class Manager:
    """A person's manager. ``directory_id``: as in `DirectoryPerson`, "" when only the address is known."""

    mail: str
    directory_id: str = ""


async def find(desk: Desk, person: Person) -> tuple[Manager | None, str]:
    """Return the manager of ``person``, or None and why there is none; call it outside of a transaction."""
    named = person.properties.get(PROPERTY, "").strip()
    if not named:
        return None, N_("no manager is known")
    try:
        found = await _named(desk, person.domain, named)
    except DirectoryUnavailable:
        return None, AWAY
    except PersonAmbiguous:
        return None, N_("several people are called like the manager")
    if (found is None and "@" not in named) or (found is not None and found.disabled):
        return None, N_("the manager was not found")
    try:
        return Manager(mail_address((found.email or "") if found else named), found.directory_id if found else ""), ""
    except MailAddressRefused:
        return None, N_("the manager has no mail address")


async def _named(desk: Desk, domain: str, named: str) -> DirectoryPerson | None:
    if is_dn(named):
        directory = await registry.directory_of(desk, domain)
        return await directory.find_by_dn(named) if isinstance(directory, LdapDirectory) else None
    return await registry.find(desk, named if "@" in named or "/" in named else f"{domain}/{named}")
