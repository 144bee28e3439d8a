"""Lists, counts, timelines and what scripts get."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

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
from otae.store.rollout import Step
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
            "support_code", "asset_tag", "cost_centre", "tags", "free_fields",
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


@pytest.mark.parametrize("name", listing.ORDERS)
async def test_every_order_is_one_of_pages_both_ways(desk: Desk, name: str) -> None:
    now = await database.now()
    for number, user in enumerate(("ben", "cleo", "dora", "eve", "fay")):
        mode = "two_factor" if number % 2 else "username_password"
        row = (await invite(desk, mode, user=user, send=False, now=now - timedelta(minutes=number // 2))).invitation
        seen = now if number == 3 else None
        await Invitation.filter(id=row.id).update(seen_at=seen, status="expired" if number == 2 else "pending")
    order = listing.ORDERS[name]
    everybody = [row.id for row in await listing.list_invitations(order=order)]
    assert len(everybody) == 5
    forth, last = list[UUID](), ""
    while page := await listing.list_invitations(after=last, limit=2, order=order):
        forth += [row.id for row in page]
        last = str(page[-1].id)
    assert forth == everybody
    back = await listing.list_invitations(after=str(everybody[4]), limit=2, order=order, back=True)
    assert [row.id for row in back] == everybody[2:4]
    assert await listing.list_invitations(after=str(uuid4()), order=order, back=True), "what is gone begins anew"


async def test_recipients_are_sorted_whatever_their_case_and_accents(desk: Desk) -> None:
    for name, shown in (("p1", "zoe"), ("p2", "\xc4nne"), ("p3", "Bea"), ("p4", "van Dyke")):
        await add_person(desk, name, display_name=shown)
        await invite(desk, user=name, send=False)
    rows = await listing.list_invitations(order=listing.ORDERS["recipient"])
    assert [row.display_name for row in rows] == ["\xc4nne", "Bea", "van Dyke", "zoe"]


async def test_lists_are_narrowed_by_who_made_them_when_and_until_when_they_work(desk: Desk) -> None:
    now = await database.now()
    early = (await invite(desk, now=now - timedelta(days=3), send=False)).invitation
    late = (await invite(desk, user="cleo", send=False)).invitation
    await Invitation.filter(id=late.id).update(created_by="cleo", campaign_id=uuid4())

    async def ids(**filters: Any) -> list[UUID]:  # noqa: ANN401 - as Filters has them
        found = [row.id for row in await listing.list_invitations(filters=listing.Filters(**filters))]
        assert await listing.count("", listing.Filters(**filters), EVERYBODY) == len(found)
        return found

    assert await ids(created_by="ada") == [early.id]
    assert await ids(created_by="nobody") == []
    assert await ids(created_from=now - timedelta(days=1)) == [late.id]
    assert await ids(created_to=now - timedelta(days=1)) == [early.id]
    assert await ids(ends_from=now) == [late.id]
    assert await ids(ends_to=now) == [early.id]
    assert await ids(campaign=(await Invitation.get(id=late.id)).campaign_id) == [late.id]
    assert await listing.creators(10) == ["ada", "cleo"]
    assert await listing.creators(1) == ["ada"]
    assert await listing.ids("pending", listing.Filters(), EVERYBODY, 1) == [late.id]


async def test_lists_are_narrowed_by_the_step_that_was_reached_and_know_when_somebody_was_heard_of(desk: Desk) -> None:
    now = await database.now()
    first, other = (await invite(desk, send=False)).invitation, (await invite(desk, user="cleo", send=False)).invitation
    assert (await Invitation.get(id=first.id)).seen_at is None
    await lifecycle.record_link_opened(first, now=now, browser="Safari on macOS")
    assert (await Invitation.get(id=first.id)).seen_at == now

    async def ids(filters: listing.Filters) -> list[UUID]:
        return [row.id for row in await listing.list_invitations(filters=filters)]

    assert await ids(listing.Filters(stopped=Step.OPENED)) == [first.id]
    assert await ids(listing.Filters(stopped=Step.INVITED)) == [other.id]
    assert {*await ids(listing.Filters(reached=Step.INVITED))} == {first.id, other.id}
    assert await ids(listing.Filters(reached=Step.SIGNED_IN)) == []
    [newest, *_] = await listing.list_invitations(order=listing.ORDERS["seen"])
    assert newest.id == first.id
