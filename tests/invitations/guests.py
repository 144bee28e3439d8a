"""Ben, who is invited, in as many ways as a test needs."""

from datetime import datetime

from otae.directory import local
from otae.invitations import lifecycle
from otae.invitations.lifecycle import Created
from otae.invitations.orders import InvitationOrder
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Person

PASSWORD = "correct horse battery"


async def add_person(desk: Desk, name: str = "ben", **given: object) -> Person:
    """Add somebody with a mail address and PASSWORD, or as ``given``."""
    wanted = {"email": f"{name}@example.test", "password": PASSWORD} | given
    now = await database.now()
    return await local.add_person(desk, name=name, now=now, actor="ada", **wanted)  # type: ignore[arg-type]  # a test gives what it needs by name


async def invite(desk: Desk, mode: str = "two_factor", *, now: datetime | None = None, **order: object) -> Created:
    """Invite Ben (or another ``user``), who is added where he is missing, and show his PIN."""
    given = {"user": "ben", "mode": mode, "show_pin": True} | order
    wanted = InvitationOrder(**given)  # type: ignore[arg-type]  # a test gives what it needs by name
    if await local.find_person(wanted.user) is None:
        await add_person(desk, wanted.user)
    return await lifecycle.create(desk, wanted, now=now or await database.now(), actor="ada")
