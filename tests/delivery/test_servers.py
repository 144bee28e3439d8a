"""Notification servers: what may be entered, which one is used, and what a test of one says."""

import asyncio
from typing import get_args

import pytest

from otae.delivery.connection_test import enqueue_test, run_test
from otae.delivery.servers import (
    ServerEntry,
    activate,
    active_server,
    add_server,
    list_servers,
    remove_server,
    update_server,
)
from otae.errors import InputRefused, SlowDown
from otae.store import jobs
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Job, NotificationServer
from tests.delivery.conftest import NOW, UseServer
from tests.desks import RecordingBell
from tests.servers.ports import free_port
from tests.servers.smtp import DROP, Security, SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio

GOOD = {"name": "House mail", "host": "mail.example.test", "from_name": "Example GmbH", "from_email": "it@example.test"}


def entry(**changes: object) -> ServerEntry:
    return ServerEntry(**(GOOD | changes))  # type: ignore[arg-type]  # one dictionary for fields of many types


async def outcome_of(desk: Desk, server: NotificationServer) -> dict[str, object]:
    """Do what button and worker do, and return the job's output."""
    job = await enqueue_test(desk, server, "ada@example.test", now=NOW, actor="ada")
    claimed = await jobs.claim(job.id, NOW)
    assert claimed is not None
    await run_test(desk, claimed, now=NOW)
    return (await Job.get(id=job.id)).output


async def test_the_first_server_is_active_and_another_takes_over_when_told(desk: Desk) -> None:
    first = await add_server(desk, entry(), now=NOW, actor="ada")
    second = await add_server(desk, entry(name="Spare"), now=NOW, actor="ada")
    assert (await active_server()) == first
    await activate(desk, second, now=NOW, actor="ada")
    assert (await active_server()) == second
    assert [row.name for row in await list_servers()] == ["Spare", "House mail"]
    await remove_server(second, now=NOW, actor="ada")
    assert await active_server() is None
    assert await AuditEntry.filter(action__startswith="notification-server.").count() == 4


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "two\nlines"}),
        ("host", {"host": "mail.example.test:25"}),
        ("host", {"host": "http://mail"}),
        ("host", {"host": ""}),
        ("port", {"port": 0}),
        ("port", {"port": 65536}),
        ("security", {"security": "ssl"}),
        ("security", {"username": "otae", "password": "sesame"}),
        ("password", {"username": "otae", "security": "tls"}),
        ("from_name", {"from_name": "Example\r\nBcc: cleo@example.test"}),
        ("from_name", {"from_name": "=?utf-8?q?x?="}),
        ("from_email", {"from_email": "it"}),
        ("timeout", {"timeout": 1}),
        ("retries", {"retries": 99}),
        ("description", {"description": "x" * 201}),
        ("description", {"description": "two\nlines"}),
    ],
)
async def test_an_entry_that_cannot_work_is_refused_at_its_field(
    desk: Desk, field: str, changes: dict[str, object]
) -> None:
    with pytest.raises(InputRefused) as refused:
        await add_server(desk, entry(**changes), now=NOW, actor="ada")
    assert list(refused.value.fields) == [field]
    assert await list_servers() == []


async def test_a_second_server_of_the_same_name_is_refused(desk: Desk) -> None:
    await add_server(desk, entry(), now=NOW, actor="ada")
    with pytest.raises(InputRefused, match="name"):
        await add_server(desk, entry(), now=NOW, actor="ada")


async def test_a_password_is_sealed_and_kept_when_the_form_leaves_it_empty(desk: Desk) -> None:
    first = entry(security="tls", username="otae", password="sesame")
    row = await add_server(desk, first, now=NOW, actor="ada")
    assert "sesame" not in repr(first)
    assert b"sesame" not in (row.password_sealed or b"")
    renamed = entry(name="Renamed", security="tls", username="otae", description="in the cellar")
    await update_server(desk, row, renamed, now=NOW, actor="ada")
    stored = await NotificationServer.get(id=row.id)
    assert stored.password_sealed is not None
    assert desk.vault.open(stored.password_sealed, row.id, "notification-server.password") == b"sesame"
    await update_server(desk, row, entry(), now=NOW, actor="ada")
    assert (await NotificationServer.get(id=row.id)).password_sealed is None


async def test_a_change_touches_nothing_that_happens_meanwhile(desk: Desk) -> None:
    first = await add_server(desk, entry(), now=NOW, actor="ada")
    second = await add_server(desk, entry(name="Spare"), now=NOW, actor="ada")
    seen_before = await NotificationServer.get(id=first.id)
    await activate(desk, second, now=NOW, actor="eve")
    await NotificationServer.filter(id=first.id).update(next_slot_at=NOW)
    await update_server(desk, seen_before, entry(host="mail2.example.test"), now=NOW, actor="ada")
    stored = await NotificationServer.get(id=first.id)
    assert (stored.host, stored.active, stored.next_slot_at) == ("mail2.example.test", False, NOW)
    assert await NotificationServer.filter(active=True).count() == 1


@pytest.mark.slow
async def test_twenty_changes_at_once_leave_host_and_password_of_one_of_them(desk: Desk) -> None:
    row = await add_server(desk, entry(security="tls", username="otae", password="p"), now=NOW, actor="ada")
    hosts = [f"mail{at}.example.test" for at in range(20)]

    async def change(host: str) -> None:
        seen = await NotificationServer.get(id=row.id)
        wanted = entry(host=host, security="tls", username="otae", password=f"for {host}")
        await update_server(desk, seen, wanted, now=NOW, actor="ada")

    await asyncio.gather(*map(change, hosts))
    stored = await NotificationServer.get(id=row.id)
    assert stored.password_sealed is not None
    opened = desk.vault.open(stored.password_sealed, row.id, "notification-server.password").decode()
    assert opened == f"for {stored.host}"


async def test_a_server_that_was_removed_meanwhile_is_not_changed(desk: Desk) -> None:
    row = await add_server(desk, entry(), now=NOW, actor="ada")
    await remove_server(await NotificationServer.get(id=row.id), now=NOW, actor="eve")
    with pytest.raises(InputRefused, match="does not exist any more"):
        await update_server(desk, row, entry(host="mail2.example.test"), now=NOW, actor="ada")
    assert await AuditEntry.filter(action="notification-server.change").count() == 0
    assert await list_servers() == []


@pytest.mark.parametrize("security", get_args(Security))
async def test_a_test_shows_what_the_server_said_and_the_tls_agreed(
    desk: Desk,
    use_server: UseServer,
    start_smtp: StartSMTP,
    monkeypatch: pytest.MonkeyPatch,
    bell: RecordingBell,
    security: Security,
) -> None:
    secured = security != "none"
    smtp = start_smtp(security, user="otae" if secured else None, password="sesame" if secured else None)
    monkeypatch.setenv("SSL_CERT_FILE", str(smtp.ca_file))
    server = await use_server(
        smtp, **({"username": "otae", "password": "sesame", "host": "localhost"} if secured else {})
    )
    outcome = await outcome_of(desk, server)
    assert outcome["ok"] is True, outcome
    assert str(outcome["words"]).startswith("250 2.0.0 queued")
    assert str(outcome["tls"]).startswith("TLSv1.3") is secured
    [mail] = smtp.messages
    assert (mail.recipients, mail.encrypted) == (("ada@example.test",), secured)
    assert [kind for kind, _ in bell.rung] == ["job"]


async def test_a_certificate_nobody_vouches_for_is_not_spoken_to(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    for security in ("starttls", "tls"):
        smtp = start_smtp(security, user="otae", password="sesame")
        server = await use_server(smtp, name=security, host="localhost", username="otae", password="sesame")
        outcome = await outcome_of(desk, server)
        assert outcome["ok"] is False
        assert "certificate is not trusted" in str(outcome["words"])
        assert (smtp.logins, smtp.contents) == ([], [])


async def test_a_certificate_for_another_name_is_not_spoken_to(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = start_smtp("tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(smtp.ca_file))
    outcome = await outcome_of(desk, await use_server(smtp, host="127.0.0.2"))
    assert outcome["ok"] is False
    assert smtp.contents == []


async def test_a_stripped_starttls_gets_no_password(desk: Desk, use_server: UseServer, start_smtp: StartSMTP) -> None:
    smtp = start_smtp("none", user="otae", password="sesame")
    outcome = await outcome_of(desk, await use_server(smtp, security="starttls", username="otae", password="sesame"))
    assert (outcome["ok"], outcome["words"]) == (False, "TLS: the server does not offer STARTTLS")
    assert (smtp.logins, smtp.contents) == ([], [])


async def test_a_wrong_password_is_named_with_the_servers_words(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = start_smtp("tls", user="otae", password="sesame")
    monkeypatch.setenv("SSL_CERT_FILE", str(smtp.ca_file))
    outcome = await outcome_of(desk, await use_server(smtp, host="localhost", username="otae", password="wrong"))
    assert str(outcome["words"]).startswith("sign-in: 535")
    assert "wrong" not in str(outcome)


async def test_no_server_there_is_said_in_fixed_words(desk: Desk, smtp_server: SMTPServer) -> None:
    port = free_port()
    server = await add_server(desk, entry(host="127.0.0.1", port=port), now=NOW, actor="ada")
    assert (await outcome_of(desk, server))["words"] == "cannot connect: the connection was refused"
    await update_server(desk, server, entry(host="127.0.0.1", port=smtp_server.port), now=NOW, actor="ada")
    smtp_server.answer("CONNECT", DROP)
    assert (await outcome_of(desk, server))["words"] == "the server hung up"
    smtp_server.answer("CONNECT", "-ERR secret banner of another service")
    words = str((await outcome_of(desk, server))["words"])
    assert words == "what answers there does not speak SMTP"


async def test_metadata_and_this_machine_are_never_connected_to(desk: Desk, smtp_server: SMTPServer) -> None:
    guarded = Desk(
        desk.settings.model_copy(update={"allow_private": False, "database_url": "postgres://elsewhere/x"}),
        desk.vault,
        desk.bell,
    )
    server = await add_server(desk, entry(port=smtp_server.port), now=NOW, actor="ada")
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "2130706433", "::ffff:127.0.0.1"):
        with pytest.raises(InputRefused, match="OTAE_ALLOW_PRIVATE=1"):
            await add_server(guarded, entry(name="s", host=host, port=smtp_server.port), now=NOW, actor="ada")
        await NotificationServer.filter(id=server.id).update(host=host)
        assert (await outcome_of(guarded, server))["words"] == "This server does not connect to that address."
    assert smtp_server.connections == 0


async def test_tests_are_counted(desk: Desk) -> None:
    server = await add_server(desk, entry(), now=NOW, actor="ada")
    for _ in range(30):
        await enqueue_test(desk, server, "ada@example.test", now=NOW, actor="ada")
    with pytest.raises(SlowDown):
        await enqueue_test(desk, server, "ada@example.test", now=NOW, actor="ada")
    with pytest.raises(InputRefused, match="recipient"):
        await enqueue_test(desk, server, "ada@example.test\nBcc: cleo@example.test", now=NOW, actor="ada")
