"""TLS with our own leaf: trusted by whoever trusts the root, renewed in time, swapped while running."""

import asyncio
import dataclasses
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from otae import app
from otae.authority import issuers, serving
from otae.authority.serving import ServerCertificate
from otae.signing.bundles import read_bundle
from otae.signing.certificates import fingerprint, load_certificate
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate
from otae.tasks import schedule

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def leaf_seen_by_a_client(port: int, name: str = "localhost", **options: ssl.TLSVersion) -> x509.Certificate:
    client = ssl.create_default_context(cadata=(await issuers.root_pem()).decode())
    for option, value in options.items():
        setattr(client, option, value)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=name)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return load_certificate(der)


async def test_whoever_does_not_trust_the_root_yet_is_shown_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr(
        ssl.SSLContext, "load_cert_chain", lambda _context, file, **_options: sent.append(file.read_bytes())
    )
    await serving.tls_context(desk)
    chain = read_bundle(sent[0]).certificates
    assert (chain[0], chain[-1]) == (await issuers.certificate_of("tls"), await issuers.root())


async def test_whose_certificate_is_shown_is_known_as_far_as_it_can_be(sqlite_desk: Desk) -> None:
    assert await serving.server_certificate(sqlite_desk) is ServerCertificate.OWN
    for router in ({"port": 5000}, {"hops": 1}):
        behind = dataclasses.replace(sqlite_desk, settings=sqlite_desk.settings.model_copy(update=router))
        assert await serving.server_certificate(behind) is ServerCertificate.ROUTER


async def test_a_client_that_trusts_the_root_alone_trusts_us(desk: Desk) -> None:
    async with listening(await serving.tls_context(desk)) as port:
        for name in ("localhost", "127.0.0.1"):
            assert await leaf_seen_by_a_client(port, name) == await issuers.certificate_of("tls")
        with pytest.raises(ssl.SSLCertVerificationError):
            await leaf_seen_by_a_client(port, "mdm.example.test")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_old_tls_is_refused(desk: Desk) -> None:
    async with listening(await serving.tls_context(desk)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await leaf_seen_by_a_client(
                port, minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1
            )


async def test_a_leaf_with_a_month_left_stays(desk: Desk) -> None:
    before = await issuers.active_row("tls")
    assert not await serving.renew_leaf(desk, now=before.not_after - timedelta(days=31))
    assert (await issuers.active_row("tls")).id == before.id


async def test_a_renewed_leaf_is_served_by_the_same_context(desk: Desk) -> None:
    context, before = await serving.tls_context(desk), await issuers.certificate_of("tls")
    async with listening(context) as port:
        assert await leaf_seen_by_a_client(port) == before
        now = await database.now()
        await serving.refresh(context, desk, now=now)
        assert await leaf_seen_by_a_client(port) == before
        # its row says that it ends soon: the client's clock is the real one and the new leaf must be valid today
        await Certificate.filter(purpose="tls").update(not_after=now + timedelta(days=29))
        await serving.refresh(context, desk, now=now)
        after = await leaf_seen_by_a_client(port)
    assert after != before
    assert after == await issuers.certificate_of("tls")
    assert after.not_valid_after_utc - after.not_valid_before_utc == timedelta(days=397)


async def test_a_leaf_renewed_by_another_process_is_picked_up(desk: Desk) -> None:
    context, now = await serving.tls_context(desk), await database.now()
    await Certificate.filter(purpose="tls").update(not_after=now + timedelta(days=29))
    assert await serving.renew_leaf(desk, now=now)
    async with listening(context) as port:
        await serving.refresh(context, desk, now=now)
        assert fingerprint(await leaf_seen_by_a_client(port)) == (await issuers.active_row("tls")).sha256


async def test_two_processes_that_renew_at_once_leave_one_leaf(desk: Desk) -> None:
    now = await database.now()
    await Certificate.filter(purpose="tls").update(not_after=now + timedelta(days=29))
    assert sorted(await asyncio.gather(*(serving.renew_leaf(desk, now=now) for _ in range(2)))) == [False, True]
    assert await Certificate.filter(purpose="tls", active=True).count() == 1
    assert await Certificate.filter(purpose="tls").count() == 2


async def test_a_leaf_that_ends_with_its_issuer_is_not_made_over_and_over(desk: Desk) -> None:
    end = (await issuers.active_row("service-ca")).not_after
    assert await serving.renew_leaf(desk, now=end - timedelta(days=20))
    assert (await issuers.active_row("tls")).not_after == end
    assert not await serving.renew_leaf(desk, now=end - timedelta(days=19))


async def test_the_key_is_never_on_disk_in_clear(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    folder = tmp_path / "temporary"
    folder.mkdir()
    real = ssl.SSLContext.load_cert_chain

    def watched(context: ssl.SSLContext, certfile: Path, *, password: bytes) -> None:
        seen.extend(file.read_bytes() for file in folder.rglob("*") if file.is_file())
        real(context, certfile, password=password)

    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    await serving.tls_context(desk)
    (stored,) = seen
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in stored
    assert b"BEGIN PRIVATE KEY" not in stored
    assert list(folder.iterdir()) == []


async def test_a_leaf_near_its_end_is_renewed_before_anything_is_served(sqlite_desk: Desk) -> None:
    before = await issuers.active_row("tls")
    await Certificate.filter(id=before.id).update(not_after=await database.now() + timedelta(days=2))
    async with app.renewed_tls(sqlite_desk):
        assert (await issuers.active_row("tls")).id != before.id


async def test_the_clock_renews_the_leaf_where_no_web_process_has_started(sqlite_desk: Desk) -> None:
    before, now = await issuers.active_row("tls"), await database.now()
    await Certificate.filter(id=before.id).update(not_after=now + timedelta(days=2))
    await schedule.renew_certificates(sqlite_desk, now)
    assert (await issuers.active_row("tls")).id != before.id
