"""The audit log: whatever is done to it behind the product's back shows, and the first bad entry is named."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import audit, database, keyring
from otae.store.audit import AuditBroken, Head
from otae.store.audit_entries import list_entries
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry, AuditHead, Certificate, InstallationSecret

pytestmark = pytest.mark.anyio

ENTRIES = 12


@pytest.fixture
async def log(desk: Desk) -> Head:
    """Fill the log to twelve entries."""
    now = await database.now()
    already = (await audit.verify()).count
    for number in range(already + 1, ENTRIES + 1):
        await audit.record("ada", "thing.done", now=now, subject=f"thing {number}", detail="größer")
    return await audit.verify()


async def test_a_log_nobody_touched_verifies(log: Head) -> None:
    assert log.count == ENTRIES == await AuditEntry.all().count()
    assert await audit.verify(log) == log


async def edit() -> None:
    await AuditEntry.filter(id=5).update(actor="cleo")


async def backdate() -> None:
    await AuditEntry.filter(id=5).update(at=datetime.fromisoformat("2020-01-01T00:00:00+00:00"))


async def delete() -> None:
    await AuditEntry.filter(id=5).delete()


async def swap() -> None:
    five, six = await AuditEntry.get(id=5), await AuditEntry.get(id=6)
    await AuditEntry.filter(id__in=[5, 6]).delete()
    five.id, six.id = six.id, five.id
    for entry in (five, six):
        await entry.save(force_create=True)


async def delete_and_close_the_gap() -> None:
    later = await AuditEntry.filter(id__gt=5).order_by("id")
    await AuditEntry.filter(id__gte=5).delete()
    for entry in later:
        entry.id -= 1
        await entry.save(force_create=True)


async def put_another_in_its_place() -> None:
    """Give entry 5 what stands in 4, proof and all."""
    four = await AuditEntry.get(id=4)
    await AuditEntry.filter(id=5).delete()
    four.id = 5
    await four.save(force_create=True)


async def forge() -> None:
    """Sign an entry with another key."""
    await AuditEntry.filter(id=5).update(detail="harmless", mac="ab" * 32)


@pytest.mark.parametrize(
    "harm", [edit, backdate, delete, swap, delete_and_close_the_gap, put_another_in_its_place, forge]
)
async def test_the_first_bad_entry_is_named(log: Head, harm: Callable[[], Awaitable[None]]) -> None:
    await harm()
    with pytest.raises(AuditBroken) as caught:
        await audit.verify()
    assert caught.value.entry == 5
    assert "entry 5" in str(caught.value)


async def test_a_tail_cut_off_is_noticed(log: Head) -> None:
    await AuditEntry.filter(id__gt=ENTRIES - 3).delete()
    with pytest.raises(AuditBroken, match=f"all up to the last, {ENTRIES}") as caught:
        await audit.verify()
    assert caught.value.entry == ENTRIES - 2


async def test_a_tail_cut_off_stays_noticed_when_the_log_goes_on(log: Head, desk: Desk) -> None:
    await AuditEntry.filter(id__gt=ENTRIES - 3).delete()
    await audit.record("ada", "thing.done", now=await database.now())
    with pytest.raises(AuditBroken) as caught:
        await audit.verify()
    assert caught.value.entry == ENTRIES - 2


async def test_a_head_made_to_fit_a_shorter_log_is_noticed_for_good(log: Head) -> None:
    await AuditEntry.filter(id__gt=5).delete()
    await AuditHead.all().update(count=5, mac=(await AuditEntry.get(id=5)).mac)
    with pytest.raises(AuditBroken, match="its head was changed"):
        await audit.verify()
    await audit.record("ada", "thing.done", now=await database.now())
    assert (await AuditEntry.get(id=6)).action == audit.HEAD_BROKEN
    assert (await AuditEntry.get(id=7)).actor == "ada"
    with pytest.raises(AuditBroken, match="it said 5 entries") as caught:
        await audit.verify()
    assert caught.value.entry == 6


async def test_a_head_that_was_deleted_is_noticed_and_nothing_stands_still(log: Head) -> None:
    await AuditHead.all().delete()
    with pytest.raises(AuditBroken, match="its head is missing"):
        await audit.verify()
    await audit.record("ada", "thing.done", now=await database.now())
    with pytest.raises(AuditBroken, match="it was missing") as caught:
        await audit.verify()
    assert caught.value.entry == ENTRIES + 1


async def test_head_and_tail_put_back_together_are_noticed_by_a_head_noted_elsewhere(log: Head, desk: Desk) -> None:
    earlier = await AuditHead.all().values()
    await audit.record("ada", "thing.done", now=await database.now())
    noted = await audit.verify()
    await AuditEntry.filter(id=noted.count).delete()
    await AuditHead.all().update(**{name: value for name, value in earlier[0].items() if name != "id"})
    assert await audit.verify() == log
    with pytest.raises(AuditBroken, match="noted") as caught:
        await audit.verify(noted)
    assert caught.value.entry == noted.count
    await audit.record("cleo", "something.else", now=await database.now())
    with pytest.raises(AuditBroken, match="not the one that was noted"):
        await audit.verify(noted)


async def test_an_entry_the_head_does_not_know_is_noticed(log: Head) -> None:
    earlier = (await AuditHead.all().values())[0]
    await audit.record("ada", "thing.done", now=await database.now())
    await AuditHead.all().update(**{name: value for name, value in earlier.items() if name != "id"})
    with pytest.raises(AuditBroken, match="does not know it"):
        await audit.verify()


async def test_another_installation_s_entries_are_not_ours(log: Head) -> None:
    audit.set_key(b"another installation's secret 32")
    with pytest.raises(AuditBroken) as caught:
        await audit.verify()
    assert caught.value.entry == 1


async def test_what_is_rolled_back_is_not_in_the_log(log: Head) -> None:
    with pytest.raises(ZeroDivisionError):
        await do_and_fail()
    assert await audit.verify() == log


async def do_and_fail() -> None:
    async with database.transaction():
        await audit.record("ada", "thing.done", now=await database.now())
        raise ZeroDivisionError


async def test_many_at_once_make_one_chain(log: Head) -> None:
    now = await database.now()

    async def twice(number: int) -> None:
        await audit.record(f"admin {number}", "thing.done", now=now)
        async with database.transaction():
            await audit.record(f"admin {number}", "thing.undone", now=now)

    walks = asyncio.gather(*(audit.verify() for _ in range(5)))
    await asyncio.gather(*(twice(number) for number in range(20)))
    await walks
    assert (await audit.verify(log)).count == ENTRIES + 40


async def test_a_long_entry_is_cut_and_still_proven(log: Head) -> None:
    await audit.record("x" * 150, "thing.done", now=await database.now(), subject="ü" * 300, detail="y" * 900)
    await audit.verify()
    (entry,) = await list_entries(limit=1)
    assert (len(entry.actor), len(entry.subject), len(entry.detail)) == (100, 200, 500)


async def erase() -> None:
    await AuditEntry.all().delete()
    await AuditHead.all().delete()


async def test_a_log_that_was_erased_with_its_head_is_not_begun_anew_by_migrate(settings: Settings, log: Head) -> None:
    await erase()
    await keyring.open_vault(settings, first=True)
    with pytest.raises(AuditBroken, match="its head is missing"):
        await audit.verify()
    await audit.record("ada", "thing.done", now=await database.now())
    with pytest.raises(AuditBroken, match="it was missing") as caught:
        await audit.verify()
    assert caught.value.entry == 1


@pytest.mark.parametrize("erased", [False, True])
async def test_a_lost_key_is_made_by_migrate_alone_and_is_an_entry(
    settings: Settings, log: Head, *, erased: bool
) -> None:
    await InstallationSecret.filter(name="audit").delete()
    if erased:
        await erase()
    with pytest.raises(CannotStart, match="otae migrate"):
        await keyring.open_vault(settings)
    for _ in range(2):
        await keyring.open_vault(settings, first=True)
        await audit.record("ada", "thing.done", now=await database.now())
    assert await AuditEntry.filter(action=audit.KEY_LOST).count() == 1
    with pytest.raises(AuditBroken) as caught:
        await audit.verify()
    assert caught.value.entry == 1
    last = await AuditEntry.all().order_by("-id").first()
    assert last is not None
    assert last.id == (0 if erased else ENTRIES) + 3


async def test_keys_are_not_made_beside_what_an_installation_left(settings: Settings, log: Head) -> None:
    await InstallationSecret.all().delete()
    with pytest.raises(CannotStart, match="key check is missing"):
        await keyring.open_vault(settings, first=True)
    assert not await InstallationSecret.exists()
    assert await AuditEntry.all().count() == ENTRIES


async def test_processes_that_start_together_make_one_beginning(settings: Settings, log: Head) -> None:
    await Certificate.exclude(issuer_id=None).exclude(purpose="device-ca").exclude(purpose="service-ca").delete()
    await Certificate.exclude(issuer_id=None).delete()
    for table in (InstallationSecret, AuditEntry, AuditHead, Certificate, Administrator):
        await table.all().delete()
    await asyncio.gather(*(keyring.open_vault(settings, first=True) for _ in range(5)))
    assert await InstallationSecret.all().count() == len(keyring.SECRETS)
    await audit.record("ada", "thing.done", now=await database.now())
    assert (await audit.verify()).count == 1


async def test_a_lost_head_is_not_made_again_by_migrate(settings: Settings, log: Head) -> None:
    await AuditHead.all().delete()
    await keyring.open_vault(settings, first=True)
    with pytest.raises(AuditBroken):
        await audit.verify()


def test_changes_are_told_in_words_and_secrets_only_named() -> None:
    before = {"port": 25, "security": "none", "ntlm": False, "password_sealed": b"1", "text": "a", "options": {"a": 1}}
    after = before | {"port": 587, "ntlm": True, "password_sealed": b"2", "text": "a\nb", "options": {"a": 2}}
    assert audit.describe_changes(before, after) == "port 25 → 587, ntlm false → true, password, text, options"
    assert audit.describe_changes(before, before) == ""
    assert audit.describe_changes({"base": ""}, {"base": "dc=x"}) == "base none → dc=x"


async def test_a_process_without_the_key_records_nothing(log: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_keys", {})
    with pytest.raises(RuntimeError, match="open the vault"):
        await audit.record("ada", "thing.done", now=await database.now())
    assert await AuditEntry.all().count() == ENTRIES


@pytest.mark.parametrize("change", [{"actor": "cleo"}, {"detail": "other"}, {"part_of": 3}, {"erased": "0" * 64}])
async def test_a_part_of_a_bulk_action_and_an_erased_text_are_proven_too(log: Head, change: dict[str, object]) -> None:
    now = await database.now()
    whole = await audit.record("ada", "thing.many", now=now, detail="2 things")
    with audit.parts_of(whole):
        await audit.record("ada", "thing.done", now=now, subject="p-1", detail="Ben, ben@x.test; Benjamin")
        part = await audit.record("ada", "thing.done", now=now, subject="p-2", detail="Ben, ben@x.test; Benjamin")
    assert (await AuditEntry.get(id=part)).part_of == whole
    assert await audit.erase(["BEN@x.test"], "(erased)", about=["p-2"], about_words=["ben"]) == 2
    texts = [entry.detail for entry in await AuditEntry.filter(part_of=whole).order_by("id")]
    assert texts == ["Ben, (erased); Benjamin", "(erased), (erased); Benjamin"]
    assert await audit.erase(["ben@x.test"], "(erased)", about=["p-2"], about_words=["ben"]) == 0
    head = await audit.verify(log)
    await audit.record("ada", "thing.done", now=now)
    assert (await audit.verify(head)).count == head.count + 1
    await AuditEntry.filter(id=part).update(**change)
    with pytest.raises(AuditBroken):
        await audit.verify()


async def test_what_was_exported_proves_itself_and_what_was_changed_shows(log: Head) -> None:
    rows = [audit.exported(entry) for entry in await AuditEntry.all().order_by("id")]
    assert audit.verify_exported(json.loads(json.dumps(rows))) == ENTRIES
    assert audit.verify_exported(rows[::3]) == len(rows[::3]), "a filtered export leaves entries out"
    wrong = [dict(row) for row in rows]
    wrong[4]["actor"] = "cleo"
    for changed, named in ((wrong, 5), ([*rows[:4], rows[5], rows[4]], 5), ([*rows, rows[-1]], ENTRIES)):
        with pytest.raises(AuditBroken) as broken:
            audit.verify_exported(changed)
        assert broken.value.entry == named
