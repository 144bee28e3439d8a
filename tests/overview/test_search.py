"""One search over everything: what is found, by whom, and what odd texts do."""

import dataclasses
from uuid import UUID, uuid4

import pytest

from otae.accounts.roles import BUILT_IN, Powers
from otae.directory import reach
from otae.directory.reach import EVERYBODY, Reach
from otae.mdm import current
from otae.overview import search
from otae.overview.search import Find, Seeker
from otae.store import database, search_text
from otae.store.desk import Desk
from otae.store.models import Device, Event, Group, GroupInvitation, Invitation, Membership, Person
from tests.store.furnish import House, furnish

pytestmark = pytest.mark.anyio

ALL = Seeker(lambda _permission: True, EVERYBODY)
NOBODY = Seeker(lambda _permission: False, EVERYBODY)


@pytest.fixture
async def house(desk: Desk) -> House:
    made = await furnish(desk)
    for device in await Device.all():
        await current.keep(device.id)
    return made


async def kinds(text: str, seeker: Seeker = ALL) -> dict[str, list[str]]:
    """Return the titles of what is found, by kind."""
    found: dict[str, list[str]] = {}
    for each in await search.find(text, seeker):
        found.setdefault(each.kind, []).append(each.title)
    return found


async def test_people_are_found_with_their_invitations_and_macs(house: House) -> None:
    person, mac = await Person.get(name="ben"), await Device.all().first()
    assert mac is not None
    for text in ("ben", "BEN", "  ben ", person.display_name, person.email or "", "be\N{COMBINING ACUTE ACCENT}n"):
        found = await kinds(text)
        assert person.display_name in found["person"], text
        assert person.display_name in found["invitation"], text
        assert found["device"] == [mac.name or mac.serial or mac.udid], text


async def test_a_mac_is_found_by_serial_number_and_udid_in_any_case(house: House) -> None:
    mac = await Device.all().first()
    assert mac is not None
    for text in (mac.serial, mac.serial.lower(), f" {mac.serial} ", mac.serial[2:], mac.udid, mac.udid.swapcase()):
        assert [each.key for each in await search.find(text, ALL) if each.kind == "device"] == [mac.udid], text


async def test_the_mac_of_a_sign_in_leads_to_its_invitation(house: House) -> None:
    await house.session.filter(id=house.session.id).update(serial="C02ONTHEWAY", udid="ON-THE-WAY")
    for text in ("c02ontheway", "on-the-way"):
        found = [each for each in await search.find(text, ALL) if each.kind == "invitation"]
        assert [each.id for each in found] == [house.begun.invitation.id]


async def test_codes_and_links_lead_to_their_invitation(desk: Desk, house: House) -> None:
    row = house.waiting.invitation
    code = row.support_code or ""
    for text in (code, code.lower(), f"{code[:4]} {code[4:]}", f"{code[:4]}-{code[4:]}", f" {code} "):
        assert [(each.kind, each.id) for each in await search.find(text, ALL)] == [("invitation", row.id)], text
    for text in (house.waiting.token, house.waiting.url, f"<{house.waiting.url}>."):
        assert [(each.kind, each.id) for each in await search.find(text, ALL)] == [("invitation", row.id)], text


async def test_the_code_of_a_refusal_leads_to_what_it_was_about(house: House) -> None:
    now, mac, ben = await database.now(), await Device.all().first(), await Person.get(name="ben")
    assert mac is not None
    event = Event(at=now, kind="refused", support_code="K7QX2", device_id=mac.id, person_id=ben.id)
    event.invitation_id = house.begun.invitation.id
    await event.save()
    found = {each.kind: each.id for each in await search.find("k7qx2", ALL)}
    assert found == {"person": ben.id, "invitation": house.begun.invitation.id, "device": mac.id}


async def test_groups_orders_and_settings_are_found_by_name(house: House) -> None:
    order = await GroupInvitation.all().first()
    assert order is not None
    assert order.name in (await kinds(order.name[1:].upper()))["order"]
    group = await Group.filter(domain="local").first()
    assert group is not None
    assert group.name in (await kinds(group.name))["group"]
    for kind, (table, column, _permission) in search.SETTINGS.items():
        rows = table.filter(kind=kind) if kind in {"smtp", "sms"} else table.all()
        for row in await rows.limit(1):
            name = str(getattr(row, column))
            assert name in (await kinds(name))[kind]


async def test_a_role_finds_what_it_sees(house: House) -> None:
    assert await search.find("ben", NOBODY) == []
    support = Seeker(Powers("SUPPORT", BUILT_IN["SUPPORT"].permissions).may, EVERYBODY)
    assert set(await kinds("ada", support)) <= set(search.PEOPLE_KINDS)
    only_macs = Seeker(lambda permission: permission == "device.see", EVERYBODY)
    assert set(await kinds("ben", only_macs)) == {"device"}
    assert "administrator" in await kinds("ada")


async def limited_to(*names: str) -> Reach:
    group = await Group.create(name="few")
    for name in names:
        await Membership.create(group=group, person=await Person.get(name=name))
    return await reach.reach_of(["local/few"], now=await database.now())


async def test_a_limited_role_finds_its_own_people_alone(desk: Desk, house: House) -> None:
    everything, within = ALL, Seeker(lambda _permission: True, await limited_to("cleo"))
    mac, code = await Device.all().first(), house.begun.invitation.support_code or ""
    assert mac is not None
    for text in ("ben", mac.serial, mac.udid, code, house.begun.token):
        assert not {"person", "invitation", "device"} & set(await kinds(text, within)), text
        assert await search.find(text, everything), text
    assert (await kinds("cleo", within))["person"] == [(await Person.get(name="cleo")).display_name]
    assert await kinds("few", within) == {"group": ["few"]}


async def test_finds_are_recalled_as_far_as_they_are_open_now(house: House) -> None:
    found = [*await search.find("ben", ALL), *await search.find("ada", ALL)]
    ids: dict[str, list[UUID]] = {}
    for each in found:
        ids.setdefault(each.kind, []).append(each.id)
    assert {each.id for each in await search.recall(ids, ALL)} == {each.id for each in found}
    assert await search.recall(ids, NOBODY) == []
    within = dataclasses.replace(ALL, reach=await limited_to("cleo"))
    assert {each.kind for each in await search.recall(ids, within)} <= set(search.SETTINGS)
    assert await search.recall({"person": [uuid4()], "nonsense": [uuid4()]}, ALL) == []


async def test_rehearsals_are_not_found(house: House) -> None:
    for table in (Person, Device, Invitation):
        await table.all().update(rehearsal=True)
    assert set(await kinds("ben")) <= set(search.SETTINGS)


async def test_a_deleted_invitation_is_not_found(house: House) -> None:
    await Invitation.all().update(deleted_at=await database.now())
    assert "invitation" not in await kinds("ben")
    assert await search.find(house.waiting.token, ALL) == []


async def test_only_a_few_of_a_kind_are_shown_and_the_exact_name_first(desk: Desk, house: House) -> None:
    now = await database.now()
    fields = {"display_name": "Benjamin", "created_at": now}
    await Person.bulk_create([Person(name=f"benjamin{at}", **fields) for at in range(20)])
    found = [each for each in await search.find("ben", ALL) if each.kind == "person"]
    assert len(found) == search.FEW
    assert found[0].key == str((await Person.get(name="ben")).id)


async def test_what_very_many_hold_is_found_among_the_newest(
    desk: Desk, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_text, "MATCH_LIMIT", 3)
    now = await database.now()
    for at in range(6):
        await Person.create(name=f"zoe{at}", display_name="Zoe Many", created_at=now.replace(year=2020 + at))
    assert [each.more[:4] for each in await search.find("zoe many", ALL)] == ["zoe5", "zoe4", "zoe3", "zoe2", "zoe1"]
    monkeypatch.setattr(search_text, "RECENT", 1)
    assert len(await search.find("zoe many", ALL)) >= 1


async def test_two_letters_find_beginnings_of_names(house: House) -> None:
    await Person.filter(name="cleo").update(display_name="李明 Wu")
    for text in ("李明", "wu"):
        assert (await kinds(text))["person"] == ["李明 Wu"], text


@pytest.mark.parametrize(
    "odd",
    [
        "", " ", "\0", "%", "_", "\\", "'", '"', "%%%", "___", "a%b_c\\d", "' OR 1=1 --", '") OR ("', "NEAR(a b)",
        "\u202eben\u202c", "\ufeff", "e=ep-", "x" * 10_000, "%" * 10_000, "\U0001f600" * 300, "ben\0", "K7QX\0",
        "\u0000%_\u200b", "😀", "O0O0O", "0OIL1", "a* b",
    ],
)  # fmt: skip
async def test_odd_texts_are_only_text(house: House, odd: str) -> None:
    found = await search.find(odd, ALL)
    assert all(isinstance(each, Find) for each in found)
    if odd in {"%", "_", "%%%", "___", "' OR 1=1 --", '") OR ("'}:
        assert not found
    if odd in {"\u202eben\u202c", "ben\0"}:
        assert found
