"""The only place that wires: settings, database, keys, queue and pages become one running process."""

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

from otae.accounts.administrators import any_administrator, first_setup_link
from otae.authority import serving
from otae.authority.ceremony import ensure_service_ca, hold_ceremony
from otae.delivery.sms.carriers import ensure_carriers
from otae.delivery.texts.templates import ensure_templates
from otae.directory.ldap import pool
from otae.enrollment import ota
from otae.errors import CannotStart
from otae.settings import Settings
from otae.store import database, heartbeats, keyring, schema_check, search_index
from otae.store import restore as restoring
from otae.store.backup_file import BackupReader
from otae.store.desk import Bell, Desk, SilentBell
from otae.store.restore import RestoreResult
from otae.store.single_holder import single_server
from otae.store.writable import Readiness
from otae.tasks import runtime
from otae.web import failures, middleware, routes
from otae.web.connections import listening, raise_file_limit, secured_by
from otae.web.request_timeouts import TimedHeads
from otae.words import configure_logging

#: Seconds that open requests may take after SIGTERM; the whole process ends within 25.
GRACE = 10
#: Seconds between looks at whether the TLS leaf is to be renewed, or was by another process.
REFRESH = 600

log = structlog.get_logger("otae.app")


class Server(uvicorn.Server):
    """Ends on SIGTERM and SIGINT as asked and with status 0; told again while ending, nothing changes."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals for the length of the block, without raising them again afterwards."""
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
    """Bring the schema up to date and make what a new installation lacks; several processes may try at once."""
    await database.migrate(settings)
    async with database.exclusive(settings), database.connected(settings, role="command"):
        await schema_check.require_tables()
        await search_index.prepare()
        vault = await keyring.open_vault(settings, first=True)
        await hold_ceremony(settings, vault, now=await database.now())
        await ensure_templates()
        await ensure_carriers()


async def restore(settings: Settings, file: IO[bytes]) -> RestoreResult:
    """Bring a backup up on an empty installation; the master key is tried before the database is touched.

    Raises BackupUnreadable, RestoreRefused, or CannotStart when no master key is given.
    """
    vault = keyring.vault_from_settings(settings)
    source = BackupReader(file, vault)
    await database.migrate(settings)
    async with database.exclusive(settings), database.connected(settings, role="command"):
        await search_index.prepare()
        return await restoring.restore(vault, source, now=await database.now())


@asynccontextmanager
async def opened(
    settings: Settings, *, bell: Bell | None = None, role: database.Role = "web", examining: bool = False
) -> AsyncIterator[Desk]:
    """Open an installation that was prepared; raises CannotStart when it was not, or when the master key is wrong.

    ``examining``: open it also when its tables are not those of this release, for who tells what differs.
    """
    async with database.connected(settings, role=role):
        if not await database.is_migrated():
            raise CannotStart("the database is not set up: run `otae migrate` first")
        if not examining:
            await schema_check.require_tables()
        try:
            yield Desk(settings, await keyring.open_vault(settings), bell or SilentBell())
        finally:
            pool.close_idle()


def make_app(desk: Desk) -> Starlette:
    """Return the web application of ``desk``; who calls it keeps the database open as long as it serves."""
    app = Starlette(
        routes=routes.routes(), middleware=middleware.stack(desk.settings), exception_handlers=failures.handlers()
    )
    app.state.desk = desk
    app.state.readiness = Readiness()
    return app


def serve(settings: Settings) -> None:
    """Serve until SIGTERM; embedded, also migrate first and run worker and clock inside."""
    configure_logging(settings.log_level)
    raise_file_limit()
    with single_server(settings):
        asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    ota.lab_authorities(settings.extra_device_ca_file)
    if settings.embedded:
        await prepare(settings)
    with ExitStack() as held:
        sockets = listening(settings.host, settings.port or settings.public_port)
        for each in sockets:
            held.enter_context(each)
        await _serve_on(sockets, settings)


async def _serve_on(sockets: list[socket.socket], settings: Settings) -> None:
    async with runtime.bell_for(settings) as bell, opened(settings, bell=bell) as desk:
        sys.stderr.write(await _where_to_go(desk))
        async with AsyncExitStack() as beside:
            await beside.enter_async_context(runtime.alive(heartbeats.WEB, desk, heartbeats.Activity()))
            if settings.inline_worker:
                await beside.enter_async_context(runtime.embedded(desk))
            context = None if settings.port else await beside.enter_async_context(fresh_tls(desk))
            await Server(_server_config(desk, context)).serve(sockets)


async def _where_to_go(desk: Desk) -> str:
    """Return what the operator reads at every start: the addresses, and at the first one of all the setup link."""
    url = desk.settings.public_url
    lines = [f"console  {url}/admin", f"portal   {url}/zdm/macos/otae/login"]
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
async def fresh_tls(desk: Desk) -> AsyncIterator[ssl.SSLContext]:
    """Give the TLS context to serve with, and keep its leaf renewed for the length of the block."""
    now = await database.now()
    await ensure_service_ca(desk, now=now)
    await serving.renew_leaf(desk, now=now)
    context = await serving.tls_context(desk)

    async def keep_fresh() -> None:
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await serving.refresh(context, desk, now=await database.now())
            except Exception as error:  # noqa: BLE001 - the database may be away; the next round tries again
                log.warning("the TLS certificate could not be refreshed", reason=type(error).__name__)

    task = asyncio.create_task(keep_fresh())
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
        http=TimedHeads if context is None else secured_by(context, bounded=settings.trusted_hops == 0),
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level=logging.getLevelName(settings.log_level),
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=75,
        lifespan="off",
    )


def work(settings: Settings) -> None:
    """Run the worker until SIGTERM."""
    configure_logging(settings.log_level)
    raise_file_limit()
    runtime.run_worker(settings)


def tick(settings: Settings) -> None:
    """Run the clock until SIGTERM."""
    configure_logging(settings.log_level)
    runtime.run_clock(settings)
