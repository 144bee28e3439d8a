"""A rehearsal goes the whole way, leaves nothing behind, and says where it stopped."""

import asyncio
from datetime import timedelta

import pytest

from otae.branding import portal_texts
from otae.delivery import servers
from otae.errors import InputRefused
from otae.invitations.modes import mode_of
from otae.rehearsal import cleanup, run
from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.mac import Mac
from otae.rehearsal.profiles import Configuration
from otae.rehearsal.report import RehearsalStep, StepRecorder
from otae.store import database, jobs, properties
from otae.store.models import (
    BrowserSession,
    CaughtMail,
    Certificate,
    Challenge,
    Delivery,
    Device,
    Enrollment,
    EnrollmentSession,
    Event,
    Invitation,
    Job,
    NotificationServer,
    Person,
    Pin,
    UserChannel,
)
from tests.flow.house import House
from tests.new_mode import add_mode

pytestmark = pytest.mark.anyio

LEFT = (
    BrowserSession,
    CaughtMail,
    Challenge,
    Delivery,
    Device,
    Enrollment,
    EnrollmentSession,
    Event,
    Invitation,
    Person,
    Pin,
    UserChannel,
)
OTA = ["profile", "phase 2", "identity", "phase 3", "MDM identity"]
BEFORE = ["invite", "mail", "link", "sign in", "download"]
AFTER = ["Authenticate", "TokenUpdate", "user channel", "bootstrap token", "Idle", "enrolled", "CheckOut"]


async def see_nothing_left() -> None:
    assert {table.__name__: await table.all().count() for table in LEFT} == {table.__name__: 0 for table in LEFT}
    identities = Certificate.filter(purpose__in=("ota-identity", "mdm-identity"))
    assert await identities.exclude(state="revoked").count() == 0


@pytest.mark.parametrize("mode", ["username_password", "username_pin", "two_factor", "high_security"])
async def test_every_mode_is_rehearsed_and_nothing_stays(house: House, mode: str) -> None:
    heard: list[RehearsalStep] = []
    result = await run.rehearse(house.desk, mode, clock=database.now, report=heard.append)
    assert (result.ok, result.words) == (True, "")
    assert [step.name for step in result.steps] == [*BEFORE, *OTA, *AFTER]
    assert list(result.steps) == heard
    assert house.smtp.messages == [], "a rehearsal's mail never leaves the house"
    await see_nothing_left()


async def test_a_mode_that_is_only_a_row_is_rehearsed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    result = await run.rehearse(house.desk, add_mode(monkeypatch).name, clock=database.now)
    assert result.ok, result.words
    await see_nothing_left()


async def test_the_profile_way_is_rehearsed_too(house: House) -> None:
    result = await run.rehearse(house.desk, "two_factor", clock=database.now, way="profile")
    assert result.ok, result.words
    assert [step.name for step in result.steps] == [*BEFORE, "profile", "MDM identity", *AFTER]
    await see_nothing_left()


async def test_terms_of_use_are_accepted_by_the_rehearsal(house: House) -> None:
    await portal_texts.save("terms-of-use", "en", "Be kind.", now=await database.now(), actor="ada")
    result = await run.rehearse(house.desk, "two_factor", clock=database.now)
    assert result.ok, result.words


async def test_a_server_that_takes_no_sha1_is_rehearsed_without_it(house: House) -> None:
    await properties.write("mac.sha1", "false")
    await properties.write("enrollment.encrypt", "true")
    await properties.write("macos.otae.enable", "false")
    result = await run.rehearse(house.desk, "two_factor", clock=database.now)
    assert result.ok, result.words
    await see_nothing_left()


async def test_a_server_out_of_reach_is_named_and_all_is_cleaned_up(house: House) -> None:
    result = await run.rehearse(
        house.desk, "two_factor", clock=database.now, connect_to="https://127.0.0.1:9", report=lambda _: None
    )
    assert not result.ok
    assert "cannot be reached" in result.words
    assert "look at" in result.words
    assert "ep-" not in str(result.as_json()), "an invitation token stands in no message"
    assert [step.ok for step in result.steps] == [True, True, False]
    assert result.steps[-1].name == "link"
    assert result.steps[-1].look_at
    await see_nothing_left()


async def test_a_refusal_of_the_server_is_told_with_its_reason(house: House) -> None:
    await properties.write("mac.sha1", "false")
    result = await run.rehearse(
        house.desk, "username_password", clock=database.now, message_format=MessageFormat(digest="sha1")
    )
    assert not result.ok
    assert result.steps[-1].name == "phase 2"
    assert "403 algorithm-refused" in result.words
    await Event.filter(code="algorithm-refused").delete()  # before the message is believed, it is nobody's
    await see_nothing_left()


async def test_a_refusal_inside_the_protocol_is_told_with_what_was_recorded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def without_management(mac: Mac, final: Configuration) -> None:
        await mac.obtain(final.scep, name="first")
        await mac.obtain(final.scep, name="again")

    monkeypatch.setattr(Mac, "install_mdm", without_management)
    result = await run.rehearse(house.desk, "username_password", clock=database.now)
    assert "BAD_REQUEST" in result.words
    assert "challenge-used" in result.words
    await see_nothing_left()


async def test_an_unknown_mode_is_refused_before_anything_is_made(house: House) -> None:
    with pytest.raises(InputRefused):
        await run.rehearse(house.desk, "shared_secret", clock=database.now)
    await see_nothing_left()


async def ordered(house: House, mode: str) -> Job:
    """Order a rehearsal as the dashboard's button does, and wait for the worker."""
    job = await jobs.enqueue("rehearsal", {"mode": mode}, created_by="ada", now=await database.now())
    house.desk.bell.ring("job", job.id)
    while job.status in ("queued", "running"):
        await asyncio.sleep(0.1)
        await job.refresh_from_db()
    return job


async def test_a_job_of_the_dashboard_shows_its_steps(house: House) -> None:
    job = await ordered(house, "username_pin")
    assert (job.status, job.output["ok"], job.output["words"]) == ("done", True, "")
    steps = job.output["steps"]
    assert isinstance(steps, list)
    assert [step["name"] for step in steps] == [*BEFORE, *OTA, *AFTER]
    assert all(step["seconds"] >= 0 and step["ok"] for step in steps)
    await see_nothing_left()


async def test_a_job_with_a_mode_that_is_off_says_so(house: House) -> None:
    job = await ordered(house, "invitation_url")
    assert job.status == "failed"
    assert "off" in str(job.output["words"])


async def test_what_a_dead_process_left_is_swept_after_ten_minutes(house: House) -> None:
    await NotificationServer.all().delete()
    made = run._Rehearsal(  # noqa: SLF001 - a process that dies leaves exactly this behind
        house.desk, await mode_of("two_factor"), database.now, None, None, MessageFormat(), StepRecorder()
    )
    await made.run()
    await Person.all().update(disabled=False)
    ordinary = await house.person("ben")
    now = await database.now()
    assert await cleanup.sweep(now=now + timedelta(minutes=9)) == 0
    assert await Enrollment.all().count() == 1
    assert await cleanup.sweep(now=now + timedelta(minutes=11)) == 1
    assert await cleanup.sweep(now=now + timedelta(minutes=11)) == 0
    assert [row.id for row in await Person.all()] == [ordinary.id]
    await ordinary.delete()
    await see_nothing_left()


async def test_ordinary_rows_are_never_swept(house: House) -> None:
    await house.person("ben")
    created = await house.invite("ben", "two_factor", send=False)
    later = await database.now() + timedelta(days=1)
    await cleanup.sweep(now=later)
    await cleanup.remove(created.invitation.person_id, now=later, actor="clock")
    assert await Invitation.all().count() == 1
    assert await servers.active_server() is not None
