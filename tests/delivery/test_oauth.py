"""Signing in to mail servers by OAuth tokens of a real provider, and in every dialect of passwords."""

import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.delivery.mail import oauth
from otae.delivery.queue import outbox
from otae.delivery.servers import add_server, update_server
from otae.errors import InputRefused
from otae.store.desk import Desk
from otae.store.models import NotificationServer
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.delivery.test_servers import entry, outcome_of
from tests.servers import oidc
from tests.servers.oidc import CLIENT, SECRET, IdentityProvider
from tests.servers.smtp import SMTPServer, StartSMTP

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]

MAILBOX, ACCOUNT = "desk@example.test", "otae@project.example.test"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    """Run one identity provider for all of these tests."""
    with oidc.running({ACCOUNT: PUBLIC.decode()}) as running:
        yield running


@pytest.fixture
def mail(start_smtp: StartSMTP, provider: IdentityProvider) -> SMTPServer:
    """Run a mail server that takes tokens of the provider alone."""
    smtp = start_smtp("none", user=MAILBOX, ways=["XOAUTH2"])
    smtp.takes_token = lambda mailbox, token: mailbox == MAILBOX and provider.introspect(token).get("scope") == "mail"
    return smtp


def by_oauth(provider: IdentityProvider, **more: object) -> dict[str, object]:
    return {
        "username": MAILBOX, "password": SECRET, "clear_sign_in": True, "oauth": "other", "oauth_scope": "mail",
        "oauth_token_url": provider.token_url, "oauth_client_id": CLIENT, **more,
    }  # fmt: skip


def watched(smtp: SMTPServer) -> list[str]:
    """Return the list of tokens that the server is shown from now on."""
    shown, takes = list[str](), smtp.takes_token

    def look(mailbox: str, token: str) -> bool:
        shown.append(token)
        return takes(mailbox, token)

    smtp.takes_token = look
    return shown


async def test_mail_goes_out_by_a_token_that_is_kept_until_shortly_before_its_end(
    desk: Desk,
    invite: Invite,
    use_server: UseServer,
    mail: SMTPServer,
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await use_server(mail, **by_oauth(provider))
    shown, passed = watched(mail), [1000.0]
    monkeypatch.setattr(oauth, "time", SimpleNamespace(monotonic=lambda: passed[0]))
    for number, later in enumerate((0, 0, 470, 20, 0)):
        passed[0] += later
        ben = await invite("url", name=f"ben{number}")
        await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
        assert (await ben.reload()).status == "sent"
    assert [shown.index(token) for token in shown] == [0, 0, 0, 3, 3], "good for 600 s, renewed two minutes before"
    assert len(mail.messages) == 5


async def test_a_token_that_is_refused_is_renewed_once(
    desk: Desk, invite: Invite, use_server: UseServer, mail: SMTPServer, provider: IdentityProvider
) -> None:
    await use_server(mail, **by_oauth(provider))
    shown = watched(mail)
    takes, revoked = mail.takes_token, set[str]()
    mail.takes_token = lambda mailbox, token: takes(mailbox, token) and token not in revoked
    ben, cleo = await invite("url"), await invite("url", name="cleo", email="cleo@example.test")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    revoked |= set(shown)
    await outbox.deliver(desk, cleo.deliveries["url"].id, now=NOW)
    assert ((await ben.reload()).status, (await cleo.reload()).status) == ("sent", "sent")
    assert [shown.index(token) for token in shown] == [0, 0, 2]

    revoking = watched(mail)
    mail.takes_token, take = (lambda mailbox, token: take(mailbox, token) and False), mail.takes_token
    dora = await invite("url", name="dora")
    await outbox.deliver(desk, dora.deliveries["url"].id, now=NOW)
    row = await dora.reload()
    assert (row.status, len(revoking), len(set(revoking))) == ("queued", 2, 2)
    assert row.answer.startswith("sign-in: 535")
    assert row.answer.endswith("(status 401)")


@pytest.mark.parametrize("dialect", ["any", "initial", "asked"])
async def test_a_test_shows_the_token_request_and_no_secret(
    desk: Desk, use_server: UseServer, mail: SMTPServer, provider: IdentityProvider, dialect: str
) -> None:
    mail.dialect, shown = dialect, watched(mail)
    outcome = await outcome_of(desk, await use_server(mail, **by_oauth(provider)))
    assert outcome["ok"] is True, outcome
    said = "\n".join(map(str, outcome["said"] if isinstance(outcome["said"], list) else []))
    assert f"> POST {provider.token_url} client otae, scope mail, ••••••" in said
    assert "< 200 a token, good for 600 seconds" in said
    assert "> AUTH XOAUTH2" in said
    assert SECRET not in said
    assert shown[-1] not in said


async def test_a_provider_that_refuses_says_why_and_the_message_waits(
    desk: Desk, invite: Invite, use_server: UseServer, mail: SMTPServer, provider: IdentityProvider
) -> None:
    await use_server(mail, **by_oauth(provider, password="wrong-street"))
    ben = await invite("url")
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    row = await ben.reload()
    assert (row.status, mail.connections) == ("queued", 0)
    assert row.answer == "OAuth token: 401 invalid_client client authentication failed"


@pytest.mark.parametrize("pasted", ["json", "pem", "one line"])
async def test_a_service_account_speaks_for_the_mailbox_by_an_assertion(
    desk: Desk, use_server: UseServer, mail: SMTPServer, provider: IdentityProvider, pasted: str
) -> None:
    """As Google Workspace has it; a browser's field for one line drops line breaks."""
    file = json.dumps({"type": "service_account", "client_email": ACCOUNT, "private_key": PEM}, indent=2)
    key = {"json": file, "pem": PEM, "one line": file.replace("\n", "")}[pasted]
    google = {"oauth": "google", "oauth_token_url": provider.service_account_url, "oauth_client_id": ACCOUNT}
    server = await use_server(mail, **by_oauth(provider, **google, password=key))
    outcome = await outcome_of(desk, server)
    assert outcome["ok"] is True, outcome
    assert "PRIVATE KEY" not in str(outcome)
    assert server.password_sealed is not None
    assert desk.vault.open(server.password_sealed, server.id, "notification-server.password").decode() == PEM


async def test_presets_know_addresses_and_scopes(desk: Desk, use_server: UseServer, smtp_server: SMTPServer) -> None:
    entered = {"username": MAILBOX, "security": "starttls", "oauth_client_id": "4a5b"}
    microsoft = await use_server(
        smtp_server, **entered, name="M", oauth="microsoft", oauth_token_url="example.onmicrosoft.test", password="s"
    )
    assert microsoft.oauth_token_url == ("https://login.microsoftonline.com/example.onmicrosoft.test/oauth2/v2.0/token")
    assert microsoft.oauth_scope == "https://outlook.office365.com/.default"
    google = await use_server(smtp_server, **entered, name="G", oauth="google", password=PEM)
    assert google.oauth_token_url == "https://oauth2.googleapis.com/token"
    assert google.oauth_scope == "https://mail.google.com/"


async def test_what_cannot_be_used_is_refused_beside_its_field(
    desk: Desk, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    fine: dict[str, object] = {
        "username": MAILBOX, "password": "s", "security": "tls", "oauth": "other",
        "oauth_token_url": "https://login.example.test/token", "oauth_client_id": "otae",
    }  # fmt: skip
    strict = Desk(desk.settings.model_copy(update={"allow_private": False}), desk.vault, desk.bell)
    for field, changed in (
        ("oauth", {"oauth": "yahoo"}),
        ("oauth_token_url", {"oauth_token_url": "tenant"}),
        ("oauth_token_url", {"oauth_token_url": "http://login.example.test/token"}),
        ("oauth_token_url", {"oauth_token_url": "https://169.254.169.254/token"}),
        ("oauth_token_url", {"oauth_token_url": "https://10.0.0.5/token"}),
        ("oauth_token_url", {"oauth": "microsoft", "oauth_token_url": ""}),
        ("oauth_client_id", {"oauth_client_id": " "}),
        ("username", {"username": None}),
        ("ntlm", {"ntlm": True}),
        ("password", {"password": None}),
        ("password", {"oauth": "google", "password": "no key"}),
        ("password", {"oauth": "google", "password": "[" * 5000}),
    ):
        with pytest.raises(InputRefused) as refused:
            await add(strict, fine | changed)
        assert field in refused.value.fields, (field, changed, refused.value.fields)
    await add(strict, fine)


async def add(desk: Desk, given: dict[str, object]) -> NotificationServer:
    return await add_server(desk, entry(**given), now=NOW, actor="ada")


@pytest.mark.parametrize(
    "moved",
    [
        {"host": "mail.evil.test"},
        {"oauth_token_url": "https://login.evil.test/token"},
        {"oauth_client_id": "eve"},
        {"oauth_scope": "everything"},
        {"oauth": ""},
        {"oauth": "microsoft"},
    ],
)
@pytest.mark.slow
async def test_a_clients_secret_is_only_sent_where_it_was_entered_for(desk: Desk, moved: dict[str, object]) -> None:
    first = {
        "username": MAILBOX, "security": "tls", "oauth": "other", "oauth_client_id": "otae",
        "oauth_token_url": "https://login.example.test/token",
    }  # fmt: skip
    row = await add(desk, {**first, "password": "sesame"})
    with pytest.raises(InputRefused, match="enter it again") as refused:
        await update_server(desk, row, entry(**(first | moved)), now=NOW, actor="ada")
    assert list(refused.value.fields) == ["password"]
    await update_server(desk, row, entry(**first, description="mail"), now=NOW, actor="ada")
    assert (await NotificationServer.get(id=row.id)).oauth_client_id == "otae"


@pytest.mark.parametrize(
    ("way", "dialect"),
    [*((way, dialect) for way in ("LOGIN", "PLAIN") for dialect in ("any", "initial", "asked")), ("LOGIN", "ignored")],
)
async def test_a_password_is_given_in_the_form_that_the_server_knows(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP, way: str, dialect: str
) -> None:
    smtp = start_smtp("none", user="otae", password="sesame", ways=[way])
    smtp.dialect = dialect
    signing_in = {"username": "otae", "clear_sign_in": True}
    outcome = await outcome_of(desk, await use_server(smtp, **signing_in, password="sesame"))
    assert outcome["ok"] is True, outcome
    assert smtp.logins == ["otae"]
    assert "c2VzYW1l" not in str(outcome["said"])
    wrong = await outcome_of(desk, await use_server(smtp, **signing_in, password="open", name="wrong"))
    assert str(wrong["words"]).startswith("sign-in: 535"), wrong


async def test_a_tenant_that_takes_no_passwords_is_told_what_to_use(
    desk: Desk, use_server: UseServer, start_smtp: StartSMTP
) -> None:
    smtp = start_smtp("none", user="otae", password="sesame")
    smtp.refusal = "550 5.7.30 Basic authentication is not supported for Client Submission."
    server = await use_server(smtp, username="otae", password="sesame", clear_sign_in=True)
    words = str((await outcome_of(desk, server))["words"])
    assert words.startswith("sign-in: this tenant no longer takes passwords: use OAuth (550 5.7.30 Basic")
