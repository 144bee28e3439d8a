"""How times and fingerprints are put, and how the log is written."""

import io
import json
import logging
import sys
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from otae import words

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-40), "40 s ago"),
        (timedelta(minutes=-59, seconds=-59), "59 min ago"),
        (timedelta(hours=22, minutes=30), "in 22 h"),
        (timedelta(days=3), "in 3 d"),
    ],
)
def test_times_are_put_as_people_say_them(away: timedelta, text: str) -> None:
    assert words.relative(NOW + away, NOW) == text


def test_a_time_is_exact_on_hover_and_escaped_nowhere_twice() -> None:
    page = words.environment().from_string("{{ at|moment }}").render(at=NOW - timedelta(hours=2), now=NOW)
    assert page == '<time datetime="2026-11-23T10:00:00+00:00" title="2026-11-23 10:00:00 UTC">2 h ago</time>'


def test_everything_is_escaped_whatever_the_template_is_called() -> None:
    assert words.environment().from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"


def test_fingerprints_come_in_groups() -> None:
    assert words.grouped("0a1b2c") == "0A:1B:2C"


def check_password(password: str) -> None:
    if password:
        raise ValueError("told")


def test_the_log_is_one_object_a_line_and_holds_no_local_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    words.configure_logging("INFO")
    try:
        check_password("canary-in-" + "a-frame")
    except ValueError as error:
        structlog.get_logger("otae.test").error("it broke\nbadly", exc_info=error)
    logging.getLogger("elsewhere").warning("foreign")
    structlog.get_logger("otae.test").debug("too quiet")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["it broke\nbadly", "foreign"]
    assert "told" in lines[0]["exception"]
    assert "canary-in-a-frame" not in written.getvalue()


def test_at_debug_only_our_own_lines_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    words.configure_logging("DEBUG")
    structlog.get_logger("otae.test").debug("ours")
    for library in ("aiosqlite", "tortoise.db_client", "asyncio", "dramatiq.worker.Worker", "elsewhere"):
        logging.getLogger(library).debug("UPDATE pin SET pin_hash = ?: ['canary']")
    logging.getLogger("httpx2").info("HTTP Request: GET https://localhost:8443/zdm/su?e=ep-canary")
    assert [json.loads(line)["event"] for line in written.getvalue().splitlines()] == ["ours"]
