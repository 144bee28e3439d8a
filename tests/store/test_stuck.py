"""What is stuck is found with its causes, within somebody's reach, and counted up to a limit."""

from datetime import datetime, timedelta

import pytest

from otae.directory.local import groups
from otae.store import database, stuck
from otae.store.desk import Desk
from otae.store.models import Delivery, EnrollmentSession, Invitation
from tests.enrollment import lab
from tests.invitations.guests import add_person

pytestmark = pytest.mark.anyio


async def sent(row: Invitation, at: datetime, kind: str = "url", **columns: object) -> Delivery:
    """Send a message that its server refused, or as ``columns`` say."""
    message = Delivery(
        invitation_id=row.id, kind=kind, message_id=f"{kind} {row.id}", recipient="x", status="failed", answer="550 no"
    )
    message.created_at = at
    message.update_from_dict(columns)
    await message.save(force_create=True)
    return message


async def signed_in(row: Invitation, at: datetime, **columns: object) -> EnrollmentSession:
    session = EnrollmentSession(
        person_id=row.person_id, invitation_id=row.id, mode=row.mode, ownership="corporate", way="ota"
    )
    session.opened_at = session.expires_at = at
    session.update_from_dict(columns)
    await session.save(force_create=True)
    return session


async def found(before: datetime) -> set[object]:
    return set(await Invitation.filter(id__in=stuck.ids(before)).values_list("id", flat=True))


async def test_a_refused_message_is_a_cause_until_it_is_sent_anew_or_somebody_signs_in(desk: Desk) -> None:
    now = await database.now()
    rows = [await lab.invitation(now, name) for name in ("ben", "cleo", "dora", "emil", "ida")]
    anew, signed, rehearsal, pin, link_and_pin = rows
    await Invitation.filter(id=rehearsal.id).update(rehearsal=True)
    for row in (anew, signed, rehearsal, link_and_pin):
        await sent(row, now)
    for row in (pin, link_and_pin):
        await sent(row, now, "pin", status="bounced", answer="554 gone")
    result = await stuck.find(now, None, most=10, limit=10)
    assert result.number == 4
    assert [(each.kind, each.status, each.answer, each.number) for each in result.causes] == [
        ("url", "failed", "550 no", 3),
        ("pin", "bounced", "554 gone", 1),
    ]
    assert await found(now) == {row.id for row in rows} - {rehearsal.id}
    await Invitation.filter(id=anew.id).update(generation=2)
    await signed_in(signed, now)
    assert await found(now) == {pin.id, link_and_pin.id}
    failed = await Invitation.filter(id__in=stuck.failed_deliveries()).values_list("id", flat=True)
    assert set(failed) == {signed.id, rehearsal.id, pin.id, link_and_pin.id}


async def test_a_message_is_stuck_from_its_second_try_on(desk: Desk) -> None:
    now = await database.now()
    row = await lab.invitation(now)
    message = await sent(row, now, status="queued", answer="")
    assert await found(now) == set()
    await Delivery.filter(id=message.id).update(attempt=1)
    assert await found(now) == {row.id}
    assert not await Invitation.filter(id__in=stuck.failed_deliveries()).exists(), "it may still arrive"
    for status in ("sending", "sent", "cancelled"):
        await Delivery.filter(id=message.id).update(status=status)
        assert await found(now) == set()


async def test_a_sign_in_is_stuck_by_its_refusal_its_end_or_its_age(desk: Desk) -> None:
    now = await database.now()
    row = await lab.invitation(now)
    session = await signed_in(row, now)
    same = EnrollmentSession.filter(id=session.id)
    assert await found(now) == set()
    assert await found(now + timedelta(seconds=1)) == {row.id}
    await same.update(profile_fetched_at=now + timedelta(seconds=1))
    assert await found(now + timedelta(seconds=1)) == set()
    await same.update(refusal="device-taken")
    assert await found(now) == {row.id}
    await same.update(refusal=None, status="expired")
    assert await found(now) == {row.id}
    await signed_in(row, now + timedelta(seconds=1))
    assert await found(now) == set(), "the newest sign-in counts"
    await EnrollmentSession.filter(invitation_id=row.id).update(status="expired")
    await sent(row, now + timedelta(minutes=1), status="sent")
    assert await found(now) == set(), "a link sent since then waits for its own sign-in"


async def test_only_invitations_that_wait_are_stuck_and_failed_ones_always(desk: Desk) -> None:
    now = await database.now()
    for status in ("pending", "redeemed", "expired", "revoked", "failed"):
        await sent(await lab.invitation(now, status, status=status), now)
        await signed_in(await lab.invitation(now, f"{status}2", status=status), now, refusal="device-taken")
    await lab.invitation(now, "lone", status="failed")
    await lab.invitation(now, "lone2", status="failed", rehearsal=True)
    rows = await Invitation.filter(id__in=stuck.ids(now)).select_related("person")
    assert {row.person.name for row in rows} == {"pending", "pending2", "failed", "failed2", "lone"}
    result = await stuck.find(now, None, most=10, limit=10)
    assert (result.number, len(result.others)) == (5, 3)


async def test_somebody_sees_those_of_their_groups_and_no_more_than_the_limit(desk: Desk) -> None:
    now = await database.now()
    await add_person(desk, "ben", groups=["sales"])
    sales = await groups.find_group("sales")
    assert sales is not None
    mine = await lab.invitation(now, "ben", status="failed")
    for name in ("cleo", "dora", "emil"):
        await sent(await lab.invitation(now, name), now)
    reached = await stuck.find(now, [sales.id], most=10, limit=10)
    assert (reached.number, reached.causes, reached.others) == (1, [], [mine.id])
    assert (await stuck.find(now, [], most=10, limit=10)).number == 0
    assert (await stuck.find(now, None, most=2, limit=10)).number == 3
    assert len((await stuck.find(now, None, most=10, limit=1)).causes) == 1
