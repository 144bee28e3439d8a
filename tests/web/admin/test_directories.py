"""Settings → LDAP."""

import re
import ssl
from datetime import datetime
from uuid import uuid4

import httpx2
import pytest

from otae.authority import issuers
from otae.directory.ldap import servers
from otae.signing.certificates import pem
from otae.store import database, jobs
from otae.store.models import Administrator, AuditEntry, DirectoryServer, Job, Person, Role
from tests.desks import RecordingBell
from tests.web.conftest import Invite, Site

pytestmark = pytest.mark.anyio

LIST = "/admin/directories"
ADD = f"{LIST}/add/upload"
ENTRIES = {
    "kind": "ldap",
    "domain": "example.test",
    "alias": "corp",
    "primary_host": "ldap.example.test",
    "secondary_host": "ldap2.example.test",
    "security": "starttls",
    "port": "",
    "timeout": "4",
    "ca_pem": "",
    "bind_name": "cn=otae,dc=example,dc=test",
    "password": "a bind password",
    "user_base": "ou=people,dc=example,dc=test",
    "group_base": "ou=groups,dc=example,dc=test",
    "search_by": "uid",
    "lockout_limit": "5",
    "lockout_minutes": "10",
    "global_catalog_port": "0",
    "global_catalog_base": "",
}
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


async def send(console: httpx2.AsyncClient, path: str, **changes: str) -> httpx2.Response:
    """Post the form as a browser does that was given no file."""
    return await console.post(path, data=ENTRIES | changes, files={"ca_file": ("", b"", "application/octet-stream")})


@pytest.fixture
async def corp(console: httpx2.AsyncClient) -> DirectoryServer:
    """The directory that Ada added in the browser."""
    assert (await send(console, ADD)).status_code == 303
    return await DirectoryServer.get()


async def finished(steps: list[dict[str, object]], *, ok: bool) -> None:
    """Let the test that was ordered end with these steps."""
    job = await Job.filter(kind=servers.TEST_JOB).order_by("-created_at").first()
    assert job is not None
    claimed = await jobs.claim(job.id, await database.now())
    assert claimed is not None
    await jobs.finish(claimed, {"ok": ok, "steps": steps}, now=await database.now(), failed=not ok)


async def test_without_a_directory_both_kinds_are_explained(console: httpx2.AsyncClient) -> None:
    text = (await console.get(LIST)).text
    assert "No directory yet" in text
    assert "OpenLDAP" in text
    assert f'href="{ADD}?kind=active-directory"' in text


async def test_each_kind_begins_with_what_is_usual_for_it(console: httpx2.AsyncClient) -> None:
    plain = (await console.get(ADD)).text
    assert 'value="starttls"' in plain
    assert "sAMAccountName" not in plain
    active = (await console.get(ADD, params={"kind": "active-directory"})).text
    assert '<option selected value="ldaps">' in active
    assert '<option selected value="sAMAccountName">' in active
    assert "(uid)" not in active
    assert (await console.get(ADD, params={"kind": "<b>"})).status_code == 200


async def test_a_directory_is_added_and_never_gives_its_password_back(
    console: httpx2.AsyncClient, corp: DirectoryServer
) -> None:
    assert (corp.port, corp.timeout, corp.lockout_limit, corp.lockout_minutes) == (389, 4, 5, 10)
    assert corp.is_default
    listed = (await console.get(LIST)).text
    for shown in ("example.test", "corp", "ldap.example.test:389", "then ldap2.example.test", "StartTLS", "never"):
        assert shown in listed
    page = (await console.get(f"{LIST}/{corp.id}")).text
    assert "One is stored and never shown" in page
    assert "a bind password" not in listed + page


async def test_the_port_goes_along_with_the_security_unless_it_is_given(
    console: httpx2.AsyncClient, corp: DirectoryServer
) -> None:
    await send(console, f"{LIST}/{corp.id}/upload", security="ldaps")
    assert (await DirectoryServer.get()).port == 636
    await send(console, f"{LIST}/{corp.id}/upload", security="ldaps", port="10636")
    assert (await DirectoryServer.get()).port == 10636
    assert 'value="10636"' in (await console.get(f"{LIST}/{corp.id}")).text


async def test_refused_entries_stand_beside_their_fields_and_stay(console: httpx2.AsyncClient) -> None:
    empty = await send(console, ADD, domain="", primary_host="", user_base="", group_base="", timeout="x")
    assert empty.status_code == 422
    for name in ("domain", "primary_host", "user_base", "group_base", "timeout"):
        assert f'id="{name}-errors"' in empty.text
    wrong = {
        "domain": "two words",
        "primary_host": "ldap://x",
        "port": "99999",
        "bind_name": "nobody\x00",
        "user_base": "people",
        "search_by": "sAMAccountName",
        "lockout_limit": "-1",
        "ca_pem": "-----BEGIN nothing",
    }
    refused = await send(console, ADD, **wrong)
    assert refused.status_code == 422
    for name in wrong:
        assert f'id="{name}-errors"' in refused.text, name
    assert 'value="ldap://x"' in refused.text
    assert "a bind password" not in refused.text
    assert (await send(console, ADD, kind="nis", security="ssh", search_by="cn=*")).status_code == 422
    assert await DirectoryServer.all().count() == 0


async def test_passwords_in_the_clear_stay_on_this_machine(console: httpx2.AsyncClient) -> None:
    refused = await send(console, ADD, security="none")
    assert refused.status_code == 422
    assert 'id="security-errors"' in refused.text
    assert (await send(console, ADD, security="none", primary_host="localhost", secondary_host="")).status_code == 303
    assert "not encrypted" in (await console.get(LIST)).text


async def test_an_authority_is_taken_from_a_file_in_either_form(
    site: Site, console: httpx2.AsyncClient, corp: DirectoryServer
) -> None:
    text = pem(await issuers.root()).decode()
    page = f"{LIST}/{corp.id}/upload"
    for data in (text.encode(), ssl.PEM_cert_to_DER_cert(text)):
        answer = await console.post(page, data=ENTRIES | {"ca_pem": "x"}, files={"ca_file": ("ca.pem", data)})
        assert answer.status_code == 303
        assert (await DirectoryServer.get()).ca_pem.strip() == text.strip()
        await DirectoryServer.all().update(ca_pem="")
    answer = await console.post(page, data=ENTRIES, files={"ca_file": ("ca.pem", b"\x00\xff no certificate")})
    assert answer.status_code == 422
    assert 'id="ca_file-errors"' in answer.text
    assert (await DirectoryServer.get()).ca_pem == ""


async def test_an_empty_password_keeps_the_stored_one_for_the_server_it_was_entered_for(
    console: httpx2.AsyncClient, corp: DirectoryServer
) -> None:
    page = f"{LIST}/{corp.id}/upload"
    assert (await send(console, page, password="", timeout="7")).status_code == 303
    row = await DirectoryServer.get()
    assert (row.timeout, row.bind_password_sealed) == (7, corp.bind_password_sealed)
    moved = await send(console, page, password="", primary_host="elsewhere.example.test")
    assert moved.status_code == 422
    assert 'id="password-errors"' in moved.text
    assert (await DirectoryServer.get()).primary_host == "ldap.example.test"


async def test_another_directory_is_made_default_and_removed(
    console: httpx2.AsyncClient, corp: DirectoryServer
) -> None:
    assert (await send(console, ADD, domain="second.test", alias="")).status_code == 303
    second = await DirectoryServer.get(domain="second.test")
    assert not second.is_default
    await console.post(f"{LIST}/{second.id}/default")
    assert (await DirectoryServer.get(is_default=True)).id == second.id
    assert (await console.post(f"{LIST}/{second.id}/remove")).headers["location"] == LIST
    assert await DirectoryServer.all().count() == 1
    assert await AuditEntry.filter(actor="ada", action="directory.removed").count() == 1


async def test_removing_names_who_is_left_without_a_password(
    console: httpx2.AsyncClient, corp: DirectoryServer, ben: Person, invite: Invite
) -> None:
    await invite("two_factor")
    await Person.filter(id=ben.id).update(domain="example.test", directory_id="0af1")
    text = (await console.get(f"{LIST}/{corp.id}")).text
    assert "1 person came from example.test" in text
    assert "1 pending invitation of theirs" in text
    assert re.search(r'name="ask" value="Remove example.test\?[^"]+1 person came', text)


async def test_a_test_is_ordered_and_followed_step_by_step(
    console: httpx2.AsyncClient, corp: DirectoryServer, bell: RecordingBell
) -> None:
    page = f"{LIST}/{corp.id}"
    answer = await console.post(f"{page}/test")
    assert answer.headers["location"] == f"{page}#test"
    job = await Job.get(kind=servers.TEST_JOB)
    assert ("job", job.id) in bell.rung
    waiting = (await console.get(page)).text
    assert "Waiting for its turn" in waiting
    assert "Check again" in waiting
    seen = f"{page}?seen={job.id}-queued-0"
    assert (await console.get(seen, headers=PART)).status_code == 204
    assert "running" in (await console.get(LIST)).text
    claimed = await jobs.claim(job.id, await database.now())
    assert claimed is not None
    first: dict[str, object] = {"step": "resolve", "ok": True, "words": "ldap.example.test is 192.0.2.5"}
    await jobs.progress(claimed, {"ok": False, "steps": [first]})
    moving = (await console.get(seen, headers=PART)).text
    assert "192.0.2.5" in moving
    assert moving.count("Under way:") == 1
    refused: dict[str, object] = {"step": "connect", "ok": False, "words": "<b>the connection was refused</b>"}
    await jobs.finish(claimed, {"ok": False, "steps": [first, refused]}, now=await database.now(), failed=True)
    part = (await console.get(seen, headers=PART)).text
    assert "<html" not in part
    assert "hx-trigger" not in part
    assert "&lt;b&gt;the connection was refused&lt;/b&gt;" in part
    assert "no firewall stands between" in part
    assert part.count("Not reached:") == 5
    assert "failed" in (await console.get(LIST)).text


async def test_a_second_server_and_the_global_catalog_are_told_apart(
    console: httpx2.AsyncClient, corp: DirectoryServer
) -> None:
    page = f"{LIST}/{corp.id}"
    await console.post(f"{page}/test")
    good = ["resolve", "connect", "tls", "bind", "user-base", "group-base", "search"]
    steps: list[dict[str, object]] = [{"step": name, "ok": True, "words": "so"} for name in good]
    steps += [{"step": "resolve (ldap2.example.test)", "ok": False, "words": "it does not resolve"}]
    steps += [{"step": "tls (global catalog)", "ok": False, "words": "no agreement"}]
    await finished(steps, ok=False)
    text = (await console.get(page)).text
    assert "ldap2.example.test</h3>" in text
    assert "Global catalog</h3>" in text
    assert text.count("Not reached:") == 6 + 4
    await console.post(f"{page}/test")
    await finished(steps[:7], ok=True)
    text = (await console.get(page)).text
    assert "Everything works" in text
    assert "Not reached:" not in text
    assert "works" in (await console.get(LIST)).text


async def test_saving_may_order_the_test_at_once(console: httpx2.AsyncClient, corp: DirectoryServer) -> None:
    answer = await send(console, f"{LIST}/{corp.id}/upload", then="test")
    assert answer.headers["location"] == f"{LIST}/{corp.id}#test"
    assert await Job.filter(kind=servers.TEST_JOB).count() == 1


async def test_tests_have_their_measure(console: httpx2.AsyncClient, corp: DirectoryServer, now: datetime) -> None:
    for _ in range(servers.TESTS_PER_HOUR):
        await console.post(f"{LIST}/{corp.id}/test")
    over = await console.post(f"{LIST}/{corp.id}/test")
    assert over.status_code == 429
    assert "wait a little" in over.text
    saved = await send(console, f"{LIST}/{corp.id}/upload", then="test")
    assert saved.status_code == 303
    assert "wait a little" in (await console.get(f"{LIST}/{corp.id}")).text


async def test_no_directory_has_this_id(console: httpx2.AsyncClient) -> None:
    assert (await console.get(f"{LIST}/{uuid4()}")).status_code == 404
    for action in ("upload", "test", "default", "remove"):
        assert (await console.post(f"{LIST}/{uuid4()}/{action}", data={})).status_code == 404


async def test_who_may_only_see_directories_is_offered_nothing_else(
    console: httpx2.AsyncClient, corp: DirectoryServer, now: datetime
) -> None:
    await Role(name="LOOKS", permissions=["directory.see"], created_at=now).save()
    await Administrator.filter(name="ada").update(role="LOOKS")
    assert "Add directory" not in (await console.get(LIST)).text
    page = (await console.get(f"{LIST}/{corp.id}")).text
    assert 'value="ldap.example.test"' in page
    assert '<fieldset class="card-body" disabled>' in page
    for button in ("Save", "Set as default", "Remove</button>", "Test connection</button>"):
        assert f">{button}" not in page
    assert (await console.get(ADD)).status_code == 403
    for action in ("upload", "test", "default", "remove"):
        assert (await console.post(f"{LIST}/{corp.id}/{action}", data={})).status_code == 403
    await Administrator.filter(name="ada").update(role="SUPPORT")
    assert (await console.get(LIST)).status_code == 403
    assert "/admin/directories" not in (await console.get("/admin")).text


async def test_what_a_directory_is_called_is_only_ever_text(console: httpx2.AsyncClient, corp: DirectoryServer) -> None:
    hostile = "<script>alert(1)</script>"
    await DirectoryServer.all().update(
        domain=hostile, alias=hostile, primary_host=hostile, bind_name=hostile, user_base=hostile, ca_pem=hostile
    )
    for path in (LIST, f"{LIST}/{corp.id}", "/admin/invitations/add", "/admin/group-invitations/add"):
        text = (await console.get(path)).text
        assert hostile not in text
        assert "&lt;script&gt;" in text
