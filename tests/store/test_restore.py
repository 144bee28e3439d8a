"""A backup comes back: all of it comes back on either database, and nothing that works once works twice.

It is longer than 300 lines because what a restore ends is judged on one furnished installation, set up here.
"""

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from otae import app
from otae.accounts import administrators
from otae.enrollment import sessions, signin
from otae.enrollment.signin import SignInEntry
from otae.errors import CannotStart, ChallengeUsed, Refusal, SetupLinkUnknown, SigninFailed
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.settings import Settings
from otae.store import audit, database, keyring
from otae.store.audit_entries import list_entries
from otae.store.backup_file import BackupReader, BackupUnreadable, BackupWriter
from otae.store.desk import Desk
from otae.store.installation import open_desk
from otae.store.models import (
    AuditEntry,
    BrowserSession,
    Delivery,
    EnrollmentSession,
    Event,
    Heartbeat,
    Invitation,
    Job,
    PasswordLink,
    PeopleImport,
    PeopleImportLine,
    Person,
    Pin,
)
from otae.store.restore import RestoreRefused
from tests.desks import MASTER_KEY, RecordingBell, make_settings, on_postgres, on_sqlite, opened
from tests.invitations.guests import PASSWORD, add_person
from tests.servers.postgres import PostgresServer
from tests.store.furnish import House, furnish, rows, taken

pytestmark = pytest.mark.anyio

#: Tables in which the restore itself ends things, or adds to.
ENDED = {
    "AuditEntry",
    "AuditHead",
    "Challenge",
    "Delivery",
    "EnrollmentSession",
    "Event",
    "Invitation",
    "Job",
    "PasswordLink",
    "PeopleImport",
    "PeopleImportLine",
    "Pin",
}
ENDED |= {"Campaign", "GroupInvitation", "RecoveryCode", "SetupLink"}


@pytest.fixture
def unmigrated(settings: Settings, postgres: PostgresServer, tmp_path: Path) -> Iterator[Settings]:
    """Give a place with the same master keys and not even tables, on the other kind of database."""
    home = tmp_path / "elsewhere"
    if settings.database_url:
        yield make_settings(home)
        return
    url = postgres.fresh()
    yield on_postgres(home, url)
    postgres.drop(url)


@pytest.fixture
def elsewhere(
    settings: Settings, postgres: PostgresServer, migrated_postgres: str, migrated_sqlite: Path, tmp_path: Path
) -> Iterator[Settings]:
    """Give a place with the same master keys and nothing in its tables, on the other kind of database."""
    home = tmp_path / "elsewhere"
    if settings.database_url:
        yield on_sqlite(home, migrated_sqlite)
        return
    url = postgres.fresh(migrated_postgres)
    yield on_postgres(home, url)
    postgres.drop(url)


@pytest.fixture
def sqlite_elsewhere(migrated_sqlite: Path, tmp_path: Path) -> Settings:
    """Give a place on SQLite with the same master keys and nothing in its tables."""
    return on_sqlite(tmp_path / "elsewhere", migrated_sqlite)


@pytest.fixture
async def restored(desk: Desk, house: House, elsewhere: Settings) -> AsyncIterator[Desk]:
    """Give the installation elsewhere, restored."""
    data = await taken(desk)
    await database.disconnect()
    await app.restore(elsewhere, io.BytesIO(data))
    async with opened(elsewhere, RecordingBell()) as there:
        yield there


async def test_every_row_comes_back_on_the_other_database(desk: Desk, house: House, unmigrated: Settings) -> None:
    before = await rows()
    assert not [name for name, found in before.items() if not found], "a table without a row is not tried"
    data = await taken(desk)
    await database.disconnect()
    result = await app.restore(unmigrated, io.BytesIO(data))
    async with database.connected(unmigrated):
        after = await rows()
    assert result.rows == sum(len(found) for found in before.values()) + 1  # the entry of the backup itself
    for name in set(before) - ENDED:
        assert sorted(map(repr, after[name])) == sorted(map(repr, before[name])), name
    for name in ENDED - {"AuditEntry", "Event"}:
        assert len(after[name]) == len(before[name])
    assert after["AuditEntry"][: len(before["AuditEntry"])] == before["AuditEntry"]
    assert after["Event"][: len(before["Event"])] == before["Event"]


async def test_sealed_values_open_and_the_audit_log_verifies(restored: Desk) -> None:
    server = (await rows())["NotificationServer"][0]
    assert server["from_name"] == "Größe & <Co>"
    assert (await audit.verify()).count == await AuditEntry.all().count()
    actions = [entry.action for entry in await list_entries(limit=2)]
    assert actions == ["backup.restored", "backup.taken"]
    assert len(await keyring.installation_secret(restored.vault, "pepper")) == 32


async def test_an_open_pin_is_dead_and_a_new_one_works(restored: Desk, house: House) -> None:
    now = await database.now()
    assert not await Pin.filter(active=True).exists()
    assert not await Pin.filter(pin_sealed__not_isnull=True).exists()
    invitation = await Invitation.get(id=house.begun.invitation.id)
    assert invitation.generation == house.begun.invitation.generation + 1
    entry = SignInEntry(name="ben", password=PASSWORD, pin=house.begun.pin or "", network="203.0.113.9")
    with pytest.raises(SigninFailed):
        await signin.sign_in(restored, entry, now=now)
    with pytest.raises(Refusal):
        await signin.sign_in(restored, SignInEntry(**{**vars(entry), "invitation": invitation}), now=now)
    again = await lifecycle.resend(restored, invitation, now=now, actor="ada", show_pin=True)
    fresh = SignInEntry(**{**vars(entry), "pin": again.pin or "", "invitation": again.invitation})
    assert (await signin.sign_in(restored, fresh, now=now)).status == "opened"


async def test_an_unused_challenge_and_its_session_are_over(restored: Desk, house: House) -> None:
    session = await EnrollmentSession.get(id=house.session.id)
    assert (session.status, session.closed_at is not None) == ("expired", True)
    assert await Event.filter(session_id=session.id, kind="session.expired", detail="restored from a backup").exists()
    with pytest.raises(Refusal):
        await sessions.check_live(session, now=await database.now())
    with pytest.raises(Refusal) as caught:
        await sessions.use_challenge(house.challenge, "ota", now=await database.now())
    assert not isinstance(caught.value, ChallengeUsed) or "another" in caught.value.detail
    assert await EnrollmentSession.filter(status="enrolled").count() == 1


async def test_messages_with_a_dead_pin_are_cancelled_and_others_still_wait(desk: Desk, elsewhere: Settings) -> None:
    now = await database.now()
    with_pin = await furnish(desk)
    await add_person(desk, "dora")
    order = InvitationOrder("dora", InvitationTerms(mode="username_password"))
    without = await lifecycle.create(desk, order, now=now, actor="ada")
    data = await taken(desk)
    await database.disconnect()
    result = await app.restore(elsewhere, io.BytesIO(data))
    async with database.connected(elsewhere):
        dead = await Delivery.filter(invitation_id=with_pin.waiting.invitation.id)
        assert {row.kind: row.status for row in dead} == {"url": "cancelled", "pin": "cancelled"}
        assert [row.status for row in await Delivery.filter(invitation_id=without.invitation.id)] == ["queued"]
        cancelled = Event.filter(kind="delivery.cancelled", invitation_id=with_pin.waiting.invitation.id)
        assert await cancelled.count() == 2
    assert (result.pins, result.deliveries, result.challenges, result.sessions) == (2, 4, 1, 1)
    assert (result.setup_links, result.jobs, result.group_invitations) == (1, 1, 1)


async def test_browsers_are_signed_out_and_links_and_jobs_are_over(restored: Desk, house: House) -> None:
    assert not await BrowserSession.exists()
    assert not await Heartbeat.exists()
    token = house.setup_link.rpartition("=")[2]
    with pytest.raises(SetupLinkUnknown):
        await administrators.find_setup_link(token, now=await database.now())
    job = await Job.get(id=house.job)
    assert (job.status, job.output["words"]) == ("failed", "restored from a backup")
    assert not await PasswordLink.filter(used_at=None).exists()
    brought = await PeopleImport.get(file_name="people.csv")
    assert (brought.status, brought.file_sealed) == ("cancelled", None)
    assert not await PeopleImportLine.filter(password_sealed__not_isnull=True).exists()


async def test_the_restored_installation_goes_on_numbering_and_working(restored: Desk, house: House) -> None:
    highest = max(event.id for event in await Event.all())
    await add_person(restored, "dora")
    order = InvitationOrder("dora", InvitationTerms(mode="username_password"))
    await lifecycle.create(restored, order, now=await database.now(), actor="ada")
    assert max(event.id for event in await Event.all()) > highest
    await audit.verify()
    assert (await taken(restored)).startswith(b"otae backup 1\n")


async def test_a_new_installation_that_nobody_used_is_replaced(desk: Desk, house: House, elsewhere: Settings) -> None:
    roots = [row["sha256"] for row in (await rows())["Certificate"] if row["purpose"] == "root"]
    data = await taken(desk)
    await database.disconnect()
    await app.prepare(elsewhere)
    await app.restore(elsewhere, io.BytesIO(data))
    await app.prepare(elsewhere)
    async with open_desk(elsewhere):
        assert [row["sha256"] for row in (await rows())["Certificate"] if row["purpose"] == "root"] == roots
        await audit.verify()


async def test_an_installation_in_use_is_refused_and_left_alone(desk: Desk, house: House) -> None:
    data, now = await taken(desk), await database.now()
    vault = keyring.vault_from_settings(desk.settings)
    await Heartbeat.all().delete()
    before = await rows()
    with pytest.raises(RestoreRefused, match="is not empty"):
        await app.restore(desk.settings, io.BytesIO(data))
    async with database.connected(desk.settings):
        assert await rows() == before
        await Heartbeat(name="worker 1", role="worker", at=now).save(force_create=True)
    with pytest.raises(RestoreRefused, match="is running"):
        await app.restore(desk.settings, io.BytesIO(data))
    assert BackupReader(io.BytesIO(data), vault).header.product


async def test_an_installation_where_somebody_changed_something_is_refused(desk: Desk, elsewhere: Settings) -> None:
    data = await taken(desk)
    await database.disconnect()
    await app.prepare(elsewhere)
    async with open_desk(elsewhere) as there:
        await audit.record("ada", "push.imported", now=await database.now())
        assert there.settings is elsewhere
    with pytest.raises(RestoreRefused, match="somebody"):
        await app.restore(elsewhere, io.BytesIO(data))


async def test_other_master_keys_are_refused_before_anything_is_touched(desk: Desk, tmp_path: Path) -> None:
    data = await taken(desk)
    home = tmp_path / "elsewhere"
    other = make_settings(home, OTAE_MASTER_KEYS=keyring.new_master_key())
    with pytest.raises(BackupUnreadable, match="the key it was taken with"):
        await app.restore(other, io.BytesIO(data))
    with pytest.raises(CannotStart, match="put it back"):
        await app.restore(Settings.load({"OTAE_HOME": str(home)}), io.BytesIO(data))
    assert not home.exists()


async def test_the_key_it_was_taken_with_may_be_an_older_one(
    desk: Desk, house: House, sqlite_elsewhere: Settings
) -> None:
    data = await taken(desk)
    await database.disconnect()
    both = make_settings(sqlite_elsewhere.home, OTAE_MASTER_KEYS=f"{keyring.new_master_key()},{MASTER_KEY}")
    await app.restore(both, io.BytesIO(data))
    async with open_desk(both):
        assert await Person.filter(name="ben").exists()


async def test_values_under_a_key_that_is_not_given_are_named(
    desk: Desk, house: House, sqlite_elsewhere: Settings
) -> None:
    new = keyring.new_master_key()
    rotated = make_settings(sqlite_elsewhere.home, OTAE_MASTER_KEYS=f"{new},{MASTER_KEY}")
    data = await taken(Desk(desk.settings, keyring.vault_from_settings(rotated), desk.bell))
    await database.disconnect()
    with pytest.raises(RestoreRefused, match="older master key"):
        await app.restore(make_settings(sqlite_elsewhere.home, OTAE_MASTER_KEYS=new), io.BytesIO(data))


async def test_another_release_s_backup_is_refused_by_name(desk: Desk, sqlite_elsewhere: Settings) -> None:
    file, now = io.BytesIO(), await database.now()
    writer = BackupWriter(file, desk.vault, product="9.8.7", schema="0042_later", taken_at=now)
    writer.close()
    file.seek(0)
    with pytest.raises(RestoreRefused, match=r"otae 9\.8\.7 \(schema 0042_later\)"):
        await app.restore(sqlite_elsewhere, file)


async def test_a_changed_or_cut_backup_leaves_nothing_behind(
    desk: Desk, house: House, sqlite_elsewhere: Settings
) -> None:
    data = await taken(desk)
    await database.disconnect()
    half = bytearray(data)
    half[len(half) // 2] ^= 1
    for broken in (data[:-1], data[: len(data) // 2], bytes(half), data + b"x"):
        with pytest.raises(BackupUnreadable):
            await app.restore(sqlite_elsewhere, io.BytesIO(broken))
        async with database.connected(sqlite_elsewhere):
            assert not any((await rows()).values())
    await app.restore(sqlite_elsewhere, io.BytesIO(data))


@pytest.fixture
async def house(desk: Desk) -> House:
    """Furnish the installation that is backed up."""
    return await furnish(desk)
