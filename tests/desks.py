"""An installation for each test: a migrated database with its keys, on SQLite and on PostgreSQL."""

import asyncio
import fcntl
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import pytest

from otae.authority.ceremony import hold_ceremony
from otae.delivery.sms.carriers import ensure_carriers
from otae.delivery.texts.templates import ensure_templates
from otae.settings import Settings
from otae.store import database, keyring, passwords, search_index
from otae.store.desk import Bell, Desk
from tests.house.tree import ROOT
from tests.servers.postgres import PostgresServer

MASTER_KEY = keyring.new_master_key()
#: What the hash of a password costs in earnest: memory in KiB, passes, and the hash that stands for nobody's.
HASH_COST = passwords.MEMORY_KIB, passwords.PASSES, passwords.DECOY
# It is expensive on purpose, and tests make and compare thousands.
passwords.MEMORY_KIB, passwords.PASSES = 64, 1
passwords.DECOY = passwords.DECOY.replace("m=19456,t=2", "m=64,t=1")


@dataclass
class RecordingBell:
    """A bell that remembers who rang."""

    rung: list[tuple[str, UUID]] = field(default_factory=list)

    def ring(self, kind: str, *rows: UUID) -> None:
        self.rung += [(kind, row) for row in rows]


def make_settings(home: Path, **environ: str) -> Settings:
    """Read an environment of the test's own, with the session's master key."""
    return Settings.load({"OTAE_HOME": str(home), "OTAE_MASTER_KEYS": MASTER_KEY, **environ})


def on_sqlite(home: Path, template: Path) -> Settings:
    """Give a place whose database is a copy of the file ``template``."""
    home.mkdir(exist_ok=True)
    shutil.copy(template, home / database.DATABASE_FILE)
    return make_settings(home)


def on_postgres(home: Path, url: str) -> Settings:
    """Give a place whose database is at ``url``."""
    return make_settings(home, DATABASE_URL=url, PUBLIC_URL="https://localhost:8443")


async def prepare(settings: Settings) -> None:
    """Do what `migrate` does."""
    await database.migrate(settings)
    await furnish(settings)


async def furnish(settings: Settings) -> None:
    """Do what `migrate` does behind the migrations: make keys, certificates and what every installation has."""
    async with database.connected(settings):
        await search_index.prepare()
        now = await database.now()
        vault = await keyring.open_vault(settings, first=True)
        await hold_ceremony(settings, vault, now=now)
        await ensure_templates()
        await ensure_carriers()


@contextmanager
def kept_schema(config: pytest.Config, kind: str) -> Iterator[Path]:
    """Give where the migrated, empty database of ``kind`` is kept between runs, as long as no migration changes.

    One process at a time is in the block: it makes what the others find.
    """
    read = hashlib.sha256(version("tortoise-orm").encode())
    for migration in sorted((ROOT / "migrations").glob("*.py")):
        read.update(migration.read_bytes())
    kept = config.cache.mkdir("migrated") / f"{read.hexdigest()[:16]}.{kind}"
    with kept.with_suffix(f".{kind}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield kept


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """Give the file of a SQLite database that was migrated and holds nothing; tests work on copies."""
    with kept_schema(pytestconfig, "sqlite3") as kept:
        if not kept.exists():
            settings = make_settings(tmp_path_factory.mktemp("migrated"))
            asyncio.run(database.migrate(settings))
            shutil.copy(settings.home / database.DATABASE_FILE, kept.with_suffix(".draft"))
            kept.with_suffix(".draft").replace(kept)
    return kept


@pytest.fixture(scope="session")
def migrated_postgres(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> str:
    """Return the name of a PostgreSQL database that was migrated and holds nothing; tests work on copies."""
    url = postgres.fresh()
    name = url.rpartition("/")[2]
    with kept_schema(pytestconfig, "sql") as kept:
        if kept.exists():
            postgres.run("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-f", str(kept), database=name)
        else:
            asyncio.run(database.migrate(on_postgres(tmp_path_factory.mktemp("migrated-postgres"), url)))
            draft = kept.with_suffix(".draft")
            postgres.run("pg_dump", "--no-owner", "-f", str(draft), database=name)
            draft.replace(kept)
    return name


@pytest.fixture(scope="session")
def pristine_sqlite(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one SQLite installation; tests work on copies."""
    settings = on_sqlite(tmp_path_factory.mktemp("pristine"), migrated_sqlite)
    asyncio.run(furnish(settings))
    return settings.home / database.DATABASE_FILE


@pytest.fixture(scope="session")
def pristine_postgres(
    postgres: PostgresServer, migrated_postgres: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Make one installation on PostgreSQL and return its database's name; tests work on copies."""
    url = postgres.fresh(migrated_postgres)
    asyncio.run(furnish(on_postgres(tmp_path_factory.mktemp("pristine-postgres"), url)))
    return url.rpartition("/")[2]


@pytest.fixture
def sqlite_settings(pristine_sqlite: Path, tmp_path: Path) -> Settings:
    """Give a SQLite installation of the test's own."""
    return on_sqlite(tmp_path / "home", pristine_sqlite)


@pytest.fixture
def postgres_settings(postgres: PostgresServer, pristine_postgres: str, tmp_path: Path) -> Iterator[Settings]:
    """Give a PostgreSQL installation of the test's own."""
    url = postgres.fresh(pristine_postgres)
    yield on_postgres(tmp_path, url)
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Give the settings of an installation of the test's own, once on each database."""
    made: Settings = request.getfixturevalue(f"{request.param}_settings")
    return made


@pytest.fixture
def bell() -> RecordingBell:
    """Give the bell that the desk was handed."""
    return RecordingBell()


@asynccontextmanager
async def opened(settings: Settings, bell: Bell) -> AsyncIterator[Desk]:
    """Open an installation; no line to a directory stays open behind it."""
    async with database.connected(settings):
        desk = Desk(settings, await keyring.open_vault(settings), bell)
        try:
            yield desk
        finally:
            await desk.resources.close()


@pytest.fixture
async def desk(settings: Settings, bell: RecordingBell, anyio_backend: str) -> AsyncIterator[Desk]:
    """Open the installation of ``settings`` for the length of a test."""
    async with opened(settings, bell) as desk:
        yield desk


@pytest.fixture
async def sqlite_desk(sqlite_settings: Settings, bell: RecordingBell, anyio_backend: str) -> AsyncIterator[Desk]:
    """Open an installation on SQLite: for what does not depend on the database."""
    async with opened(sqlite_settings, bell) as desk:
        yield desk


@pytest.fixture
def count_calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], list[tuple[object, ...]]]:
    """Give a function that counts the calls of a module's function without changing what it does."""

    def watch(module: object, name: str) -> list[tuple[object, ...]]:
        calls: list[tuple[object, ...]] = []
        real = getattr(module, name)

        def counted(*args: object, **kwargs: object) -> object:
            calls.append(args)
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)
        return calls

    return watch
