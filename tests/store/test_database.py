"""The traps of the ORM, each held shut: locks that are never given back, constraints that are never made."""

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tortoise.exceptions import IntegrityError

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, Counter, Invitation, Membership, Person, Pin, Property
from tests.desks import on_sqlite

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


async def a_person(name: str = "ben") -> Person:
    person = Person(name=name, display_name=name.title(), email=f"{name}@example.test", created_at=NOW)
    await person.save()
    return person


async def an_invitation(person: Person) -> Invitation:
    invitation = Invitation(
        person=person,
        mode="two_factor",
        ownership="corporate",
        token_hash=uuid4().hex,
        created_by="ada",
        created_at=NOW,
    )
    await invitation.save()
    return invitation


@pytest.fixture
async def quiet_driver(anyio_backend: str) -> AsyncIterator[None]:
    """Asyncpg tells the loop of each TLS connection on which a cancelled query was taken back: that is no failure."""
    loop = asyncio.get_running_loop()
    strict = loop.get_exception_handler()

    def handle(inner: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "connection_lost" not in str(context.get("exception")) and strict:
            strict(inner, context)

    loop.set_exception_handler(handle)
    yield
    loop.set_exception_handler(strict)


async def add_and_fail(name: str) -> None:
    async with database.transaction():
        await a_person(name)
        raise ZeroDivisionError


async def test_a_name_is_taken_once(desk: Desk) -> None:
    await a_person()
    with pytest.raises(IntegrityError):
        await a_person()


async def test_a_foreign_key_must_lead_somewhere(desk: Desk) -> None:
    with pytest.raises(IntegrityError):
        await Membership(group_id=uuid4(), person_id=uuid4()).save()


async def test_an_invitation_has_one_active_pin(desk: Desk) -> None:
    invitation = await an_invitation(await a_person())
    await Pin(invitation=invitation, generation=1, active=False, pin_hash="x", created_at=NOW).save()
    await Pin(invitation=invitation, generation=2, pin_hash="x", created_at=NOW).save()
    with pytest.raises(IntegrityError):
        await Pin(invitation=invitation, generation=3, pin_hash="x", created_at=NOW).save()


async def test_one_certificate_is_in_use_for_a_purpose(desk: Desk) -> None:
    with pytest.raises(IntegrityError):
        await Certificate(
            purpose="root", active=True, serial_number="1", subject="x", not_before=NOW, not_after=NOW, created_at=NOW
        ).save()


async def test_a_person_takes_along_the_invitations(desk: Desk) -> None:
    person = await a_person()
    await an_invitation(person)
    await person.delete()
    assert await Invitation.all().count() == 0


async def test_a_transaction_is_all_or_nothing(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        await add_and_fail("ben")
    assert await Person.all().count() == 0


async def test_an_inner_transaction_fails_alone(desk: Desk) -> None:
    async with database.transaction():
        await a_person("ben")
        with pytest.raises(ZeroDivisionError):
            await add_and_fail("cleo")
    assert [row.name for row in await Person.all()] == ["ben"]


async def test_cancelled_transactions_never_keep_the_lock(desk: Desk, quiet_driver: None) -> None:
    """Two hundred tasks are cancelled at random points; then the next request answers."""
    await Counter(key="k", window_start=NOW).save()
    chance = random.Random(7)  # noqa: S311 - any order will do, the same one each time

    async def work() -> None:
        async with database.transaction():
            row = await Counter.get(key="k")
            await asyncio.sleep(0)
            await Counter.filter(key="k").update(failures=row.failures + 1)

    for _ in range(20):
        tasks = [asyncio.create_task(work()) for _ in range(10)]
        await asyncio.sleep(chance.random() * 0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(10):
        async with database.transaction():
            await Counter.filter(key="k").update(failures=1)
        assert (await Counter.get(key="k")).failures == 1


async def test_a_cancelled_bulk_insert_never_keeps_the_lock(desk: Desk) -> None:
    rows = [Property(name=f"p{number}", value="x") for number in range(2000)]

    async def insert() -> None:
        await Property.bulk_create(rows)

    task = asyncio.create_task(insert())
    await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(10), database.transaction():
        assert await Property.all().count() in {0, 2000}


async def test_the_clock_is_the_databases(desk: Desk) -> None:
    first = await database.now()
    assert first.tzinfo is not None
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=5)
    assert await database.now() >= first


async def test_migrating_again_changes_nothing(settings: Settings) -> None:
    await database.migrate(settings)
    async with database.connected(settings):
        assert await Certificate.filter(purpose="root").count() == 1


@pytest.mark.slow
async def test_two_migrations_at_once_are_one(tmp_path: Path) -> None:
    settings = Settings.load({"OTAE_HOME": str(tmp_path)})
    code = "import asyncio, sys; from otae.settings import Settings; from otae.store import database; "
    code += "asyncio.run(database.migrate(Settings.load({'OTAE_HOME': sys.argv[1]})))"
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    async with database.connected(settings):
        assert await Person.all().count() == 0


async def test_tables_that_no_migration_left_so_are_one_plain_refusal(migrated_sqlite: Path, tmp_path: Path) -> None:
    settings = on_sqlite(tmp_path, migrated_sqlite)
    with sqlite3.connect(tmp_path / database.DATABASE_FILE) as file:
        file.execute("DELETE FROM tortoise_migrations WHERE name > '0001'")
        file.execute("DROP TABLE directory_server")
    with pytest.raises(CannotStart, match=r"cannot be brought up to date: .*restore a backup"):
        await database.migrate(settings)
