"""Ben, who is invited, in as many ways as a test needs."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from otae.directory.local import people
from otae.invitations import lifecycle
from otae.invitations.lifecycle import Created
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Person

PASSWORD = "correct horse battery"
#: His phone number, as it is dialled.
BEN = "+4915112345678"


async def add_person(desk: Desk, name: str = "ben", **given: object) -> Person:
    """Add somebody with a mail address and PASSWORD, or as ``given``."""
    wanted = {"email": f"{name}@example.test", "password": PASSWORD} | given
    now = await database.now()
    return await people.add_person(desk, name=name, now=now, actor="ada", **wanted)  # type: ignore[arg-type]  # a test gives what it needs by name


def order_of(user: str, **given: Any) -> InvitationOrder:  # noqa: ANN401 - a test gives what it needs by name
    """Give an order with terms and everything else as ``given``."""
    terms, rest = split(given)
    return InvitationOrder(user, terms, **rest)


def split(given: dict[str, Any]) -> tuple[InvitationTerms, dict[str, Any]]:
    """Give the terms among what is ``given`` by name, and the rest."""
    names = {each.name for each in fields(InvitationTerms)} & {*given}
    rest = {name: value for name, value in given.items() if name not in names}
    return InvitationTerms(**{name: given[name] for name in names}), rest


async def invite(desk: Desk, mode: str = "two_factor", *, now: datetime | None = None, **order: object) -> Created:
    """Invite Ben (or another ``user``), who is added where he is missing, and show his PIN."""
    given: dict[str, Any] = {"user": "ben", "mode": mode, "show_pin": True} | order
    wanted = order_of(**given)
    if await people.find_person(wanted.user) is None:
        await add_person(desk, wanted.user)
    return await lifecycle.create(desk, wanted, now=now or await database.now(), actor="ada")


async def queued(created: Created) -> dict[str, tuple[str, str]]:
    """Give channel and recipient of what waits, by kind."""
    rows = await Delivery.filter(invitation_id=created.invitation.id, status="queued")
    return {row.kind: (row.channel, row.recipient) for row in rows}
