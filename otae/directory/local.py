"""Local people: added by an administrator, kept in our own tables."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.directory import password_strength, person_fields
from otae.directory.person_fields import (
    DOMAIN,
    LONGEST_PASSWORD,
    SHORTEST_PASSWORD,
    Facts,
    group_names,
    has_shape,
    printable,
    user_name,
)
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused
from otae.store import audit, passwords
from otae.store.database import transaction
from otae.store.models import BrowserSession, Group, Membership, PasswordLink, Person
from otae.store.search_text import holds
from otae.store.session_ends import end_sessions_of

__all__ = [
    "DOMAIN",
    "LONGEST_PASSWORD",
    "SHORTEST_PASSWORD",
    "add_person",
    "check_password",
    "find_person",
    "group_ids",
    "groups_of",
    "has_shape",
    "join",
    "list_people",
    "printable",
    "refuse_password",
    "search_people",
    "secret",
    "shut_out",
    "sign_out",
    "update_person",
    "user_name",
]

#: What the audit log calls a person's fields.
_FIELDS = {
    "display_name": "name",
    "email": "e-mail address",
    "phone": "phone number",
    "language": "language",
    "role": "role",
    "properties": "properties",
    "password_hash": "password",
}
#: Why enrollments of somebody ended, in the timeline.
DISABLED = "the user was disabled"
WRONG_NAME = "use 1 to 100 letters, digits or . _ - + @ ', beginning with a letter or digit"


async def add_person(  # noqa: PLR0913 - an argument for each field of the form
    *,
    name: str,
    display_name: str = "",
    email: str | None = None,
    phone: str | None = None,
    language: str = "",
    role: str = "USER",
    properties: Mapping[str, str] | None = None,
    password: str | None = None,
    groups: Iterable[str] = (),
    now: datetime,
    actor: str,
) -> Person:
    """Add a local person; groups that do not exist yet are made.

    Raises InputRefused with the fields "name", "display_name", "email", "phone", "language", "role", "properties",
    "password" or "groups".
    """
    name, wanted = user_name(name), group_names(groups)
    said = Facts(display_name, email or "", phone or "", language, role, properties or {})
    columns, wrong = person_fields.columns(said, await person_fields.house(), name)
    if not has_shape(name):
        wrong["name"] = WRONG_NAME
    wrong |= refuse_password(password, name, display_name, email)
    if wrong:
        raise InputRefused(wrong)
    hashed = await passwords.hash_secret(secret(password)) if password else None
    person = Person(domain=DOMAIN, name=name, password_hash=hashed, created_at=now, **columns)
    try:
        async with transaction():
            await person.save(force_create=True)
            await join(person.id, wanted)
            await audit.record(actor, "person.added", now=now, subject=str(person.id))
    except IntegrityError:
        raise InputRefused({"name": f"there is already somebody called {name}"}) from None
    return person


async def update_person(  # noqa: PLR0913 - as above
    person: Person,
    *,
    display_name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    language: str | None = None,
    role: str | None = None,
    properties: Mapping[str, str] | None = None,
    password: str | None = None,
    groups: Iterable[str] | None = None,
    disabled: bool | None = None,
    now: datetime,
    actor: str,
) -> Person:
    """Change a local person: None leaves a field as it is, an empty text clears it (not the password).

    Disabling somebody, or giving a new password, signs that person's browsers out; disabling ends enrollments on their
    way, too. Raises InputRefused as `add_person`,
    and with "" for somebody of another directory, who is changed there, or who was removed.
    """
    _refuse_foreign(person)
    wanted = None if groups is None else group_names(groups)
    said = Facts(display_name, email, phone, language, role, properties)
    changes, wrong = person_fields.columns(said, await person_fields.house(), person.name)
    wrong |= refuse_password(password, person.name, display_name or person.display_name, email or person.email)
    if wrong:
        raise InputRefused(wrong)
    if disabled is not None:
        changes["disabled"] = disabled
    changes = {name: value for name, value in changes.items() if value != getattr(person, name)}
    if password:
        changes["password_hash"] = await passwords.hash_secret(secret(password))
    async with transaction():
        changed = await _store(person, changes, wanted)
        if disabled:
            await shut_out([person.id], now=now, why=DISABLED)
        elif password:
            await sign_out(person.id)
        if changed:
            await audit.record(actor, "person.changed", now=now, subject=str(person.id), detail=changed)
    return person.update_from_dict(changes)


async def _store(person: Person, changes: Mapping[str, object], groups: Iterable[str] | None) -> str:
    """Store ``changes``, and the groups unless None; return in words what that changes.

    Names and addresses are not told: they can be forgotten, the log cannot.
    """
    if changes:
        await Person.filter(id=person.id).update(**person.with_search_text(changes))
    told = [words for name, words in _FIELDS.items() if name in changes]
    if "disabled" in changes:
        told.append("disabled" if changes["disabled"] else "enabled")
    if groups is not None:
        mine = Membership.filter(person_id=person.id, group__domain=DOMAIN)
        before = {str(name) for name in await mine.values_list("group__name", flat=True)}
        await mine.exclude(group__name__in=[*groups, ""]).delete()
        await join(person.id, groups)
        told += [f"into {name}" for name in sorted(set(groups) - before)]
        told += [f"out of {name}" for name in sorted(before - set(groups))]
    return ", ".join(told)


async def find_person(name: str) -> Person | None:
    """Return the local person with user name ``name`` (case does not matter), None when there is none."""
    wanted = user_name(name)
    return await Person.get_or_none(domain=DOMAIN, name=wanted) if has_shape(wanted) else None


async def list_people(
    search: str | None = None, after: str | None = None, limit: int = 50, *, reach: Reach = EVERYBODY
) -> list[Person]:
    """Return people by user name, those behind ``after`` (a user name) first; rehearsal people are left out."""
    rows = Person.filter(reach.people(), rehearsal=False, removed_at=None)
    if search:
        rows = rows.filter(await holds(Person, search))
    if after:
        rows = rows.filter(name__gt=printable(after))
    return await rows.order_by("name", "domain").limit(limit)


async def search_people(text: str, limit: int = 10, *, reach: Reach = EVERYBODY) -> list[Person]:
    """Return people within ``reach``, not disabled, whose user name, name or e-mail address holds ``text``."""
    if not printable(text):
        return []
    rows = Person.filter(await holds(Person, text), reach.people(), rehearsal=False, disabled=False, removed_at=None)
    return await rows.order_by("name").limit(limit)


async def groups_of(person: Person) -> list[str]:
    """Return the groups ``person`` is in, sorted, by what names them: "sales", or "corp/sales" of a directory."""
    rows = await Membership.filter(person_id=person.id).prefetch_related("group")
    return sorted(address_of(row.group) for row in rows)


def address_of(group: Group) -> str:
    """Return what names ``group`` wherever one is asked for."""
    return group.name if group.domain == DOMAIN else f"{group.domain}/{group.name}"


async def check_password(person: Person | None, password: str) -> bool:
    """Tell whether ``password`` is this person's; nobody, somebody disabled and somebody without one cost the same."""
    known = person is not None and not person.disabled
    return await passwords.verify_secret(secret(password), person.password_hash if known and person else None)


def secret(password: str) -> bytes:
    """Return the bytes that are hashed: Unicode form C, so that every keyboard types the same password."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def refuse_password(password: str | None, *own: str | None) -> dict[str, str]:
    """Return what is wrong with a password, by field, nothing for none; ``own``: names that it may not be."""
    if not password:
        return {}
    names = [each for each in own if each]
    try:
        password_strength.refuse_obvious(
            password, shortest=SHORTEST_PASSWORD, longest=LONGEST_PASSWORD, score=password_strength.PERSON, own=names
        )
    except InputRefused as refusal:
        return dict(refusal.fields)
    return {}


def _refuse_foreign(person: Person) -> None:
    if person.domain != DOMAIN or person.removed_at is not None:
        raise InputRefused({"": "only users of our own directory can be changed here"})


async def sign_out(person_id: UUID) -> None:
    """End the portal's browsers of a person, and the links with which a password may be chosen."""
    signed_in = BrowserSession.filter(session__person_id=person_id)
    await BrowserSession.filter(id__in=await signed_in.values_list("id", flat=True)).delete()
    await PasswordLink.filter(person_id=person_id).delete()


async def shut_out(people: Collection[UUID], *, now: datetime, why: str) -> None:
    """End all that people who were disabled have begun: browsers, links for a password, enrollments on their way."""
    for person_id in people:
        await sign_out(person_id)
    await end_sessions_of(people, now=now, why=why)


async def join(person_id: UUID, groups: Iterable[str]) -> None:
    """Put a person into local groups; those that are missing are made, with the groups above them."""
    for group_id in (await group_ids(groups)).values():
        await Membership.get_or_create(group_id=group_id, person_id=person_id)


async def group_ids(names: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of local groups by name; those that are missing are made, with the groups above them."""
    found: dict[str, UUID] = {}
    for name in sorted(set(names)):
        parts = name.split(".")
        for depth in range(1, len(parts)):
            await Group.get_or_create(domain=DOMAIN, name=".".join(parts[:depth]))
        found[name] = (await Group.get_or_create(domain=DOMAIN, name=name))[0].id
    return found
