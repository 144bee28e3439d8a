"""Local people: added by an administrator, kept in our own tables."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime

from tortoise.exceptions import IntegrityError
from tortoise.expressions import Q

from otae.errors import InputRefused
from otae.store import audit, passwords
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import BrowserSession, Group, Membership, Person

DOMAIN = "local"
#: People prove themselves with this together with what the mode adds; administrators need more.
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 256

_NAME = re.compile(r"[^\W_][\w.@+'-]{0,99}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)*{_LABEL}")
_PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{2,30}")


def user_name(text: str) -> str:
    """Return ``text`` as user names are kept and compared: Unicode form KC, without outer spaces, lower case."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def has_shape(name: str) -> bool:
    """Tell whether ``name`` can be a user name; what cannot is looked up nowhere, not every database takes it."""
    return _NAME.fullmatch(name) is not None


async def add_person(  # noqa: PLR0913 - an argument for each field of the form
    desk: Desk,
    *,
    name: str,
    display_name: str = "",
    email: str | None = None,
    phone: str | None = None,
    password: str | None = None,
    groups: Iterable[str] = (),
    now: datetime,
    actor: str,
) -> Person:
    """Add a local person; groups that do not exist yet are made.

    Raises InputRefused with the fields "name", "display_name", "email", "phone", "password" or "groups".
    """
    del desk  # every room function that changes something takes it first; this one needs nothing of it
    name, wanted = user_name(name), _groups(groups)
    wrong = _refused(display_name, email, phone, password)
    if not has_shape(name):
        wrong["name"] = "use 1 to 100 letters, digits or . _ - + @ ', beginning with a letter or digit"
    if wrong:
        raise InputRefused(wrong)
    person = Person(
        domain=DOMAIN,
        name=name,
        display_name=display_name.strip() or name,
        email=(email or "").strip() or None,
        phone=(phone or "").strip() or None,
        password_hash=await passwords.hash_secret(secret(password)) if password else None,
        created_at=now,
    )
    try:
        async with transaction():
            await person.save(force_create=True)
            await _join(person, wanted)
            await audit.record(actor, "person.added", now=now, subject=name)
    except IntegrityError:
        raise InputRefused({"name": f"there is already somebody called {name}"}) from None
    return person


async def update_person(  # noqa: PLR0913 - as above
    desk: Desk,
    person: Person,
    *,
    display_name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    password: str | None = None,
    groups: Iterable[str] | None = None,
    disabled: bool | None = None,
    now: datetime,
    actor: str,
) -> Person:
    """Change a local person: None leaves a field as it is, an empty text clears it (not the password).

    Disabling somebody, or giving a new password, signs that person's browsers out. Raises InputRefused as `add_person`.
    """
    del desk  # as in add_person
    wanted = None if groups is None else _groups(groups)
    if wrong := _refused(display_name or "", email, phone, password):
        raise InputRefused(wrong)
    changes: dict[str, object] = {}
    if display_name is not None:
        changes["display_name"] = display_name.strip() or person.name
    if email is not None:
        changes["email"] = email.strip() or None
    if phone is not None:
        changes["phone"] = phone.strip() or None
    if disabled is not None:
        changes["disabled"] = disabled
    if password:
        changes["password_hash"] = await passwords.hash_secret(secret(password))
    async with transaction():
        if changes:
            await Person.filter(id=person.id).update(**changes)
        if wanted is not None:
            await Membership.filter(person_id=person.id).delete()
            await _join(person, wanted)
        if disabled or password:
            signed_in = BrowserSession.filter(session__person_id=person.id)
            await BrowserSession.filter(id__in=await signed_in.values_list("id", flat=True)).delete()
        changed = ", ".join(sorted(changes) + ([] if wanted is None else ["groups"]))
        await audit.record(actor, "person.changed", now=now, subject=person.name, detail=changed)
    return person.update_from_dict(changes)


async def find_person(name: str) -> Person | None:
    """Return the local person with user name ``name`` (case does not matter), None when there is none."""
    wanted = user_name(name)
    return await Person.get_or_none(domain=DOMAIN, name=wanted) if has_shape(wanted) else None


async def list_people(search: str | None = None, after: str | None = None, limit: int = 50) -> list[Person]:
    """Return people by user name, those behind ``after`` (a user name) first; rehearsal people are left out."""
    rows = Person.filter(rehearsal=False)
    if search and printable(search):
        rows = rows.filter(_holds(search))
    if after:
        rows = rows.filter(name__gt=printable(after))
    return await rows.order_by("name", "domain").limit(limit)


async def search_people(text: str, limit: int = 10) -> list[Person]:
    """Return people who are not disabled and whose user name, name or e-mail address holds ``text``."""
    if not printable(text):
        return []
    return await Person.filter(_holds(text), rehearsal=False, disabled=False).order_by("name").limit(limit)


async def groups_of(person: Person) -> list[str]:
    """Return the names of the groups ``person`` is in, sorted."""
    rows = await Membership.filter(person_id=person.id).prefetch_related("group")
    return sorted(row.group.name for row in rows)


async def check_password(person: Person | None, password: str) -> bool:
    """Tell whether ``password`` is this person's; nobody, somebody disabled and somebody without one cost the same."""
    known = person is not None and not person.disabled
    return await passwords.verify_secret(secret(password), person.password_hash if known and person else None)


def secret(password: str) -> bytes:
    """Return the bytes that are hashed: Unicode form C, so that every keyboard types the same password."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def printable(text: str) -> str:
    """Return 100 printable characters of ``text`` at most: what may be looked for, or kept; no database takes all."""
    return "".join(each for each in text.strip()[:100] if each.isprintable())


def _holds(text: str) -> Q:
    wanted = printable(text)
    return Q(name__icontains=user_name(wanted)) | Q(display_name__icontains=wanted) | Q(email__icontains=wanted)


def _refused(display_name: str, email: str | None, phone: str | None, password: str | None) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if len(display_name) > 200 or not display_name.isprintable():
        wrong["display_name"] = "use up to 200 printable characters"
    address = (email or "").strip()
    if address and (len(address) > 254 or not _EMAIL.fullmatch(address)):
        wrong["email"] = "this is no e-mail address"
    number = (phone or "").strip()
    if number and not _PHONE.fullmatch(number):
        wrong["phone"] = "use digits, beginning with + and the country code, such as +49 30 1234"
    if password and not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        wrong["password"] = f"use {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    return wrong


def _groups(names: Iterable[str]) -> list[str]:
    wanted = sorted({name.strip() for name in names if name.strip()})
    if any(len(name) > 100 or not name.isprintable() for name in wanted):
        raise InputRefused({"groups": "a group's name has 1 to 100 printable characters"})
    return wanted


async def _join(person: Person, groups: list[str]) -> None:
    for name in groups:
        group, _ = await Group.get_or_create(domain=DOMAIN, name=name)
        await Membership.get_or_create(group_id=group.id, person_id=person.id)
