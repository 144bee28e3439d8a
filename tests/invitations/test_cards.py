"""Printed cards: their code works as long as the invitation, their PIN is printed once, whoever prints how often."""

import asyncio

import pytest

from otae.errors import NotAllowed, StaleState
from otae.invitations import cards, go_codes, lifecycle, pins
from otae.invitations.cards import Card
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Event, Invitation, Pin
from tests.invitations.crowds import crowd, invited
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio


async def printed(desk: Desk, number: int = 0) -> Card:
    rows = await Invitation.all().order_by("created_at", "id").prefetch_related("person")
    return await cards.print_card(desk, rows[number], now=await database.now(), actor="ada")


async def opens(desk: Desk, code: str) -> bool:
    return await go_codes.use(desk, code, now=await database.now()) is not None


@pytest.mark.parametrize("mode", ["username_password", "two_factor", "username_pin"])
async def test_a_card_has_a_code_that_works_as_long_as_the_invitation(desk: Desk, mode: str) -> None:
    created = await invite(desk, mode, send=False)
    card = await printed(desk)
    assert len(card.code) == go_codes.CARD_LENGTH
    assert set(card.code) <= set(go_codes.LETTERS)
    assert card.code not in repr(card)
    assert card.code not in str(await Invitation.all().values())
    assert (card.pin, card.link) == ("", ""), "the PIN has its own way, and the link is not printed"
    for written in (card.code, card.code.lower(), f" {card.code[:4]}-{card.code[4:8]}  {card.code[8:]}"):
        assert await opens(desk, written)
    assert await Event.filter(kind="card-code.used").count() == 1, "entered again within a minute"
    await lifecycle.extend(desk, created.invitation, now=await database.now(), actor="ada")
    assert await opens(desk, card.code)


async def test_a_mode_that_asks_for_the_link_has_no_code(desk: Desk) -> None:
    created = await invite(desk, "high_security", send=False)
    card = await printed(desk)
    assert (card.code, card.link) == ("", created.url)
    assert (await Invitation.get()).card_code_hash is None


@pytest.mark.parametrize("end", ["another", "resend", "revoke", "expire", "fail", "redeem"])
async def test_a_card_code_ends(desk: Desk, end: str) -> None:
    created, now = await invite(desk, "username_pin", send=False), await database.now()
    card, invitation = await printed(desk), created.invitation
    if end == "another":
        assert (await printed(desk)).code != card.code
    elif end == "resend":
        await lifecycle.resend(desk, invitation, now=now, actor="ada")
    elif end == "revoke":
        await lifecycle.revoke(desk, invitation, now=now, actor="ada")
    elif end == "fail":
        await lifecycle.fail(invitation, now=now, why="the tries are used up")
    elif end == "redeem":
        await lifecycle.redeem(invitation, now=now)
    else:
        await Invitation.filter(id=invitation.id).update(valid_until=now)
        assert not await opens(desk, card.code)
        await lifecycle.expire_due(now)
    assert not await opens(desk, card.code)
    if end not in {"another", "resend"}:
        assert (await Invitation.get()).card_code_hash is None
        with pytest.raises(NotAllowed):
            await printed(desk)


async def test_a_pin_is_printed_once_however_many_print_it_at_once(desk: Desk) -> None:
    await crowd(1)
    await invited(desk, pin_channel="card")
    assert not await Pin.exists(), "it is made by printing"
    answers = await asyncio.gather(*(printed(desk) for _ in range(12)), return_exceptions=True)
    made = [each for each in answers if isinstance(each, Card)]
    assert all(isinstance(each, (Card, StaleState)) for each in answers), answers
    assert [bool(card.pin) for card in made].count(True) == 1
    [pin] = [card.pin for card in made if card.pin]
    assert await pins.verify(desk, await Pin.get(), pin)
    assert (await Pin.get()).pin_sealed is None
    assert (await printed(desk)).pin == ""
    assert await AuditEntry.filter(action="invitation.card-printed", detail="with the PIN").count() == 1
    assert await Event.filter(kind="card.printed", detail="with the PIN").count() == 1


async def test_sent_again_the_pin_of_a_card_is_printed_anew(desk: Desk) -> None:
    created = await invite(desk, "username_pin", send=False, pin_channel="card")
    assert (await printed(desk)).pin == "", "it was shown when the invitation was made"
    now = await database.now()
    again = await lifecycle.resend(desk, created.invitation, now=now, actor="ada", show_pin=True)
    rows = await Invitation.all().prefetch_related("person")
    card = await cards.print_card(desk, rows[0], pin=again.pin or "", now=now, actor="ada")
    assert card.pin == again.pin != created.pin


async def test_a_sheet_prints_each_card_of_a_group_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "CARDS_AT_ONCE", 3)
    await crowd(5)
    row = await invited(desk, pin_channel="card")
    now = await database.now()
    assert await cards.left_to_print(row, now=now) == 5
    first, second = await asyncio.gather(*(cards.print_sheet(desk, row, now=now, actor="ada") for _ in range(2)))
    third = await cards.print_sheet(desk, row, now=now, actor="ada")
    names = [card.invitation.person.name for card in [*first, *second, *third] if card.pin]
    assert sorted(names) == [f"p{at:04}" for at in range(1, 6)]
    assert all([await opens(desk, card.code) for card in [*first, *second, *third]]), "no sheet ends another's codes"
    assert await cards.print_sheet(desk, row, now=now, actor="ada") == []
    assert await cards.left_to_print(row, now=now) == 0
    assert await Pin.all().count() == 5


async def test_the_cards_of_those_who_came_to_an_end_are_not_printed(desk: Desk) -> None:
    await crowd(2)
    row = await invited(desk)
    one = await Invitation.all().first().prefetch_related("person")
    assert one is not None
    now = await database.now()
    await lifecycle.revoke(desk, one, now=now, actor="ada")
    sheet = await cards.print_sheet(desk, row, now=now, actor="ada")
    assert [(card.pin, bool(card.code)) for card in sheet] == [("", True)], "PINs that are mailed are not printed"
