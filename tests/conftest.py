"""What every test may ask for: one event loop kind, real servers, and no silent skips in CI."""

import gc
import logging
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from tortoise.apps import Apps

from otae.store import database

pytest_plugins = [
    "tests.servers.browser",
    "tests.servers.postgres",
    "tests.servers.pgbouncer",
    "tests.servers.redis",
    "tests.servers.router",
    "tests.servers.slapd",
    "tests.servers.sms",
    "tests.servers.smtp",
    "tests.desks",
]

#: Where Linux keeps files in memory, and how many bytes must be free there for the tests to use it.
MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30
#: What `make quick` leaves out: whoever asks for one of these starts a program, or waits for one.
PROGRAMS = {"chromium", "crowded_ldap", "ldap_server", "pgbouncer_port", "postgres", "redis_server", "tls_router"}
FOLDERS = {"bench", "browser", "chaos", "clients", "flow", "fuzz", "house"}
# Thousands of small databases are made and thrown away: in memory that takes a tenth of the time.
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

# A busy machine is no failure: examples are judged by what happens, not by how long it takes.
settings.register_profile("otae", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("otae")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio: Dramatiq's bridge, asyncpg and aiosqlite know nothing else."""
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def tables_described_once() -> Iterator[None]:
    """Let the ORM describe the tables once for each kind of database instead of once for each connection."""
    describe, described = Apps._build_initial_querysets, ""  # noqa: SLF001 - the ORM has no public way

    def once(apps: Apps) -> None:
        nonlocal described
        if described != database.dialect():
            describe(apps)
            described = database.dialect()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Apps, "_build_initial_querysets", once)
        yield


@pytest.fixture(autouse=True)
def log_as_found() -> Iterator[None]:
    """Put the log back as each test found it: a command run inside a test configures it for the whole process."""
    loggers = [logging.getLogger(name) for name in (None, "otae", "tortoise", "dramatiq", "httpx2")]
    handlers, levels = loggers[0].handlers[:], [logger.level for logger in loggers]
    yield
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    structlog.reset_defaults()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `--quick`, for the loop while one writes, and the other database for the pages."""
    parser.addoption("--quick", action="store_true", help="SQLite alone; no browser, no chaos, no other programs")
    parser.addoption("--pages-on", choices=["sqlite", "postgres"], default="sqlite", help="the database of tests/web")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `--quick` has no time for."""
    if not config.getoption("--quick"):
        return
    slow = [item for item in items if is_slow(item)]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in set(slow)]


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that was imported and collected: it would look through it thousands of times."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def is_slow(item: pytest.Item) -> bool:
    """Say whether a test needs another program than Python, or takes a second or longer."""
    asked = set(getattr(item, "fixturenames", ()))
    chosen = getattr(item, "callspec", None)
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    on_postgres = chosen is not None and "postgres" in map(str, chosen.params.values())
    marked = item.get_closest_marker("slow") is not None
    return marked or folder in FOLDERS or on_postgres or not asked.isdisjoint(PROGRAMS)


def skip_is_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that keeps the reason; an expected failure (xfail) stays what it is."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped when CI is set. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Refuse skipped tests when CI is set, unless the combination is marked as one that cannot exist."""
    report = yield
    if os.environ.get("CI") and item.get_closest_marker("cannot_exist") is None:
        skip_is_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Refuse modules that skip themselves when CI is set."""
    report = yield
    if os.environ.get("CI"):
        skip_is_failure(report)
    return report
