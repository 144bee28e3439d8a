"""Macs without Apple's serial numbers, or with names that are odd: they enroll like any other."""

from typing import Any

import pytest
from cryptography.x509.oid import NameOID

from otae.errors import DeviceMismatch
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Device, EnrollmentSession
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.phases import refused, started, state

pytestmark = pytest.mark.anyio

PARALLELS = "Parallels-1F 3E 0B 1A 2C 3D 4E 5F 60 71 82 93 A4 B5 C6 D"


@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_virtual_machines_enroll_whatever_their_serial_number_is(desk: Desk, way: str) -> None:
    now = await database.now()
    for number, serial in enumerate(["VM5vodXXsc+k", "VMFMKqgI+/CJ", PARALLELS, ""]):
        session = await lab.signed_in(desk, now, f"ben{number}", way=way, columns={"serial": serial or None})
        mac = LabMac(udid=f"00008103-00000000000000{number:02d}", serial=serial, product="VMware7,1")
        topic = await (mac.install_over_the_air if way == "ota" else mac.install_profile)(desk, session, now)
        await mac.authenticate(desk, now, topic, Model=None, DeviceName="Ben's\nMac " * 300, ModelName="\u2028" * 300)
        await mac.token_update(desk, now, topic)
        assert (await state(session))[0] == "enrolled"
        device = await Device.get(udid=mac.udid)
        assert (device.serial, device.model) == (serial or "", "VirtualMac2,1")
        assert device.name.startswith("Ben's Mac Ben's Mac")
        assert mac.mdm is not None
        named = mac.mdm.certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
        assert [each.value for each in named] == ([serial] if serial and way == "ota" else [])


@pytest.mark.parametrize(
    ("invited", "said", "enrolls"),
    [
        ("VM5vodXXsc+k", "vm5vodxxsc+k", True),
        ("C02LAB00BEN", " c02lab00ben\u200b", True),
        ("C02LAB00BEN", "Ｃ０２ＬＡＢ００ＢＥＮ", True),
        ("Parallels-1F 3E", "Parallels-1F\u00a03E", True),
        ("VM5vodXXsc+k", "VM5vodXXsc/k", False),
        ("Parallels-1F 3E", "Parallels-1F3E", False),
        ("C02LAB00BEN", "", False),
    ],
)
async def test_the_invited_serial_is_compared_by_what_can_be_seen(
    desk: Desk, invited: str, said: str, *, enrolls: bool
) -> None:
    session, challenge = await started(desk, serial=invited)
    mac = LabMac(serial=said)
    if enrolls:
        await mac.phase_two(desk, challenge, await database.now())
        assert (await state(session))[0] == "identified"
    else:
        await refused(desk, mac.post(mac.attributes(challenge)), DeviceMismatch)
        assert (await state(session))[0] == "refused"


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [("", "C02LAB00BEN", "C02LAB00BEN"), ("VMa+b12345", None, "VMa+b12345"), ("", None, "")],
)
async def test_a_serial_that_is_named_once_stays(desk: Desk, first: str, then: str | None, kept: str) -> None:
    now = await database.now()
    mac = LabMac(serial=first)
    session = await lab.signed_in(desk, now)
    topic = await mac.install_over_the_air(desk, session, now)
    said: dict[str, Any] = {"SerialNumber": then}
    await mac.authenticate(desk, now, topic, **said)
    assert (await Device.get()).serial == kept
    assert (await EnrollmentSession.get()).serial == kept


async def test_another_serial_than_in_phase_two_is_another_mac(desk: Desk) -> None:
    now = await database.now()
    mac = LabMac()
    topic = await mac.install_over_the_air(desk, await lab.signed_in(desk, now), now)
    with pytest.raises(DeviceMismatch):
        await mac.authenticate(desk, now, topic, SerialNumber="C02ANOTHER1")
