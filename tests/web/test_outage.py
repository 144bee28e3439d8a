"""The database stops in the middle of everything: no page breaks, and each says that it is worth asking again."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from otae.app import make_app, prepare
from otae.paths import BOUNCE
from otae.store import database, keyring
from otae.store.desk import Desk
from otae.web.callers import Caller, caller
from tests.desks import RecordingBell, make_settings
from tests.servers.postgres import bundled_binaries, running, system_binaries
from tests.web.test_walks import WAYS

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_every_route_asks_to_come_back_and_readyz_names_the_database(tmp_path: Path, anyio_backend: str) -> None:
    binaries = system_binaries() or bundled_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL installed and none bundled for this Python")
    with running(binaries) as server:
        settings = make_settings(tmp_path, DATABASE_URL=server.fresh(), PUBLIC_URL="https://localhost:8443")
        await prepare(settings)
        await database.connect(settings)
        desk = Desk(settings, await keyring.open_vault(settings), RecordingBell())
        transport = httpx2.ASGITransport(make_app(desk))
        headers = {"Sec-Fetch-Site": "same-origin"}
        client = httpx2.AsyncClient(transport=transport, base_url=settings.public_url, headers=headers)
        assert (await client.get("/readyz")).text == "ok\n"
    try:
        await asyncio.gather(*[check_one(client, path, method) for path, method in WAYS])
    finally:
        await client.aclose()
        await database.disconnect()


async def check_one(client: httpx2.AsyncClient, path: str, method: str) -> None:
    answer = await client.request(method, path)
    if path in {"/healthz", "/metrics", BOUNCE}:  # none of these asks the database without its bearer
        assert answer.status_code in {200, 404}
        return
    if caller(path) is Caller.DEVICE and answer.status_code == 400:
        return  # refused before anything was looked up
    assert (path, method, answer.status_code) == (path, method, 503)
    assert answer.headers["retry-after"]
    assert "postgres" not in answer.text.lower()
    assert "Traceback" not in answer.text
    if path == "/readyz" and method == "GET":
        assert answer.text == "database\n"
