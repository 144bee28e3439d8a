"""Signing in to mail servers: by which way, over which line, and to no other server than the one it is for."""

import pytest

from otae.delivery.servers import add_server, update_server
from otae.errors import InputRefused
from otae.store.desk import Desk
from otae.store.models import AuditEntry, NotificationServer
from tests.delivery.conftest import NOW, UseServer
from tests.delivery.test_servers import entry, outcome_of
from tests.servers.smtp import StartSMTP

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "moved",
    [
        {"host": "mail.evil.test"},
        {"port": 2525},
        {"security": "starttls"},
        {"security": "none", "clear_sign_in": True},
        {"username": "eve"},
        {"ntlm": True},
    ],
)
async def test_a_password_is_only_sent_where_and_how_it_was_entered_for(desk: Desk, moved: dict[str, object]) -> None:
    first = {"security": "tls", "username": "otae"}
    row = await add_server(desk, entry(**first, password="sesame"), now=NOW, actor="ada")
    before = (row.host, row.password_sealed)
    with pytest.raises(InputRefused, match="enter it again") as refused:
        await update_server(desk, row, entry(**(first | moved)), now=NOW, actor="ada")
    assert list(refused.value.fields) == ["password"]
    stored = await NotificationServer.get(id=row.id)
    assert (stored.host, stored.password_sealed) == before
    await update_server(desk, stored, entry(**(first | moved), password="sesame"), now=NOW, actor="ada")


async def test_signing_in_without_encryption_is_for_those_who_say_so(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    smtp = start_smtp("none", user="otae", password="sesame")
    signing_in = {"username": "otae", "password": "sesame"}
    with pytest.raises(InputRefused, match="allow signing in without"):
        await use_server(smtp, **signing_in)
    server = await use_server(smtp, **signing_in, clear_sign_in=True)
    outcome = await outcome_of(desk, server)
    assert (outcome["ok"], outcome["tls"]) == (True, ""), outcome
    assert smtp.logins == ["otae"]
    entered = await AuditEntry.get(action="notification-server.add")
    assert entered.detail.endswith("none, signs in in clear")


@pytest.mark.parametrize("username", ["otae", "EXAMPLE\\otae"])
async def test_a_server_that_knows_only_ntlm_is_signed_in_to(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP, monkeypatch: pytest.MonkeyPatch, username: str
) -> None:
    smtp = start_smtp("starttls", user="otae", password="sesame-street", ntlm=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(smtp.ca_file))
    signing_in = {"host": "localhost", "username": username, "password": "sesame-street"}
    without = await outcome_of(desk, await use_server(smtp, **signing_in, name="without"))
    assert (without["ok"], without["words"]) == (False, "sign-in: the server offers no way that is known here")
    outcome = await outcome_of(desk, await use_server(smtp, **signing_in, ntlm=True))
    assert outcome["ok"] is True, outcome
    assert [login.rpartition("\\")[2] for login in smtp.logins] == ["otae"]
    said = "\n".join(map(str, outcome["said"] if isinstance(outcome["said"], list) else []))
    assert "> AUTH NTLM" in said
    assert "TlRMTVNTUA" not in said, "what is said there can be guessed at"


async def test_a_wrong_password_by_ntlm_is_the_settings_fault(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    smtp = start_smtp("none", user="otae", password="sesame", ntlm=True)
    wrong = {"username": "otae", "password": "open", "ntlm": True, "clear_sign_in": True}
    outcome = await outcome_of(desk, await use_server(smtp, **wrong))
    assert str(outcome["words"]).startswith("sign-in: 535")
    assert (smtp.logins, smtp.messages) == ([], [])


@pytest.mark.parametrize("challenge", ["hello", "TlRMTVNTUAACAAAA", ""])
async def test_a_challenge_that_is_none_is_the_settings_fault(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP, challenge: str
) -> None:
    smtp = start_smtp("none", user="otae", password="sesame", ntlm=True)
    smtp.challenge = challenge
    wanted = {"username": "otae", "password": "sesame", "ntlm": True, "clear_sign_in": True}
    outcome = await outcome_of(desk, await use_server(smtp, **wanted))
    assert (outcome["ok"], smtp.messages) == (False, [])
    assert str(outcome["words"]).startswith("sign-in: ")


@pytest.mark.slow
async def test_a_server_without_ntlm_says_so(desk: Desk, use_server: UseServer, start_smtp: StartSMTP) -> None:
    smtp = start_smtp("none", user="otae", password="sesame")
    wanted = {"username": "otae", "password": "sesame", "ntlm": True, "clear_sign_in": True}
    outcome = await outcome_of(desk, await use_server(smtp, **wanted))
    assert outcome["words"] == "sign-in: the server offers no way that is known here"
    assert smtp.logins == []
