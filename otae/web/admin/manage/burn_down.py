"""The plot of how many people of a campaign are left to enroll, day by day: coordinates for an SVG, and its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from otae.invitations.campaigns import DayRow
from otae.time_zones import zone

#: Size of the plot, in its own units.
WIDTH: Final = 1000
HEIGHT: Final = 240


@dataclass(frozen=True)
class BurnDown:
    """The plot. ``line`` and ``ideal`` (to the target, "" without one): points of polylines.

    ``most``: what the top stands for. ``rows``: day, people, enrolled and left to enroll, newest first.
    """

    line: str
    ideal: str
    most: int
    first: datetime
    last: datetime
    rows: list[tuple[datetime, int, int, int]]


def draw(days: Sequence[DayRow], target: str) -> BurnDown | None:
    """Return the plot of ``days``, oldest first, until the last of them or the target; None without any."""
    if not days:
        return None
    dates = [date.fromisoformat(each.day) for each in days]
    end = date.fromisoformat(target) if target else None
    first, last = dates[0], max(dates[-1], end or dates[-1], dates[0] + timedelta(days=1))
    left = [max(each.people - each.enrolled, 0) for each in days]
    most = max([1, *left])

    def point(day: date, number: int) -> str:
        across = WIDTH * (day - first).days / (last - first).days
        return f"{across:.1f},{HEIGHT - HEIGHT * number / most:.1f}"

    # A day without a row, as when the clock stood still, stays as the day before.
    line = [point(dates[0], left[0])]
    for before, day, number in zip(left, dates[1:], left[1:], strict=False):
        line += [point(day, before), point(day, number)]
    return BurnDown(
        line=" ".join(line),
        ideal=f"{point(first, left[0])} {point(end, 0)}" if end and end > first else "",
        most=most,
        first=_noon(first),
        last=_noon(last),
        rows=[
            (_noon(day), each.people, each.enrolled, number)
            for day, each, number in zip(dates, days, left, strict=True)
        ][::-1],
    )


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), zone())
