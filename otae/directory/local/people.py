"""Local people, those of our own tables: adding, changing and finding them, and their groups."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from tortoise.exceptions import IntegrityError

from otae.directory.local import person_fields
from otae.directory.local.passwords import password_bytes, refuse_password
from otae.directory.local.person_fields import DOMAIN, PersonFields, group_names, is_user_name, printable, user_name
from otae.directory.reach import EVERYBODY, Reach
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import BrowserSession, Group, Membership, PasswordLink, Person
from otae.store.passwords import hash_secret
from otae.store.search_text import contains
from otae.store.session_ends import end_sessions_of
from otae.translatable import N_

#: The names of a person's columns in the audit log.
_AUDIT_NAMES = {
    "display_name": "name",
    "email": "e-mail address",
    "phone": "phone number",
    "language": "language",
    "role": "role",
    "properties": "properties",
    "password_hash": "password",
}
#: Reason in the timeline for the end of a disabled person's enrollments.
DISABLED = "the user was disabled"
WRONG_NAME = N_("use 1 to 100 letters, digits or . _ - + @ ', beginning with a letter or digit")


async def add_person(  # noqa: PLR0913 - an argument for each field of the form
    desk: Desk,
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
    """Add a local person, and the groups that do not exist yet.

    Raises:
        InputRefused: with the fields "name", "display_name", "email", "phone", "language", "role", "properties",
            "password" or "groups".
    """
    name, wanted_groups = user_name(name), group_names(groups)
    fields = PersonFields(display_name, email or "", phone or "", language, role, properties or {})
    columns, wrong = person_fields.columns(fields, await person_fields.field_context(), name)
    if not is_user_name(name):
        wrong["name"] = WRONG_NAME
    wrong |= refuse_password(password, name, display_name, email)
    if wrong:
        raise InputRefused(wrong)
    hashed = await hash_secret(desk.resources, password_bytes(password)) if password else None
    person = Person(domain=DOMAIN, name=name, password_hash=hashed, created_at=now, **columns)
    try:
        async with transaction():
            await person.save(force_create=True)
            await join(person.id, wanted_groups)
            await audit.record(actor, "person.added", now=now, subject=str(person.id))
    except IntegrityError:
        raise InputRefused({"name": N_("there is already somebody called %(name)s", name=name)}) from None
    return person


async def update_person(  # noqa: PLR0913 - as above
    desk: Desk,
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

    Disabling and a new password sign the person's browsers out; disabling ends unfinished enrollments, too.

    Raises:
        InputRefused: as `add_person`; with "" for a person of another directory, or one who was removed.
    """
    _refuse_foreign(person)
    wanted_groups = None if groups is None else group_names(groups)
    fields = PersonFields(display_name, email, phone, language, role, properties)
    changes, wrong = person_fields.columns(fields, await person_fields.field_context(), person.name)
    wrong |= refuse_password(password, person.name, display_name or person.display_name, email or person.email)
    if wrong:
        raise InputRefused(wrong)
    if disabled is not None:
        changes["disabled"] = disabled
    changes = {name: value for name, value in changes.items() if value != getattr(person, name)}
    if password:
        changes["password_hash"] = await hash_secret(desk.resources, password_bytes(password))
    async with transaction():
        changed = await _store(person, changes, wanted_groups)
        if disabled:
            await end_access([person.id], now=now, why=DISABLED)
        elif password:
            await sign_out(person.id)
        if changed:
            await audit.record(actor, "person.changed", now=now, subject=str(person.id), detail=changed)
    return person.update_from_dict(changes)


async def _store(person: Person, changes: Mapping[str, object], groups: Iterable[str] | None) -> str:
    """Store ``changes``, and the groups unless None; return the audit log's description of the change.

    It names the changed fields, not their values: personal data can be deleted, the log cannot.
    """
    if changes:
        await Person.filter(id=person.id).update(**person.with_search_text(changes))
    parts = [words for name, words in _AUDIT_NAMES.items() if name in changes]
    if "disabled" in changes:
        parts.append("disabled" if changes["disabled"] else "enabled")
    if groups is not None:
        memberships = Membership.filter(person_id=person.id, group__domain=DOMAIN)
        before = {str(name) for name in await memberships.values_list("group__name", flat=True)}
        await memberships.exclude(group__name__in=[*groups, ""]).delete()
        await join(person.id, groups)
        parts += [f"into {name}" for name in sorted(set(groups) - before)]
        parts += [f"out of {name}" for name in sorted(before - set(groups))]
    return ", ".join(parts)


async def find_person(name: str) -> Person | None:
    """Return the local person with user name ``name`` (case does not matter), None when there is none."""
    stored_name = user_name(name)
    return await Person.get_or_none(domain=DOMAIN, name=stored_name) if is_user_name(stored_name) else None


async def list_people(
    search: str | None = None, after: str | None = None, limit: int = 50, *, reach: Reach = EVERYBODY
) -> list[Person]:
    """Return people by user name, those after the user name ``after``; rehearsal people are left out."""
    rows = Person.filter(reach.people(), rehearsal=False, removed_at=None)
    if search:
        rows = rows.filter(await contains(Person, search))
    if after:
        rows = rows.filter(name__gt=printable(after))
    return await rows.order_by("name", "domain").limit(limit)


async def search_people(text: str, limit: int = 10, *, reach: Reach = EVERYBODY) -> list[Person]:
    """Return people within ``reach``, not disabled, whose user name, name or e-mail address contains ``text``."""
    if not printable(text):
        return []
    rows = Person.filter(await contains(Person, text), reach.people(), rehearsal=False, disabled=False, removed_at=None)
    return await rows.order_by("name").limit(limit)


async def groups_of(person: Person) -> list[str]:
    """Return the names of a person's groups, sorted: "sales", or "corp/sales" for a directory's."""
    rows = await Membership.filter(person_id=person.id).prefetch_related("group")
    return sorted(address_of(row.group) for row in rows)


def address_of(group: Group) -> str:
    """Return the name by which ``group`` can be entered in every form: "sales", or "corp/sales"."""
    return group.name if group.domain == DOMAIN else f"{group.domain}/{group.name}"


def _refuse_foreign(person: Person) -> None:
    if person.domain != DOMAIN or person.removed_at is not None:
        raise InputRefused({"": N_("only users of our own directory can be changed here")})


async def sign_out(person_id: UUID) -> None:
    """Sign a person's browsers out of the portal and the self-service page, and delete their password link."""
    signed_in = BrowserSession.filter(session__person_id=person_id)
    await BrowserSession.filter(id__in=await signed_in.values_list("id", flat=True)).delete()
    await BrowserSession.filter(person_id=person_id).delete()
    await PasswordLink.filter(person_id=person_id).delete()


async def end_access(people: Collection[UUID], *, now: datetime, why: str) -> None:
    """End the browsers, password links and unfinished enrollments of people who were disabled."""
    for person_id in people:
        await sign_out(person_id)
    await end_sessions_of(people, now=now, why=why)


async def join(person_id: UUID, groups: Iterable[str]) -> None:
    """Add a person to local groups; missing groups are created, with the groups above them."""
    for group_id in (await group_ids(groups)).values():
        await Membership.get_or_create(group_id=group_id, person_id=person_id)


async def group_ids(names: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of local groups by name; missing groups are created, with the groups above them."""
    ids: dict[str, UUID] = {}
    for name in sorted(set(names)):
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            group, _ = await Group.get_or_create(domain=DOMAIN, name=".".join(parts[:depth]))
            ids[name] = group.id
    return ids
