"""The doctor names what is odd and what to do, and never changes anything."""

import pytest

from otae.overview import doctor
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import InstallationSecret
from otae.store.vault import Vault
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.servers.slapd import LdapServer

pytestmark = pytest.mark.anyio


async def examined(desk: Desk) -> dict[str, doctor.Check]:
    return {check.name: check for check in await doctor.examine(desk, now=await database.now())}


async def test_a_trial_that_is_not_running_is_told_what_to_start(desk: Desk) -> None:
    found = await examined(desk)
    assert found["master key"].state == "ok"
    assert found["clock skew"].state == "ok"
    assert found["clock"].state == "failed"
    assert found["worker"].advice == "Start `otae worker`."
    assert found["PUBLIC_URL"].state == "failed"
    assert found["mail"].state == "warning"
    assert found["push certificate"].state == "warning"
    assert found["default mode"].state == "ok"
    assert found["certificate tls"].state == "ok"


async def test_a_wrong_master_key_is_named(desk: Desk) -> None:
    wrong = Desk(desk.settings, Vault([b"x" * 32]), desk.bell)
    assert (await examined(wrong))["master key"].state == "failed"


async def test_looking_changes_nothing(desk: Desk) -> None:
    before = await InstallationSecret.all().order_by("id").values()
    await examined(desk)
    assert await InstallationSecret.all().order_by("id").values() == before


@pytest.mark.parametrize(
    "settings", ["sqlite"], indirect=True
)  # beside a database server, no directory is on this machine
async def test_each_directory_is_asked(desk: Desk, crowded_ldap: LdapServer) -> None:
    await add(desk, entry_for(crowded_ldap))
    await add(desk, active_entry(crowded_ldap, password="wrong"))
    found = await examined(desk)
    corp = found["directory corp"]
    assert (corp.state, corp.words) == ("ok", "answers, and its people can be read")
    assert (found["directory ad"].state, found["directory ad"].words) == ("failed", "bind: invalidCredentials")
    assert "Test connection" in found["directory ad"].advice
