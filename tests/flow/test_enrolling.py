"""Behind the pages: a signed-in person's Mac goes both ways, in every shape of its messages."""

from datetime import UTC, datetime, timedelta

import pytest

from otae.rehearsal.hardware import DeviceFacts, MessageFormat
from otae.rehearsal.mac import Mac, build_hardware
from otae.store import properties
from otae.store.models import Certificate, Enrollment, UserChannel
from tests.flow.conftest import ON_BOTH
from tests.flow.house import House

pytestmark = pytest.mark.anyio

SHAPES = [
    MessageFormat(),
    MessageFormat(
        digest="sha256", attributes=True, indefinite=False, whole_chain=False, scep_by_get=True, csr_version=0
    ),
    MessageFormat(cipher="des-ede3-cbc"),
]


async def walk(house: House, way: str, shape: MessageFormat) -> None:
    ben = await house.person("ben")
    invitation = (await house.invite("ben", "two_factor", send=False)).invitation
    session = await house.signed_in(ben, invitation, way)
    async with house.line() as line:
        mac = await house.mac(line, shape=shape)
        await mac.install(await house.download(session))
        await mac.check_in()
        await session.refresh_from_db()
        await invitation.refresh_from_db()
        assert (session.status, invitation.status) == ("enrolled", "redeemed")
        assert (session.udid, session.serial) == (mac.facts.udid, mac.facts.serial)
        enrollment = await Enrollment.get(device__udid=mac.facts.udid)
        assert enrollment.status == "enrolled"
        assert await UserChannel.filter(enrollment_id=enrollment.id).count() == 1
        await mac.check_out()
        await enrollment.refresh_from_db()
        assert enrollment.status == "unenrolled"
    pinned = await Certificate.get(id=enrollment.certificate_id)
    assert pinned.state == "revoked"


@ON_BOTH
@pytest.mark.parametrize("shape", SHAPES, ids=["captured", "modern", "3DES"])
@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_a_mac_is_enrolled_and_leaves_again(house: House, way: str, shape: MessageFormat) -> None:
    await walk(house, way, shape)


async def test_a_mac_whose_clock_is_days_ahead_is_enrolled(house: House) -> None:
    ben = await house.person("ben")
    invitation = (await house.invite("ben", "two_factor", send=False)).invitation
    session = await house.signed_in(ben, invitation)
    async with house.line() as line:
        hardware = await build_hardware(house.maker, datetime.now(UTC))
        ahead = Mac(
            line,
            [house.root],
            hardware,
            DeviceFacts.invented(),
            clock=lambda: datetime.now(UTC) + timedelta(days=5),
        )
        await ahead.install(await house.download(session))
        await ahead.check_in()
    await session.refresh_from_db()
    assert session.status == "enrolled"


async def test_the_final_profile_is_encrypted_to_the_mac(house: House) -> None:
    await properties.write("enrollment.encrypt", "true")
    await walk(house, "ota", MessageFormat())
