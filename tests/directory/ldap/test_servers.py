"""Setting directories up: what is taken, what is refused field by field, and where a bind password never goes."""

from typing import Any

import pytest

from otae.directory.ldap import server_fields, servers
from otae.directory.ldap.servers import DirectoryEntry
from otae.errors import InputRefused, SlowDown
from otae.store import database, jobs
from otae.store.desk import Desk
from otae.store.models import AuditEntry, DirectoryServer, Person
from tests.desks import RecordingBell
from tests.directory.ldap_desk import add, entry_for
from tests.servers.slapd import LdapServer, running

pytestmark = pytest.mark.anyio

SECRET = "a bind password"


def entry(**more: Any) -> DirectoryEntry:  # noqa: ANN401 - fields of an entry
    values: dict[str, Any] = {
        "domain": "Corp", "alias": "corp.test", "primary_host": "LDAP.example.test", "bind_name": "cn=desk,dc=test",
        "password": SECRET, "user_base": "ou=people,dc=test", "group_base": "ou=groups,dc=test",
    }  # fmt: skip
    return DirectoryEntry(**(values | more))


@pytest.fixture
def desk(sqlite_desk: Desk) -> Desk:
    """Nothing here depends on the database."""
    return sqlite_desk


async def refused(desk: Desk, row: DirectoryServer | None = None, **more: Any) -> dict[str, str]:  # noqa: ANN401 - fields of an entry
    now = await database.now()
    wanted = entry(**more)
    change = servers.add_directory(desk, wanted, now=now, actor="ada")
    if row:
        change.close()
        change = servers.update_directory(desk, row, wanted, now=now, actor="ada")
    with pytest.raises(InputRefused) as caught:
        await change
    return caught.value.fields


async def test_a_directory_is_kept_with_its_password_sealed(desk: Desk) -> None:
    row = await add(desk, entry())
    stored = await DirectoryServer.get(id=row.id)
    assert (stored.domain, stored.alias, stored.primary_host, stored.is_default) == (
        "corp",
        "corp.test",
        "ldap.example.test",
        True,
    )
    assert stored.bind_password_sealed is not None
    assert SECRET.encode() not in bytes(stored.bind_password_sealed)
    assert SECRET not in repr(entry())
    told = [f"{each.action} {each.subject} {each.detail}" for each in await AuditEntry.all()]
    assert any("directory.added corp ldap ldap.example.test:389 starttls" in each for each in told)
    assert SECRET not in " ".join(told)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("domain", ""), ("domain", "local"), ("domain", "corp/evil"), ("domain", "a" * 200), ("alias", "CORP"),
        ("alias", "x y"), ("kind", "nis"), ("primary_host", ""), ("primary_host", "ldap://x"),
        ("primary_host", "x:389"), ("primary_host", "a\0b"), ("secondary_host", "two hosts"), ("port", 0),
        ("port", 65536), ("security", "tls"), ("security", "none"), ("bind_name", "desk"),
        ("bind_name", "cn=desk\n,dc=test"), ("password", "x" * 501), ("password", ""), ("user_base", "people"),
        ("user_base", ""), ("group_base", "dc"), ("group_base", "ou=" + "x" * 600), ("search_by", "sAMAccountName"),
        ("attributes", "department;binary"), ("attributes", "a)(b"), ("attributes", "userPassword"),
        ("attributes", "unicodePwd"), ("attributes", " ".join(f"a{number}" for number in range(21))),
        ("attributes", "x" * 61), ("search_by", "uid)(x"), ("lockout_limit", -1), ("lockout_limit", 1000),
        ("lockout_minutes", 0),
        ("global_catalog_port", 70000), ("global_catalog_base", "everywhere"), ("timeout", 0), ("timeout", 16),
    ],
)  # fmt: skip
def test_each_field_that_cannot_be_taken_is_named(field: str, value: object) -> None:
    values = server_fields.normalized(vars(entry(**{field: value})))
    if field == "password" and not value:
        return
    assert field in server_fields.wrong_fields(values)


async def test_nothing_is_stored_when_something_is_wrong(desk: Desk) -> None:
    for pem in ("no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"):
        assert set(await refused(desk, ca_pem=pem)) == {"ca_pem"}
    assert set(await refused(desk, port=0, primary_host="")) == {"port", "primary_host"}
    assert await refused(desk, password="") == {"password": "is missing"}
    assert not await DirectoryServer.exists()


async def test_two_directories_share_no_name(desk: Desk) -> None:
    await add(desk, entry())
    assert set(await refused(desk)) == {"domain", "alias"}
    assert set(await refused(desk, domain="corp.test", alias="")) == {"domain"}
    assert set(await refused(desk, domain="other", alias="corp")) == {"alias"}


@pytest.mark.parametrize(
    "moved",
    [
        {"primary_host": "elsewhere.example.test"},
        {"secondary_host": "elsewhere.example.test"},
        {"port": 636},
        {"security": "ldaps"},
        {"bind_name": "cn=other,dc=test"},
        {"global_catalog_port": 3268},
    ],
)
async def test_a_bind_password_goes_nowhere_it_was_not_entered_for(desk: Desk, moved: dict[str, Any]) -> None:
    row = await add(desk, entry())
    assert "enter it again" in (await refused(desk, row, password=None, **moved))["password"]
    changed = await servers.update_directory(desk, row, entry(**moved), now=await database.now(), actor="ada")
    assert changed.bind_password_sealed


async def test_another_authority_asks_for_the_password_again(desk: Desk) -> None:
    with running() as server:
        row = await add(desk, entry())
        assert "password" in await refused(desk, row, password=None, ca_pem=server.ca_pem)


async def test_what_says_nothing_of_the_server_keeps_the_password(desk: Desk) -> None:
    row = await add(desk, entry())
    before = bytes(row.bind_password_sealed or b"")
    now = await database.now()
    changes = {"user_base": "dc=test", "timeout": 9, "lockout_limit": 5}
    await servers.update_directory(desk, row, entry(password=None, **changes), now=now, actor="ada")
    stored = await DirectoryServer.get(id=row.id)
    assert (bytes(stored.bind_password_sealed or b""), stored.timeout, stored.lockout_limit) == (before, 9, 5)
    await servers.update_directory(desk, row, entry(password=None, bind_name=""), now=now, actor="ada")
    assert (await DirectoryServer.get(id=row.id)).bind_password_sealed is None


async def test_without_tls_only_this_machine_is_asked(desk: Desk) -> None:
    assert "security" in await refused(desk, security="none")
    assert "security" in await refused(desk, security="none", primary_host="localhost", secondary_host="10.0.0.1")
    row = await add(desk, entry(security="none", primary_host="127.0.0.1"))
    assert row.security == "none"


async def test_a_domain_that_people_came_from_keeps_its_name(desk: Desk) -> None:
    row = await add(desk, entry())
    now = await database.now()
    await servers.update_directory(desk, row, entry(domain="other"), now=now, actor="ada")
    await Person.create(domain="other", directory_id="1", name="ben", display_name="Ben", created_at=now)
    assert set(await refused(desk, row, domain="again")) == {"domain"}


async def test_there_is_one_default_and_names_are_found_without_case(desk: Desk) -> None:
    first, second = await add(desk, entry()), await add(desk, entry(domain="two", alias=""))
    assert not second.is_default
    await servers.make_default(second, now=await database.now(), actor="ada")
    assert [row.domain for row in await servers.list_directories()] == ["two", "corp"]
    for name in ("CORP", " corp.test "):
        found = await servers.find_directory(name)
        assert found is not None
        assert found.id == first.id
    for name in ("", "nowhere", "\0"):
        assert await servers.find_directory(name) is None
    await servers.remove_directory(second, now=await database.now(), actor="ada")
    assert [row.is_default for row in await servers.list_directories()] == [False]


# Trying one out -------------------------------------------------------------------------------------------------------


async def outcome_of(desk: Desk, row: DirectoryServer) -> tuple[bool, dict[str, tuple[bool, str]]]:
    job = await servers.enqueue_test(desk, row, now=await database.now(), actor="ada")
    bell = desk.bell
    assert isinstance(bell, RecordingBell)
    assert bell.rung[-1] == ("job", job.id)
    claimed = await jobs.claim(job.id, await database.now())
    assert claimed is not None
    await servers.run_test(desk, claimed, now=await database.now())
    last = await servers.last_test(row.id)
    assert last is not None
    assert not last.is_running
    return last.status == "done", {str(step["step"]): (bool(step["ok"]), str(step["words"])) for step in last.steps}


async def test_a_test_says_step_by_step_what_works(desk: Desk, crowded_ldap: LdapServer) -> None:
    ok, steps = await outcome_of(desk, await add(desk, entry_for(crowded_ldap)))
    assert ok
    assert list(steps) == ["resolve", "connect", "tls", "bind", "user-base", "group-base", "search"]
    assert "TLSv1" in steps["tls"][1]
    assert "localhost" in steps["tls"][1]
    assert "issued by trustme" in steps["tls"][1]
    assert "a generic LDAP server" in steps["bind"][1]
    assert "@example.test" in steps["search"][1]


@pytest.mark.parametrize(
    ("more", "step", "words"),
    [
        ({"primary_host": "ldap.invalid"}, "resolve", "ldap.invalid does not resolve"),
        ({"port": 1}, "connect", "the connection was refused"),
        ({"ca_pem": ""}, "tls", "the server's certificate is not trusted"),
        ({"password": "wrong"}, "bind", "invalidCredentials"),
        ({"user_base": "ou=nowhere,dc=example,dc=test"}, "user-base", "there is no such entry"),
        ({"group_base": "ou=nowhere,dc=example,dc=test"}, "group-base", "there is no such entry"),
        ({"search_by": "mail", "user_base": "ou=groups,dc=example,dc=test"}, "search", "nobody with mail"),
    ],
)
async def test_a_test_says_which_step_does_not_work(
    desk: Desk, crowded_ldap: LdapServer, more: dict[str, Any], step: str, words: str
) -> None:
    ok, steps = await outcome_of(desk, await add(desk, entry_for(crowded_ldap, **more)))
    assert not ok
    failed = {name: told for name, (fine, told) in steps.items() if not fine}
    assert words in failed[step]
    before = list(steps)[: list(steps).index(step)]
    assert all(steps[name][0] for name in before)


async def test_a_second_server_and_a_global_catalog_are_tested_too(desk: Desk, crowded_ldap: LdapServer) -> None:
    more = {"secondary_host": "127.0.0.1", "global_catalog_port": crowded_ldap.port}
    row = await add(desk, entry_for(crowded_ldap, port=crowded_ldap.tls_port, security="ldaps", **more))
    ok, steps = await outcome_of(desk, row)
    assert not ok, "the catalog's port speaks no LDAPS"
    assert steps["search (127.0.0.1)"][0]
    assert steps["tls (global catalog)"] == (False, "no agreement with the server; does it speak TLS on this port?")


async def test_thirty_tests_an_hour_are_enough(desk: Desk) -> None:
    row = await add(desk, entry())
    now = await database.now()
    for _ in range(servers.TESTS_PER_HOUR):
        await servers.enqueue_test(desk, row, now=now, actor="ada")
    with pytest.raises(SlowDown):
        await servers.enqueue_test(desk, row, now=now, actor="ada")


async def test_a_directory_removed_before_its_test_says_so(desk: Desk) -> None:
    row = await add(desk, entry())
    job = await servers.enqueue_test(desk, row, now=await database.now(), actor="ada")
    await servers.remove_directory(row, now=await database.now(), actor="ada")
    claimed = await jobs.claim(job.id, await database.now())
    assert claimed is not None
    await servers.run_test(desk, claimed, now=await database.now())
    last = await servers.last_test(row.id)
    assert last is not None
    assert (last.status, last.steps[0]["step"]) == ("failed", "settings")
