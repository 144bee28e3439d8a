"""Mail servers on the command line: how they are signed in to, and where none may be."""

import pytest

from otae.settings import Settings
from tests.test_cli import CommandLine, command  # noqa: F401 - fixtures


def test_a_mail_server_is_signed_in_to_by_oauth(command: CommandLine) -> None:  # noqa: F811 - the fixture above
    host = ("notification-server", "add", "smtp", "--host", "smtp.example.test", "--security", "starttls")
    add = (*host, "--username", "desk@example.test", "--from-name", "IT", "--from-email", "desk@example.test")
    microsoft = ("--oauth", "microsoft", "--oauth-token-url", "example.test", "--oauth-client-id", "4a5b")
    added = command.json(*add, *microsoft, "--name", "Cloud", "--oauth-secret-stdin", text="s3same\n")
    assert (added["oauth"], added["active"]) == ("microsoft", True)
    assert "is missing" in command.refusal(*add, *microsoft, "--name", "Other")
    google = ("--name", "G", "--oauth", "google", "--oauth-client-id", "a@b.test", "--oauth-secret-stdin")
    wrong = command.refusal(*add, *google, text="{}")
    assert "the key of the service account" in wrong
    assert "s3same" not in command.run("notification-server", "list").stdout


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "169.254.169.254"])
def test_a_mail_server_where_nothing_is_ever_sent_is_refused_behind_a_router(
    command: CommandLine,  # noqa: F811 - as above
    postgres_settings: Settings,
    host: str,
) -> None:
    database_url = postgres_settings.database_url
    assert database_url is not None
    command.environment |= {
        "DATABASE_URL": database_url.get_secret_value(), "PUBLIC_URL": "https://desk.example.test", "PORT": "8080"
    }  # fmt: skip
    sender = ("--from-name", "IT", "--from-email", "it@example.test")
    add = ("notification-server", "add", "smtp", "--name", "here", "--host", host, *sender)
    assert "OTAE_ALLOW_PRIVATE=1" in command.refusal(*add)
    assert command.json("notification-server", "list") == []
    command.environment["OTAE_ALLOW_PRIVATE"] = "1"
    if host == "169.254.169.254":
        assert "never called" in command.refusal(*add)
        return
    assert command.json(*add)["active"] is True
    del command.environment["OTAE_ALLOW_PRIVATE"]
    assert "OTAE_ALLOW_PRIVATE=1" in command.refusal("notification-server", "activate", "here")
