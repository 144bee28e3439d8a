"""Times in the zone of whoever looks: shown, entered, and where the clocks change."""

from datetime import UTC, datetime

import pytest

from otae import time_zones, words


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_a_time_is_shown_in_the_present_zone_and_says_which() -> None:
    at = utc(2026, 12, 24, 18)
    assert words.exact(at) == "2026-12-24 18:00:00 UTC"
    with time_zones.in_zone("Europe/Berlin"):
        assert words.exact(at) == "2026-12-24 19:00:00 CET"
        assert words.day(utc(2026, 12, 24, 23)) == "2026-12-25"
        with words.in_language("de"):
            assert words.exact(at) == "24.12.2026, 19:00:00 MEZ"
            assert words.day(at) == "24.12.2026"
    with time_zones.in_zone("America/Sao_Paulo"):
        assert words.exact(at) == "2026-12-24 15:00:00 GMT-03:00"
    assert words.exact(at) == "2026-12-24 18:00:00 UTC"


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    with time_zones.in_zone("Europe/Berlin"):
        assert words.exact(utc(2026, 10, 25, 0, 30)) == "2026-10-25 02:30:00 CEST"
        assert words.exact(utc(2026, 10, 25, 1, 30)) == "2026-10-25 02:30:00 CET"


@pytest.mark.parametrize(
    ("zone", "entered", "meant"),
    [
        ("UTC", "2026-12-24T18:00", utc(2026, 12, 24, 18)),
        ("Europe/Berlin", " 2026-12-24T18:00 ", utc(2026, 12, 24, 17)),
        ("Europe/Berlin", "2026-07-24T18:00", utc(2026, 7, 24, 16)),
        ("Asia/Kathmandu", "2026-12-24T18:00", utc(2026, 12, 24, 12, 15)),
        # skipped by the clocks: an hour later
        ("Europe/Berlin", "2026-03-29T02:30", utc(2026, 3, 29, 1, 30)),
        # comes twice: the first
        ("Europe/Berlin", "2026-10-25T02:30", utc(2026, 10, 25, 0, 30)),
        ("Europe/Berlin", "2026-12-24T18:00+05:00", utc(2026, 12, 24, 13)),
        ("Europe/Berlin", "  ", None),
    ],
)
def test_a_time_is_entered_in_the_present_zone(zone: str, entered: str, meant: datetime | None) -> None:
    with time_zones.in_zone(zone):
        assert time_zones.read_time(entered) == meant


def test_what_the_field_shows_is_read_back_as_the_same_time() -> None:
    with time_zones.in_zone("Australia/Lord_Howe"):
        at = utc(2026, 12, 24, 18, 7)
        assert time_zones.field_value(at) == "2026-12-25T05:07"
        assert time_zones.read_time(time_zones.field_value(at)) == at


@pytest.mark.parametrize(
    ("zone", "entered", "begin", "end"),
    [
        ("UTC", "2026-12-24", utc(2026, 12, 24), utc(2026, 12, 25)),
        ("Europe/Berlin", "2026-12-24", utc(2026, 12, 23, 23), utc(2026, 12, 24, 23)),
        ("Europe/Berlin", "2026-03-29", utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)),
        ("Europe/Berlin", "2026-10-25", utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)),
        # the clocks skip midnight itself
        ("Africa/Cairo", "2026-04-24", utc(2026, 4, 23, 22), utc(2026, 4, 24, 21)),
    ],
)
def test_a_day_begins_and_ends_in_the_present_zone(zone: str, entered: str, begin: datetime, end: datetime) -> None:
    with time_zones.in_zone(zone):
        assert time_zones.read_day(entered) == (begin, end)
        assert time_zones.read_day("") is None


@pytest.mark.parametrize("odd", ["soon", "2026-13-01", "2026-12-24T25:00", "<b>", "\0", "2" * 10_000, "24.12.2026"])
def test_what_is_no_time_is_a_value_error(odd: str) -> None:
    for read in (time_zones.read_time, time_zones.read_day):
        with pytest.raises(ValueError, match=r"."):
            read(odd)


def test_the_ends_of_the_calendar_are_a_value_error_where_they_lie_beyond_it_in_utc() -> None:
    with time_zones.in_zone("Asia/Tokyo"), pytest.raises(ValueError, match=r"."):
        time_zones.read_time("0001-01-01T00:00")
    with time_zones.in_zone("Pacific/Pago_Pago"), pytest.raises(ValueError, match=r"."):
        time_zones.read_time("9999-12-31T23:59")
    with pytest.raises(ValueError, match=r"."):
        time_zones.read_day("9999-12-31")


def test_the_first_and_the_last_year_are_refused_because_nothing_can_be_taken_off_or_added() -> None:
    for day in ("0001-01-01", "0001-06-01", "9999-06-01"):
        with pytest.raises(ValueError, match=r"."):
            time_zones.read_day(day)
        with pytest.raises(ValueError, match=r"."):
            time_zones.read_time(f"{day}T12:00")
    assert time_zones.read_day("0002-01-01")
    assert time_zones.read_day("9998-12-30")


def test_an_unknown_zone_is_utc_or_the_next_that_is_known() -> None:
    for odd in ("", "Europe/Atlantis", "../../etc/passwd", "localtime", "undefined", "\0", "x" * 10_000):
        with time_zones.in_zone(odd):
            assert time_zones.zone().key == "UTC"
    with time_zones.in_zone("Europe/Berlin"):
        time_zones.set_zone("", "Europe/Atlantis", "Asia/Tokyo", "Europe/Paris")
        assert time_zones.zone().key == "Asia/Tokyo"
        time_zones.set_zone("")
        assert time_zones.zone().key == "Asia/Tokyo"
    assert time_zones.zone().key == "UTC"
