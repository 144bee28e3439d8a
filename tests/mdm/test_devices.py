"""The Macs as people see them."""

import csv
import io
from datetime import timedelta

import pytest

from otae.directory.reach import EVERYBODY, reach_of
from otae.errors import DeviceUnknown
from otae.invitations import listing
from otae.mdm import current, devices, unenrollment
from otae.mdm.devices import DeviceFilters
from otae.overview import attention
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Device, Enrollment, Event, Group, Membership, Person
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio


async def enrolled(desk: Desk, mac: LabMac, who: str) -> None:
    now = await database.now()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, who, way="profile"), now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)


async def test_macs_are_listed_newest_first_and_found_by_part_of_a_name(desk: Desk) -> None:
    assert await devices.list_devices() == []
    await enrolled(desk, LabMac(), "ben")
    await enrolled(desk, LabMac(udid="AAAABBBB-1111", serial="C02CLEO"), "cleo")
    assert [found.user for found in await devices.list_devices()] == ["cleo", "ben"]
    for search, whose in (("c02cleo", "cleo"), ("aaaabbbb", "cleo"), ("BÉN", "ben"), ("lab00", "ben")):
        found = await devices.list_devices(DeviceFilters(search=search))
        assert whose in [record.user for record in found]
    assert await devices.list_devices(DeviceFilters(search="%")) == []
    [newest] = await devices.list_devices(limit=1)
    assert [found.user for found in await devices.list_devices(after=newest.id, limit=1)] == ["ben"]
    assert [found.user async for found in devices.every_device()] == ["cleo", "ben"]


async def test_a_mac_is_not_found_by_whose_it_was(desk: Desk) -> None:
    await enrolled(desk, LabMac(), "ben")
    ben, cleo = await Person.get(name="ben"), await lab.person(await database.now(), "cleo")
    await Enrollment.filter(person_id=ben.id).update(person_id=cleo.id)
    await current.keep((await Device.get(serial="C02LAB00BEN")).id)
    assert await devices.list_devices(DeviceFilters(search="ben@")) == []
    assert [found.user for found in await devices.list_devices(DeviceFilters(search="CLEO"))] == ["cleo"]


async def test_within_a_reach_only_macs_that_are_its_people_s_now_are_there(
    desk: Desk,
) -> None:
    await enrolled(desk, LabMac(), "ben")
    await enrolled(desk, LabMac(udid="AAAABBBB-1111", serial="C02CLEO"), "cleo")
    ben, cleo = await Person.get(name="ben"), await Person.get(name="cleo")
    await Membership.create(group=await Group.create(name="sales"), person=ben)
    now = await database.now()
    sales, nobody = await reach_of(["local/sales"], now=now), await reach_of(["local/nowhere"], now=now)
    for search in ("", "lab00", "BEN"):
        assert [record.user for record in await devices.list_devices(DeviceFilters(search=search), reach=sales)] == [
            "ben"
        ]
    assert await devices.list_devices(DeviceFilters(search="c02cleo"), reach=sales) == []
    assert await devices.list_devices(after=(await Device.get(serial="C02LAB00BEN")).id, reach=sales) == []
    assert await devices.list_devices(reach=nobody) == []
    assert await devices.find_device("AAAABBBB-1111", sales) is None
    now = await database.now()
    assert (await attention.count_enrolled(sales), (await listing.counts(sales))["redeemed"]) == (1, 1)
    assert (await attention.count_enrolled(nobody), sum((await listing.counts(nobody)).values())) == (0, 0)
    await Enrollment.filter(person_id=ben.id).update(person_id=cleo.id)
    await current.keep((await Device.get(serial="C02LAB00BEN")).id)
    assert await devices.list_devices(reach=sales) == [], "once his is not his now"


async def test_release_is_recorded_once(desk: Desk) -> None:
    mac, now = LabMac(), await database.now()
    await enrolled(desk, mac, "ben")
    for _ in range(2):
        assert (await devices.release(mac.udid, now=now, actor="ada")).released
    assert await Event.filter(kind="device.released", actor="ada").count() == 1
    assert await AuditEntry.filter(action="device.released", subject=mac.udid).count() == 1
    assert (await Device.get()).released


async def test_an_unknown_mac_is_not_found_and_not_released(desk: Desk) -> None:
    assert await devices.find_device("AAAABBBB-1111") is None
    with pytest.raises(DeviceUnknown):
        await devices.release("AAAABBBB-1111", now=await database.now(), actor="ada")


async def test_macs_are_narrowed_and_sorted(desk: Desk) -> None:
    await enrolled(desk, LabMac(), "ben")
    await enrolled(desk, LabMac(udid="AAAABBBB-1111", serial="C02CLEO"), "cleo")
    now, group = await database.now(), await Group.create(name="sales.north")
    await Membership.create(group=group, person=await Person.get(name="cleo"))
    sales = await Group.create(name="sales")
    long_ago = now - timedelta(days=40)
    await unenrollment.unenroll("AAAABBBB-1111", now=now, actor="ada")
    await Device.filter(serial="C02CLEO").update(seen_at=long_ago, os_version="15.6", model_name="Mac mini")

    async def users(filters: DeviceFilters, order: str = "created") -> list[str]:
        found = [mac.user for mac in await devices.list_devices(filters, order=devices.ORDERS[order])]
        assert await devices.count_devices(filters, EVERYBODY) == len(found)
        return found

    for filters in (
        DeviceFilters(status="unenrolled"),
        DeviceFilters(os_version="15.6"),
        DeviceFilters(model="Mac mini"),
        DeviceFilters(silent_since=now - timedelta(days=30)),
        DeviceFilters(group=sales.id),
        DeviceFilters(search="cleo", ownership="corporate"),
    ):
        assert await users(filters) == ["cleo"], filters
    assert await users(DeviceFilters(ownership="employee")) == []
    assert await users(DeviceFilters(), "seen") == ["ben", "cleo"]
    assert await users(DeviceFilters(), "status") == ["ben", "cleo"]
    [first] = await devices.list_devices(limit=1, order=devices.ORDERS["serial"])
    second = await devices.list_devices(after=first.id, order=devices.ORDERS["serial"])
    assert [mac.serial for mac in (first, *second)] == sorted(["C02LAB00BEN", "C02CLEO"])
    assert await devices.list_devices(after=second[0].id, back=True, order=devices.ORDERS["serial"]) == [first]
    assert "15.6" in await devices.known_values("os_version", EVERYBODY, 10)
    assert await devices.known_values("model_name", await reach_of(["local/sales"], now=now), 10) == ["Mac mini"]


async def test_the_file_has_what_the_filters_find_and_no_formula(desk: Desk) -> None:
    await enrolled(desk, LabMac(), "ben")
    await enrolled(desk, LabMac(udid="AAAABBBB-1111", serial="C02CLEO"), "cleo")
    await Device.filter(serial="C02CLEO").update(name="=1+1")
    parts = devices.as_csv(DeviceFilters(search="cleo"), reach=EVERYBODY, order=devices.ORDERS["created"])
    head, *rows = list(csv.reader(io.StringIO("".join([part async for part in parts]))))
    assert head == list(devices.COLUMNS)
    assert [(row[head.index("serial")], row[head.index("name")]) for row in rows] == [("C02CLEO", "'=1+1")]


async def test_the_history_of_a_mac_names_only_people_within_reach(desk: Desk) -> None:
    mac = LabMac()
    await enrolled(desk, mac, "ben")
    now = await database.now()
    await devices.release(mac.udid, now=now, actor="ada")
    await enrolled(desk, mac, "cleo")
    device = await Device.get()
    past = await devices.history(device.id)
    assert [(each.user, each.status, each.ended_at is None) for each in past] == [
        ("cleo", "enrolled", True),
        ("ben", "unenrolled", False),
    ]
    await Membership.create(group=await Group.create(name="sales"), person=await Person.get(name="cleo"))
    limited = await devices.history(device.id, await reach_of(["local/sales"], now=now))
    assert [(each.user, each.invitation is None) for each in limited] == [("cleo", False), ("", True)]
