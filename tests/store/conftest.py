"""An installation behind a pooler."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from otae.settings import Settings
from tests.desks import make_settings
from tests.servers.postgres import PostgresServer


def behind(url: str, port: int) -> str:
    """Give the address of the same database behind the pooler that listens on ``port``."""
    return f"{url.rpartition(':')[0]}:{port}/{url.rpartition('/')[2]}"


@pytest.fixture
def pooled(postgres: PostgresServer, pristine_postgres: str, pgbouncer_port: int, tmp_path: Path) -> Iterator[Settings]:
    """Give an installation of the test's own, behind the pooler."""
    url = postgres.fresh(pristine_postgres)
    yield make_settings(tmp_path, DATABASE_URL=behind(url, pgbouncer_port), PUBLIC_URL="https://localhost:8443")
    postgres.drop(url)
