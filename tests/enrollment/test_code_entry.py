"""A code at /go: wrong ones draw on the limits before they are looked up, and a right one is no factor."""

import asyncio
from typing import Any

import pytest

from otae.enrollment import code_entry, signin
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import GoCodeUnknown, InputRefused, InvitationOnly, InvitationRevoked, SigninFailed, SlowDown
from otae.invitations import go_codes, lifecycle
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Counter, EnrollmentSession, Event, Invitation, Pin
from tests.invitations.guests import PASSWORD, add_person, invite

pytestmark = pytest.mark.anyio

HERE, ELSEWHERE = "203.0.113.0/24", "198.51.100.0/24"
WRONG = "BCDFGHJK"


async def enter(desk: Desk, code: str = WRONG, network: str = HERE) -> Invitation:
    return await code_entry.enter(desk, code, network=network, now=await database.now())


async def opened(desk: Desk, mode: str = "two_factor") -> tuple[lifecycle.Created, Invitation]:
    """Invite Ben, and open his invitation by a code."""
    created = await invite(desk, mode, send=False)
    code = await go_codes.make(desk, created.invitation, now=await database.now())
    assert code
    return created, await enter(desk, code.clear)


def by_code(invitation: Invitation, **given: Any) -> SignInEntry:  # noqa: ANN401 - fields of an entry
    return SignInEntry(**{"name": "ben", **given}, network=HERE, by_code=invitation)


async def failures(key: str) -> int:
    row = await Counter.get_or_none(key=key)
    return row.failures if row else 0


# Limits ---------------------------------------------------------------------------------------------------------------


async def test_wrong_codes_draw_on_the_networks_share_and_then_on_the_budget(desk: Desk) -> None:
    await properties.write("enrollment.guess.network", "10")
    await properties.write("enrollment.guess.budget", "15")
    for network, allowed in ((HERE, 10), (ELSEWHERE, 5), ("192.0.2.0/24", 0)):
        for _ in range(allowed):
            with pytest.raises(GoCodeUnknown):
                await enter(desk, network=network)
        with pytest.raises(SlowDown):
            await enter(desk, network=network)
    assert await failures(signin.BUDGET) == 15


async def test_codes_guessed_at_once_count_like_codes_guessed_in_turn(desk: Desk) -> None:
    await properties.write("enrollment.guess.network", "10")
    answers = await asyncio.gather(*(enter(desk) for _ in range(40)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["GoCodeUnknown"] * 10 + ["SlowDown"] * 30
    assert await failures(signin.BUDGET) == 10
    assert await failures(f"share:bare:{HERE}") == 0, "the login page's share is another"


async def test_a_right_code_costs_nothing(desk: Desk) -> None:
    await opened(desk)
    assert (await failures(signin.BUDGET), await failures(f"share:go:{HERE}")) == (0, 0)


async def test_a_code_is_refused_alike_whatever_is_wrong_with_it(desk: Desk) -> None:
    created, now = await invite(desk, send=False), await database.now()
    used, ended = [await go_codes.make(desk, created.invitation, now=now) for _ in range(2)]
    assert used
    assert ended
    await lifecycle.revoke(desk, created.invitation, now=now, actor="ada")
    before = await Event.all().count()
    answers = set()
    for code in (used.clear, ended.clear, WRONG):
        with pytest.raises(GoCodeUnknown) as caught:
            await enter(desk, code)
        answers.add((str(caught.value), caught.value.detail, caught.value.support_code))
    assert len(answers) == 1
    assert await Event.all().count() == before


# A code is no factor --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["username_password", "two_factor", "username_pin"])
async def test_with_the_modes_factors_the_codes_invitation_is_opened(desk: Desk, mode: str) -> None:
    await properties.write("macos.otae.enable", "false")
    await invite(desk, mode, send=False)
    created, invitation = await opened(desk, mode)
    pin = {} if mode == "username_password" else {"pin": created.pin or ""}
    password = {} if mode == "username_pin" else {"password": PASSWORD}
    for given in (pin, password):
        if pin and password:
            with pytest.raises(InputRefused):
                await sign_in(desk, by_code(invitation, **given), now=await database.now())
    session = await sign_in(desk, by_code(invitation, **pin, **password), now=await database.now())
    assert (session.invitation_id, session.mode) == (created.invitation.id, mode)


async def test_tries_count_as_at_the_login_page_and_on_this_invitation_alone(desk: Desk) -> None:
    other = await invite(desk, "two_factor", send=False)
    created, invitation = await opened(desk)
    wrong = "0" * 8 if created.pin != "0" * 8 else "1" * 8
    for given in ({"password": PASSWORD, "pin": wrong}, {"password": "wrong", "pin": created.pin}):
        with pytest.raises(SigninFailed) as caught:
            await sign_in(desk, by_code(invitation, **given), now=await database.now())
        assert caught.value.support_code == created.invitation.support_code
    pin = await Pin.get(invitation_id=created.invitation.id)
    assert (pin.link_tries, pin.bare_tries) == (0, 1)
    assert (await Pin.get(invitation_id=other.invitation.id)).bare_tries == 0
    assert await failures(signin.BUDGET) == 2


async def test_with_another_name_nobody_gets_in_and_no_invitation_is_started(desk: Desk) -> None:
    await add_person(desk, "cleo")
    _created, invitation = await opened(desk, "username_password")
    for name in ("cleo", "nobody"):
        with pytest.raises(SigninFailed):
            await sign_in(desk, by_code(invitation, name=name, password=PASSWORD), now=await database.now())
    assert not await EnrollmentSession.exists()


async def test_a_code_outlives_neither_its_invitation_nor_opens_the_login_page(desk: Desk) -> None:
    await properties.write("macos.otae.enable", "false")
    created, invitation = await opened(desk, "username_password")
    await lifecycle.revoke(desk, created.invitation, now=await database.now(), actor="ada")
    with pytest.raises(InvitationRevoked):
        await sign_in(desk, by_code(invitation, password=PASSWORD), now=await database.now())
    with pytest.raises(InvitationOnly):
        await sign_in(desk, SignInEntry("ben", PASSWORD, network=HERE), now=await database.now())
