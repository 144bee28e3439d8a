"""Checks user names and passwords against the local tables, or the directory that a person comes from.

The work done depends only on what was entered, never on whether there is such a person, so that the time taken tells
nothing: one hash for every name, and one search and one bind in each directory that the name may belong to.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from otae.accounts import throttle
from otae.accounts.throttle import Attempt
from otae.directory import DirectoryPerson, registry
from otae.directory.ldap.directory import LdapDirectory, ldap_directory
from otae.directory.local import passwords, people, person_fields
from otae.errors import DirectoryUnavailable, PersonAmbiguous, SlowDown
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from otae.text import folded

#: The reason when there is no such person.
NOBODY: Final = "nobody has this user name"


@dataclass(frozen=True)
class CredentialCheck:
    """Result of checking a name and a password.

    ``person``: None when there is no row of such a person. ``right``: whether the password is theirs. ``reason``: why
    not, for administrators. ``nobody``: the name belongs to nobody, as far as the directories asked know.
    ``password_changed``: as `DirectoryPerson.password_changed`.
    """

    person: Person | None
    right: bool = False
    reason: str = ""
    nobody: bool = False
    password_changed: str = ""


def entered_name(person: Person) -> str:
    """Return what finds exactly this person when it is entered as the user name at the login page."""
    return person.name if person.domain == person_fields.DOMAIN else f"{person.domain}\\{person.name}"


async def throttle_account(name: str) -> str:
    """Return the account under which tries with ``name`` are counted: one, however the name is written."""
    candidates = await registry.resolve_name(name)
    for row, text in candidates.names:
        return throttle.account_by_name("" if candidates.local or row.is_default else row.domain, folded(text))
    return folded(candidates.local or name)


async def find_known_person(name: str) -> CredentialCheck:
    """Return the person with this user name among the local rows, without a password and without asking a directory."""
    candidates = await registry.resolve_name(name)
    person = await people.find_person(candidates.local) if candidates.local else None
    for row, text in candidates.names:
        wanted = person_fields.user_name(text)
        if person is None and 0 < len(wanted) <= 100 and wanted.isprintable():
            person = await Person.get_or_none(domain=row.domain, name=wanted)
    return CredentialCheck(None if person and person.disabled else person, nobody=person is None)


async def check_at_login_page(
    desk: Desk, name: str, password: str, attempt: Attempt, *, now: datetime
) -> CredentialCheck:
    """Check a name and a password from the login page, which anybody can open.

    Local people come first. The directory is asked all the same, so that every name takes the same time.

    Raises:
        DirectoryUnavailable: The directory did not answer.
        SlowDown: Too many tries on the account in its directory, and the password is not that of a local person.
    """
    candidates = await registry.resolve_name(name)
    known = await people.find_person(candidates.local) if candidates.local else None
    local_person = None if known and not _may_sign_in(known) else known
    right = await passwords.check_password(desk, local_person, password)
    proof = CredentialCheck(local_person, right, "" if right else "wrong password", nobody=known is None)
    for row, text in candidates.names:
        try:
            answer = await _in_directory(desk, row, text, None if local_person else password, attempt, now)
        except SlowDown:
            if not right:
                raise
        except DirectoryUnavailable as refusal:
            if not await _right_during_an_outage(desk, name, attempt, right=right):
                raise refusal from None
        else:
            proof = proof if local_person else replace(answer, nobody=answer.nobody and proof.nobody)
    return proof


async def check_through_link(
    desk: Desk, person: Person, name: str | None, password: str | None, attempt: Attempt, *, now: datetime
) -> CredentialCheck:
    """Check what the holder of ``person``'s link entered.

    ``person`` of the result is None when another name was entered or the person is disabled, whatever the password.

    Args:
        name: None where the mode asks for none.
        password: None where the mode asks for none; no directory is asked then.

    Raises:
        DirectoryUnavailable: The directory did not answer.
        SlowDown: Too many tries.
    """
    before = person.name
    if password is None or person.domain == person_fields.DOMAIN:
        known = _may_sign_in(person) and (name is None or await _is_called(person, name, before))
        right = password is None or await passwords.check_password(desk, person if known else None, password)
        return CredentialCheck(person if known else None, right, "" if right else "wrong password")
    directory = await registry.directory_of(desk, person.domain)
    row = await DirectoryServer.get(domain=person.domain)
    await attempt.count_found(row, person.directory_id, "")
    found = await directory.find_by_id(person.directory_id or "")
    if found:
        person = await registry.save_person(found, now)
    known = found is not None and _may_sign_in(person) and (name is None or await _is_called(person, name, before))
    answer = await directory.try_password(found if known else None, password)
    return CredentialCheck(person if known else None, answer.right, answer.reason)


async def _in_directory(
    desk: Desk, row: DirectoryServer, name: str, password: str | None, attempt: Attempt, now: datetime
) -> CredentialCheck:
    """Check a name and a password in a directory with one search and one bind.

    ``password``: None for a bind as somebody who does not exist, which takes the same time.
    """
    await attempt.count_named(row, folded(name))
    directory = await ldap_directory(desk, row)
    found, why = await _find_candidate(directory, name, now)
    asked = found if password is not None else None
    await attempt.count_found(row, asked.directory_id if asked else None, folded(name))
    answer = await directory.try_password(asked, password or "nobody's password")
    if asked is None:
        seen = None
    elif answer.right:
        seen = await registry.save_person(asked, now)
    else:
        seen = await Person.get_or_none(domain=row.domain, directory_id=asked.directory_id)
    if seen and not _may_sign_in(seen):
        return CredentialCheck(None, reason="the person is disabled")
    changed = asked.password_changed if asked else ""
    return CredentialCheck(seen, answer.right, why or answer.reason, why == NOBODY, changed)


async def _find_candidate(directory: LdapDirectory, name: str, now: datetime) -> tuple[DirectoryPerson | None, str]:
    try:
        found = await directory.find_person(name)
    except PersonAmbiguous as refusal:
        return None, refusal.detail
    if found and not found.is_called(name):
        return None, f"the directory takes it for {found.name}"
    if found and found.is_disabled(now):
        return None, "the directory has disabled the account"
    return found, "" if found else NOBODY


async def _right_during_an_outage(desk: Desk, name: str, attempt: Attempt, *, right: bool) -> bool:
    """Return whether a local person may sign in while the directory for other people is unavailable.

    Other people's tries are not counted then, so everybody's tries are counted here under a limit of their own: an
    outage must not allow unlimited guessing at local people's passwords.
    """
    outage = await throttle.begin(desk, throttle.OUTAGE, attempt.network, attempt.now)
    try:
        await outage.count(folded(name))
    except SlowDown:
        return False
    if right:
        await outage.succeed()
    return right


def _may_sign_in(person: Person) -> bool:
    return not person.disabled and person.removed_at is None


async def _is_called(person: Person, entered: str, before: str) -> bool:
    """Return whether ``entered`` is the person's current or earlier user name, alone or with the domain."""
    names = {folded(person.name), folded(before)}
    if folded(entered) in names:
        return True
    named = await registry.resolve_name(entered)
    if person.domain == person_fields.DOMAIN:
        return folded(named.local) in names
    return any(row.domain == person.domain and folded(text) in names for row, text in named.names)
