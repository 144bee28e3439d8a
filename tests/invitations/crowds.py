"""Groups of people, as many as a test needs."""

import io
from typing import Any
from uuid import UUID

from otae.invitations import csv_source, group_worker, groups
from otae.invitations.groups import GroupOrder, Status
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Group, GroupInvitation, GroupInvitee, Membership, Person
from tests.invitations.guests import split


async def crowd(number: int, group: str = "sales") -> list[Person]:
    """Put ``number`` people with mail addresses into a group: p0001, p0002 and so on."""
    now = await database.now()
    people = [
        Person(name=f"p{at:04}", display_name=f"Person {at}", email=f"p{at:04}@example.test", created_at=now)
        for at in range(1, number + 1)
    ]
    await Person.bulk_create(people)
    await join(people, group)
    return people


async def join(people: list[Person], group: str = "sales") -> None:
    """Put people into a group, which is made when it is missing."""
    row, _ = await Group.get_or_create(domain="local", name=group)
    await Membership.bulk_create([Membership(group_id=row.id, person_id=person.id) for person in people])


async def ordered(desk: Desk, group: str = "sales", **given: Any) -> GroupInvitation:  # noqa: ANN401 - a test gives what it needs by name
    """Order an invitation of the group "sales"."""
    terms, rest = split({"mode": "username_pin", **given})
    return await groups.order(desk, GroupOrder(group, terms, **rest), now=await database.now(), actor="ada")


async def stored(desk: Desk, data: bytes, key: str | None = None, **given: Any) -> GroupInvitation:  # noqa: ANN401 - as above
    """Store the lines of a file of people."""
    terms, rest = split({"mode": "username_pin", **given})
    order = GroupOrder("macs.csv", terms, key=key, **rest)
    return await csv_source.store_file(desk, order, io.BytesIO(data), now=await database.now(), actor="ada")


async def matched(
    desk: Desk, row: GroupInvitation, columns: dict[str, int] | None = None, *, add_people: bool = False
) -> GroupInvitation:
    """Agree to what the columns of a file are read as, or to other ``columns``; nothing when it was agreed to."""
    if row.status == Status.MATCHING:
        chosen = (row.file or {})["columns"] if columns is None else columns
        now = await database.now()
        await csv_source.match(desk, row, chosen, add_people=add_people, now=now, actor="ada")
    return row


async def work(desk: Desk, row: GroupInvitation, steps: int = 1000) -> GroupInvitation:
    """Be the worker until nothing is left to do at once, for ``steps`` at most; return the row as it is then."""
    for _ in range(steps):
        if not await group_worker.step(desk, row.id, now=await database.now()):
            break
    return await GroupInvitation.get(id=row.id)


async def looked_up(desk: Desk, **given: Any) -> GroupInvitation:  # noqa: ANN401 - as above
    """Order, and look everybody up."""
    row = await work(desk, await ordered(desk, **given))
    assert row.status == Status.READY
    return row


async def invited(desk: Desk, **given: Any) -> GroupInvitation:  # noqa: ANN401 - as above
    """Order, look everybody up, and invite all of them."""
    row = await looked_up(desk, **given)
    await groups.start(desk, row, now=await database.now(), actor="ada")
    return await work(desk, row)


async def rows_of(row_id: UUID) -> dict[str, tuple[str, str]]:
    """Give each person's status and reason by user name."""
    rows = await GroupInvitee.filter(group_invitation_id=row_id).order_by("number")
    return {each.name: (each.status, each.reason) for each in rows}
