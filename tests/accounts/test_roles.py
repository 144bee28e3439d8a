"""Roles: what the built-in ones allow, and making ones of one's own without going beyond oneself."""

from datetime import datetime

import pytest

from otae.accounts import administrator_list, administrators, own_roles, roles
from otae.accounts.own_roles import RoleDraft
from otae.accounts.permissions import ENTER, PERMISSIONS
from otae.accounts.roles import BUILT_IN, Grantor, Powers
from otae.directory.local import groups
from otae.errors import BeyondRole, InputRefused, OwnRole, StaleState
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Role

pytestmark = pytest.mark.anyio

CHIEF = Grantor("ada")
SMALL = Grantor("cleo", Powers("small", frozenset({"administrator.see", "administrator.edit", "device.see"})))
SEES = frozenset({"invitation.see", "device.see"})


@pytest.fixture
async def now(desk: Desk) -> datetime:
    return await database.now()


def test_the_built_in_roles_allow_no_more_than_their_work() -> None:
    assert BUILT_IN["ADMIN"].permissions == frozenset(PERMISSIONS)
    assert BUILT_IN["USER"].permissions == frozenset()
    for name in ("SUPPORT", "DEVICE_PROVISIONING"):
        permissions = BUILT_IN[name].permissions
        assert all(PERMISSIONS[permission].bounded for permission in permissions), "nothing of the installation"
        assert not permissions & {"invitation.secret", "person.edit", "group.edit", "device.release"}
    assert "invitation.create" not in BUILT_IN["SUPPORT"].permissions
    assert BUILT_IN["DEVICE_PROVISIONING"].permissions >= {
        "invitation.create",
        "invitation.notify",
        "invitation.revoke",
    }


async def test_a_role_allows_what_was_ticked_and_nothing_when_it_is_gone(desk: Desk, now: datetime) -> None:
    row = await own_roles.add_role(desk, " Help desk ", RoleDraft("Looks", SEES), by=CHIEF, now=now)
    assert (row.name, row.words, row.permissions, row.built_in) == ("Help desk", "Looks", SEES, False)
    powers = await roles.powers_of("Help desk", now=now)
    assert powers.may("device.see")
    assert powers.may(ENTER)
    assert not powers.may("device.release")
    assert not powers.reach.limited
    assert row.id
    await own_roles.change_role(desk, row.id, RoleDraft(permissions=frozenset({"audit.see"})), by=CHIEF, now=now)
    assert (await roles.powers_of("Help desk", now=now)).permissions == {"audit.see"}
    await own_roles.remove_role(row.id, by=CHIEF, now=now)
    gone = await roles.powers_of("Help desk", now=now)
    assert not gone.permissions
    assert not gone.may(ENTER)
    assert [each.name for each in await roles.list_roles()] == list(BUILT_IN)
    entries = await AuditEntry.filter(subject="Help desk").order_by("id")
    assert [entry.action for entry in entries] == ["role.added", "role.changed", "role.removed"]
    with pytest.raises(StaleState):
        await own_roles.remove_role(row.id, by=CHIEF, now=now)


async def test_a_leaf_that_no_longer_exists_allows_nothing(desk: Desk, now: datetime) -> None:
    await Role.create(name="old", permissions=["device.see", "thing.see"], created_at=now)
    assert (await roles.powers_of("old", now=now)).permissions == {"device.see"}


REFUSED = [
    ("", RoleDraft(permissions=SEES), "name"),
    ("x" * 33, RoleDraft(permissions=SEES), "name"),
    ("a\nb", RoleDraft(permissions=SEES), "name"),
    ("admin", RoleDraft(permissions=SEES), "name"),
    ("Device_Provisioning", RoleDraft(permissions=SEES), "name"),
    ("taken", RoleDraft(permissions=SEES), "name"),
    ("new", RoleDraft(), "leaves"),
    ("new", RoleDraft(permissions=frozenset({"device.*"})), "leaves"),
    ("new", RoleDraft(permissions=frozenset({"console.enter"})), "leaves"),
    ("new", RoleDraft("x" * 201, SEES), "words"),
    ("new", RoleDraft(permissions=SEES, groups=("nowhere",)), "groups"),
    ("new", RoleDraft(permissions=SEES, groups=("corp/sales",)), "groups"),
    ("new", RoleDraft(permissions=SEES | {"audit.see"}, groups=("sales",)), "leaves"),
    ("new", RoleDraft(permissions=SEES | {"person.edit"}, groups=("sales",)), "leaves"),
]


async def test_what_is_no_role_is_refused_beside_its_field(desk: Desk, now: datetime) -> None:
    await groups.add_group("sales", now=now, actor="ada")
    await own_roles.add_role(desk, "Taken", RoleDraft(permissions=SEES), by=CHIEF, now=now)
    for name, draft, field in REFUSED:
        with pytest.raises(InputRefused) as caught:
            await own_roles.add_role(desk, name, draft, by=CHIEF, now=now)
        assert list(caught.value.fields) == [field]
    assert await Role.all().count() == 1


async def test_a_role_is_limited_to_groups_by_their_whole_names(desk: Desk, now: datetime) -> None:
    await groups.add_group("sales", now=now, actor="ada")
    draft = RoleDraft(permissions=SEES, groups=("sales", " local/sales ", ""))
    assert (await own_roles.add_role(desk, "limited", draft, by=CHIEF, now=now)).groups == ("local/sales",)
    assert (await roles.powers_of("limited", now=now)).reach.limited


async def test_nobody_makes_or_changes_a_role_beyond_their_own(desk: Desk, now: datetime) -> None:
    within, beyond = RoleDraft(permissions=frozenset({"device.see"})), RoleDraft(permissions=SEES)
    mine = await own_roles.add_role(desk, "mine", within, by=SMALL, now=now)
    stronger = await own_roles.add_role(desk, "stronger", beyond, by=CHIEF, now=now)
    own = await own_roles.add_role(desk, "small", RoleDraft(permissions=SMALL.powers.permissions), by=CHIEF, now=now)
    assert mine.id
    assert stronger.id
    assert own.id
    with pytest.raises(BeyondRole):
        await own_roles.add_role(desk, "more", beyond, by=SMALL, now=now)
    with pytest.raises(BeyondRole):
        await own_roles.change_role(desk, mine.id, beyond, by=SMALL, now=now)
    for draft in (within, beyond):
        with pytest.raises(BeyondRole):
            await own_roles.change_role(desk, stronger.id, draft, by=SMALL, now=now)
    with pytest.raises(BeyondRole):
        await own_roles.remove_role(stronger.id, by=SMALL, now=now)
    for change in (
        own_roles.change_role(desk, own.id, within, by=SMALL, now=now),
        own_roles.remove_role(own.id, by=SMALL, now=now),
    ):
        with pytest.raises(OwnRole):
            await change


async def test_a_role_that_somebody_has_stays(desk: Desk, now: datetime) -> None:
    row = await own_roles.add_role(desk, "desk", RoleDraft(permissions=SEES), by=CHIEF, now=now)
    assert row.id
    given = {"name": "cleo", "password": "four quiet words here", "role": "desk"}
    cleo = await administrators.create_administrator(desk, **given, now=now, actor="ada")
    await administrator_list.invite(desk, "dora", "desk", by=CHIEF, now=now)
    with pytest.raises(InputRefused, match=r"cleo, dora \(setup link\)"):
        await own_roles.remove_role(row.id, by=CHIEF, now=now)
    await administrator_list.give_role(cleo.id, "SUPPORT", by=CHIEF, now=now)
    (invited,) = await administrator_list.list_pending(now=now)
    await administrator_list.withdraw_setup_link(invited.id, by=CHIEF, now=now)
    await own_roles.remove_role(row.id, by=CHIEF, now=now)


async def test_the_link_of_the_first_start_is_nobody_who_has_a_role(desk: Desk, now: datetime) -> None:
    assert await administrators.first_setup_link(desk, now=now)
    await administrators.create_administrator(desk, name="ada", password="four quiet words here", now=now, actor="cli")
    assert await own_roles.users_of("ADMIN", now=now) == ["ada"]
