"""Composition root: turns settings, database, keys, queue and pages into one running process."""

import asyncio
import logging
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import IO

import structlog
import uvicorn
from starlette.applications import Starlette

from otae import paths
from otae.accounts.administrators import any_administrator, first_setup_link
from otae.authority import serving
from otae.authority.ceremony import ensure_service_ca, hold_ceremony
from otae.delivery.sms.carriers import ensure_carriers
from otae.delivery.texts.templates import ensure_templates
from otae.enrollment import ota
from otae.settings import Settings
from otae.store import database, heartbeats, keyring, rollout, schema_check, search_index
from otae.store import restore as restoring
from otae.store.backup_file import BackupReader
from otae.store.desk import Desk
from otae.store.installation import open_desk
from otae.store.restore import RestoreResult
from otae.store.single_holder import single_server
from otae.store.writable import Readiness
from otae.tasks import runtime
from otae.web import failures, middleware, routes
from otae.web.connections import bind_sockets, raise_file_limit, tls_protocol_factory
from otae.web.request_timeouts import HeadTimeoutProtocol
from otae.words import configure_logging

#: Seconds that open requests may take after SIGTERM; the whole process ends within 25.
SHUTDOWN_SECONDS = 10
#: Seconds between checks of whether the TLS leaf is due for renewal, or another process has renewed it.
TLS_REFRESH_SECONDS = 600

log = structlog.get_logger("otae.app")


class Server(uvicorn.Server):
    """A uvicorn server that ends on SIGTERM and SIGINT with status 0; further signals while it ends change nothing."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT inside the block; unlike uvicorn, do not raise them again afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        self.should_exit = True


async def prepare(settings: Settings) -> None:
    """Migrate the schema and create what a new installation needs: keys, certificates, templates, carriers.

    Safe when several processes call it at once: a lock makes them take turns.
    """
    await database.migrate(settings)
    async with database.exclusive(settings), database.connected(settings, role="command"):
        await schema_check.require_tables()
        await search_index.prepare()
        while await rollout.look_up_steps():
            pass
        vault = await keyring.open_vault(settings, first=True)
        await hold_ceremony(settings, vault, now=await database.now())
        await ensure_templates()
        await ensure_carriers()


async def restore(settings: Settings, file: IO[bytes]) -> RestoreResult:
    """Restore a backup into an empty installation.

    The master key is tried before the database is touched.

    Raises:
        BackupUnreadable: The file is no backup, was changed or cut off, or belongs to other master keys.
        RestoreRefused: The installation is in use or not empty, or the backup does not fit this release.
        CannotStart: No master key is given.
    """
    vault = keyring.vault_from_settings(settings)
    source = BackupReader(file, vault)
    await database.migrate(settings)
    async with database.exclusive(settings), database.connected(settings, role="command"):
        await search_index.prepare()
        return await restoring.restore(vault, source, now=await database.now())


def make_app(desk: Desk) -> Starlette:
    """Return the web application of ``desk``; the caller keeps the database open while the application serves."""
    app = Starlette(
        routes=routes.routes(), middleware=middleware.stack(desk.settings), exception_handlers=failures.handlers()
    )
    app.state.desk = desk
    app.state.readiness = Readiness()
    return app


def serve(settings: Settings) -> None:
    """Serve until SIGTERM; in embedded mode also migrate first and run worker and clock in this process."""
    configure_logging(settings.log_level)
    raise_file_limit()
    with single_server(settings):
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ota.lab_authorities(settings.extra_device_ca_file)
    if settings.embedded:
        await prepare(settings)
    with ExitStack() as held:
        sockets = bind_sockets(settings.host, settings.port or settings.public_port)
        for each in sockets:
            held.enter_context(each)
        await _serve_on(sockets, settings)


async def _serve_on(sockets: list[socket.socket], settings: Settings) -> None:
    async with runtime.bell_for(settings) as bell, open_desk(settings, bell=bell) as desk:
        sys.stderr.write(await _start_message(desk))
        async with AsyncExitStack() as beside:
            await beside.enter_async_context(runtime.heartbeat(heartbeats.WEB, desk, heartbeats.Activity()))
            if settings.inline_worker:
                await beside.enter_async_context(runtime.embedded(desk))
            context = None if settings.port else await beside.enter_async_context(renewed_tls(desk))
            await Server(_server_config(desk, context)).serve(sockets)


async def _start_message(desk: Desk) -> str:
    """Return what is printed at every start: the addresses, and on a new installation the setup link."""
    url = desk.settings.public_url
    lines = [f"console  {url}{paths.CONSOLE}", f"portal   {url}{paths.LOGIN}"]
    if not await any_administrator():
        link = await first_setup_link(desk, now=await database.now())
        if link:
            lines += ["", "Become the first administrator (this link works once, for 24 hours):", link]
        else:
            lines += [
                "",
                "The link for the first administrator was printed before; `otae admin setup-link` makes another.",
            ]
    return "\n" + "".join(f"  {line}\n" if line else "\n" for line in lines) + "\n"


@asynccontextmanager
async def renewed_tls(desk: Desk) -> AsyncIterator[ssl.SSLContext]:
    """Yield the TLS context to serve with; its leaf certificate is renewed for the length of the block."""
    now = await database.now()
    await ensure_service_ca(desk, now=now)
    await serving.renew_leaf(desk, now=now)
    context = await serving.tls_context(desk)

    async def refresh_forever() -> None:
        while True:
            await asyncio.sleep(TLS_REFRESH_SECONDS)
            try:
                await serving.refresh(context, desk, now=await database.now())
            except Exception as error:  # noqa: BLE001 - the database may be away; the next round tries again
                log.warning("the TLS certificate could not be refreshed", reason=type(error).__name__)

    task = asyncio.create_task(refresh_forever())
    try:
        yield context
    finally:
        task.cancel()
        await asyncio.wait([task])


def _server_config(desk: Desk, context: ssl.SSLContext | None) -> uvicorn.Config:
    settings = desk.settings
    return uvicorn.Config(
        make_app(desk),
        host=settings.host,
        port=settings.port or settings.public_port,
        http=HeadTimeoutProtocol
        if context is None
        else tls_protocol_factory(context, bounded=settings.trusted_hops == 0),
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.getLevelName(settings.log_level),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        timeout_keep_alive=75,
        lifespan="off",
    )


def run_worker(settings: Settings) -> None:
    """Run the worker until SIGTERM."""
    configure_logging(settings.log_level)
    raise_file_limit()
    runtime.run_worker(settings)


def run_clock(settings: Settings) -> None:
    """Run the clock until SIGTERM."""
    configure_logging(settings.log_level)
    runtime.run_clock(settings)
