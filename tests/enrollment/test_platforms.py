"""An invitation is for a Mac: iPhones and their like are refused and spend nothing, whatever else there is counts."""

from typing import Any

import pytest

from otae.enrollment import progress
from otae.errors import PlatformRefused
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, Challenge, Device, EnrollmentSession, Invitation
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import refused, started, state

pytestmark = pytest.mark.anyio

OTHERS = ["iPhone16,2", "iPad14,3", "iPod9,1", "AppleTV11,1", "Watch7,1", "RealityDevice14,1", "AudioAccessory6,1"]
MACS = ["Mac16,1", "MacBookAir10,1", "VMware7,1", "Parallels18,1", "VirtualMac2,1", "iMac21,1", "QEMU", "", None]


async def test_phase_two_refuses_what_is_no_mac_and_spends_nothing(desk: Desk) -> None:
    session, challenge = await started(desk)
    for product in OTHERS:
        other = LabMac(udid="00008130-000A1B2C3D4E001E", serial="F2LX0TEST", product=product)
        refusal = await refused(desk, other.post(other.attributes(challenge)), PlatformRefused)
        assert product in refusal.detail
    assert await state(session) == ("opened", None, "platform-refused")
    assert (await Challenge.get()).used_at is None
    assert (await Invitation.get()).status == "pending"
    seen = await EnrollmentSession.get(id=session.id).prefetch_related("invitation")
    told = progress.session_progress(seen, now=await database.now())
    assert (told.end, told.refusal, told.can_retry, bool(told.support_code)) == (
        None,
        PlatformRefused.words,
        False,
        True,
    )
    await LabMac().phase_two(desk, challenge, await database.now())
    assert await state(session) == ("identified", LabMac().udid, None)


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_authenticate_refuses_what_is_no_mac_and_the_mac_enrolls_after_it(desk: Desk, way: str) -> None:
    now = await database.now()
    session = await lab.signed_in(desk, now, way=way)
    phone = LabMac(udid="00008130-000A1B2C3D4E001E", serial="F2LX0TEST")
    topic = await (phone.install_over_the_air if way == "ota" else phone.install_profile)(desk, session, now)
    with pytest.raises(PlatformRefused):
        await phone.authenticate(desk, now, topic, ProductName="iPhone16,2")
    assert not await Device.exists()
    status, udid, refusal = await state(session)
    assert (status, refusal) == ("configured" if way == "ota" else "certified", "platform-refused")
    assert udid == (phone.udid if way == "ota" else None)
    assert await Certificate.filter(purpose="mdm-identity", revoked_at=None).count() == 0
    assert (await Invitation.get()).status == "pending"
    mac = LabMac()
    again = session if way == "profile" else await lab.signed_in(desk, now, of=await Invitation.get())
    topic = await (mac.install_over_the_air if way == "ota" else mac.install_profile)(desk, again, now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    assert (await Invitation.get()).status == "redeemed"


@pytest.mark.parametrize("said", [{"Model": "iPad14,3"}, {"ModelName": "iPhone", "Model": None, "ProductName": None}])
async def test_any_name_of_the_product_tells(desk: Desk, said: dict[str, Any]) -> None:
    now = await database.now()
    mac = LabMac()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, way="profile"), now)
    with pytest.raises(PlatformRefused):
        await mac.authenticate(desk, now, topic, **said)


async def test_every_other_product_counts_as_a_mac(desk: Desk) -> None:
    now = await database.now()
    for number, product in enumerate(MACS):
        session, challenge = await started(desk, who=f"ben{number}")
        mac = LabMac(udid=f"00008103-00000000000000{number:02d}", product=product)
        mac.ota = await mac.identity(desk, lab.challenge_of(await mac.phase_two(desk, challenge, now)), now)
        final = await mac.phase_three(desk, now)
        mac.mdm = await mac.identity(desk, lab.challenge_of(final), now)
        topic = str(lab.payload(lab.read_profile(final), "com.apple.mdm")["Topic"])
        await mac.authenticate(desk, now, topic, Model=product, ModelName=None, ProductName=product)
        await mac.token_update(desk, now, topic)
        assert (await state(session))[0] == "enrolled"
