"""What is refused stands in the log with its code; strangers and hostile Macs leave no more than a few rows."""

import asyncio
import re

import pytest
from structlog.testing import capture_logs

from otae.enrollment import ota
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import EnrollmentSession, Event
from otae.web.addresses import CHECKIN, CONNECT, DEVICE, INSTALL, LOGIN, SCEP
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.web.conftest import PASSWORD, Invite, Site

pytestmark = pytest.mark.anyio

UNREADABLE = [b"", b"garbage", b"\x30\x80" * 4, b"<?xml", b"bplist00", bytes(range(256))]


async def test_strangers_leave_no_row_however_much_they_send(site: Site, desk: Desk) -> None:
    stranger = site.stranger()
    for number in range(125):
        body = UNREADABLE[number % len(UNREADABLE)] + str(number).encode()
        asked = [stranger.post(DEVICE, content=body), stranger.post(SCEP, content=body)]
        asked += [stranger.put(path, content=body, headers={"Mdm-Signature": "AAAA"}) for path in (CHECKIN, CONNECT)]
        assert {answer.status_code for answer in await asyncio.gather(*asked)} <= {400, 413}
    mac = LabMac()  # a message that fits and belongs to nobody
    for number in range(20):
        await stranger.post(DEVICE, content=mac.post(mac.attributes(f"guess {number}")))
    assert await Event.all().count() == 0


async def test_the_log_line_of_a_refusal_carries_its_codes(site: Site, desk: Desk) -> None:
    with capture_logs() as lines:
        answer = await site.stranger().post(DEVICE, content=b"garbage")
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
        answer = await site.stranger().post(DEVICE, content=stranger.post(stranger.attributes(challenge)))
    assert answer.text.startswith("signer-untrusted ")
    event = await Event.get(kind="refused")
    (line,) = (line for line in lines if line["event"] == "request")
    assert (line["refusal"], line["support_code"]) == ("signer-untrusted", event.support_code)
    assert event.invitation_id == made.invitation.id
    page = (await site.client.get(INSTALL)).text
    assert event.support_code in page
    assert "This Mac could not be recognised." in page


async def test_a_refusal_repeated_is_stored_once_and_a_flood_no_more_than_a_hundred_times(
    site: Site, desk: Desk
) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, way="profile")
    mac = LabMac()
    await mac.install_profile(desk, session, now)
    client = site.stranger()

    async def connect(udid: str) -> None:
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>UDID</key><string>{udid}</string>'
        )
        signed = f"{body}<key>Status</key><string>{udid}</string></dict></plist>".encode()
        answer = await client.put(CONNECT, content=signed, headers={"Mdm-Signature": mac.sign_header(signed)})
        assert answer.status_code == 400

    for _ in range(30):
        await connect("AAAABBBB-1111")
    assert await Event.filter(kind="refused").count() == 1
    first = await Event.get(kind="refused")
    assert (await EnrollmentSession.get()).support_code == first.support_code
