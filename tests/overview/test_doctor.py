"""The doctor names what is odd and what to do, and never changes anything."""

from dataclasses import replace

import pytest
from tortoise.connection import get_connection

from otae.delivery.servers import ServerEntry, add_server
from otae.overview import doctor
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import InstallationSecret
from otae.store.vault import Vault
from tests.delivery.conftest import NOW
from tests.directory.ldap_desk import active_entry, add, entry_for
from tests.servers.slapd import LdapServer
from tests.servers.smtp import SMTPServer, StartSMTP

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


async def test_lists_that_are_searched_without_an_index_are_named(desk: Desk) -> None:
    assert (await examined(desk))["search"].state == "ok"
    connection = get_connection("default")
    if database.dialect() == "postgres":
        await connection.execute_query("DROP INDEX person_search")
    else:
        await connection.execute_query("ALTER TABLE person_search RENAME TO elsewhere")
    found = (await examined(desk))["search"]
    assert (found.state, "person" in found.words, "otae migrate" in found.advice) == ("warning", True, True)


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


def _entry(name: str, smtp: SMTPServer, standby: int) -> ServerEntry:
    return ServerEntry(
        name=name, host="127.0.0.1", port=smtp.port, from_name="IT", from_email="it@example.test", standby=standby
    )


async def test_mail_servers_are_tried_as_a_worker_would_up_to_the_sender(desk: Desk, start_smtp: StartSMTP) -> None:
    desk = Desk(desk.settings.model_copy(update={"allow_private": True}), desk.vault, desk.bell)
    fine, locked, picky = start_smtp("none"), start_smtp("none", user="otae", password="sesame"), start_smtp("none")
    picky.answer("MAIL", "553 5.7.1 sender address rejected", times=9)
    locked_entry = replace(_entry("Locked", locked, 1), username="otae", password="open", clear_sign_in=True)
    for entry in (_entry("Fine", fine, 0), locked_entry, _entry("Picky", picky, 2)):
        await add_server(desk, entry, now=NOW, actor="ada")
    found = await examined(desk)
    assert (found["mail"].state, found["mail"].words) == ("ok", "Fine answers and takes our sender")
    assert "sign-in: 535" in found["mail standby Locked"].words
    assert "553 5.7.1 sender address rejected" in found["mail standby Picky"].words
    assert {found[f"mail standby {name}"].state for name in ("Locked", "Picky")} == {"failed"}
    assert (fine.messages, fine.contents) == ([], [])


@pytest.mark.parametrize("settings", ["postgres"], indirect=True)
async def test_a_mail_server_where_nothing_is_sent_is_named(desk: Desk, start_smtp: StartSMTP) -> None:
    smtp = start_smtp("none")
    here = Desk(desk.settings.model_copy(update={"allow_private": True}), desk.vault, desk.bell)
    await add_server(here, _entry("Here", smtp, 0), now=NOW, actor="ada")
    found = (await examined(desk))["mail"]
    assert (found.state, smtp.connections) == ("failed", 0)
    assert "does not connect to that address" in found.words
