"""The oldest macOS and the models that may enroll, at phase 2 and at Authenticate."""

import pytest

from otae.enrollment import allowed_devices
from otae.errors import InputRefused, MacTooOld, ModelRefused
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Device, EnrollmentSession
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import refused, started, state

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("build", "major"),
    [
        ("17G14042", 10),
        ("19H15", 10),
        ("20A5354i", 11),
        ("21G72", 12),
        ("22A380", 13),
        ("23H626", 14),
        ("24B91", 15),
        ("25A354", 26),
        ("26A1", 27),
        ("", None),
        ("A380", None),
        ("Ventura", None),
    ],
)
def test_a_build_names_its_macos(build: str, major: int | None) -> None:
    assert allowed_devices.major_of(build) == major


@pytest.mark.parametrize(
    ("minimum", "enrolls"), [("", True), ("13", True), ("13.6.1", True), ("14", False), ("26", False)]
)
async def test_phase_two_compares_the_major_version(desk: Desk, minimum: str, *, enrolls: bool) -> None:
    await properties.write("macos.minimum.version", minimum)
    session, challenge = await started(desk)
    mac, now = LabMac(), await database.now()
    if enrolls:
        await mac.phase_two(desk, challenge, now)
        assert await state(session) == ("identified", mac.udid, None)
        return
    refusal = await refused(desk, mac.post(mac.attributes(challenge)), MacTooOld)
    assert "22A380" in refusal.detail
    assert await state(session) == ("refused", None, "mac-too-old")


async def test_phase_two_refuses_a_model_whatever_its_case(desk: Desk) -> None:
    await properties.write("macos.refused.models", "MacBookPro16,1,virtualmac2,1")
    assert await properties.word("macos.refused.models") == "MacBookPro16,1, virtualmac2,1"
    session, challenge = await started(desk)
    mac = LabMac()
    await refused(desk, mac.post(mac.attributes(challenge)), ModelRefused)
    assert await state(session) == ("refused", None, "model-refused")


async def test_another_model_enrolls(desk: Desk) -> None:
    await properties.write("macos.refused.models", "VirtualMac2,11")
    session, challenge = await started(desk)
    await LabMac().phase_two(desk, challenge, await database.now())
    assert (await state(session))[0] == "identified"


@pytest.mark.parametrize(
    ("version", "enrolls"), [("13.6.1", True), ("13.7", True), ("14", True), ("13.6", False), ("12.9", False)]
)
@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_authenticate_compares_the_whole_version(desk: Desk, way: str, version: str, *, enrolls: bool) -> None:
    now = await database.now()
    session, mac = await lab.signed_in(desk, now, way=way), LabMac()
    topic = await (mac.install_over_the_air if way == "ota" else mac.install_profile)(desk, session, now)
    await properties.write("macos.minimum.version", "13.6.1")
    if enrolls:
        await mac.authenticate(desk, now, topic, OSVersion=version)
        assert await Device.exists()
        return
    with pytest.raises(MacTooOld):
        await mac.authenticate(desk, now, topic, OSVersion=version)
    assert not await Device.exists()
    ended = await EnrollmentSession.get()
    assert (ended.status, ended.refusal) == ("refused", "mac-too-old")


@pytest.mark.parametrize("version", [None, "Ventura"])
async def test_a_mac_that_does_not_say_its_version_is_too_old(desk: Desk, version: str | None) -> None:
    now = await database.now()
    session, mac = await lab.signed_in(desk, now, way="profile"), LabMac()
    topic = await mac.install_profile(desk, session, now)
    await properties.write("macos.minimum.version", "11")
    with pytest.raises(MacTooOld):
        await mac.authenticate(desk, now, topic, OSVersion=version)


async def test_authenticate_refuses_a_model(desk: Desk) -> None:
    now = await database.now()
    session, mac = await lab.signed_in(desk, now, way="profile"), LabMac()
    topic = await mac.install_profile(desk, session, now)
    await properties.write("macos.refused.models", "VirtualMac2,1")
    with pytest.raises(ModelRefused):
        await mac.authenticate(desk, now, topic, Model="MVVJ2")
    assert (await EnrollmentSession.get()).status == "refused"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("macos.minimum.version", "fourteen"),
        ("macos.minimum.version", "14."),
        ("macos.minimum.version", "14.1.2.3"),
        ("macos.refused.models", "MacBookPro"),
        ("macos.refused.models", "MacBookPro16,1 and others"),
    ],
)
async def test_a_rule_that_cannot_be_read_is_not_taken(desk: Desk, name: str, wrong: str) -> None:
    with pytest.raises(InputRefused):
        await properties.write(name, wrong)
