"""As deployed: `serve`, `worker` and `clock` on PostgreSQL and Redis behind a TLS router; and alone on one machine."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from otae.rehearsal.connection import MacConnection
from otae.rehearsal.hardware import DeviceFacts
from otae.rehearsal.mac import Mac, build_hardware
from otae.rehearsal.safari import Safari
from otae.signing.bundles import read_bundle
from otae.signing.certificates import Keyed
from tests.flow.house import PASSWORD, write_maker
from tests.flow.processes import Processes, environment, link_in, pin_in
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer
from tests.servers.router import TLSRouter
from tests.servers.router import running as running_router
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio

MODES = ["username_password", "username_pin", "two_factor", "high_security"]


@dataclass
class Deployed:
    """Everything that runs; commands block, so tests call them in threads."""

    otae: Processes
    port: int
    router: TLSRouter
    maker: Keyed
    smtp: SMTPServer
    root: x509.Certificate

    async def run(self, *arguments: str, typed: str = "") -> str:
        return await asyncio.to_thread(self.otae.run, *arguments, typed=typed)

    async def mails(self, to: str, count: int) -> str:
        """Wait for so many messages and return their words."""
        for _ in range(300):
            if len(self.smtp.to(to)) >= count:
                break
            await asyncio.sleep(0.1)
        bodies = [received.message.get_body(("plain",)) for received in self.smtp.to(to)]
        assert len(bodies) == count, self.otae.said()[-3000:]
        return "\n".join(body.get_content() for body in bodies if body)


@contextmanager
def deployed(folder: Path, database_url: str, redis: RedisServer, smtp: SMTPServer) -> Iterator[Deployed]:
    port = free_port()
    maker, maker_file = write_maker(folder)
    with running_router(port) as router:
        otae = Processes(
            environment(
                folder,
                DATABASE_URL=database_url,
                REDIS_URL=f"{redis.tls_url}" if redis.tls_port else redis.url,
                PUBLIC_URL=router.url,
                PORT=str(port),
                OTAE_ALLOW_PRIVATE="1",
                OTAE_EXTRA_DEVICE_CA_FILE=str(maker_file),
                SSL_CERT_FILE=str(router.ca_file),
            ),
            folder,
        )
        otae.run("migrate")
        server = ("notification-server", "add", "smtp", "--name", "mail", "--host", smtp.host, "--port", str(smtp.port))
        otae.run(*server, "--from-name", "Example IT", "--from-email", "desk@example.test")
        with otae.started("serve", "worker", "clock"):
            otae.wait(port)
            yield Deployed(
                otae, port, router, maker, smtp, read_bundle(otae.run("ca", "export-root").encode()).certificates[0]
            )
        assert router.timeouts == 0


@pytest.fixture
def house(postgres_url: str, redis_server: RedisServer, smtp_server: SMTPServer, tmp_path: Path) -> Iterator[Deployed]:
    with deployed(tmp_path, postgres_url, redis_server, smtp_server) as house:
        yield house


async def enroll(house: Deployed, mode: str, name: str) -> str:
    """Invite somebody by command and let a Mac follow the mail through the router; returns its UDID."""
    to, has_pin = f"{name}@example.test", mode != "username_password"
    await house.run("user", "add", name, "--email", to, "--password-stdin", typed=f"{PASSWORD}\n")
    invited = await asyncio.to_thread(house.otae.json, "invite", "--user", name, "--mode", mode)
    words = await house.mails(to, 1 + has_pin)
    assert link_in(words) == invited["url"]
    async with MacConnection(house.router.url, read_bundle(house.router.ca_file.read_bytes()).certificates) as line:
        safari = Safari(line)
        page = await safari.sign_in(
            await safari.open(invited["url"]),
            name=name,
            password=None if mode == "username_pin" else PASSWORD,
            pin=pin_in(words) if has_pin else None,
        )
        assert page.path == "/zdm/macos/otae/install", page.text
        mac = Mac(line, [house.root], await build_hardware(house.maker, datetime.now(UTC)), DeviceFacts.invented())
        await mac.install(await safari.download(page, "/profile", name="profile"))
        await mac.check_in()
    assert "now enrolled" in await house.mails(to, 2 + has_pin)
    shown = await asyncio.to_thread(house.otae.json, "invitation", "show", invited["id"])
    assert shown["status"] == "redeemed"
    return mac.facts.udid


async def test_people_enroll_and_every_mode_is_rehearsed(house: Deployed) -> None:
    enrolled = {await enroll(house, "two_factor", "ben"), await enroll(house, "username_password", "cleo")}
    inside = f"http://127.0.0.1:{house.port}"
    for mode in MODES:
        told = await house.run("rehearse", "--mode", mode, "--url", inside)
        assert "enrolled" in told
    told = await house.run("rehearse", "--mode", "high_security")
    assert "CheckOut" in told
    devices = await asyncio.to_thread(house.otae.json, "device", "list")
    assert {row["udid"] for row in devices} == enrolled
    assert {row["status"] for row in devices} == {"enrolled"}
    assert len(house.smtp.messages) == 5, "a rehearsal's mail never leaves the house"
    assert "Traceback" not in house.otae.said()


async def test_a_rehearsal_that_cannot_reach_the_server_exits_1(house: Deployed) -> None:
    with pytest.raises(RuntimeError, match="cannot be reached") as caught:
        await house.run("rehearse", "--mode", "two_factor", "--url", "http://127.0.0.1:9")
    assert "rehearse --mode two_factor --url http://127.0.0.1:9: 1" in str(caught.value)
    assert (await house.run("device", "list", "--json")).strip() == "[]"


async def test_alone_on_one_machine_every_mode_is_rehearsed(tmp_path: Path) -> None:
    port = free_port()
    otae = Processes(environment(tmp_path, PUBLIC_URL=f"https://localhost:{port}"), tmp_path)
    with otae.started("serve"):
        otae.wait(port)
        for mode in MODES:
            told = await asyncio.to_thread(otae.run, "rehearse", "--mode", mode)
            assert "enrolled" in told
        steps = await asyncio.to_thread(otae.json, "rehearse", "--mode", "two_factor")
        assert steps["ok"]
    assert "Traceback" not in otae.said()


def test_a_mode_that_is_off_is_refused_with_one_line(tmp_path: Path) -> None:
    otae = Processes(environment(tmp_path, PUBLIC_URL="https://localhost:8443"), tmp_path)
    otae.run("migrate")
    with pytest.raises(RuntimeError, match="invitation_url"):
        otae.run("rehearse", "--mode", "invitation_url")
