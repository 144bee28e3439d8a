"""What is refused stands in the log with its code; strangers and hostile Macs leave no more than a few rows."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from otae.apple import plist
from otae.enrollment import ota
from otae.enrollment.sessions import MAX_UNUSED
from otae.errors import DeviceUnknown
from otae.mdm.checkin import MAX_USER_CHANNELS
from otae.paths import CHECKIN, CONNECT, INSTALL, LOGIN, OTA, PROFILE, ROOT, SCEP
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession, Event, UserChannel
from otae.store.records import MOST_REFUSALS, about, note_refusal
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.web.conftest import PASSWORD, Invite, Site, shown_code

pytestmark = pytest.mark.anyio

UNREADABLE = [b"", b"garbage", b"\x30\x80" * 4, b"<?xml", b"bplist00", bytes(range(256))]


async def test_strangers_leave_no_row_however_much_they_send(site: Site, desk: Desk) -> None:
    stranger = site.stranger()
    for number in range(125):
        body = UNREADABLE[number % len(UNREADABLE)] + str(number).encode()
        asked = [stranger.post(OTA, content=body), stranger.post(SCEP, content=body)]
        asked += [stranger.put(path, content=body, headers={"Mdm-Signature": "AAAA"}) for path in (CHECKIN, CONNECT)]
        assert {answer.status_code for answer in await asyncio.gather(*asked)} <= {400, 413}
    mac = LabMac()  # a message that fits and belongs to nobody
    for number in range(20):
        await stranger.post(OTA, content=mac.post(mac.attributes(f"guess {number}")))
    assert await Event.all().count() == 0


async def test_the_log_line_of_a_refusal_carries_its_codes(site: Site, desk: Desk) -> None:
    with capture_logs() as lines:
        answer = await site.stranger().post(OTA, content=b"garbage")
        await site.stranger().put(CHECKIN, content=b"garbage")
        request = (await LabMac().request(desk, "guessed"))[0]
        scep = await site.stranger().post(SCEP, content=request.data)
        await site.stranger().get("/healthz")
    found = [line for line in lines if line["event"] == "request"]
    assert [line.get("refusal") for line in found] == [
        answer.text.split()[0],
        "signature-missing",
        "challenge-unknown",
        None,
    ]
    assert scep.status_code == 200, "SCEP says no inside its own message"
    for line in found[:3]:
        assert re.fullmatch("[2-9A-Z]{5}", line["support_code"])
    assert found[1]["refusal_detail"] == "no Mdm-Signature header"


async def test_an_early_refusal_is_told_alike_in_log_timeline_and_on_the_page(
    site: Site, desk: Desk, invite: Invite
) -> None:
    made = await invite("username_password", way="ota")
    await site.client.get(f"{LOGIN}?e={made.token}")
    await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    session = await EnrollmentSession.get()
    challenge = lab.challenge_of(await ota.phase_one(desk, session, now=await database.now()))
    stranger = LabMac(signer=lab.device_certificate("a Mac", "Somebody Else"))
    with capture_logs() as lines:
        answer = await site.stranger().post(OTA, content=stranger.post(stranger.attributes(challenge)))
    assert answer.text.startswith("signer-untrusted ")
    event = await Event.get(kind="refused")
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["refusal"], line["support_code"]) == ("signer-untrusted", event.support_code)
    assert event.invitation_id == made.invitation.id
    page = (await site.client.get(INSTALL)).text
    assert event.support_code == made.invitation.support_code == shown_code(page)
    assert "This Mac could not be recognised." in page


@pytest.mark.slow
async def test_a_hostile_mac_leaves_no_more_than_a_few_rows(site: Site, desk: Desk) -> None:
    mac = LabMac()
    session, topic = await ready(desk, mac)
    client = site.stranger()

    async def put(path: str, **said: object) -> int:
        body = plist.dumps({"UDID": mac.udid, **said})
        return (await client.put(path, content=body, headers={"Mdm-Signature": mac.sign_header(body)})).status_code

    for _ in range(30):
        assert await put(CONNECT, Status="Idle") == 400, "not enrolled yet"
    first = await Event.get(kind="refused")
    assert (await EnrollmentSession.get()).support_code == first.support_code
    for number in range(MOST_REFUSALS + 30):
        assert await put(CONNECT, UDID=f"AAAABBBB-{number:04d}", Status="Idle") == 400
        assert await put(CHECKIN, MessageType=f"Odd{number}") == 400
    assert await Event.filter(kind="refused").count() <= MOST_REFUSALS
    now = await database.now()
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    before = await Event.all().count()
    for number in range(MAX_USER_CHANNELS + 20):
        said = {"Topic": topic, "Token": b"1" * 32, "PushMagic": "magic", "UserID": f"USER-{number}"}
        assert await put(CHECKIN, MessageType="TokenUpdate", **said) == 200
    assert await UserChannel.filter(enrollment__session_id=session.id).count() == MAX_USER_CHANNELS
    assert await UserChannel.exists(user_id=f"USER-{MAX_USER_CHANNELS + 19}"), "the newest stays"
    assert await Event.all().count() == before


async def ready(desk: Desk, mac: LabMac) -> tuple[EnrollmentSession, str]:
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    return session, await mac.install_profile(desk, session, now)


async def test_refusals_of_one_session_are_stored_once_a_day_when_there_were_many(site: Site, desk: Desk) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now)
    concerned = replace(about(session), invitation_id=None)

    async def refuse(detail: str, days: int = 0) -> str:
        return await note_refusal(DeviceUnknown(detail), now=now + timedelta(days=days), about=concerned)

    assert await refuse("a") == await refuse("a")
    assert await refuse("a") != await refuse("b")
    for number in range(MOST_REFUSALS):
        await refuse(f"detail {number}")
    assert await refuse("new") == await refuse("newer")
    assert await refuse("tomorrow", 1) == await refuse("tomorrow too", 1)
    assert await Event.filter(kind="refused").count() == MOST_REFUSALS + 1


async def test_a_signed_in_browser_that_downloads_without_end_leaves_a_few_rows(site: Site, invite: Invite) -> None:
    made = await invite("username_password", way="ota")
    await site.client.get(f"{LOGIN}?e={made.token}")
    await site.client.post(LOGIN, data={"name": "ben", "password": PASSWORD})
    for _ in range(MAX_UNUSED + 15):
        assert (await site.client.get(PROFILE)).status_code == 200
        assert (await site.client.get(ROOT)).status_code == 200
    assert await Challenge.all().count() <= MAX_UNUSED + 1
    assert await Event.filter(kind__in=["profile.fetched", "root.fetched"]).count() == 2
