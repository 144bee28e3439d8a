"""Sealed values move to another master key while traffic runs, and none is forgotten."""

import asyncio
import dataclasses
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import pytest
from tortoise import fields

from otae.delivery import catcher
from otae.delivery.mail import smtp
from otae.invitations import identity_confirmations, pins, tokens
from otae.mdm import checkin
from otae.settings import Settings
from otae.store import database, keyring, models, sealed
from otae.store.desk import Desk
from otae.store.models import AuditEntry, CaughtMail, Certificate
from otae.store.vault import SealBroken, Vault, key_id_of
from tests.desks import MASTER_KEY

pytestmark = pytest.mark.anyio

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)


def purpose_of(table: type, column: str) -> str:
    return next(line.purpose for line in sealed.COLUMNS if (line.table, line.column) == (table, column))


async def mails(vault: Vault, count: int, now: datetime) -> list[CaughtMail]:
    """Store mails sealed with the first key of ``vault``."""
    made = []
    for number in range(count):
        row = CaughtMail(recipient="ben@example.test", subject=f"{number}", caught_at=now)
        row.message_sealed = vault.seal(str(number).encode(), row.id, catcher.MESSAGE_PURPOSE)
        await row.save()
        made.append(row)
    return made


@pytest.fixture
async def only_mails(desk: Desk) -> None:
    """Take away what the session's own master key sealed."""
    await Certificate.all().update(key_sealed=None)
    await models.InstallationSecret.all().delete()


def test_every_sealed_column_of_every_table_has_a_purpose() -> None:
    walked = {
        (table, name)
        for table in (getattr(models, name) for name in models.__all__)
        for name, column in table._meta.fields_map.items()  # noqa: SLF001 - there is no public way
        if name.endswith("_sealed") and isinstance(column, fields.BinaryField)
    }
    assert walked == {(line.table, line.column) for line in sealed.COLUMNS}
    binary = {
        name
        for table in (getattr(models, name) for name in models.__all__)
        for name in table._meta.fields_map  # noqa: SLF001 - there is no public way
        if "sealed" in name
    }
    assert all(name.endswith("_sealed") for name in binary)


def test_the_purposes_are_those_the_rooms_seal_with() -> None:
    assert purpose_of(models.CaughtMail, "message_sealed") == catcher.MESSAGE_PURPOSE
    assert purpose_of(models.NotificationServer, "password_sealed") == smtp.PASSWORD_PURPOSE
    assert purpose_of(models.Pin, "pin_sealed") == pins.SEAL
    assert purpose_of(models.Invitation, "token_sealed") == tokens.SEAL
    assert purpose_of(models.Invitation, "objection_sealed") == identity_confirmations.SEAL
    for table in (models.Enrollment, models.UserChannel):
        assert purpose_of(table, "push_token_sealed") == checkin.PUSH_TOKEN
        assert purpose_of(table, "push_magic_sealed") == checkin.PUSH_MAGIC
    assert purpose_of(models.Enrollment, "bootstrap_token_sealed") == checkin.BOOTSTRAP_TOKEN


async def test_after_a_rotation_the_old_key_opens_nothing_and_the_new_one_all(desk: Desk, only_mails: None) -> None:
    now = await database.now()
    made = await mails(Vault([OLD]), 450, now)
    both = Vault([NEW, OLD])
    before = await sealed.count_by_key(both)
    assert [use.opens for use in before.keys] == [0, 450]
    done = await sealed.reseal(both, now=now, actor="ada")
    assert (done.resealed, done.current, done.unopened) == (450, 0, 0)
    assert [use.opens for use in (await sealed.count_by_key(both)).keys] == [450, 0]
    new = Vault([NEW])
    for row in made:
        await row.refresh_from_db()
        assert new.open(row.message_sealed, row.id, catcher.MESSAGE_PURPOSE) == row.subject.encode()
    assert await AuditEntry.filter(action="keys.rotated", actor="ada").count() == 1


async def test_a_rotation_twice_and_in_parallel_does_no_harm(desk: Desk, only_mails: None) -> None:
    now = await database.now()
    made = await mails(Vault([OLD]), 60, now)
    both = Vault([NEW, OLD])
    done = await asyncio.gather(*(sealed.reseal(both, now=now, actor="ada") for _ in range(4)))
    assert sum(one.resealed for one in done) == 60
    again = await sealed.reseal(both, now=now, actor="ada")
    assert (again.resealed, again.current, again.moved) == (0, 60, 0)
    for row in made:
        await row.refresh_from_db()
        assert Vault([NEW]).open(row.message_sealed, row.id, catcher.MESSAGE_PURPOSE) == row.subject.encode()


async def test_what_changed_meanwhile_is_not_overwritten(
    desk: Desk, only_mails: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = await database.now()
    (row,) = await mails(Vault([OLD]), 1, now)
    both = Vault([NEW, OLD])
    fresh = both.seal(b"newer", row.id, catcher.MESSAGE_PURPOSE)
    values = sealed._values  # noqa: SLF001 - where somebody may come between reading and writing

    async def then_somebody_writes() -> AsyncIterator[tuple[sealed.SealedColumn, UUID, bytes]]:
        async for value in values():
            await CaughtMail.filter(id=row.id).update(message_sealed=fresh)
            yield value

    monkeypatch.setattr(sealed, "_values", then_somebody_writes)
    done = await sealed.reseal(both, now=now, actor="ada")
    assert done.resealed == 0
    await row.refresh_from_db()
    assert row.message_sealed == fresh


async def test_values_of_a_key_that_is_not_given_are_counted_and_kept(desk: Desk, only_mails: None) -> None:
    now = await database.now()
    (row,) = await mails(Vault([OLD]), 1, now)
    (moved,) = await mails(Vault([NEW]), 1, now)
    await CaughtMail.filter(id=moved.id).update(
        message_sealed=Vault([NEW]).seal(b"another row's", row.id, catcher.MESSAGE_PURPOSE)
    )
    alone = Vault([NEW])
    assert (await sealed.reseal(alone, now=now, actor="ada")).unopened == 1
    found = await sealed.count_by_key(alone)
    assert (found.foreign, found.broken) == (1, 1)
    assert (await CaughtMail.get(id=row.id)).message_sealed == row.message_sealed


async def test_a_whole_installation_moves_and_drops_its_old_key(desk: Desk, settings: Settings) -> None:
    new = keyring.new_master_key()
    both = dataclasses.replace(desk, vault=Vault(_keys(settings, f"{new},{MASTER_KEY}")))
    done = await sealed.reseal(both.vault, now=await database.now(), actor="ada")
    assert done.resealed == len(keyring.SECRETS) + 6
    alone = Vault(_keys(settings, new))
    assert (await sealed.count_by_key(alone)).foreign == 0
    opened = await models.InstallationSecret.get(name="pepper")
    assert len(alone.open(opened.value_sealed, opened.id, "secret")) == 32
    with pytest.raises(SealBroken):
        desk.vault.open(opened.value_sealed, opened.id, "secret")


def test_the_name_of_a_key_stands_in_the_value_and_garbage_has_none() -> None:
    row = CaughtMail()
    vault = Vault([NEW, OLD])
    assert key_id_of(vault.seal(b"x", row.id, "p")) == vault.key_ids[0]
    assert key_id_of(b"") == key_id_of(b"\x02garbage") == ""
    assert NEW.hex()[:16] not in vault.key_ids


def _keys(settings: Settings, text: str) -> list[bytes]:
    return Settings.load({"OTAE_HOME": str(settings.home), "OTAE_MASTER_KEYS": text}).sealing_keys()
