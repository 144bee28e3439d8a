"""Signing in: what opens a session, what counts where, and how little an answer says.

It is longer than 300 lines because each sentence of the sign-in rules has its test here.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from otae.enrollment import signin
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import (
    InputRefused,
    InvitationExpired,
    InvitationFailed,
    InvitationOnly,
    InvitationRedeemed,
    InvitationRevoked,
    SigninFailed,
    SlowDown,
)
from otae.invitations import lifecycle, pins
from otae.invitations.lifecycle import Created
from otae.store import database, passwords, properties
from otae.store.desk import Desk
from otae.store.models import Counter, EnrollmentSession, Event, Invitation, Person, Pin
from tests.invitations.guests import PASSWORD, add_person, invite

pytestmark = pytest.mark.anyio

Watch = Callable[[object, str], list[tuple[object, ...]]]
HERE, ELSEWHERE = "203.0.113.9", "198.51.100.7"
WRONG = "wrong horse battery"


def other(pin: str | None) -> str:
    assert pin is not None
    return str((int(pin) + 1) % 10**8).zfill(8)


def linked(created: Created, **given: Any) -> SignInEntry:  # noqa: ANN401 - fields of an entry
    wanted = {"name": "ben", "password": PASSWORD, "pin": created.pin or "", "network": HERE} | given
    return SignInEntry(invitation=created.invitation, **wanted)


def bare(name: str = "ben", *, password: str = "", pin: str | None = "", network: str = HERE) -> SignInEntry:
    return SignInEntry(name=name, password=password, pin=pin or "", network=network)


async def refused(desk: Desk, entry: SignInEntry) -> SigninFailed:
    with pytest.raises(SigninFailed) as caught:
        await sign_in(desk, entry, now=await database.now())
    return caught.value


async def tries_of(created: Created) -> tuple[int, int]:
    pin = await Pin.filter(invitation_id=created.invitation.id).order_by("-generation").first()
    assert pin is not None
    return pin.link_tries, pin.bare_tries


async def spent() -> int:
    row = await Counter.get_or_none(key=signin.BUDGET)
    return row.failures if row else 0


async def password_failures() -> int:
    """Give how many wrong passwords of Ben's are counted from here, at the bare page or through his link."""
    rows = await Counter.filter(key__startswith="password:", key__endswith=f":{HERE}")
    return sum(row.failures for row in rows)


# Who gets in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["username_password", "two_factor", "username_pin", "high_security"])
async def test_each_mode_opens_a_session_through_its_link(desk: Desk, mode: str) -> None:
    created = await invite(desk, mode, ownership="employee")
    session = await sign_in(desk, linked(created, name=" BEN "), now=await database.now())
    stored = await EnrollmentSession.get(id=session.id).prefetch_related("person")
    assert (stored.person.name, stored.mode, stored.ownership, stored.status) == ("ben", mode, "employee", "opened")
    assert stored.invitation_id == created.invitation.id
    assert (await Invitation.get(id=created.invitation.id)).status == "pending"


@pytest.mark.parametrize("mode", ["two_factor", "username_pin", "username_password"])
async def test_modes_that_need_no_link_open_at_the_bare_page(desk: Desk, mode: str) -> None:
    created = await invite(desk, mode)
    password = "" if mode == "username_pin" else PASSWORD
    session = await sign_in(desk, bare(password=password, pin=created.pin), now=await database.now())
    assert (session.invitation_id, session.mode) == (created.invitation.id, mode)
    assert await spent() == 0
    assert await password_failures() == 0


async def test_high_security_opens_through_the_link_alone(desk: Desk) -> None:
    created = await invite(desk, "high_security")
    await refused(desk, bare(password=PASSWORD, pin=created.pin))
    assert await tries_of(created) == (0, 0)
    await sign_in(desk, linked(created), now=await database.now())


async def test_a_pin_stays_good_until_the_invitation_is_redeemed(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    first = await sign_in(desk, linked(created), now=now)
    second = await sign_in(desk, bare(password=PASSWORD, pin=created.pin), now=now)
    await first.refresh_from_db()
    assert (first.status, second.status) == ("expired", "opened")
    await lifecycle.redeem(created.invitation, now=now)
    with pytest.raises(InvitationRedeemed):
        await sign_in(desk, linked(created), now=now)
    await refused(desk, bare(password=PASSWORD, pin=created.pin))


async def test_a_password_alone_takes_the_oldest_invitation_that_asks_for_no_more(desk: Desk) -> None:
    now = await database.now()
    await invite(desk, "two_factor", now=now - timedelta(hours=3))
    older = await invite(desk, "username_password", now=now - timedelta(hours=2))
    await invite(desk, "username_password", now=now - timedelta(hours=1))
    session = await sign_in(desk, bare(password=PASSWORD), now=now)
    assert session.invitation_id == older.invitation.id


async def test_a_password_alone_starts_an_enrollment_of_ones_own(desk: Desk) -> None:
    await add_person(desk)
    session = await sign_in(desk, bare(password=PASSWORD), now=await database.now())
    assert (session.invitation_id, session.mode, session.ownership) == (None, "username_password", "employee")
    await properties.write("enrollment.selfstart.ownership", "corporate")
    session = await sign_in(desk, bare(password=PASSWORD), now=await database.now())
    assert session.ownership == "corporate"


async def test_a_pin_finds_its_invitation_among_several(desk: Desk) -> None:
    several = [await invite(desk, "username_pin", send=False) for _ in range(3)]
    session = await sign_in(desk, bare(pin=several[1].pin), now=await database.now())
    assert session.invitation_id == several[1].invitation.id
    assert [await tries_of(created) for created in several] == [(0, 0)] * 3


async def test_when_everybody_may_not_start_the_bare_page_refuses_and_the_link_works(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    await properties.write("macos.otae.enable", "false")
    with pytest.raises(InvitationOnly):
        await sign_in(desk, bare(password=PASSWORD, pin=created.pin), now=now)
    with pytest.raises(InvitationOnly):
        await sign_in(desk, bare("nobody", password=PASSWORD), now=now)
    await sign_in(desk, linked(created), now=now)


# Who does not ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("gap", ["name", "password", "pin"])
async def test_a_form_with_a_gap_is_refused_at_its_field_and_nothing_counts(desk: Desk, gap: str) -> None:
    created, now = await invite(desk), await database.now()
    with pytest.raises(InputRefused) as caught:
        await sign_in(desk, linked(created, **{gap: " "}), now=now)
    assert set(caught.value.fields) == {gap}
    with pytest.raises(InputRefused):
        await sign_in(desk, bare(), now=now)
    with pytest.raises(InputRefused):
        await sign_in(desk, bare("", password=PASSWORD), now=now)
    assert (await tries_of(created), await spent(), await password_failures()) == ((0, 0), 0, 0)


async def test_what_ended_says_so_to_whoever_holds_the_link_and_is_recorded(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    with pytest.raises(InvitationExpired) as caught:
        await sign_in(desk, linked(created), now=now + timedelta(hours=25))
    code = caught.value.support_code
    event = await Event.get(invitation_id=created.invitation.id, kind="refused")
    assert (event.code, event.support_code) == ("invitation-expired", code)
    with pytest.raises(InvitationExpired) as caught:
        await sign_in(desk, linked(created), now=now + timedelta(hours=25))
    assert caught.value.support_code == code, "the same again at once is not recorded again"
    await lifecycle.revoke(desk, created.invitation, now=now, actor="ada")
    with pytest.raises(InvitationRevoked):
        await sign_in(desk, linked(created), now=now)
    assert await EnrollmentSession.all().count() == 0


async def test_another_name_on_the_link_gets_nowhere_and_uses_up_no_pin(desk: Desk) -> None:
    created = await invite(desk)
    await add_person(desk, "cleo")
    for _ in range(2):
        await refused(desk, linked(created, name="cleo"))
    assert await tries_of(created) == (0, 0)
    event = await Event.filter(invitation_id=created.invitation.id, kind="signin.failed").first()
    assert event is not None
    assert "another user name" in event.detail


@pytest.mark.parametrize("mode", ["username_pin", "two_factor"])
async def test_somebody_disabled_does_not_get_in(desk: Desk, mode: str) -> None:
    created = await invite(desk, mode)
    await Person.filter(name="ben").update(disabled=True)
    await refused(desk, linked(created))
    await refused(desk, bare(password=PASSWORD, pin=created.pin))
    await refused(desk, bare(password=PASSWORD))


async def test_a_pin_replaced_by_a_resend_no_longer_fits(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    again = await lifecycle.resend(desk, created.invitation, now=now, actor="ada", show_pin=True)
    await refused(desk, linked(created))
    await refused(desk, bare(password=PASSWORD, pin=created.pin))
    await sign_in(desk, linked(again), now=now)


async def test_two_factor_needs_both_at_the_bare_page(desk: Desk) -> None:
    created = await invite(desk)
    await refused(desk, bare(pin=created.pin))
    await refused(desk, bare(password=WRONG, pin=created.pin))
    await refused(desk, bare(password=PASSWORD, pin=other(created.pin)))
    assert await tries_of(created) == (0, 1)
    assert await password_failures() == 1


# What counts where ----------------------------------------------------------------------------------------------------


async def test_three_wrong_pins_through_the_link_fail_the_invitation_until_a_resend(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    for _ in range(3):
        assert (await Invitation.get(id=created.invitation.id)).status == "pending"
        await refused(desk, linked(created, pin=other(created.pin)))
    assert await tries_of(created) == (3, 0)
    assert await password_failures() == 0, "the password was right each time"
    with pytest.raises(InvitationFailed):
        await sign_in(desk, linked(created), now=now)
    await refused(desk, bare(password=PASSWORD, pin=created.pin))
    events = await Event.filter(invitation_id=created.invitation.id).order_by("id")
    told = [event.detail for event in events if event.kind == "signin.failed"]
    assert told[:3] == [f"PIN {number} of 3, from {HERE}" for number in (1, 2, 3)]
    assert "invitation.failed" in [event.kind for event in events]
    again = await lifecycle.resend(desk, created.invitation, now=now, actor="ada", show_pin=True)
    await sign_in(desk, linked(again), now=now)


async def test_right_entries_give_their_tries_back(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    await refused(desk, linked(created, pin=other(created.pin)))
    for _ in range(4):
        await sign_in(desk, linked(created), now=now)
    assert await tries_of(created) == (1, 0)


async def test_wrong_passwords_count_on_name_and_network_and_not_on_the_pin(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    for _ in range(3):
        await refused(desk, linked(created, password=WRONG))
    assert (await tries_of(created), await password_failures()) == ((0, 0), 3)
    with pytest.raises(SlowDown) as caught:
        await sign_in(desk, linked(created), now=now)
    assert caught.value.seconds >= 1
    assert caught.value.support_code
    await sign_in(desk, linked(created, network=ELSEWHERE), now=now)
    await sign_in(desk, linked(created), now=now + timedelta(minutes=1))
    assert await password_failures() == 0


async def test_the_wait_grows_with_each_failure(desk: Desk) -> None:
    await add_person(desk)
    moment, waits = await database.now(), []
    for _ in range(9):
        with pytest.raises(SigninFailed):
            await sign_in(desk, bare(password=WRONG), now=moment)
        row = await Counter.get(key__startswith="password:", key__endswith=f":{HERE}")
        waits.append((row.blocked_until - moment).total_seconds() if row.blocked_until else 0)
        moment = max(moment, row.blocked_until or moment)
    assert waits == [0, 0, 1, 2, 4, 8, 15, 30, 60]


async def test_three_wrong_pins_at_the_bare_page_close_it_and_leave_the_link_open(desk: Desk) -> None:
    created, now = await invite(desk, "username_pin"), await database.now()
    for number in range(4):
        await refused(desk, bare(pin=other(created.pin), network=f"198.51.{number}.1"))
    assert await tries_of(created) == (0, 3)
    await refused(desk, bare(pin=created.pin))
    assert (await Invitation.get(id=created.invitation.id)).status == "pending"
    await sign_in(desk, linked(created), now=now)


async def test_a_miss_at_the_bare_page_counts_on_each_of_five(desk: Desk) -> None:
    several = [await invite(desk, "username_pin", send=False) for _ in range(6)]
    await refused(desk, bare(pin="no such pin"))
    assert [await tries_of(created) for created in several] == [(0, 1)] * 5 + [(0, 0)]
    events = await Event.filter(kind="signin.failed")
    assert len(events) == 5
    assert len({event.support_code for event in events}) == 1


async def test_failures_at_the_bare_page_draw_on_one_budget_and_link_holders_never_do(desk: Desk) -> None:
    created, now = await invite(desk), await database.now()
    await properties.write("enrollment.guess.budget", "10")
    for number in range(10):
        await refused(desk, bare(f"nobody{number}", password="x"))
    for entry in (bare("nobody", password="x"), bare(password=PASSWORD, pin=created.pin)):
        with pytest.raises(SlowDown) as caught:
            await sign_in(desk, entry, now=now)
        assert caught.value.support_code
    await refused(desk, linked(created, pin=other(created.pin)))
    await sign_in(desk, linked(created), now=now)
    assert await spent() == 10
    await sign_in(desk, bare(password=PASSWORD, pin=created.pin), now=now + timedelta(minutes=61))


async def test_a_try_that_has_to_wait_costs_no_budget(desk: Desk) -> None:
    now = await database.now()
    for _ in range(3):
        await refused(desk, bare(password=WRONG))
    with pytest.raises(SlowDown):
        await sign_in(desk, bare(password=WRONG), now=now)
    assert await spent() == 3


# Tries at the same moment ---------------------------------------------------------------------------------------------


async def test_twenty_wrong_pins_at_once_are_three_tries(desk: Desk) -> None:
    created, now = await invite(desk, "username_pin"), await database.now()
    rows = [await Invitation.get(id=created.invitation.id) for _ in range(20)]
    entries = [SignInEntry(name="ben", pin=other(created.pin), invitation=row, network=HERE) for row in rows]
    results = await asyncio.gather(*(sign_in(desk, entry, now=now) for entry in entries), return_exceptions=True)
    assert all(isinstance(result, SigninFailed | InvitationFailed) for result in results), results
    assert await tries_of(created) == (3, 0)
    assert (await Invitation.get(id=created.invitation.id)).status == "failed"
    assert await Event.filter(kind="invitation.failed").count() == 1
    with pytest.raises(InvitationFailed):
        await sign_in(desk, linked(created), now=now)


async def test_twenty_right_sign_ins_at_once_leave_every_try(desk: Desk) -> None:
    created, now = await invite(desk, "username_pin"), await database.now()
    await Pin.filter(invitation_id=created.invitation.id).update(link_tries=2)
    rows = [await Invitation.get(id=created.invitation.id) for _ in range(20)]
    entries = [SignInEntry(name="ben", pin=created.pin or "", invitation=row, network=HERE) for row in rows]
    results = await asyncio.gather(*(sign_in(desk, entry, now=now) for entry in entries), return_exceptions=True)
    assert all(isinstance(result, EnrollmentSession | SigninFailed) for result in results), results
    assert [result for result in results if isinstance(result, EnrollmentSession)]
    assert await tries_of(created) == (2, 0)
    assert (await Invitation.get(id=created.invitation.id)).status == "pending"


async def test_a_wrong_pin_fails_no_invitation_while_a_right_one_is_checked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    created, now = await invite(desk, "username_pin"), await database.now()
    await Pin.filter(invitation_id=created.invitation.id).update(link_tries=1)
    wrong_one_ended, verify = asyncio.Event(), pins.verify

    async def verify_later(desk: Desk, pin: Pin | None, clear: str) -> bool:
        if clear == created.pin:
            await wrong_one_ended.wait()
        found = await verify(desk, pin, clear)
        if clear != created.pin:
            wrong_one_ended.set()
        return found

    monkeypatch.setattr(pins, "verify", verify_later)
    rows = [await Invitation.get(id=created.invitation.id) for _ in range(2)]
    attempts = [
        SignInEntry(name="ben", pin=pin, invitation=row, network=HERE)
        for pin, row in zip((created.pin or "", other(created.pin)), rows, strict=True)
    ]
    right, wrong = await asyncio.gather(*(sign_in(desk, each, now=now) for each in attempts), return_exceptions=True)
    assert isinstance(right, EnrollmentSession), right
    assert isinstance(wrong, SigninFailed)
    assert await tries_of(created) == (2, 0)
    assert (await Invitation.get(id=created.invitation.id)).status == "pending"


async def test_twenty_wrong_passwords_at_once_are_three_tries(desk: Desk, count_calls: Watch) -> None:
    await add_person(desk)
    now, calls = await database.now(), count_calls(passwords, "verify_secret")
    entries = [bare(password=WRONG) for _ in range(20)]
    results = await asyncio.gather(*(sign_in(desk, entry, now=now) for entry in entries), return_exceptions=True)
    assert len([result for result in results if isinstance(result, SigninFailed)]) == 3
    assert len([result for result in results if isinstance(result, SlowDown)]) == 17
    assert (len(calls), await password_failures(), await spent()) == (3, 3, 3)


# How little an answer says --------------------------------------------------------------------------------------------


async def test_the_bare_page_answers_alike_whoever_is_named(desk: Desk, count_calls: Watch) -> None:
    await invite(desk, "two_factor", user="ben")
    for _ in range(2):
        await invite(desk, "username_pin", user="dora", send=False)
    await add_person(desk, "cleo")
    await add_person(desk, "disabled")
    await Person.filter(name="disabled").update(disabled=True)
    calls = count_calls(passwords, "verify_secret")
    everybody = ("ben", "dora", "cleo", "disabled", "nobody", "\ud800", "\0", "x" * 200)
    for password, pin, hashes, names in (
        (WRONG, "", 1, everybody),
        ("", "12345678", 5, ("dora", "nobody")),
        (WRONG, "12345678", 6, ("ben", "nobody")),
    ):
        answers = set()
        for name in names:
            calls.clear()
            refusal = await refused(desk, bare(name, password=password, pin=pin))
            assert len(calls) == hashes, (name, password, pin)
            assert len(refusal.support_code) == 5
            answers.add((type(refusal), str(refusal), refusal.code, refusal.words))
        assert len(answers) == 1


async def test_through_the_link_both_factors_are_always_looked_at(desk: Desk, count_calls: Watch) -> None:
    created = await invite(desk)
    calls = count_calls(passwords, "verify_secret")
    answers = set()
    for given in ({"password": WRONG}, {"pin": other(created.pin)}, {"name": "cleo"}):
        calls.clear()
        refusal = await refused(desk, linked(created, **given))
        answers.add((str(refusal), refusal.code))
        assert len(calls) == 2
    assert len(answers) == 1
    calls.clear()
    await sign_in(desk, linked(created), now=await database.now())
    assert len(calls) == 2


async def test_what_was_wrong_is_told_to_administrators_alone(desk: Desk) -> None:
    created = await invite(desk)
    refusal = await refused(desk, linked(created, password=WRONG, pin=other(created.pin)))
    event = await Event.get(kind="signin.failed")
    assert (event.invitation_id, event.support_code) == (created.invitation.id, refusal.support_code)
    assert event.detail == f"password and PIN 1 of 3, from {HERE}"
    assert WRONG not in event.detail


def test_entries_do_not_print_their_secrets() -> None:
    assert "horse" not in repr(bare(password=PASSWORD, pin="12345678"))
    assert "12345678" not in repr(bare(password=PASSWORD, pin="12345678"))
