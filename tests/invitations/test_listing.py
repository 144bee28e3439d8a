"""Lists, counts, timelines and what scripts get."""

from datetime import timedelta
from uuid import uuid4

import pytest

from otae.directory.local import groups
from otae.directory.reach import EVERYBODY, Reach
from otae.enrollment.sessions import open_session
from otae.invitations import groups as group_invitations
from otae.invitations import lifecycle, listing
from otae.invitations.groups import GroupOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import GroupInvitee, Invitation, Person
from otae.store.records import About, note
from tests.invitations.guests import add_person, invite

pytestmark = pytest.mark.anyio


async def test_the_newest_come_first_page_by_page(desk: Desk) -> None:
    now = await database.now()
    made = [(await invite(desk, now=now + timedelta(minutes=minutes), send=False)).invitation for minutes in (0, 1, 1)]
    await invite(desk, rehearsal=True, send=False)
    first = await listing.list_invitations(limit=2)
    assert {row.id for row in first} == {made[1].id, made[2].id}
    assert first[0].person.name == "ben"
    assert [row.id for row in await listing.list_invitations(after=str(first[-1].id))] == [made[0].id]
    assert len(await listing.list_invitations(after="no id")) == 3


async def test_lists_are_narrowed_by_filter_and_search(desk: Desk) -> None:
    now = await database.now()
    ben = await invite(desk, "two_factor", serial="C02XK0AAAJG5", send=False)
    cleo = await invite(desk, "username_password", user="cleo", ownership="employee", send=False)
    await lifecycle.revoke(desk, cleo.invitation, now=now, actor="ada")
    await note("refused", now=now, about=About(invitation_id=ben.invitation.id), support_code="K7QX2")

    async def names(filters: listing.Filters) -> list[str]:
        return [row.person.name for row in await listing.list_invitations(filters=filters)]

    assert [row.person.name for row in await listing.list_invitations("pending")] == ["ben"]
    assert await names(listing.Filters(mode="username_password")) == ["cleo"]
    assert await names(listing.Filters(ownership="employee")) == ["cleo"]
    for search in ("BEN", "ben@example", "c02xk0", ben.token, "k7qx2", (ben.invitation.support_code or "").lower()):
        assert await names(listing.Filters(search=search)) == ["ben"], search
    assert await names(listing.Filters(search="%")) == []
    found = listing.Filters(mode="two_factor", search="ben")
    assert await listing.counts(filters=found) == {
        "pending": 1,
        "redeemed": 0,
        "expired": 0,
        "revoked": 0,
        "failed": 0,
    }
    assert await listing.counts() == {"pending": 1, "redeemed": 0, "expired": 0, "revoked": 1, "failed": 0}


async def test_the_timeline_holds_what_happened_to_its_sessions(desk: Desk) -> None:
    created, now = await invite(desk, send=False), await database.now()
    ben = await Person.get(name="ben")
    session = await open_session(
        person=ben, invitation=created.invitation, mode="two_factor", ownership="corporate", now=now
    )
    await note("root.fetched", now=now, about=About(session_id=session.id))
    await note("root.fetched", now=now, about=About())
    seen = [event.kind for event in await listing.timeline(created.invitation)]
    assert seen == ["invitation.created", "session.opened", "root.fetched"]


async def test_scripts_get_the_contract(desk: Desk) -> None:
    created = await invite(desk, send=False)
    found = await listing.find_invitation(str(created.invitation.id))
    assert found is not None
    shown = listing.as_json(found)
    assert list(shown) == [
        "id", "mode", "status", "ownership", "platform", "serial", "user", "valid_until", "created_at", "redeemed_at",
            "support_code",
    ]  # fmt: skip
    assert (shown["user"], shown["redeemed_at"]) == ("ben", None)
    assert str(shown["created_at"]).endswith("Z")
    assert listing.as_json(found, url="https://x")["url"] == "https://x"
    printed = listing.created_as_json(created)
    assert list(printed) == ["id", "token", "url", "mode", "status", "valid_until", "pin"]
    assert await listing.find_invitation("nothing") is None


async def test_lists_are_narrowed_to_a_group_with_its_sub_groups_and_to_a_group_invitation(desk: Desk) -> None:
    now = await database.now()
    for name, group in (("ben", "sales"), ("cleo", "sales.north"), ("eve", "salespeople")):
        await add_person(desk, name, groups=[group])
        await invite(desk, user=name, send=False)
    sales, other = await groups.find_group("sales"), await groups.find_group("salespeople")
    assert sales is not None
    assert other is not None

    async def names(filters: listing.Filters, reach: Reach = EVERYBODY) -> list[str]:
        rows = await listing.list_invitations(filters=filters, reach=reach)
        return sorted(row.person.name for row in rows)

    assert await names(listing.Filters(group=sales.id)) == ["ben", "cleo"]
    assert await names(listing.Filters(group=other.id)) == ["eve"]
    assert await names(listing.Filters(group=uuid4())) == []
    assert await names(listing.Filters(group=other.id), Reach(frozenset({sales.id}))) == []
    order = await group_invitations.order(
        desk, GroupOrder("sales", InvitationTerms(mode="two_factor")), now=now, actor="ada"
    )
    cleo = await Invitation.get(person__name="cleo")
    found = GroupInvitee(group_invitation_id=order.id, number=1, name="cleo", status="invited")
    found.person_id, found.invitation_id = cleo.person_id, cleo.id
    await found.save(force_create=True)
    assert await names(listing.Filters(group_invitation=order.id)) == ["cleo"]
    assert await names(listing.Filters(group_invitation=order.id, group=other.id)) == []
    assert await names(listing.Filters(group_invitation=uuid4())) == []
    assert (await listing.counts(filters=listing.Filters(group=sales.id)))["pending"] == 2
