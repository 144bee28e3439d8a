"""A notice is stored with what happened: once for each occurrence, and none for a rehearsal."""

import asyncio
from contextlib import suppress

import pytest

from otae.accounts.permissions import PERMISSIONS
from otae.store import database, notices
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Notice
from otae.store.records import About

pytestmark = pytest.mark.anyio


async def test_what_happened_is_told_once_however_often_it_is_said(desk: Desk) -> None:
    now = await database.now()

    async def say() -> None:
        async with transaction():
            await notices.tell(notices.SILENT, key="mac-1", now=now)

    await asyncio.gather(*(say() for _ in range(5)))
    await notices.tell(notices.SILENT, key="mac-2", now=now)
    assert sorted([row.key for row in await Notice.all()]) == ["silent:mac-1", "silent:mac-2"]


async def test_what_was_rolled_back_did_not_happen(desk: Desk) -> None:
    with suppress(RuntimeError):
        async with transaction():
            await notices.tell(notices.UNENROLLED, key="mac-1", now=await database.now())
            raise RuntimeError
    assert not await Notice.exists()


async def test_a_rehearsal_tells_nobody_and_long_texts_are_cut(sqlite_desk: Desk) -> None:
    now = await database.now()
    await notices.tell(notices.UNENROLLED, key="mac-1", now=now, about=About(rehearsal=True))
    assert not await Notice.exists()
    await notices.tell(notices.SERVER, key="k" * 999, now=now, subject="s" * 999, detail="d" * 999)
    row = await Notice.get()
    assert (len(row.key), len(row.subject), len(row.detail)) == (200, 200, 500)


def test_every_kind_names_a_permission_that_there_is() -> None:
    assert {kind.permission for kind in notices.KINDS.values()} <= PERMISSIONS.keys()
    assert {kind.usually for kind in notices.KINDS.values()} <= {notices.NOW, notices.DAILY, notices.OFF}
