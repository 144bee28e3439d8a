"""Whose password it is, asked of whoever keeps it: our own tables, or the directory that somebody comes from.

What is asked depends on what was entered alone, never on whether there is such a person: one hash for every name; one
search and one bind more in each directory that the name may belong to.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from otae.accounts import throttle
from otae.accounts.throttle import Attempt
from otae.directory import DirectoryPerson, local, registry
from otae.directory.ldap.directory import LdapDirectory, ldap_directory
from otae.errors import DirectoryUnavailable, PersonAmbiguous, SlowDown
from otae.store.desk import Desk
from otae.store.models import DirectoryServer, Person
from otae.text import folded

#: Why, where there is no such person.
NOBODY: Final = "nobody has this user name"


@dataclass(frozen=True)
class Proof:
    """Who it is, as far as we have a row of them, whether the password was theirs, and why not, for administrators.

    ``nobody``: the name is made up, as far as anybody knows who was asked.
    """

    person: Person | None
    right: bool = False
    reason: str = ""
    nobody: bool = False


async def counted_as(name: str) -> str:
    """Return what tries under ``name`` are counted as: one account, however many ways there are to write it."""
    named = await registry.resolve_name(name)
    for row, text in named.names:
        return throttle.account_by_name("" if named.local or row.is_default else row.domain, folded(text))
    return folded(named.local or name)


async def known_by_name(name: str) -> Proof:
    """Return who has this user name among those we know, without a password and without asking any directory."""
    named = await registry.resolve_name(name)
    ours = await local.find_person(named.local) if named.local else None
    for row, text in named.names:
        wanted = local.user_name(text)
        if ours is None and 0 < len(wanted) <= 100 and wanted.isprintable():
            ours = await Person.get_or_none(domain=row.domain, name=wanted)
    return Proof(None if ours and ours.disabled else ours, nobody=ours is None)


async def at_the_bare_page(desk: Desk, name: str, password: str, attempt: Attempt, *, now: datetime) -> Proof:
    """Look at a name and a password as anybody may enter them.

    Our own people come first; whoever they are, the directory is asked about somebody. Raises DirectoryUnavailable when
    it is away, and SlowDown while it leaves this account alone, to everybody whose password ours is not.
    """
    named = await registry.resolve_name(name)
    known = await local.find_person(named.local) if named.local else None
    ours = None if known and not _is_let_in(known) else known
    right = await local.check_password(ours, password)
    proof = Proof(ours, right, "" if right else "wrong password", nobody=known is None)
    for row, text in named.names:
        try:
            theirs = await _in_directory(desk, row, text, None if ours else password, attempt, now)
        except SlowDown:
            if not right:
                raise
        except DirectoryUnavailable as refusal:
            if not await _right_during_an_outage(desk, name, attempt, right=right):
                raise refusal from None
        else:
            proof = proof if ours else replace(theirs, nobody=theirs.nobody and proof.nobody)
    return proof


async def through_the_link(
    desk: Desk, person: Person, name: str | None, password: str | None, attempt: Attempt, *, now: datetime
) -> Proof:
    """Look at what somebody entered who holds ``person``'s link; ``name``: None where the mode asks for none.

    ``password``: None where the mode asks for none; then no directory is asked. ``person`` of the proof is None when
    nothing can be right: another name, or somebody disabled. Raises DirectoryUnavailable, SlowDown.
    """
    before = person.name
    if password is None or person.domain == local.DOMAIN:
        known = _is_let_in(person) and (name is None or await _is_called(person, name, before))
        right = password is None or await local.check_password(person if known else None, password)
        return Proof(person if known else None, right, "" if right else "wrong password")
    directory = await registry.directory_of(desk, person.domain)
    row = await DirectoryServer.get(domain=person.domain)
    await attempt.count_found(row, person.directory_id, "")
    found = await directory.find_by_id(person.directory_id or "")
    if found:
        person = await registry.save_person(found, now)
    known = found is not None and _is_let_in(person) and (name is None or await _is_called(person, name, before))
    answer = await directory.try_password(found if known else None, password)
    return Proof(person if known else None, answer.right, answer.reason)


async def _in_directory(
    desk: Desk, row: DirectoryServer, name: str, password: str | None, attempt: Attempt, now: datetime
) -> Proof:
    """Ask a directory for one search and one bind; ``password`` None: about nobody."""
    await attempt.count_named(row, folded(name))
    directory = await ldap_directory(desk, row)
    found, why = await _found(directory, name, now)
    asked = found if password is not None else None
    await attempt.count_found(row, asked.directory_id if asked else None, folded(name))
    answer = await directory.try_password(asked, password or "nobody's password")
    if asked is None:
        seen = None
    elif answer.right:
        seen = await registry.save_person(asked, now)
    else:
        seen = await Person.get_or_none(domain=row.domain, directory_id=asked.directory_id)
    if seen and not _is_let_in(seen):
        return Proof(None, reason="the person is disabled")
    return Proof(seen, answer.right, why or answer.reason, nobody=why == NOBODY)


async def _found(directory: LdapDirectory, name: str, now: datetime) -> tuple[DirectoryPerson | None, str]:
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
    """Tell whether one of our own people is let in while the directory that others come from is away.

    Nobody else's try counts then, so that everybody's is counted here, apart: what an outage must not become is a way
    to guess our own people's passwords as fast as one likes.
    """
    outage = await throttle.begin(desk, throttle.OUTAGE, attempt.network, attempt.now)
    try:
        await outage.count(folded(name))
    except SlowDown:
        return False
    if right:
        await outage.succeed()
    return right


def _is_let_in(person: Person) -> bool:
    return not person.disabled and person.removed_at is None


async def _is_called(person: Person, entered: str, before: str) -> bool:
    """Tell whether ``entered`` is this person's user name, as it is or was, alone or with the domain."""
    names = {folded(person.name), folded(before)}
    if folded(entered) in names:
        return True
    named = await registry.resolve_name(entered)
    if person.domain == local.DOMAIN:
        return folded(named.local) in names
    return any(row.domain == person.domain and folded(text) in names for row, text in named.names)
