"""The fault matrix: small in every run, at full size by `make chaos`, which ends with a table."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import redis

from otae.settings import Settings
from tests.chaos.house import FULL, SEEDS, House, opened
from tests.servers.redis import RedisServer
from tests.servers.smtp import SMTPServer
from tests.tasks.conftest import shared_settings

__all__ = ["shared_settings"]

COLUMNS = ("messages", "sent", "failed", "cancelled", "queued", "kills", "twice")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what takes long to `make chaos`."""
    long = [item for item in items if not FULL and item.get_closest_marker("full_size")]
    if long:
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each fault came to."""
    if not FULL:
        return
    terminalreporter.write_line(f"| fault and seed | result | seconds | {' | '.join(COLUMNS)} |")
    terminalreporter.write_line("|---" * (3 + len(COLUMNS)) + "|")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if "tests/chaos" in report.nodeid and report.when == "call":
                noted = dict(report.user_properties)
                values = " | ".join(str(noted.get(name, "")) for name in COLUMNS)
                name = report.nodeid.rpartition("::test_")[2].replace("_", " ")
                terminalreporter.write_line(f"| {name} | {outcome} | {report.duration:.0f} | {values} |")


@pytest.fixture(params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    """Give what the dice of a test begin with."""
    return int(request.param)


@pytest.fixture
def redis_limits(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """Give a client of the Redis that may set its limits; afterwards it has none."""
    client = redis.Redis.from_url(redis_server.url)
    yield client
    client.config_set("maxmemory", "0")
    client.config_set("maxmemory-policy", "noeviction")


@pytest.fixture
async def house(
    shared_settings: Settings,
    smtp_server: SMTPServer,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    anyio_backend: str,
) -> AsyncIterator[House]:
    async with opened(shared_settings, smtp_server, tmp_path, record_property) as house:
        yield house
