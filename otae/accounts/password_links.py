"""One-time links with which local people choose their password: 256 random bits, stored as a hash, for 24 hours."""

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae import paths
from otae.accounts import made_links, recheck
from otae.directory.local.passwords import password_bytes, refuse_password
from otae.directory.local.people import sign_out
from otae.directory.local.person_fields import DOMAIN
from otae.errors import InputRefused, PasswordLinkUnknown
from otae.store import audit, passwords
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import PasswordLink, Person
from otae.store.passwords import hash_token
from otae.translatable import N_

LIFE: Final = timedelta(hours=24)
#: The permissions that a link's maker needs.
NEEDED_PERMISSIONS: Final = frozenset({"person.edit"})


async def make(desk: Desk, person: Person, *, now: datetime, actor: str, maker_id: UUID | None = None) -> str:
    """Return a link with which ``person`` chooses a password, once, within 24 hours; earlier links end. Audited.

    Whoever has the link can set the password: send it to the person only. ``maker_id``: the administrator who makes it;
    the link ends when they may no longer make it. None for a command.

    Raises:
        InputRefused: ("") for a person who is disabled, removed, or of another directory.
    """
    if person.domain != DOMAIN or person.disabled or person.removed_at is not None:
        raise InputRefused({"": N_("only users of our own directory who may sign in get such a link")})
    token = secrets.token_urlsafe(32)
    link = PasswordLink(token_hash=hash_token(token), person_id=person.id, maker_id=maker_id, expires_at=now + LIFE)
    async with transaction():
        await PasswordLink.filter(person_id=person.id).delete()
        await link.save(force_create=True)
        await audit.record(actor, "person.password-link", now=now, subject=str(person.id))
    return f"{desk.settings.public_url}{paths.PASSWORD(s=token)}"


async def find(token: str, *, now: datetime) -> Person:
    """Return the person of the link with this token. Raises PasswordLinkUnknown when it does not work."""
    return (await _find(token, now)).person


async def use(desk: Desk, token: str, password: str, *, now: datetime) -> Person:
    """Set the password of a link's person, sign their browsers out, and use the link up.

    Raises:
        PasswordLinkUnknown: the link does not work, or was used at the same moment.
        InputRefused: ("password"); the link still works.
        DirectoryUnavailable: the directory of the link's maker does not answer; the link still works.
    """
    link = await _find(token, now)
    await recheck.recheck_maker(desk, link.maker_id, now=now)
    person = link.person
    if not password:
        raise InputRefused({"password": N_("choose a password")})
    if wrong := refuse_password(password, person.name, person.display_name, person.email):
        raise InputRefused(wrong)
    hashed = await passwords.hash_secret(desk.resources, password_bytes(password))
    async with transaction():
        unused = PasswordLink.filter(id=link.id, used_at=None, expires_at__gt=now)
        if await unused.update(used_at=now) != 1:
            raise PasswordLinkUnknown
        alive = Person.filter(id=person.id, disabled=False, removed_at=None)
        if await alive.update(password_hash=hashed) != 1:
            raise PasswordLinkUnknown
        await sign_out(person.id)
        await audit.record(str(person.id), "person.password-set", now=now, subject=str(person.id), detail="by link")
    return person


async def working_link(person: Person, *, now: datetime) -> PasswordLink | None:
    """Return the row of the person's working link, None when there is none. The link cannot be read from it."""
    link = await PasswordLink.get_or_none(person_id=person.id, used_at=None, expires_at__gt=now)
    return link if link and await made_links.maker_still_may(link.maker_id, NEEDED_PERMISSIONS, now=now) else None


async def forget_old(now: datetime) -> int:
    """Delete the expired links; return how many."""
    return await PasswordLink.filter(expires_at__lte=now).delete()


async def _find(token: str, now: datetime) -> PasswordLink:
    known = PasswordLink.filter(token_hash=hash_token(token), used_at=None, expires_at__gt=now)
    link = await known.filter(person__disabled=False, person__removed_at=None).prefetch_related("person").first()
    if link is None or not await made_links.maker_still_may(link.maker_id, NEEDED_PERMISSIONS, now=now):
        raise PasswordLinkUnknown
    return link
