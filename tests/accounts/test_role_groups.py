"""Roles limited to groups of directories: checked when they are made, and their people read by a worker."""

import pytest

from otae.accounts import own_roles, role_groups, roles
from otae.accounts.own_roles import RoleDraft
from otae.accounts.roles import Grantor
from otae.directory import registry
from otae.errors import InputRefused
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Job, Person
from otae.tasks.actors import run_job
from tests.desks import RecordingBell
from tests.directory.ldap_desk import add, entry_for
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio

SEES = frozenset({"person.see", "invitation.create"})
BY = Grantor("ada")


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Open an installation on SQLite: nothing here depends on the database."""
    return sqlite_desk


async def people_of(role: str) -> list[str]:
    reach = (await roles.powers_of(role, now=await database.now())).reach
    return [row.name for row in await Person.filter(reach.people()).order_by("name")]


async def test_a_role_may_be_limited_to_a_directorys_group(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    now = await database.now()
    draft = RoleDraft(permissions=SEES, groups=("CORP\\round", "corp/posix"))
    row = await own_roles.add_role(desk, "round", draft, by=BY, now=now)
    assert row.groups == ("corp/round", "corp/posix")
    assert await people_of("round") == []
    job = await Job.get(kind=role_groups.READ_JOB)
    assert isinstance(desk.bell, RecordingBell)
    assert ("job", job.id) in desk.bell.rung
    await run_job(desk, job.id)
    await job.refresh_from_db()
    assert job.status == "done"
    assert await people_of("round") == ["ben", "cleo"]
    group = await registry.find_group(desk, "corp/round")
    assert group is not None
    assert group.id.startswith("cn=round,"), "what is kept of it does not stand in the way of walking it there"
    assert row.id
    await own_roles.change_role(desk, row.id, RoleDraft(permissions=SEES, groups=("corp/posix",)), by=BY, now=now)
    assert await people_of("round") == ["ben"]


async def test_a_group_that_is_not_there_or_cannot_be_asked_for_limits_nothing(
    desk: Desk, crowded_ldap: LdapServer
) -> None:
    await add(desk, entry_for(crowded_ldap))
    await add(desk, entry_for(crowded_ldap, domain="away", alias="", port=1, timeout=1))
    now = await database.now()
    for name, words in (
        ("corp/nowhere", "there is no group called corp/nowhere"),
        ("corp/", "there is no group called corp/"),
        ("away/round", "The directory is not available right now."),
    ):
        with pytest.raises(InputRefused) as caught:
            await own_roles.add_role(desk, "role", RoleDraft(permissions=SEES, groups=(name,)), by=BY, now=now)
        assert caught.value.fields["groups"].startswith(words)
    assert not await Job.exists()
    await own_roles.add_role(desk, "role", RoleDraft(permissions=SEES), by=BY, now=now)
    assert not await Job.exists(), "our own groups need no reading"
