"""ServerURL: an enrolled Mac that is idle gets nothing to do."""

import pytest

from otae.apple import plist
from otae.errors import CheckinUnreadable, DeviceMismatch, DeviceUnknown, Refusal, SignatureMissing
from otae.mdm import commands
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Device
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio


async def enrolled(desk: Desk, mac: LabMac, *, authenticated_only: bool = False) -> None:
    now = await database.now()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, way="profile"), now)
    await mac.authenticate(desk, now, topic)
    if not authenticated_only:
        await mac.token_update(desk, now, topic)


async def put(desk: Desk, mac: LabMac, **said: object) -> bytes:
    body = plist.dumps({"UDID": mac.udid, "Status": "Idle", **said})
    return await commands.answer(desk, body, mac.sign_header(body), now=await database.now())


async def test_mdm_8_idle_gets_zero_bytes_and_the_mac_was_seen(desk: Desk) -> None:
    mac = LabMac()
    await enrolled(desk, mac)
    before = (await Device.get()).seen_at
    assert await put(desk, mac) == b""
    assert (await Device.get()).seen_at > before


async def test_the_answer_to_a_command_nobody_sent_is_taken(desk: Desk) -> None:
    mac = LabMac()
    await enrolled(desk, mac)
    assert await put(desk, mac, Status="Acknowledged", CommandUUID="0D1E") == b""


async def test_characters_that_xml_has_no_place_for_keep_no_answer_out(desk: Desk) -> None:
    """Macs put what other programs gave them into answers as it is, NUL included."""
    mac = LabMac()
    await enrolled(desk, mac)
    said = {"UDID": mac.udid, "Status": "Acknowledged", "CommandUUID": "0D1E", "ProfileList": [{"a": "Network?"}]}
    body = plist.dumps(said).replace(b"?</string>", b"\x00\x0b\xef\xbf\xbf</string>")
    assert await commands.answer(desk, body, mac.sign_header(body), now=await database.now()) == b""


@pytest.mark.parametrize(
    ("said", "refusal"), [({"UDID": "AAAABBBB-1111"}, DeviceMismatch), ({"Status": "Dancing"}, CheckinUnreadable)]
)
async def test_what_does_not_fit_is_refused(desk: Desk, said: dict[str, object], refusal: type[Refusal]) -> None:
    mac = LabMac()
    await enrolled(desk, mac)
    with pytest.raises(refusal) as caught:
        await put(desk, mac, **said)
    assert caught.value.support_code


async def test_without_signature_or_enrollment_nothing_is_answered(desk: Desk) -> None:
    mac = LabMac()
    await enrolled(desk, mac, authenticated_only=True)
    with pytest.raises(SignatureMissing):
        await commands.answer(desk, b"<?xml", None, now=await database.now())
    with pytest.raises(DeviceUnknown):
        await put(desk, mac)
