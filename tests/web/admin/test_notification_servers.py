"""Settings → Notification servers."""

from datetime import datetime
from uuid import uuid4

import httpx2
import pytest

from otae.delivery import connection_test, servers
from otae.store import database, jobs
from otae.store.models import AuditEntry, Job, NotificationServer, ServerRefusal
from tests.desks import RecordingBell
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

LIST = "/admin/notification-servers"
ENTRIES = {
    "name": "Office",
    "host": "mail.example.test",
    "port": "587",
    "security": "starttls",
    "username": "otae",
    "password": "a mail password",
    "from_name": "Example GmbH",
    "from_email": "it@example.test",
    "timeout": "20",
    "retries": "3",
}
#: What the page sends when it is tested: all its fields, and where the mail goes.
TESTED = ENTRIES | {"password": "", "recipient": "ada@example.test"}
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
async def office(console: httpx2.AsyncClient) -> NotificationServer:
    """The server that Ada added in the browser."""
    assert (await console.post(f"{LIST}/add", data=ENTRIES)).status_code == 303
    return await NotificationServer.get()


async def test_without_a_server_the_catcher_is_named(console: httpx2.AsyncClient) -> None:
    text = (await console.get(LIST)).text
    assert "mail catcher takes all mail" in text
    assert 'href="/admin/mail"' in text
    assert f'href="{LIST}/add"' in text


async def test_a_server_is_added_and_never_gives_its_password_back(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    assert office.active
    listed = (await console.get(LIST)).text
    for shown in ("Office", "mail.example.test:587", "STARTTLS", "Active"):
        assert shown in listed
    assert "mail catcher takes all mail" not in listed
    page = (await console.get(f"{LIST}/{office.id}")).text
    assert "One is stored and never shown" in page
    assert "a mail password" not in page


async def test_refused_entries_stand_beside_their_fields(console: httpx2.AsyncClient) -> None:
    wrong = ENTRIES | {"host": "http://x", "port": "99999", "security": "none", "from_email": "nobody", "timeout": "x"}
    answer = await console.post(f"{LIST}/add", data=wrong)
    assert answer.status_code == 422
    assert 'id="timeout-errors"' in answer.text
    answer = await console.post(f"{LIST}/add", data=wrong | {"timeout": "20"})
    assert answer.status_code == 422
    for name in ("host", "port", "security", "from_email"):
        assert f'id="{name}-errors"' in answer.text
    assert 'value="http://x"' in answer.text
    assert "a mail password" not in answer.text
    assert await NotificationServer.all().count() == 0


async def test_an_empty_password_keeps_the_stored_one(console: httpx2.AsyncClient, office: NotificationServer) -> None:
    changed = ENTRIES | {"description": "in the cellar", "password": ""}
    assert (await console.post(f"{LIST}/{office.id}", data=changed)).status_code == 303
    row = await NotificationServer.get()
    assert (row.description, row.password_sealed) == ("in the cellar", office.password_sealed)
    elsewhere = await console.post(f"{LIST}/{office.id}", data=changed | {"host": "smtp.evil.test"})
    assert elsewhere.status_code == 422
    assert 'id="password-errors"' in elsewhere.text
    assert (await NotificationServer.get()).host == office.host
    refused = await console.post(f"{LIST}/{office.id}", data=changed | {"name": ""})
    assert refused.status_code == 422
    assert 'id="name-errors"' in refused.text


async def test_another_server_is_activated_and_removed(console: httpx2.AsyncClient, office: NotificationServer) -> None:
    await console.post(f"{LIST}/add", data=ENTRIES | {"name": "Second"})
    second = await NotificationServer.get(name="Second")
    assert not second.active
    await console.post(f"{LIST}/{second.id}/activate")
    active = await servers.active_server()
    assert active is not None
    assert active.name == "Second"
    assert (await console.post(f"{LIST}/{second.id}/remove")).headers["location"] == LIST
    assert await servers.active_server() is None
    assert await AuditEntry.filter(actor="ada", action="notification-server.remove").count() == 1


async def test_a_test_is_ordered_and_followed_to_its_end(
    site: Site, console: httpx2.AsyncClient, office: NotificationServer, bell: RecordingBell
) -> None:
    page = f"{LIST}/{office.id}"
    answer = await console.post(f"{page}/test", data=TESTED)
    assert answer.headers["location"] == f"{page}#test"
    job = await Job.get(kind=connection_test.TEST)
    assert ("job", job.id) in bell.rung
    waiting = (await console.get(page)).text
    assert "Waiting for its turn" in waiting
    assert "Check again" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    seen = f"{page}?seen={job.id}-queued"
    assert (await console.get(seen, headers=PART)).status_code == 204
    claimed = await jobs.claim(job.id, await database.now())
    assert claimed is not None
    outcome: dict[str, object] = {"ok": False, "words": "550 <b>no</b>", "tls": ""}
    await jobs.finish(claimed, outcome, now=await database.now(), failed=True)
    part = await console.get(seen, headers=PART)
    assert "<html" not in part.text
    assert "Not sent" in part.text
    assert "550 &lt;b&gt;no&lt;/b&gt;" in part.text
    assert "hx-trigger" not in part.text
    assert "Not sent" in (await console.get(page)).text


async def test_an_accepted_test_says_how_the_line_was_encrypted(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    page = f"{LIST}/{office.id}"
    for tls, words in (("TLSv1.3 AES", "Encrypted: TLSv1.3 AES"), ("", "The line was not encrypted.")):
        await console.post(f"{page}/test", data=TESTED)
        job = await Job.filter(kind=connection_test.TEST, status="queued").get()
        claimed = await jobs.claim(job.id, await database.now())
        assert claimed is not None
        await jobs.finish(claimed, {"ok": True, "words": "250 ok", "tls": tls}, now=await database.now())
        text = (await console.get(page)).text
        assert "Accepted" in text
        assert words in text


@pytest.mark.slow
async def test_a_test_wants_an_address_and_has_its_measure(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    page = f"{LIST}/{office.id}"
    refused = await console.post(f"{page}/test", data=TESTED | {"recipient": "ada@example.test\r\nBcc: x@y.test"})
    assert refused.status_code == 422
    assert 'id="recipient-errors"' in refused.text
    for _ in range(connection_test.TESTS_PER_HOUR):
        await console.post(f"{page}/test", data=TESTED)
    over = await console.post(f"{page}/test", data=TESTED)
    assert over.status_code == 422
    assert "wait a little" in over.text


async def test_a_test_goes_out_with_what_is_on_the_screen(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    page = f"{LIST}/{office.id}"
    answer = await console.post(f"{page}/test", data=TESTED | {"from_name": "Help desk", "timeout": "31"})
    assert answer.status_code == 303
    row = await NotificationServer.get()
    assert (row.from_name, row.timeout, row.password_sealed) == ("Help desk", 31, office.password_sealed)
    assert "Office is saved as shown, and tested with it." in (await console.get(page)).text
    assert await Job.all().count() == 1


@pytest.mark.parametrize(("wrong", "beside"), [({"host": "http://x"}, "host"), ({"recipient": "nobody"}, "recipient")])
async def test_a_test_that_is_refused_saves_nothing_and_keeps_what_was_typed(
    console: httpx2.AsyncClient, office: NotificationServer, wrong: dict[str, str], beside: str
) -> None:
    typed = TESTED | {"from_name": "Help desk", "password": "another password"} | wrong
    answer = await console.post(f"{LIST}/{office.id}/test", data=typed)
    assert answer.status_code == 422
    assert f'id="{beside}-errors"' in answer.text
    for name, text in typed.items():
        if name not in {"password", "security"}:
            assert f'value="{text}"' in answer.text, name
    assert "another password" not in answer.text
    assert "Please enter again, it is not kept: Password." in answer.text
    row = await NotificationServer.get()
    assert (row.from_name, row.password_sealed) == (office.from_name, office.password_sealed)
    assert await Job.all().count() == 0


async def test_no_server_has_this_id(console: httpx2.AsyncClient) -> None:
    assert (await console.get(f"{LIST}/{uuid4()}")).status_code == 404
    for action in ("", "/activate", "/remove", "/test"):
        assert (await console.post(f"{LIST}/{uuid4()}{action}", data={})).status_code == 404


async def test_connections_pace_and_standby_are_entered_and_kept(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    assert (office.connections, office.rate, office.standby, office.dkim_selector) == (4, 0, 0, "")
    more = {"name": "Spare", "connections": "2", "rate": "120", "standby": "1", "dkim_selector": "Mail2026"}
    assert (await console.post(f"{LIST}/add", data=ENTRIES | more)).status_code == 303
    spare = await NotificationServer.get(name="Spare")
    assert (spare.connections, spare.rate, spare.standby, spare.dkim_selector) == (2, 120, 1, "mail2026")
    page = (await console.get(f"{LIST}/{spare.id}")).text
    assert 'value="120"' in page
    assert "standby 1" in page
    assert "standby 1" in (await console.get(LIST)).text
    wrong = {"connections": "0", "rate": "-1", "standby": "x", "dkim_selector": "two words"}
    for name, value in wrong.items():
        refused = await console.post(f"{LIST}/{spare.id}", data=ENTRIES | {"name": "Spare", name: value})
        assert refused.status_code == 422
        assert f'id="{name}-errors"' in refused.text


async def test_a_test_shows_conversation_certificate_and_what_dns_says(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    page = f"{LIST}/{office.id}"
    await console.post(f"{page}/test", data=TESTED)
    job = await Job.get(kind=connection_test.TEST)
    claimed = await jobs.claim(job.id, await database.now())
    assert claimed is not None
    outcome: dict[str, object] = {
        "ok": True,
        "words": "250 ok",
        "tls": "TLSv1.3",
        "said": ["< 220 <b>mail</b>", "> EHLO localhost"],
        "certificate_names": ["mail.example.test"],
        "certificate_until": "Nov 23 10:00:00 2027 GMT",
        "findings": [{"name": "SPF", "state": "missing", "words": "example.test does not say"}],
    }
    await jobs.finish(claimed, outcome, now=await database.now())
    text = (await console.get(page)).text
    assert "&lt; 220 &lt;b&gt;mail&lt;/b&gt;\n&gt; EHLO localhost" in text
    assert "Certificate for mail.example.test" in text
    assert "example.test does not say" in text


async def test_a_server_where_nothing_is_ever_sent_is_refused_beside_its_field(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    here = ENTRIES | {"name": "Metadata", "host": "169.254.169.254"}
    answer = await console.post(f"{LIST}/add", data=here)
    assert answer.status_code == 422
    assert "an address that is never called" in answer.text
    assert "OTAE_ALLOW_PRIVATE=1" in answer.text
    assert await NotificationServer.all().count() == 1
    await NotificationServer.filter(id=office.id).update(host="169.254.169.254", active=False)
    followed = await console.post(f"{LIST}/{office.id}/activate", follow_redirects=True)
    assert "never called" in followed.text
    assert not (await NotificationServer.get(id=office.id)).active


async def test_a_server_that_refuses_everything_is_told_on_the_dashboard_and_no_longer_once_it_was_changed(
    console: httpx2.AsyncClient, office: NotificationServer, now: datetime
) -> None:
    await ServerRefusal.create(
        server=office, domain="", likeness="553 5.7.1", words="553 5.7.1 <it@x>: rejected", since=now, at=now
    )
    page = (await console.get("/admin")).text
    assert "Office refuses our messages" in page
    assert "553 5.7.1 &lt;it@x&gt;: rejected" in page
    assert f'href="{LIST}/{office.id}"' in page
    assert (await console.post(f"{LIST}/{office.id}", data=ENTRIES)).status_code == 303
    assert "refuses our messages" not in (await console.get("/admin")).text


async def test_oauth_is_entered_shown_again_and_checked(
    console: httpx2.AsyncClient, office: NotificationServer
) -> None:
    tokens = {"oauth": "microsoft", "oauth_token_url": "example.test", "oauth_client_id": "4a5b", "oauth_scope": ""}
    page = f"{LIST}/{office.id}"
    assert (await console.post(page, data=ENTRIES | tokens)).status_code == 303
    stored = await NotificationServer.get(id=office.id)
    assert (stored.oauth, stored.oauth_scope) == ("microsoft", "https://outlook.office365.com/.default")
    text = (await console.get(page)).text
    assert 'value="https://login.microsoftonline.com/example.test/oauth2/v2.0/token"' in text
    assert '<option value="microsoft" selected' in text or '<option selected value="microsoft"' in text
    assert "a mail password" not in text
    refused = await console.post(page, data=ENTRIES | tokens | {"oauth_client_id": "", "oauth": "yahoo"})
    assert "choose one of the list" in (refused.text if refused.status_code == 422 else (await console.get(page)).text)
