"""An installation for SCEP clients of other makers, in clear HTTP, taking single DES where they know nothing better."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from otae.authority import issuers
from otae.directory.local import people
from otae.enrollment import ota, sessions
from otae.rehearsal.connection import ServerResponse
from otae.rehearsal.profiles import open_profile, read_configuration
from otae.signing.certificates import pem
from otae.store import database, keyring, properties
from otae.store.desk import Desk, SilentBell
from otae.store.models import Person
from tests.desks import make_settings
from tests.flow.house import PROFILE_TYPE, serving_plain
from tests.signing import openssl


@dataclass
class Office:
    """A running SCEP server, and Ben, for whom certificates are asked."""

    desk: Desk
    ben: Person
    url: str
    folder: Path

    async def challenge(self) -> str:
        """A SCEP challenge as it stands in a profile that Ben downloaded."""
        now = await database.now()
        await properties.write("enrollment.delivery", "profile")
        session = await sessions.open_session(
            person=self.ben, invitation=None, mode="username_password", ownership="employee", now=now
        )
        content = await ota.download(self.desk, session, now=now)
        profile = open_profile(
            ServerResponse(200, PROFILE_TYPE, content, "", {}), [await issuers.root()], now, what="profile"
        )
        return read_configuration(profile).scep.challenge

    async def run(self, *command: str, check: bool = True) -> int:
        """Run a client in the office's folder and return its exit code; RuntimeError with its words if it fails."""
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        if check and process.returncode:
            raise RuntimeError(f"{command[0]}: {process.returncode}\n{said.decode(errors='replace')}")
        return process.returncode or 0

    async def see_issued(self, file: str) -> x509.Certificate:
        """The certificate a client wrote (PEM) is ours by openssl's judgement, under the server's subject."""
        root, device_ca = await issuers.root(), await issuers.certificate_of("device-ca")
        (self.folder / "root.pem").write_bytes(pem(root))
        (self.folder / "device-ca.pem").write_bytes(pem(device_ca))
        chain = ("-CAfile", self.folder / "root.pem", "-untrusted", self.folder / "device-ca.pem")
        openssl.run("verify", "-purpose", "sslclient", *chain, self.folder / file)
        certificate = x509.load_pem_x509_certificate((self.folder / file).read_bytes())
        (name,) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        assert str(name.value).startswith("otae ")
        return certificate


@pytest.fixture
async def office(pristine_sqlite: Path, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    home, folder = tmp_path / "home", tmp_path / "client"
    for made in (home, folder):
        made.mkdir()
    shutil.copy(pristine_sqlite, home)
    settings = make_settings(home, OTAE_SCEP_ALLOW_DES="1")
    async with database.connected(settings):
        desk = Desk(settings, await keyring.open_vault(settings), SilentBell())
        now = await database.now()
        ben = await people.add_person(desk, name="ben", email="ben@example.test", now=now, actor="ada")
        async with serving_plain(desk) as base:
            yield Office(desk, ben, f"{base}/scep", folder)
