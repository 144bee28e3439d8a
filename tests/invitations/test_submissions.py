"""A form is taken once."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from otae.errors import InputRefused, StaleState
from otae.invitations import submissions
from otae.store import database
from otae.store.desk import Desk

pytestmark = pytest.mark.anyio


async def send(form: UUID, *, later: timedelta = timedelta(0)) -> bool:
    try:
        async with submissions.once(form, now=await database.now() + later):
            return True
    except StaleState:
        return False


async def test_of_ten_sent_at_once_one_gets_in(desk: Desk) -> None:
    form = uuid4()
    assert sum(await asyncio.gather(*(send(form) for _ in range(10)))) == 1
    assert await send(uuid4())


async def test_a_refused_form_may_be_sent_again(desk: Desk) -> None:
    form = uuid4()
    with pytest.raises(InputRefused):
        async with submissions.once(form, now=await database.now()):
            raise InputRefused({"recipient": "there is nobody with this user name"})
    assert await send(form)
    assert not await send(form)


async def test_a_form_is_remembered_for_a_day(desk: Desk) -> None:
    form = uuid4()
    assert await send(form)
    assert not await send(form, later=timedelta(hours=23))
    assert await send(form, later=timedelta(hours=25))
