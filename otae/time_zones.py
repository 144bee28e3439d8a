"""The time zone of whoever looks at a page: times are shown and entered in it, and stored in UTC.

In the console it is the account's, else the browser's (`web.page_language`); everywhere else UTC.
"""

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_timezone_gmt, get_timezone_name

_UTC: Final = ZoneInfo("UTC")
_zone: ContextVar[ZoneInfo] = ContextVar("zone", default=_UTC)


@cache
def names() -> frozenset[str]:
    """Return the names of the time zones; "localtime" and "Factory" mean something else on each machine."""
    return frozenset(zoneinfo.available_timezones() - {"localtime", "Factory"})


def zone() -> ZoneInfo:
    """Return the present zone: that of whoever looks at the page, UTC outside of requests."""
    return _zone.get()


def set_zone(*wanted: str) -> None:
    """Make the first of ``wanted`` that names a time zone the present one, until the block of `in_zone` ends."""
    for each in wanted:
        if each in names():
            _zone.set(ZoneInfo(each))
            return


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """Make the zone ``name`` the present one for the length of the block; UTC for a text that names none."""
    before = _zone.set(ZoneInfo(name) if name in names() else _UTC)
    try:
        yield
    finally:
        _zone.reset(before)


def local(at: datetime) -> datetime:
    """Return a time in the present zone."""
    return at.astimezone(zone())


def field_value(at: datetime) -> str:
    """Return a time in the present zone, to the minute, in the format of a datetime-local field."""
    return f"{local(at):%Y-%m-%dT%H:%M}"


def read_time(text: str) -> datetime | None:
    """Return the time in UTC of a datetime-local field, which is in the present zone; None when it is empty.

    As in calendars, a time that the clocks skip counts from before the change (02:30 becomes 03:30), and of a time that
    comes twice the first is meant.

    Raises:
        ValueError: it is no date with a time, or one beyond the calendar.
    """
    if not (text := text.strip()):
        return None
    at = datetime.fromisoformat(text)
    return _in_utc(at if at.tzinfo else at.replace(tzinfo=zone()))


def read_day(text: str) -> tuple[datetime, datetime] | None:
    """Return when a day of the present zone begins and when the next one does, in UTC; None when ``text`` is empty.

    A day may have 23 or 25 hours.

    Raises:
        ValueError: it is no date such as 2026-12-24, or one beyond the calendar.
    """
    if not (text := text.strip()):
        return None
    day = date.fromisoformat(text)
    try:
        ends = (day, day + timedelta(days=1))
    except OverflowError as error:
        raise ValueError(str(error)) from None
    begin, end = (_in_utc(datetime.combine(each, time(), zone())) for each in ends)
    return begin, end


def _in_utc(at: datetime) -> datetime:
    """Return a time in UTC; ValueError within a year of the ends of the calendar, which leaves room to reckon with."""
    if not MINYEAR < at.year < MAXYEAR:
        raise ValueError("beyond the calendar")
    return at.astimezone(UTC)


def abbreviation(at: datetime, locale: Locale) -> str:
    """Return the abbreviation of a time's zone in a language, else the usual one, else its distance from UTC."""
    usual = at.tzname() or ""
    if not usual.isalpha():
        return get_timezone_gmt(at, width="long", locale=locale)
    name = get_timezone_name(at, width="short", locale=locale)
    return name if name.isalpha() and usual != "UTC" else usual
