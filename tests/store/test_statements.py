"""Statements whose text is kept: the same rows as the ORM would find, on both databases, and nothing in the text."""

import asyncio
import logging
from datetime import timedelta
from uuid import uuid4

import pytest
from tortoise.connection import get_connection

from otae.settings import Settings
from otae.store import database, statements
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession, Property
from tests.enrollment import lab

pytestmark = pytest.mark.anyio


async def a_challenge(desk: Desk, *, used: bool = False, minutes: int = 5) -> Challenge:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    challenge = Challenge(
        session_id=session.id,
        secret_hash=uuid4().hex,
        purpose="ota",
        created_at=now,
        expires_at=now + timedelta(minutes=minutes),
        used_at=now if used else None,
    )
    await challenge.save()
    return challenge


async def test_a_row_comes_as_the_orm_gives_it_and_no_row_as_none(desk: Desk) -> None:
    challenge = await a_challenge(desk, used=True)
    found = await statements.one(Challenge, secret_hash=challenge.secret_hash)
    assert found is not None
    stored = await Challenge.get(id=challenge.id)
    columns = Challenge._meta.db_fields  # noqa: SLF001 - every column there is
    assert [getattr(found, name) for name in columns] == [getattr(stored, name) for name in columns]
    assert await statements.one(Challenge, secret_hash="another") is None


async def test_conditions_are_equal_empty_later_and_one_of(desk: Desk) -> None:
    now, live, used = await database.now(), await a_challenge(desk), await a_challenge(desk, used=True)
    ended = await a_challenge(desk, minutes=-5)
    ids = (live.id, used.id, ended.id)
    assert {row.id for row in await statements.several(Challenge, id__in=ids, used_at=None)} == {live.id, ended.id}
    assert {row.id for row in await statements.several(Challenge, id__in=ids, expires_at__gt=now)} == {live.id, used.id}
    assert [row.id for row in await statements.several(Challenge, id=used.id, purpose="ota")] == [used.id]
    with pytest.raises(KeyError):
        await statements.several(Challenge, no_such_column=1)


async def test_a_change_tells_how_many_rows_it_met(desk: Desk) -> None:
    challenge, now = await a_challenge(desk), await database.now()
    changed = [
        await statements.change(Challenge, {"used_at": now, "key_hash": "k"}, id=challenge.id, used_at=None)
        for _ in range(2)
    ]
    stored = await Challenge.get(id=challenge.id)
    assert (changed, stored.used_at, stored.key_hash) == ([1, 0], now, "k")
    assert await statements.change(Challenge, {"used_at": None}, id=challenge.id) == 1
    assert (await Challenge.get(id=challenge.id)).used_at is None


async def test_what_a_value_says_is_never_part_of_a_statement(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    hostile = "x' OR 1=1 -- \" $1 ?"
    await Property.create(name="identity.days", value="30")
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        assert await statements.several(Property, name=hostile) == []
        assert await statements.change(Property, {"value": hostile}, name="identity.days") == 1
    texts = [str(record.args[0]) for record in caplog.records if isinstance(record.args, tuple) and record.args]
    assert texts
    assert not [text for text in texts if "OR 1=1" in text]
    assert (await Property.get(name="identity.days")).value == hostile


async def test_a_locked_row_waits_for_the_transaction_that_took_it(desk: Desk) -> None:
    session = await lab.signed_in(desk, await database.now())
    order: list[str] = []
    taken = asyncio.Event()

    async def first() -> None:
        async with database.transaction():
            await statements.one(EnrollmentSession, lock=True, id=session.id)
            taken.set()
            for _ in range(20):
                await database.now()
            order.append("first")

    async def second() -> None:
        await taken.wait()
        async with database.transaction():
            await statements.one(EnrollmentSession, lock=True, id=session.id)
            order.append("second")

    await asyncio.gather(first(), second())
    assert order == ["first", "second"]


async def test_a_connection_comes_back_without_what_was_left_open_on_it(postgres_settings: Settings) -> None:
    loop, told = asyncio.get_running_loop(), list[str]()
    strict = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: told.append(str(context["message"])))
    async with database.connected(postgres_settings):
        client = get_connection("default")
        async with client.acquire_connection() as raw:
            await raw.execute("BEGIN")
            await raw.execute("INSERT INTO property (name, value) VALUES ('left', 'open')")
        assert not await Property.exists(name="left")
        async with client.acquire_connection() as raw:
            await raw.execute("BEGIN")
            with pytest.raises(Exception, match="division by zero"):
                await raw.execute("SELECT 1 / 0")
        assert not await Property.exists(name="left"), "a connection with a failed transaction takes no question"
    loop.set_exception_handler(strict)
    assert len(told) == 2
