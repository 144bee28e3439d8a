"""What we issue, in the eyes of pkilint: not one finding of ERROR or FATAL, save one that is false."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from otae.authority import issuers
from otae.authority.ceremony import ensure_service_ca
from otae.authority.crl import crl
from otae.authority.revocation import revoke
from otae.authority.rotation import rotate_device_ca
from otae.settings import Settings
from otae.signing.certificates import load_certificate, pem
from otae.store import database, keyring
from otae.store.desk import Desk, SilentBell
from otae.store.models import EnrollmentSession, Person
from tests.authority.identities import issue_identity

pytestmark = pytest.mark.anyio

OURS: tuple[issuers.Purpose, ...] = ("root", "device-ca", "service-ca", "ra", "profile-signer", "tls")
CERTIFICATE = ("lint_pkix_cert", "lint")
LIST = ("lint_crl", "lint", "--type", "CRL", "--profile", "PKIX")
#: RFC 5280 §4.2.1.6 asks for the "preferred name syntax" of RFC 1034 §3.5, in which a domain may be a single label;
#: pkilint wants two. A trial and a health check of this machine come by this name.
FALSE = 'Invalid domain name syntax: "localhost"'


def severe(program: tuple[str, ...], file: Path) -> list[tuple[str, str]]:
    """Run pkilint; return the code and words of each finding of ERROR or FATAL. Its exit status counts notes too."""
    path = Path(sys.executable).parent / program[0]
    if not path.exists():
        pytest.skip("pkilint is not installed (test extra)")
    command = [str(path), *program[1:], "--severity", "INFO", "--format", "JSON", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    results = json.loads(done.stdout)["results"]
    findings = [finding for result in results for finding in result["finding_descriptions"]]
    assert all(finding["severity"] in {"INFO", "NOTICE", "WARNING", "ERROR", "FATAL"} for finding in findings)
    return [(finding["code"], finding["message"]) for finding in findings if finding["severity"] in {"ERROR", "FATAL"}]


async def issue(desk: Desk, key: rsa.RSAPrivateKey) -> bytes:
    """Issue an identity to Ben, revoke it, and return it as PEM."""
    now = await database.now()
    ben = Person(name="ben", display_name="Ben", created_at=now)
    await ben.save()
    session = EnrollmentSession(
        person_id=ben.id, mode="two_factor", ownership="corporate", way="ota", opened_at=now, expires_at=now
    )
    await session.save()
    row = await issue_identity(
        desk,
        public_key=key.public_key(),
        purpose="mdm-identity",
        common_name=f"otae {session.id}",
        session=session,
        now=now,
    )
    await revoke(row, "keyCompromise", now=now, actor="ada")
    return pem(load_certificate(row.der or b""))


@pytest.mark.slow
async def test_everything_issued_here_is_free_of_errors(
    sqlite_settings: Settings, mac_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    settings = sqlite_settings.model_copy(update={"public_url": "https://mdm.example.test"})
    async with database.connected(settings):
        desk = Desk(settings, await keyring.open_vault(settings), SilentBell())
        now = await database.now()
        await ensure_service_ca(desk, now=now)
        await rotate_device_ca(desk, now=now, actor="ada")
        for purpose in OURS:
            (tmp_path / purpose).write_bytes(pem(await issuers.certificate_of(purpose)))
        (tmp_path / "identity").write_bytes(await issue(desk, mac_key))
        device_ca = await issuers.active_row("device-ca")
        (tmp_path / "crl").write_bytes(await crl(desk, str(device_ca.id), now=now))
    found = {name: severe(CERTIFICATE, tmp_path / name) for name in (*OURS, "identity")}
    found["crl"] = severe(LIST, tmp_path / "crl")
    false = [("pkix.invalid_domain_name_syntax", FALSE)]
    assert found == {what: [] for what in found} | {"service-ca": false, "tls": false}


async def test_the_judge_sees_an_error(tmp_path: Path, mac_key: rsa.RSAPrivateKey, sqlite_settings: Settings) -> None:
    async with database.connected(sqlite_settings):
        desk = Desk(sqlite_settings, await keyring.open_vault(sqlite_settings), SilentBell())
        spoiled = dataclasses.replace(
            desk, settings=desk.settings.model_copy(update={"public_url": "https://not a host"})
        )
        (tmp_path / "identity").write_bytes(await issue(spoiled, mac_key))
    assert [code for code, _ in severe(CERTIFICATE, tmp_path / "identity")] == ["pkix.invalid_uri_syntax"]
