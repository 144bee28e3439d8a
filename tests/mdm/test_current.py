"""The row of a Mac follows its current enrollment."""

import pytest

from otae.mdm import current, devices
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Device, Enrollment, Person
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio


async def test_a_mac_s_row_says_whose_it_is_and_how_it_stands(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, "ben", way="profile"), now)
    await mac.authenticate(desk, now, topic)
    row, ben = await Device.get(udid=mac.udid), await Person.get(name="ben")
    assert (row.person_id, row.status, row.ownership, row.enrolled_at) == (ben.id, "authenticated", "corporate", None)
    await mac.token_update(desk, now, topic)
    row = await Device.get(udid=mac.udid)
    assert (row.status, row.enrolled_at) == ("enrolled", now)
    await devices.release(mac.udid, now=now, actor="ada")
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, "cleo", way="profile"), now)
    await mac.authenticate(desk, now, topic)
    assert (await Device.get(udid=mac.udid)).person_id == ben.id, "until hers is complete, it is his"
    await mac.token_update(desk, now, topic)
    row = await Device.get(udid=mac.udid)
    assert (row.person_id, row.status) == ((await Person.get(name="cleo")).id, "enrolled")


async def test_what_was_never_enrolled_stays_without(desk: Desk) -> None:
    now = await database.now()
    device = Device(udid="U-1", created_at=now, seen_at=now)
    await device.save()
    await current.keep(device.id)
    assert (await Device.get(id=device.id)).status == ""
    assert current.current_of(await Enrollment.all()) == {}
