"""The commands of the contract: what they print for scripts, how they refuse, and how they end.

It is longer than 300 lines because every command stands here, as in the one table of commands that it tests.
"""

import asyncio
import base64
import hashlib
import io
import json
import os
import ssl
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from otae.cli import main
from otae.cli.command import run_with_desk
from otae.settings import Settings
from otae.signing.certificates import new_key, pem
from otae.store import database, heartbeats
from otae.store.desk import Desk
from otae.store.models import Administrator
from otae.store.vault import Vault
from tests.authority.outside import as_pkcs12, key_pem, outside
from tests.desks import MASTER_KEY, make_settings
from tests.reference import reference
from tests.servers.ports import free_port
from tests.signing import spoiled

PASSWORD = "correct horse battery\n"


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class CommandLine:
    """`otae` on one installation, in this process: a process for each command would only add its start."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.environment = {"OTAE_HOME": str(settings.home), "OTAE_MASTER_KEYS": MASTER_KEY}
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def run(self, *arguments: str, text: str = "") -> Done:
        with self.monkeypatch.context() as patched:
            patched.setattr(os, "environ", self.environment)
            patched.setattr(sys, "argv", ["otae", *arguments])
            patched.setattr(sys, "stdin", io.StringIO(text))
            with pytest.raises(SystemExit) as ended:
                main()
        written = self.capsys.readouterr()
        return Done(int(ended.value.code or 0), written.out, written.err)

    def json(self, *arguments: str, text: str = "") -> Any:  # noqa: ANN401 - whatever the command prints
        done = self.run(*arguments, "--json", text=text)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refusal(self, *arguments: str, text: str = "") -> str:
        done = self.run(*arguments, text=text)
        assert done.returncode == 1, (done.returncode, done.stderr)
        assert done.stderr.startswith("otae: ")
        assert done.stderr.count("\n") == 1
        return done.stderr


@pytest.fixture
def command(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(sqlite_settings, monkeypatch, capsys)


@pytest.fixture
def ben(command: CommandLine) -> CommandLine:
    command.json(
        "user", "add", "ben", "--email", "ben@example.test", "--group", "sales", "--password-stdin", text=PASSWORD
    )
    return command


def test_a_wrong_master_key_is_refused_by_every_command(command: CommandLine) -> None:
    command.environment["OTAE_MASTER_KEYS"] = command.run("keys", "generate").stdout.strip()
    assert "master key" in command.refusal("ca", "show")
    assert "master key" in command.refusal("migrate")


def test_wrong_usage_ends_with_two(command: CommandLine) -> None:
    assert command.run("invite").returncode == 2
    assert command.run("nonsense").returncode == 2
    assert command.run("admin", "create", "ada").returncode == 2


@pytest.mark.parametrize("arguments", [("user", "list"), ("serve",), ("worker",), ("migrate",)], ids=" ".join)
def test_a_database_that_is_away_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    command = CommandLine(make_settings(tmp_path), monkeypatch, capsys)
    command.environment |= {
        "DATABASE_URL": f"postgres://otae:x@127.0.0.1:{free_port()}/otae",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "PUBLIC_URL": "https://localhost:8443",
    }
    assert "the database does not answer" in command.refusal(*arguments)


def test_an_administrator_is_made_by_password_or_by_link(command: CommandLine) -> None:
    made = command.json("admin", "create", "ada", "--password-stdin", text="a long enough password\n")
    assert made == {"name": "ada", "role": "ADMIN"}
    link = command.json("admin", "create", "cleo", "--setup-link")["setup_link"]
    assert link.startswith("https://localhost:8443/admin/setup")
    assert "otae: password" in command.refusal("admin", "create", "eve", "--password-stdin", text="short\n")
    command.run("admin", "email", "ada", "ada@example.test")
    assert "no e-mail address" in command.refusal("admin", "email", "ada", "ada")
    assert "no administrator" in command.refusal("admin", "email", "eve")
    assert command.run("admin", "full-name", "ada", "Ada Lovelace").returncode == 0
    assert "no local administrator" in command.refusal("admin", "full-name", "eve", "Eve")
    command.run("admin", "password", "ada", "--password-stdin", text="four other quiet words\n")
    assert "no administrator" in command.refusal("admin", "password", "eve", "--password-stdin", text=PASSWORD)
    assert "otae: password" in command.refusal("admin", "password", "ada", "--password-stdin", text="short\n")
    assert command.run("admin", "password", "ada").returncode == 2
    actions = [entry["action"] for entry in command.json("audit", "list")]
    assert actions.count("administrator.password-changed") == 1


def test_administrators_and_roles_are_listed_and_the_last_one_stays(command: CommandLine) -> None:
    for name, role in (("ada", "ADMIN"), ("cleo", "SUPPORT")):
        given = ("--role", role, "--password-stdin")
        assert command.json("admin", "create", name, *given, text="four quiet words here\n")["role"] == role
    assert "role" in command.refusal("admin", "create", "eve", "--role", "NOBODY", "--setup-link")
    assert [(row["name"], row["role"]) for row in command.json("admin", "list")] == [
        ("ada", "ADMIN"),
        ("cleo", "SUPPORT"),
    ]
    assert command.json("admin", "disable", "cleo")["disabled"] is True
    assert command.json("admin", "enable", "cleo")["disabled"] is False
    assert "last administrator" in command.refusal("admin", "disable", "ada")
    assert "no administrator called eve" in command.refusal("admin", "disable", "eve")
    listed = command.json("role", "list")
    assert [row["role"] for row in listed] == ["ADMIN", "SUPPORT", "DEVICE_PROVISIONING", "USER"]
    assert command.json("role", "show", "SUPPORT") == listed[1]
    assert "invitation.notify" in listed[1]["permissions"]
    assert "invitation.notify" in command.run("role", "show", "SUPPORT").stdout
    assert "Helps people enroll" in command.run("role", "list").stdout
    assert "no role called Desk" in command.refusal("role", "show", "Desk")


def test_a_lost_second_factor_is_reset(command: CommandLine) -> None:
    async def set_up(_desk: Desk, now: datetime) -> None:
        await Administrator.filter(name="cleo").update(second_factor_at=now)

    command.json("admin", "create", "cleo", "--password-stdin", text="four quiet words here\n")
    assert "cleo has no second factor" in command.refusal("admin", "reset-second-factor", "cleo")
    with command.monkeypatch.context() as patched:
        patched.setattr(os, "environ", command.environment)
        run_with_desk(set_up)
    assert [row["second_factor"] for row in command.json("admin", "list")] == [True]
    assert command.json("admin", "reset-second-factor", "cleo")["second_factor"] is False


def test_people_are_added_once_and_listed(ben: CommandLine) -> None:
    assert [row["name"] for row in ben.json("user", "list")] == ["ben"]
    assert "ben" in ben.refusal("user", "add", "BEN", "--email", "ben@example.test")
    assert "ben@example.test" in ben.run("user", "list").stdout


def test_an_invitation_prints_what_scripts_rely_on(ben: CommandLine) -> None:
    made = ben.json("invite", "--user", "ben", "--mode", "two_factor", "--no-send", "--show-pin")
    assert set(made) == {"id", "token", "url", "mode", "status", "valid_until", "pin"}
    assert made["url"] == f"https://localhost:8443/zdm/su?e={made['token']}"
    assert made["token"].startswith("ep-")
    assert made["status"] == "pending"
    assert len(made["pin"]) == 8
    assert made["valid_until"].endswith(("Z", "+00:00"))


def test_a_pin_is_printed_only_when_asked_for(ben: CommandLine) -> None:
    noted = ("--note", "Please before Friday")
    assert "pin" not in ben.json("invite", "--user", "ben", "--mode", "username_pin", "--no-send", *noted)
    assert "note: ben has an invitation that works until" in ben.run("invite", "--user", "ben", "--no-send").stderr
    assert "otae: note" in ben.refusal("invite", "--user", "ben", "--no-send", "--note", "x" * 501)


def test_a_classic_invitation_has_no_end(ben: CommandLine) -> None:
    assert ben.json("invite", "--user", "ben", "--mode", "username_password", "--no-send")["valid_until"] is None


def test_an_invitation_is_refused_naming_what_is_missing(ben: CommandLine) -> None:
    assert "recipient: there is nobody" in ben.refusal("invite", "--user", "cleo")
    ben.json("user", "add", "cleo")
    assert "e-mail" in ben.refusal("invite", "--user", "cleo", "--mode", "username_pin")
    assert "mode" in ben.refusal("invite", "--user", "ben", "--mode", "invitation_url")


def test_the_life_of_an_invitation(ben: CommandLine) -> None:
    made = ben.json("invite", "--user", "ben", "--mode", "username_pin")
    assert [row["id"] for row in ben.json("invitation", "list", "--status", "pending")] == [made["id"]]
    shown = ben.json("invitation", "show", made["id"])
    assert shown["timeline"][0]["kind"] == "invitation.created"
    assert "invitation.created" in ben.run("invitation", "show", made["id"]).stdout
    again = ben.json("invitation", "resend", made["id"], "--show-pin")
    assert again["token"] == made["token"]
    assert ben.run("invitation", "revoke", made["id"]).returncode == 0
    assert ben.json("invitation", "show", made["id"])["status"] == "revoked"
    assert "withdrawn" in ben.refusal("profile", made["token"])
    assert "no invitation" in ben.refusal("invitation", "show", "not-an-id")


def test_the_single_profile_is_written_with_a_fresh_challenge(ben: CommandLine) -> None:
    token = ben.json("invite", "--user", "ben", "--mode", "username_pin", "--no-send")["token"]
    first = ben.run("profile", token, "--unsigned").stdout
    second = ben.run("profile", token, "--unsigned").stdout
    assert first.startswith("<?xml")
    assert "com.apple.mdm" in first
    assert first != second
    assert "no invitation" in ben.refusal("profile", "ep-00000000-0000-4000-8000-000000000000")


def test_no_profile_is_written_before_the_approval_that_the_mode_asks_for(ben: CommandLine) -> None:
    made = ben.json("invite", "--user", "ben", "--mode", "username_pin", "--no-send")
    token = made["token"]
    assert ben.json("mode", "set", "username_pin", "--approval", "administrator")["approval"] == "administrator"
    assert "has to approve" in ben.refusal("profile", token)
    kinds = [event["kind"] for event in ben.json("invitation", "show", made["id"])["timeline"]]
    assert "approval.asked" in kinds
    assert "session.opened" not in kinds, "it would end the session of the person who waits"
    ben.json("mode", "set", "username_pin", "--approval", "none")
    assert ben.run("profile", token, "--unsigned").stdout.startswith("<?xml")


def test_server_properties_are_listed_read_and_set(command: CommandLine) -> None:
    rows = {row["name"]: row for row in command.json("property", "list")}
    assert rows["macos.otae.enable"]["value"] is True
    assert command.run("property", "set", "macos.otae.enable", "false").returncode == 0
    assert command.json("property", "get", "macos.otae.enable")["value"] is False
    assert command.run("property", "get", "macos.otae.enable").stdout == "false\n"
    assert "true or false" in command.refusal("property", "set", "macos.otae.enable", "maybe")
    assert "no server property" in command.refusal("property", "get", "nonsense")
    words = command.refusal("property", "set", "mdm.rights.employee", "3811")
    assert "mdm.rights.employee: renewing certificates and confirming the enrollment need also" in words
    assert "(16)" in words
    assert command.run("property", "set", "mdm.rights.employee", "3831").returncode == 0


def test_the_first_notification_server_is_active(command: CommandLine) -> None:
    common = ("--host", "mail.example.test", "--from-name", "IT", "--from-email", "it@example.test")
    first = command.json("notification-server", "add", "smtp", "--name", "one", *common)
    second = command.json("notification-server", "add", "smtp", "--name", "two", *common)
    assert (first["active"], second["active"]) == (True, False)
    assert command.run("notification-server", "activate", "two").returncode == 0
    assert [row["name"] for row in command.json("notification-server", "list") if row["active"]] == ["two"]
    assert command.run("notification-server", "test", "one", "--to", "ada@example.test").returncode == 1


def test_the_authority_is_shown_and_its_root_exported(command: CommandLine, tmp_path: Path) -> None:
    tree = command.json("ca", "show")
    assert [row["purpose"] for row in tree] == ["root", "device-ca", "ra", "profile-signer", "service-ca", "tls"]
    assert command.run("ca", "export-root").stdout.startswith("-----BEGIN CERTIFICATE-----")
    exported = command.json("ca", "export-root")
    assert exported["sha256"] == next(row["sha256"] for row in tree if row["purpose"] == "root")
    assert exported["certificate"] == command.run("ca", "export-root").stdout
    assert command.run("ca", "export-root", "--output", str(tmp_path / "root.pem")).returncode == 0
    assert (tmp_path / "root.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_a_push_certificate_without_its_key_is_refused(command: CommandLine) -> None:
    assert "no push certificate" in command.refusal("push", "show")
    file = reference("captures/push-certificates/mock_push_cert.pem")
    assert "key" in command.refusal("push", "import", str(file))


def test_a_certificate_that_cannot_be_read_is_one_clear_line(command: CommandLine, tmp_path: Path) -> None:
    key = new_key()
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    bad.write_bytes(ssl.DER_cert_to_PEM_cert(spoiled.version_4(key)).encode())
    good.write_bytes("Käfer\n".encode("latin-1") + bad.read_bytes() + pem(spoiled.certificate(key, "House CA")))
    for door in (("push", "import"), ("ca", "import-signer"), ("ca", "import-tls")):
        assert "its version is 4" in command.refusal(*door, str(bad))
    smtp = [*("notification-server", "add", "smtp", "--name", "House", "--host", "mäil.example.test")]
    smtp += ["--security", "tls", "--from-name", "IT", "--from-email", "it@müller.example", "--ca-file"]
    assert "its version is 4" in command.refusal(*smtp, str(bad))
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"\r\n")
    assert "ca_file: the file is empty" in command.refusal(*smtp, str(empty))
    added = command.run(*smtp, str(good), "--json")
    assert "left out: certificate 1 of the file cannot be read: its version is 4" in added.stderr
    row = json.loads(added.stdout)
    assert (row["host"], row["from_email"]) == ("mäil.example.test", "it@müller.example"), "as it was written"


def test_there_are_no_macs_at_first(command: CommandLine) -> None:
    assert command.json("device", "list") == []
    assert "no Mac" in command.refusal("device", "show", "A" * 36)
    assert command.run("device", "release", "A" * 36).returncode == 1


def test_the_doctor_says_what_is_not_running(command: CommandLine) -> None:
    done = command.run("doctor", "--json")
    assert done.returncode == 1
    found = {row["check"]: row["state"] for row in json.loads(done.stdout)}
    assert found["master key"] == "ok"
    assert found["worker"] == "failed"


def test_the_audit_log_is_listed_and_verified(ben: CommandLine) -> None:
    newest = ben.json("audit", "list", "--search", "ben")[0]
    assert (newest["action"], newest["actor"], newest["subject"]) == ("person.added", "command line", "ben")
    head = ben.json("audit", "verify")
    assert head["entries"] == newest["entry"]
    ben.run("property", "set", "identity.days", "200")
    assert ben.json("audit", "verify", "--noted", head["head"])["entries"] == head["entries"] + 1
    assert "not the one that was noted" in ben.refusal("audit", "verify", "--noted", f"{head['entries']}:{'0' * 64}")
    assert ben.run("audit", "verify", "--noted", "something").returncode == 2


def test_the_ca_rotates_and_says_until_when_the_former_one_lasts(command: CommandLine) -> None:
    before = {row["purpose"]: row["sha256"] for row in command.json("ca", "show")}
    done = command.json("ca", "rotate")
    assert done["former_sha256"] == before["device-ca"]
    assert done["former_until"].endswith("Z")
    after = {row["purpose"]: row["sha256"] for row in command.json("ca", "show") if row["active"]}
    assert after["device-ca"] == done["sha256"]
    assert {purpose for purpose in after if after[purpose] != before[purpose]} == {"device-ca", "ra", "profile-signer"}


def test_own_certificates_are_imported_refused_and_removed(command: CommandLine, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    other = outside(now)
    signer, tls = other.signer(now), other.tls(now)
    (tmp_path / "signer.p12").write_bytes(as_pkcs12(signer, other.chain, "correct horse"))
    (tmp_path / "tls.pem").write_bytes(pem(tls.certificate, *other.chain))
    (tmp_path / "tls.key").write_bytes(key_pem(tls.key))
    handed = ("ca", "import-signer", str(tmp_path / "signer.p12"), "--password-stdin")
    assert "does not open" in command.refusal(*handed, text="wrong\n")
    assert command.json(*handed, text="correct horse\n")["purpose"] == "profile-signer"
    assert "private key" in command.refusal("ca", "import-tls", str(tmp_path / "tls.pem"))
    taken = command.json("ca", "import-tls", str(tmp_path / "tls.pem"), "--key", str(tmp_path / "tls.key"))
    assert taken["chain"] == ["CN=Example Authority,O=Example", "CN=Example Root,O=Example"]
    assert {row["purpose"] for row in command.json("ca", "show") if row["uploaded"]} == {"profile-signer", "tls"}
    for what in ("signer", "tls"):
        assert command.run("ca", "remove-import", what).returncode == 0
        assert "no uploaded certificate" in command.refusal("ca", "remove-import", what)


def test_the_root_key_leaves_with_its_export_and_comes_back(command: CommandLine, tmp_path: Path) -> None:
    file, words = tmp_path / "root.pem", "correct horse battery\n"
    assert command.run("ca", "export-root-key").returncode == 2
    assert "12 characters" in command.refusal("ca", "export-root-key", "--passphrase-stdin", text="short\n")
    told = command.json("ca", "export-root-key", "--passphrase-stdin", "--output", str(file), text=words)
    assert file.stat().st_mode & 0o777 == 0o600
    confirm = hashlib.sha256(file.read_bytes()).hexdigest()
    assert told == {"sha256": confirm}
    again = ("ca", "export-root-key", "--passphrase-stdin", "--output", str(file))
    assert "there already" in command.refusal(*again, text=words)
    assert "sha256sum" in command.refusal("ca", "remove-root-key", "--confirm", "0" * 64)
    assert command.json("ca", "remove-root-key", "--confirm", confirm) == {"removed": True}
    assert "not on this server" in command.refusal("ca", "rotate")
    returning = ("ca", "import-root-key", str(file), "--passphrase-stdin")
    assert "does not open" in command.refusal(*returning, text="another passphrase\n")
    assert command.json(*returning, text=words) == {"returned": True}
    assert command.run("ca", "rotate").returncode == 0


def test_a_process_without_the_new_master_key_is_named_before_rotating(command: CommandLine) -> None:
    async def run_with(key_id: str) -> None:
        async with database.connected(make_settings(Path(command.environment["OTAE_HOME"]))):
            await heartbeats.beat("worker:a:1", "worker", now=await database.now(), key_ids=[key_id])

    asyncio.run(run_with("0123456789abcdef"))
    assert "without the first master key: worker:a:1" in command.refusal("keys", "rotate")
    warned = {row["check"]: row for row in json.loads(command.run("doctor", "--json").stdout)}
    assert "worker:a:1" in warned["keys of processes"]["words"]
    assert command.json("keys", "rotate", "--anyway")["resealed"] == 0
    asyncio.run(run_with(Vault([base64.urlsafe_b64decode(MASTER_KEY + "=")]).key_ids[0]))
    assert command.json("keys", "rotate")["resealed"] == 0


def test_master_keys_rotate_and_the_old_one_is_dropped(command: CommandLine) -> None:
    new = command.json("keys", "generate")["key"]
    command.environment["OTAE_MASTER_KEYS"] = f"{new},{MASTER_KEY}"
    first, second = command.json("keys", "check")
    assert (first["seals"], first["opens"], second["seals"]) == (True, 0, False)
    done = command.json("keys", "rotate")
    assert (done["resealed"], done["unopened"]) == (second["opens"], 0)
    assert [use["opens"] for use in command.json("keys", "check")] == [second["opens"], 0]
    assert command.json("keys", "rotate")["resealed"] == 0
    command.environment["OTAE_MASTER_KEYS"] = new
    assert command.run("ca", "show").returncode == 0
    assert new not in command.run("keys", "check").stdout
