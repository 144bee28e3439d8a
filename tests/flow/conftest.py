"""Installations for flows: worker and clock inside the test's own loop, on SQLite unless a test asks for PostgreSQL."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from otae.settings import Settings
from otae.signing.certificates import Keyed
from tests.desks import make_settings
from tests.flow.house import House, running, write_maker
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer
from tests.servers.smtp import SMTPServer

#: For tests that race, or that are worth the time on both databases.
ON_BOTH = pytest.mark.parametrize("flow_settings", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def maker_and_file(tmp_path: Path) -> tuple[Keyed, Path]:
    """Make the lab's maker of Macs that the installation believes."""
    return write_maker(tmp_path)


@pytest.fixture
def flow_settings(
    request: pytest.FixtureRequest, tmp_path: Path, maker_and_file: tuple[Keyed, Path]
) -> Iterator[Settings]:
    """Give the settings of an installation of the test's own, on a port of its own."""
    home = tmp_path / "home"
    home.mkdir()
    more = {"PUBLIC_URL": f"https://localhost:{free_port()}", "OTAE_EXTRA_DEVICE_CA_FILE": str(maker_and_file[1])}
    if getattr(request, "param", "sqlite") == "sqlite":
        pristine: Path = request.getfixturevalue("pristine_sqlite")
        shutil.copy(pristine, home)
        yield make_settings(home, **more)
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = postgres.fresh(request.getfixturevalue("pristine_postgres"))
    yield make_settings(home, DATABASE_URL=url, OTAE_ALLOW_PRIVATE="1", **more)
    postgres.drop(url)


@pytest.fixture
async def house(
    flow_settings: Settings, maker_and_file: tuple[Keyed, Path], smtp_server: SMTPServer, anyio_backend: str
) -> AsyncIterator[House]:
    """Run an installation for one test."""
    async with running(flow_settings, maker_and_file[0], smtp_server) as house:
        yield house
