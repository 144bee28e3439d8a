"""Test configuration: the whole conversation without its secrets, and what DNS says about the sender."""

import base64
from datetime import timedelta
from uuid import uuid4

import pytest

from otae.delivery import connection_test
from otae.delivery.connection_test import send_test_mail
from otae.delivery.mail.transcript import REDACTED
from otae.store import database, jobs
from otae.store.desk import Desk
from otae.store.models import NotificationServer
from tests.delivery.conftest import NOW, UseServer
from tests.delivery.name_server import NameServer, states
from tests.servers.smtp import SMTPServer, StartSMTP

pytestmark = pytest.mark.anyio

ID = "<1.test@localhost>"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_private_authority_is_trusted_for_its_server_alone(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP, names: NameServer, security: str
) -> None:
    smtp = start_smtp(security)
    ours = smtp.ca_file.read_text()
    server = await use_server(smtp, host="localhost", ca_pem="Söhne\n" + ours)
    assert server.ca_pem == ours
    outcome = await send_test_mail(desk, server, "ada@example.test", message_id=ID, now=NOW)
    assert outcome["ok"] is True, outcome
    await NotificationServer.all().update(ca_pem="")
    refused = await send_test_mail(desk, await NotificationServer.get(), "ada@example.test", message_id=ID, now=NOW)
    assert refused["ok"] is False
    assert "not trusted" in str(refused["words"])


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_the_whole_conversation_is_shown_and_no_secret_in_it(
    desk: Desk,
    use_server: UseServer,
    start_smtp: StartSMTP,
    names: NameServer,
    monkeypatch: pytest.MonkeyPatch,
    security: str,
) -> None:
    smtp = start_smtp(security, user="otae", password="sesame-street")
    monkeypatch.setenv("SSL_CERT_FILE", str(smtp.ca_file))
    server = await use_server(smtp, host="localhost", username="otae", password="sesame-street")
    outcome = await send_test_mail(desk, server, "ada@example.test", message_id=ID, now=NOW)
    assert outcome["ok"] is True, outcome
    said = outcome["said"]
    assert isinstance(said, list)
    text = "\n".join(said)
    for secret in ("sesame-street", base64.b64encode(b"sesame-street").decode()):
        assert secret not in text
    assert base64.b64encode(b"\0otae\0sesame-street").decode() not in text
    assert f"> AUTH PLAIN {REDACTED}" in said or f"> {REDACTED}" in said
    order = ["220 ", "agreed", "> EHLO", "> AUTH", "> MAIL FROM:<it@example.test>", "> RCPT", "> DATA", "< 250 2.0.0"]
    if security == "tls":
        order[:2] = order[1::-1]
    else:
        order.insert(1, "> STARTTLS")
    places = [next(at for at, line in enumerate(said) if part in line) for part in order if part != "> EHLO"]
    assert places == sorted(places), said
    assert "localhost" in str(outcome["certificate_names"])
    assert outcome["certificate_until"]
    assert states(outcome["findings"])["SPF"] == "missing"


async def test_a_refusal_is_shown_where_it_happened(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer, names: NameServer
) -> None:
    server = await use_server(smtp_server)
    smtp_server.answer("RCPT", "550 5.1.1 nobody here")
    outcome = await send_test_mail(desk, server, "ada@example.test", message_id=ID, now=NOW)
    assert (outcome["ok"], outcome["words"]) == (False, "550 5.1.1 nobody here")
    said = outcome["said"]
    assert isinstance(said, list)
    assert said[-4:-2] == ["> RCPT TO:<ada@example.test>", "< 550 5.1.1 nobody here"]
    assert outcome["certificate_names"] == []


async def test_the_newest_test_of_this_server_is_shown(desk: Desk) -> None:
    now, office, other = await database.now(), uuid4(), uuid4()
    assert await connection_test.last_test(office) is None
    for seconds, server in enumerate((office, office, other)):
        order: dict[str, object] = {"server": str(server), "recipient": f"r{seconds}@example.test"}
        await jobs.enqueue(connection_test.TEST, order, created_by="ada", now=now + timedelta(seconds=seconds))
    last = await connection_test.last_test(office)
    assert last is not None
    assert (last.recipient, last.status, last.is_running, last.words) == ("r1@example.test", "queued", True, "")
    claimed = await jobs.claim(last.id, now)
    assert claimed is not None
    await jobs.finish(claimed, {"ok": True, "words": "250 ok", "tls": "TLSv1.3"}, now=now)
    done = await connection_test.last_test(office)
    assert done is not None
    assert (done.status, done.is_running, done.words, done.tls) == ("done", False, "250 ok", "TLSv1.3")
