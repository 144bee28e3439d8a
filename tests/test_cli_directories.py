"""The commands about directories, against a server that is really there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otae.settings import Settings
from tests.servers import ldap_trees, slapd
from tests.servers.ports import free_port
from tests.servers.slapd import LdapServer
from tests.test_cli import CommandLine

PASSWORD = f"{ldap_trees.PASSWORD}\n"


@pytest.fixture
def command(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(sqlite_settings, monkeypatch, capsys)


@pytest.fixture(scope="module")
def ldap() -> Iterator[LdapServer]:
    """Run a server with a few people for the tests of this module; nobody changes it."""
    with slapd.running() as server:
        yield server


def given(domain: str, *more: str) -> list[str]:
    """Give what adds a directory on this machine."""
    bases = ["--user-base", ldap_trees.PEOPLE, "--group-base", ldap_trees.GROUPS]
    who = ["--bind-name", ldap_trees.SERVICE, "--password-stdin"]
    return ["directory", "add", "--domain", domain, "--host", "localhost", *bases, *who, *more]


def test_a_directory_is_added_tested_listed_and_removed(command: CommandLine, ldap: LdapServer, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text(ldap.ca_pem)
    reached = ["--port", str(ldap.port), "--ca-file", str(authority)]
    made = command.json(*given("Example.TEST", "--alias", "corp", "--attributes", "sn,title", *reached), text=PASSWORD)
    assert (made["domain"], made["search_by"], made["security"], made["default"]) == (
        "example.test", "uid", "starttls", True
    )  # fmt: skip
    tried = command.json("directory", "test", "corp")
    assert tried["ok"]
    assert [step["step"] for step in tried["steps"]][-1] == "search"
    assert command.json("directory", "list")[0]["attributes"] == "sn title"
    assert "ben (Ben Example, ben@example.test)" in command.run("directory", "test", "corp").stdout
    active = ["--kind", "active-directory", "--security", "ldaps"]
    second = command.json(*given("second.test", *active), text=PASSWORD)
    assert (second["port"], second["search_by"], second["default"]) == (636, "sAMAccountName", False)
    assert command.run("directory", "default", "second.test").returncode == 0
    assert [row["domain"] for row in command.json("directory", "list")] == ["second.test", "example.test"]
    removed = command.json("directory", "remove", "second.test")
    assert removed == {"domain": "second.test", "people": 0, "pending_invitations": 0}
    assert [row["domain"] for row in command.json("directory", "list")] == ["example.test"]


def test_what_cannot_be_is_refused_and_a_test_that_fails_ends_with_one(command: CommandLine) -> None:
    assert "user_base" in command.refusal(*given("example.test", "--user-base", "people"), text=PASSWORD)
    assert "security" in command.refusal(*given("example.test", "--security", "none", "--host", "ldap.example.test"))
    assert command.run(*given("example.test", "--security", "ssh")).returncode == 2
    command.json(*given("example.test", "--port", str(free_port())), text=PASSWORD)
    done = command.run("directory", "test", "example.test")
    assert done.returncode == 1
    assert "the connection was refused" in done.stdout
    assert ldap_trees.PASSWORD not in done.stdout + done.stderr
    assert "there is no directory" in command.refusal("directory", "remove", "nobody")
