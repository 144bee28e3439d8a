"""The life of an invitation, step by step, and steps that race.

It is longer than 300 lines because each step is shown alone and racing with every other.
"""

import asyncio
import re
from datetime import UTC, timedelta

import pytest

from otae.delivery.queue import outbox
from otae.errors import (
    InputRefused,
    InvitationExpired,
    InvitationFailed,
    InvitationRedeemed,
    InvitationRevoked,
    StaleState,
)
from otae.invitations import lifecycle, pins
from otae.store import database
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Delivery, Event, Invitation, Pin
from otae.store.passwords import hash_token
from tests.desks import RecordingBell
from tests.invitations.guests import add_person, invite, order_of

pytestmark = pytest.mark.anyio


async def kinds(invitation: Invitation) -> list[str]:
    return [event.kind for event in await Event.filter(invitation_id=invitation.id).order_by("id")]


async def queued(invitation: Invitation) -> set[tuple[str, int]]:
    rows = await Delivery.filter(invitation_id=invitation.id, status="queued")
    return {(row.kind, row.generation) for row in rows}


async def active_pins(invitation: Invitation) -> list[int]:
    return [pin.generation for pin in await Pin.filter(invitation_id=invitation.id, active=True)]


async def test_creating_makes_the_row_its_pin_its_messages_and_its_event(desk: Desk, bell: RecordingBell) -> None:
    now = await database.now()
    created = await invite(desk, "two_factor", now=now, serial=" c02xk0aaajg5 ", ownership="employee")
    row = await Invitation.get(id=created.invitation.id)
    assert (row.status, row.ownership, row.serial, row.generation) == ("pending", "employee", "C02XK0AAAJG5", 1)
    assert row.valid_until is not None
    assert row.valid_until.astimezone(UTC) == now + timedelta(hours=24)
    assert created.url == f"{desk.settings.public_url}/zdm/su?e={created.token}"
    assert await queued(row) == {("url", 1), ("pin", 1)}
    assert await kinds(row) == ["invitation.created", "delivery.queued", "delivery.queued"]
    assert {row_id for kind, row_id in bell.rung if kind == "delivery"} == set(created.deliveries)
    assert len(created.deliveries) == 2


async def test_the_token_is_random_hashed_and_sealed(desk: Desk) -> None:
    created, other = await invite(desk), await invite(desk)
    assert created.token != other.token
    assert re.fullmatch(r"ep-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", created.token)
    row = await Invitation.get(id=created.invitation.id)
    assert row.token_hash == hash_token(created.token)
    assert row.token_sealed is not None
    assert created.token.encode() not in row.token_sealed
    found = await lifecycle.find_by_token(created.token)
    assert found is not None
    assert (found.id, found.person.name) == (row.id, "ben")
    for wrong in (created.token[:-1], created.token.upper(), "", "ep-", other.token[:-1] + "\n"):
        assert await lifecycle.find_by_token(wrong) is None


async def test_neither_token_nor_pin_is_printed(desk: Desk) -> None:
    created = await invite(desk)
    assert created.pin is not None
    assert created.token not in repr(created)
    assert created.pin not in repr(created)


async def test_the_pin_is_shown_only_when_asked_for(desk: Desk) -> None:
    assert (await invite(desk, show_pin=False)).pin is None
    assert (await invite(desk, "username_password")).pin is None


async def test_without_sending_a_pin_is_minted_only_to_be_shown(desk: Desk, bell: RecordingBell) -> None:
    hidden = await invite(desk, send=False, show_pin=False)
    shown = await invite(desk, send=False)
    assert await active_pins(hidden.invitation) == []
    pin = await pins.active_pin(shown.invitation)
    assert pin is not None
    assert pin.pin_sealed is None, "there is no message it would be needed for"
    assert shown.pin is not None
    assert await pins.verify(desk, pin, shown.pin)
    assert bell.rung == []
    assert await Delivery.all().count() == 0
    sent = await lifecycle.resend(desk, hidden.invitation, now=await database.now(), actor="ada")
    assert await active_pins(sent.invitation) == [2]
    assert await queued(sent.invitation) == {("url", 2), ("pin", 2)}


async def test_user_name_and_password_never_expires(desk: Desk) -> None:
    created = await invite(desk, "username_password")
    assert created.invitation.valid_until is None
    assert await queued(created.invitation) == {("url", 1)}


@pytest.mark.parametrize(
    ("entered", "kept"),
    [
        ("VM5vodXXsc+k", "VM5vodXXsc+k"),
        (" VMFMKqgI+/CJ\u200b", "VMFMKqgI+/CJ"),
        ("Parallels-1F 3E 0B\u00a01A 2C 3D 4E 5F", "Parallels-1F 3E 0B 1A 2C 3D 4E 5F"),
        ("Ｃ０２ＸＫ０ＡＡＡＪＧ５", "C02XK0AAAJG5"),
    ],
)
async def test_an_invitation_may_be_for_a_virtual_machine(desk: Desk, entered: str, kept: str) -> None:
    created = await invite(desk, "two_factor", now=await database.now(), serial=entered)
    assert (await Invitation.get(id=created.invitation.id)).serial == kept


@pytest.mark.parametrize(
    ("field", "order"),
    [
        ("recipient", {"user": "cleo"}),
        ("recipient", {"user": "no-mail"}),
        ("recipient", {"user": "no-password"}),
        ("recipient", {"user": "disabled"}),
        ("mode", {"mode": "invitation_url"}),
        ("mode", {"mode": "classic"}),
        ("ownership", {"ownership": "byod"}),
        ("platform", {"platform": "ios"}),
        ("serial", {"serial": "C02"}),
        ("serial", {"serial": "C02XK0AAAJG5' --"}),
        ("templates", {"pin_template": "nothing like it"}),
        ("way", {"way": "dep"}),
    ],
)
async def test_what_is_missing_is_named(desk: Desk, field: str, order: dict[str, str]) -> None:
    await add_person(desk, "ben")
    await add_person(desk, "no-mail", email=None)
    await add_person(desk, "no-password", password=None)
    disabled = await add_person(desk, "disabled")
    disabled.disabled = True
    await disabled.save()
    wanted = order_of(**{"user": "ben", "mode": "two_factor"} | order)
    with pytest.raises(InputRefused) as refused:
        await lifecycle.create(desk, wanted, now=await database.now(), actor="ada")
    assert set(refused.value.fields) == {field}
    assert await Invitation.all().count() == 0


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_what_the_mode_does_not_need_may_be_missing(desk: Desk) -> None:
    await add_person(desk, "ben", email=None, password=None)
    await invite(desk, "username_pin", send=False)
    with pytest.raises(InputRefused, match=r"e-mail address.* and a password"):
        await invite(desk, "two_factor")


async def test_resending_kills_the_older_pin_and_its_messages_and_keeps_the_link(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    assert created.pin is not None
    again = await lifecycle.resend(desk, created.invitation, now=now + timedelta(hours=1), actor="ada", show_pin=True)
    assert again.token == created.token
    assert again.pin is not None
    assert await queued(again.invitation) == {("url", 2), ("pin", 2)}
    assert await Delivery.filter(status="cancelled").count() == 2
    older, newer = await Pin.filter(invitation_id=created.invitation.id).order_by("generation")
    assert (older.active, older.pin_sealed, newer.active) == (False, None, True)
    assert await pins.verify(desk, newer, again.pin)
    assert not await pins.verify(desk, newer, created.pin)
    assert again.invitation.valid_until == now + timedelta(hours=25)
    assert "invitation.resent" in await kinds(created.invitation)


async def test_a_failed_invitation_comes_back_by_resend_with_the_same_link(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    assert await lifecycle.fail(created.invitation, now=now, why="the tries are used up")
    assert not await lifecycle.fail(created.invitation, now=now, why="again")
    with pytest.raises(InvitationFailed):
        lifecycle.check_usable(created.invitation, now=now)
    assert await active_pins(created.invitation) == []
    again = await lifecycle.resend(desk, created.invitation, now=now, actor="ada")
    assert (again.invitation.status, again.token) == ("pending", created.token)
    assert await active_pins(created.invitation) == [2]


@pytest.mark.parametrize("swept", [True, False])
async def test_an_expired_invitation_comes_back_with_a_new_link(desk: Desk, swept: bool) -> None:
    created, later = await invite(desk), await database.now() + timedelta(hours=25)
    if swept:
        assert await lifecycle.expire_due(later) == 1
        await created.invitation.refresh_from_db()
        assert created.invitation.token_sealed is None
        assert await queued(created.invitation) == set()
    with pytest.raises(InvitationExpired):
        lifecycle.check_usable(created.invitation, now=later)
    again = await lifecycle.resend(desk, created.invitation, now=later, actor="ada")
    assert again.token != created.token
    assert await lifecycle.find_by_token(created.token) is None
    found = await lifecycle.find_by_token(again.token)
    assert found is not None
    lifecycle.check_usable(found, now=later)


async def test_extending_moves_the_end_and_nothing_else(desk: Desk, bell: RecordingBell) -> None:
    created, now = await invite(desk), await database.now()
    bell.rung.clear()
    later = now + timedelta(hours=10)
    again = await lifecycle.extend(desk, created.invitation, now=later, actor="ada")
    assert (again.token, again.pin, again.invitation.valid_until) == (created.token, None, later + timedelta(hours=24))
    assert await active_pins(created.invitation) == [1]
    assert bell.rung == []
    with pytest.raises(InputRefused):
        await lifecycle.extend(desk, created.invitation, now=later, actor="ada", until=now)


async def test_extending_what_expired_sends_what_was_to_be_sent(desk: Desk) -> None:
    mailed, handed = await invite(desk), await invite(desk, send=False)
    later = await database.now() + timedelta(hours=25)
    assert await lifecycle.expire_due(later) == 2
    until = later + timedelta(days=3)
    for created in (mailed, handed):
        await created.invitation.refresh_from_db()
        again = await lifecycle.extend(desk, created.invitation, now=later, actor="ada", until=until)
        assert (again.invitation.status, again.invitation.valid_until) == ("pending", until)
        assert again.token != created.token
    assert await queued(mailed.invitation) == {("url", 2), ("pin", 2)}
    assert await queued(handed.invitation) == set()
    assert await active_pins(handed.invitation) == []


async def test_revoking_ends_everything(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    await lifecycle.revoke(desk, created.invitation, now=now, actor="ada")
    row = await Invitation.get(id=created.invitation.id)
    assert (row.status, row.token_sealed) == ("revoked", None)
    assert await active_pins(row) == []
    assert not await Pin.filter(invitation_id=row.id, pin_sealed__not_isnull=True).exists()
    assert await queued(row) == set()
    assert await AuditEntry.exists(action="invitation.revoked", subject=str(row.id))
    with pytest.raises(InvitationRevoked):
        lifecycle.check_usable(row, now=now)
    with pytest.raises(InvitationRevoked):
        await lifecycle.revoke(desk, row, now=now, actor="ada")
    with pytest.raises(InvitationRevoked):
        await lifecycle.resend(desk, row, now=now, actor="ada")
    with pytest.raises(InvitationRevoked):
        await lifecycle.redeem(row, now=now)


async def test_redeeming_forgets_the_secrets_and_confirms_once(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    async with transaction():
        deliveries = await lifecycle.redeem(created.invitation, now=now)
    row = await Invitation.get(id=created.invitation.id)
    assert (row.status, row.token_sealed, row.redeemed_at) == ("redeemed", None, now)
    assert await queued(row) == {("confirmation", 1)}
    assert [delivery.id for delivery in await Delivery.filter(kind="confirmation")] == deliveries
    assert await active_pins(row) == []
    with pytest.raises(InvitationRedeemed):
        await lifecycle.redeem(row, now=now)
    with pytest.raises(InvitationRedeemed):
        await lifecycle.resend(desk, row, now=now, actor="ada")
    assert await Delivery.filter(kind="confirmation").count() == 1


@pytest.mark.parametrize("status", ["failed", "expired"])
async def test_a_live_session_redeems_what_failed_or_expired_meanwhile(desk: Desk, status: str) -> None:
    created, now = await invite(desk), await database.now()
    await Invitation.filter(id=created.invitation.id).update(status=status)
    await lifecycle.redeem(created.invitation, now=now)
    assert created.invitation.status == "redeemed"


async def test_what_rolls_back_redeems_nothing(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()

    async def enrolling_that_fails() -> None:
        async with transaction():
            await lifecycle.redeem(created.invitation, now=now)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await enrolling_that_fails()
    row = await Invitation.get(id=created.invitation.id)
    assert (row.status, await active_pins(row)) == ("pending", [1])
    assert await queued(row) == {("url", 1), ("pin", 1)}


async def test_expiry_spares_what_was_extended_meanwhile(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    await lifecycle.extend(desk, created.invitation, now=now, actor="ada", until=now + timedelta(days=9))
    assert await lifecycle.expire_due(now + timedelta(days=8)) == 0
    assert await lifecycle.expire_due(now + timedelta(days=9)) == 1
    assert await lifecycle.expire_due(now + timedelta(days=9)) == 0


async def test_the_sweep_fails_what_a_crash_left_without_tries(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    await Pin.filter(invitation_id=created.invitation.id).update(link_tries=2)
    assert await lifecycle.expire_due(now) == 0
    await Pin.filter(invitation_id=created.invitation.id).update(link_tries=3, tried_at=now)
    assert await lifecycle.expire_due(now + timedelta(minutes=1)) == 0, "the last try may still be checked"
    assert await lifecycle.expire_due(now + timedelta(minutes=3)) == 1
    assert (await Invitation.get(id=created.invitation.id)).status == "failed"


async def test_copying_the_link_is_recorded(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    assert await lifecycle.copy_link(desk, created.invitation, now=now, actor="ada") == created.url
    assert await AuditEntry.exists(action="invitation.link-copied", actor="ada")
    assert (await kinds(created.invitation))[-1] == "link.copied"
    await lifecycle.revoke(desk, created.invitation, now=now, actor="ada")
    with pytest.raises(InvitationRevoked):
        await lifecycle.copy_link(desk, created.invitation, now=now, actor="ada")


async def test_opening_the_link_is_recorded_once_in_a_while(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    for minutes in (0, 1, 30):
        await lifecycle.record_link_opened(
            created.invitation, now=now + timedelta(minutes=minutes), browser="Safari on macOS"
        )
    opened = await Event.filter(invitation_id=created.invitation.id, kind="link.opened")
    assert [event.detail for event in opened] == ["Safari on macOS"] * 2


async def test_twenty_redemptions_at_once_have_one_winner(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    rows = [await Invitation.get(id=created.invitation.id) for _ in range(20)]
    results = await asyncio.gather(*(lifecycle.redeem(row, now=now) for row in rows), return_exceptions=True)
    assert len([result for result in results if isinstance(result, list)]) == 1
    assert len([result for result in results if isinstance(result, InvitationRedeemed)]) == 19
    assert await Event.filter(kind="invitation.redeemed").count() == 1


async def test_a_double_click_on_resend_sends_once(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    rows = [await Invitation.get(id=created.invitation.id) for _ in range(10)]
    results = await asyncio.gather(
        *(lifecycle.resend(desk, row, now=now, actor="ada") for row in rows), return_exceptions=True
    )
    assert len([result for result in results if isinstance(result, lifecycle.Created)]) == 1
    assert len([result for result in results if isinstance(result, StaleState)]) == 9
    assert await queued(created.invitation) == {("url", 2), ("pin", 2)}


async def test_a_hundred_resends_racing_leave_one_pin_and_the_last_message_carries_it(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()

    async def resend() -> lifecycle.Created:
        row = await Invitation.get(id=created.invitation.id)
        return await lifecycle.resend(desk, row, now=now, actor="ada", show_pin=True)

    results = await asyncio.gather(*(resend() for _ in range(100)), return_exceptions=True)
    done = [result for result in results if isinstance(result, lifecycle.Created)]
    assert done
    assert all(isinstance(result, lifecycle.Created | StaleState) for result in results)
    row = await Invitation.get(id=created.invitation.id)
    assert row.generation == 1 + len(done)
    assert await active_pins(row) == [row.generation]
    assert await queued(row) == {("url", row.generation), ("pin", row.generation)}
    assert await Pin.filter(invitation_id=row.id, pin_sealed__not_isnull=True).count() == 1
    pin, last = await pins.active_pin(row), max(done, key=lambda result: result.invitation.generation)
    assert last.pin is not None
    assert await pins.verify(desk, pin, last.pin)


async def test_resends_racing_with_redemption_leave_no_pin(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()

    async def resend() -> lifecycle.Created:
        row = await Invitation.get(id=created.invitation.id)
        return await lifecycle.resend(desk, row, now=now, actor="ada")

    tasks = [resend() for _ in range(20)]
    redeemed = lifecycle.redeem(await Invitation.get(id=created.invitation.id), now=now)
    results = await asyncio.gather(*tasks[:10], redeemed, *tasks[10:], return_exceptions=True)
    allowed = (lifecycle.Created, StaleState, InvitationRedeemed, list)
    assert all(isinstance(result, allowed) for result in results), results
    row = await Invitation.get(id=created.invitation.id)
    assert (row.status, row.token_sealed, await active_pins(row)) == ("redeemed", None, [])
    assert not {kind for kind, _ in await queued(row)} & {"url", "pin"}


async def test_the_same_message_is_never_queued_twice(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()

    async def enqueue() -> Delivery:
        async with transaction():
            return await outbox.enqueue(created.invitation, "url", 7, "ben@example.test", now=now)

    rows = await asyncio.gather(*(enqueue() for _ in range(20)))
    assert len({row.id for row in rows}) == 1


async def test_expiry_spares_what_was_extended_since_it_was_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    row, lock = (await invite(desk)).invitation, lifecycle.lock
    end = row.valid_until
    assert end is not None

    async def late(row: Invitation, **expected: object) -> None:
        await Invitation.filter(id=row.id).update(valid_until=end + timedelta(hours=1))
        await lock(row, **expected)

    monkeypatch.setattr(lifecycle, "lock", late)
    assert await lifecycle.expire_due(end) == 0
    assert (await Invitation.get(id=row.id)).status == "pending"


async def test_an_invitation_works_until_its_end_and_no_longer(desk: Desk) -> None:
    row = (await invite(desk)).invitation
    assert row.valid_until is not None
    lifecycle.check_usable(row, now=row.valid_until - timedelta(microseconds=1))
    with pytest.raises(InvitationExpired):
        lifecycle.check_usable(row, now=row.valid_until)
